//! What was sent, what was acknowledged, and what must therefore be found. Pure.

/// The canaries of a drill, by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    canaries: Vec<Written>,
}

#[derive(Clone, Copy, Debug)]
struct Written {
    /// The latest version that was sent.
    sent: u32,
    /// The latest version that was acknowledged.
    acknowledged: Option<u32>,
    /// An attempt of this canary may yet land, so that nobody can say what must be there after a further write.
    unsettled: bool,
}

/// What reading back a canary shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// At least what was acknowledged.
    AsWritten,
    /// An older version than was acknowledged.
    Stale,
    /// Nothing, or something that was never sent.
    Lost,
}

impl Ledger {
    /// How many canaries were sent.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.canaries.len()).unwrap_or(u32::MAX)
    }

    /// A write of a new canary begins. Returns its number.
    pub(crate) fn create(&mut self) -> u32 {
        self.canaries.push(Written {
            sent: 1,
            acknowledged: None,
            unsettled: true,
        });
        self.len() - 1
    }

    /// A write of a further version begins. Returns the version. `None`: it is not known what would be there.
    pub(crate) fn replace(&mut self, number: u32) -> Option<u32> {
        let canary = self.canaries.get_mut(number as usize)?;
        if canary.unsettled {
            return None;
        }
        canary.sent += 1;
        canary.unsettled = true;
        Some(canary.sent)
    }

    /// The write under way was acknowledged. `unresolved`: an attempt may yet land.
    pub(crate) fn acknowledge(&mut self, number: u32, unresolved: bool) {
        if let Some(canary) = self.canaries.get_mut(number as usize) {
            canary.acknowledged = Some(canary.sent);
            canary.unsettled = unresolved;
        }
    }

    /// The canaries of which a version was acknowledged.
    pub(crate) fn acknowledged(&self) -> Vec<u32> {
        let numbered = (0..).zip(&self.canaries);
        let acknowledged = numbered.filter(|(_, canary)| canary.acknowledged.is_some());
        acknowledged.map(|(number, _)| number).collect()
    }

    /// What a read shows that found this version, or nothing of ours. `None`: nothing was acknowledged.
    pub(crate) fn shown(&self, number: u32, found: Option<u32>) -> Option<Shown> {
        let canary = self.canaries.get(number as usize)?;
        let acknowledged = canary.acknowledged?;
        Some(match found {
            Some(version) if (acknowledged..=canary.sent).contains(&version) => Shown::AsWritten,
            Some(version) if (1..acknowledged).contains(&version) => Shown::Stale,
            _ => Shown::Lost,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_lost_stale_or_as_written() {
        let mut ledger = Ledger::default();
        let one = ledger.create();
        assert_eq!(ledger.shown(one, None), None, "nothing was acknowledged");
        ledger.acknowledge(one, false);
        assert_eq!(ledger.shown(one, Some(1)), Some(Shown::AsWritten));
        assert_eq!(ledger.shown(one, None), Some(Shown::Lost));
        assert_eq!(ledger.shown(one, Some(2)), Some(Shown::Lost), "nobody has sent that");

        assert_eq!(ledger.replace(one), Some(2));
        // Not acknowledged: both may be there.
        assert_eq!(ledger.shown(one, Some(1)), Some(Shown::AsWritten));
        assert_eq!(ledger.shown(one, Some(2)), Some(Shown::AsWritten));
        ledger.acknowledge(one, false);
        assert_eq!(ledger.shown(one, Some(1)), Some(Shown::Stale));
        assert_eq!(ledger.shown(one, Some(0)), Some(Shown::Lost));
    }

    #[test]
    fn no_canary_is_replaced_whose_last_write_may_yet_land() {
        let mut ledger = Ledger::default();
        let [one, two] = [ledger.create(), ledger.create()];
        ledger.acknowledge(one, true);
        assert_eq!(
            (ledger.replace(one), ledger.replace(two), ledger.replace(9)),
            (None, None, None)
        );
        assert_eq!((ledger.len(), ledger.acknowledged()), (2, vec![one]));
    }
}
