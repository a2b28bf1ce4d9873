use super::analysis::{Analysis, ClientImpact};

/// What the clients of a process lose with what. `Display` is Markdown.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ImpactReport {
    /// The version of this form: [`ImpactReport::VERSION`]. A later version may have more fields and more words. The
    /// number changes when what there was means something else.
    pub version: u32,
    /// One for each client.
    pub clients: Vec<ClientImpact>,
}

impl ImpactReport {
    /// The version that this crate writes.
    pub const VERSION: u32 = 1;

    /// What these clients lose with what, at this moment: each client's `impact()`, or those of the
    /// [views](crate::ops::ClientView::impact) of clients that live.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, ops::impact::ImpactReport, provider::Memory};
    ///
    /// let here = Endpoint::new("virginia", Memory::new()).provider("aws");
    /// let photos = ObjectClient::builder().client_name("photos").endpoint(here).build()?;
    /// let report = ImpactReport::of([photos.impact()]);
    /// assert!(report.to_string().contains("| provider aws | end |"));
    /// # Ok::<(), evenkeel::BuildError>(())
    /// ```
    pub fn of(clients: impl IntoIterator<Item = Analysis>) -> Self {
        Self {
            version: Self::VERSION,
            clients: clients.into_iter().map(|client| client.report()).collect(),
        }
    }
}
