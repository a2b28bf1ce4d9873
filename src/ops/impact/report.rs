use super::analysis::ClientImpact;
use crate::ops::ClientView;

/// What the clients of a process lose with what. `Display` is Markdown.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ImpactReport {
    /// The version of this form: [`ImpactReport::VERSION`]. A later version may have more fields and more words. The
    /// number changes when what there was means something else.
    pub version: u32,
    /// One for each client that lives.
    pub clients: Vec<ClientImpact>,
}

impl ImpactReport {
    /// The version that this crate writes.
    pub const VERSION: u32 = 1;

    /// What these clients lose with what, at this moment.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, ops::impact::ImpactReport, provider::Memory};
    ///
    /// let here = Endpoint::new("virginia", Memory::new()).provider("aws");
    /// let photos = ObjectClient::builder().client_name("photos").endpoint(here).build()?;
    /// let report = ImpactReport::of(&[photos.view()]);
    /// assert!(report.to_string().contains("| provider aws | end |"));
    /// # Ok::<(), evenkeel::BuildError>(())
    /// ```
    pub fn of(clients: &[ClientView]) -> Self {
        let alive = clients.iter().filter_map(ClientView::impact);
        Self {
            version: Self::VERSION,
            clients: alive.map(|analysis| analysis.report()).collect(),
        }
    }
}
