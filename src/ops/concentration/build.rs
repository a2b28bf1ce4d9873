//! From readings to the report.

use super::{
    Amount, Concentration, Dimension, EndpointTraffic, LaterCopies, Measures, Place,
    common::in_common,
    counted::{Counted, declared, jurisdictions, location, provider, region},
    needs::hosts,
    reading::Reading,
    shares::{Contribution, shares},
};
use crate::{endpoint::Profile, request::Traffic};

impl Reading {
    /// The report on everything that these clients did since they were built.
    pub fn report(&self) -> Concentration {
        report(self, None)
    }

    /// The report on what these clients did since an earlier reading. A client that is not in that reading, as it was
    /// built later, counts from its building. A client that is in that reading and not in this one is
    /// [gone](Concentration::gone).
    pub fn since(&self, earlier: &Self) -> Concentration {
        report(self, Some(earlier))
    }
}

fn report(reading: &Reading, earlier: Option<&Reading>) -> Concentration {
    let all: Vec<Counted<'_>> = reading
        .clients
        .iter()
        .flat_map(|client| client.endpoints.iter().map(move |seen| (client, seen)))
        .map(|(client, seen)| {
            let before = earlier.and_then(|earlier| earlier.same(client, seen));
            Counted {
                client,
                seen,
                amounts: Traffic::ALL.map(|traffic| seen.since(before, traffic)),
            }
        })
        .collect();
    Concentration {
        version: Concentration::VERSION,
        instance: reading.instance.to_string(),
        from_ms: earlier.map(|earlier| earlier.to_ms),
        to_ms: reading.to_ms,
        clients: reading.clients.iter().map(|client| client.name.to_string()).collect(),
        gone: reading.gone(earlier),
        endpoints: all.iter().map(EndpointTraffic::of).collect(),
        by_provider: dimension(&all, false, |profile| one(provider(profile))),
        by_region: dimension(&all, false, |profile| one(region(profile))),
        by_location: dimension(&all, false, |profile| one(location(profile))),
        by_jurisdiction: dimension(&all, true, jurisdictions),
        hosts: hosts(&all),
        in_common: in_common(&all),
        later_copies: Vec::new(),
    }
}

impl Concentration {
    /// Adds what a backfill copied from one endpoint to another: how many objects or values, and their length. The
    /// source gave these bytes, and the target took them. They are listed apart, and are in no share.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ops::concentration::concentration};
    ///
    /// let old = Endpoint::new("frankfurt", ()).provider("aws");
    /// let new = Endpoint::new("heilbronn", ()).provider("stackit");
    /// // The counts of the backfill's progress: `copied` and `bytes`.
    /// let report = concentration(&[]).with_later_copies(old.profile(), new.profile(), 1_000, 52_000_000);
    /// assert_eq!(report.later_copies[0].to.provider.as_deref(), Some("stackit"));
    /// ```
    #[must_use]
    pub fn with_later_copies(mut self, from: &Profile, to: &Profile, copied: u64, bytes: u64) -> Self {
        self.later_copies.push(LaterCopies {
            from: Place::of(from),
            to: Place::of(to),
            copied,
            bytes,
        });
        self
    }
}

impl Place {
    fn of(profile: &Profile) -> Self {
        let owned = |text: Option<&str>| declared(text).map(str::to_owned);
        Self {
            endpoint: profile.name().to_owned(),
            provider: owned(profile.provider()),
            region: owned(profile.region()),
            location: owned(profile.location()),
        }
    }
}

impl EndpointTraffic {
    fn of(counted: &Counted<'_>) -> Self {
        let Counted { client, seen, amounts } = counted;
        let Place {
            endpoint,
            provider,
            region,
            location,
        } = Place::of(&seen.profile);
        let [foreground, hedge, probe] = *amounts;
        Self {
            client: client.name.to_string(),
            endpoint,
            provider,
            region,
            location,
            jurisdictions: jurisdictions(&seen.profile),
            foreground,
            hedge,
            probe,
        }
    }
}

impl Amount {
    /// Both ways together.
    pub(super) fn bytes(&self) -> Option<u64> {
        let both = self.bytes_up.zip(self.bytes_down);
        both.map(|(up, down)| up.saturating_add(down))
    }
}

fn dimension(all: &[Counted<'_>], overlaps: bool, names: impl Fn(&Profile) -> Option<Vec<String>>) -> Dimension {
    let names: Vec<_> = all.iter().map(|one| names(&one.seen.profile)).collect();
    let measure = |amount: &dyn Fn(&Counted<'_>) -> Option<u64>| {
        let contributions: Vec<_> = all
            .iter()
            .zip(&names)
            .map(|(one, names)| Contribution {
                names: names.as_ref().map(|names| names.iter().map(|name| &**name).collect()),
                amount: amount(one),
            })
            .collect();
        shares(&contributions, overlaps)
    };
    let [foreground, hedge, probe] = Traffic::ALL.map(|traffic| Measures {
        attempts: measure(&|one| Some(one.amounts[traffic as usize].attempts)),
        bytes: measure(&|one| one.amounts[traffic as usize].bytes()),
    });
    Dimension {
        foreground,
        hedge,
        probe,
    }
}

fn one(name: Option<String>) -> Option<Vec<String>> {
    name.map(|name| vec![name])
}
