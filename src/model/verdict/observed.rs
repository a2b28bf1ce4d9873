use super::{Detail, Outcome, Verdict, table};
use std::fmt;

/// What an attempt met at its endpoint: the observed cause of a decision. Holds no text that a server chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed {
    /// The attempt was late, and the client did not wait for it any longer.
    Late,
    /// The attempt was silent until its time limit.
    Silent,
    /// The attempt came back.
    Answer {
        /// The verdict on the answer.
        verdict: Verdict,
        /// The provider's code, or the word for what the network did, as far as the [table](super::table) knows it.
        code: Option<&'static str>,
    },
}

impl Observed {
    /// What an attempt met that came back.
    pub(crate) fn judged(outcome: Outcome, detail: Option<&Detail>) -> Self {
        if outcome.timed_out {
            return Self::Silent;
        }
        let code = detail.and_then(|detail| detail.code.as_deref());
        Self::Answer {
            verdict: outcome.verdict,
            code: code.and_then(table::known_word),
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("late"),
            Self::Silent => f.write_str("no answer within the time limit"),
            Self::Answer { verdict, code } => {
                f.write_str(verdict.as_str())?;
                match code {
                    Some(code) => write!(f, " ({code})"),
                    None => Ok(()),
                }
            }
        }
    }
}
