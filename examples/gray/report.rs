//! What was measured.

use serde::Serialize;
use std::{collections::BTreeMap, fmt, time::Duration};
use tokio::task::JoinError;

/// Names and numbers. A number that could not be measured is missing.
#[derive(Clone, Debug, Default, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Figures(BTreeMap<String, Option<f64>>);

impl Figures {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With one more.
    pub(crate) fn with(mut self, name: &str, figure: impl Into<Figure>) -> Self {
        self.0.insert(name.to_owned(), figure.into().0);
        self
    }

    /// It was measured, and is at most so much.
    pub(crate) fn at_most(&self, name: &str, most: f64) -> bool {
        self.get(name).is_some_and(|figure| figure <= most)
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied().flatten()
    }
}

/// A number, in units that its name says.
pub(crate) struct Figure(Option<f64>);

impl From<usize> for Figure {
    fn from(count: usize) -> Self {
        Self(Some(count as f64))
    }
}

impl From<bool> for Figure {
    fn from(it_is: bool) -> Self {
        Self(Some(f64::from(u8::from(it_is))))
    }
}

impl From<Option<f64>> for Figure {
    fn from(figure: Option<f64>) -> Self {
        Self(figure.map(|figure| (figure * 1e4).round() / 1e4))
    }
}

/// In seconds.
impl From<Duration> for Figure {
    fn from(time: Duration) -> Self {
        Some(time.as_secs_f64()).into()
    }
}

/// In seconds.
impl From<Option<Duration>> for Figure {
    fn from(time: Option<Duration>) -> Self {
        time.map(|time| time.as_secs_f64()).into()
    }
}

/// One case, with evenkeel and with the plain SDK.
#[derive(Debug, Serialize)]
pub(crate) struct Case {
    case: &'static str,
    ok: bool,
    figures: Figures,
    plain: Figures,
}

impl Case {
    pub(crate) fn new(case: &'static str, ok: bool, figures: Figures, plain: Figures) -> Self {
        Self {
            case,
            ok,
            figures,
            plain,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    cases: Vec<Case>,
}

impl Report {
    /// A case that broke down has no figures.
    pub(crate) fn of(played: Vec<(&'static str, Result<Case, JoinError>)>) -> Self {
        let cases = played.into_iter().map(|(name, played)| {
            played.unwrap_or_else(|broke| {
                eprintln!("{name} could not be played: {broke}");
                Case::new(name, false, Figures::new(), Figures::new())
            })
        });
        Self { cases: cases.collect() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            writeln!(f, "{:<10}{}", case.case, if case.ok { "ok" } else { "not reached" })?;
            for (who, figures) in [("evenkeel", &case.figures), ("plain", &case.plain)] {
                let figures = figures.0.iter().map(|(name, figure)| match figure {
                    Some(figure) => format!("{name} {figure}"),
                    None => format!("{name} –"),
                });
                writeln!(f, "  {who:<10}{}", figures.collect::<Vec<_>>().join(", "))?;
            }
        }
        Ok(())
    }
}
