//! What a report adds by itself: where the drill differed, and what nobody tried or looked at.

use super::{Bucket, Deviation, Gap, GapKind, Report, Setting};
use crate::{request::OpClass, telemetry::millis};

impl Report {
    pub(super) fn add_deviations(&mut self) {
        let played = millis(self.plan.scenario.duration());
        if played != self.plan.true_length_ms {
            let times = self.plan.true_length_ms as f64 / played.max(1) as f64;
            self.deviations.push(Deviation::new(
                format!("The scenario was played {times:.0} times as fast"),
                "Timeouts and the waits of a breaker keep their own length, and weigh more than in the true length of the outage: \
                 shares of calls are not those of a real day.",
            ));
        }
        let early = |bucket: &&Bucket| bucket.from_ms.saturating_add_unsigned(bucket.length_ms) <= 0;
        let early = || self.client.course.iter().filter(early);
        let calls: u64 = early().map(|bucket| bucket.calls).sum();
        let failed = calls.saturating_sub(early().map(|bucket| bucket.available).sum());
        if failed > 0 {
            self.deviations.push(Deviation::new(
                format!("{failed} of {calls} calls were not available before the first fault"),
                "Nothing was played yet: the host, the network or the load was the cause, and may have been later, too.",
            ));
        }
        match self.plan.scope.setting {
            Setting::Simulation => self.deviations.push(Deviation::new(
                "Stores in memory and virtual time",
                "The client's decisions are those of production. Connections, TLS, DNS and the SDK are not there; faults of \
                 connecting are played as outcomes of calls.",
            )),
            Setting::Loopback => self.deviations.push(Deviation::new(
                "Servers on one host stand for the providers'",
                "Sockets, the SDK and its timeouts are real. Distance is added as a wait; bandwidth and packet loss are not \
                 played.",
            )),
            Setting::Production => {}
        }
    }

    pub(super) fn add_gaps(&mut self, started: bool, left_out: u64) {
        let mut found = Vec::new();
        let mut not_tested = |what: &str, why: &str| found.push(Gap::not_tested(what, why));
        not_tested(
            "the service itself",
            "Where it computes, its own DNS, certificates and identities are outside of what evenkeel can fail over.",
        );
        match self.plan.scope.setting {
            Setting::Simulation => not_tested("sockets, DNS, TLS and the SDK", "The stores are in memory."),
            Setting::Loopback => not_tested("the providers' own servers", "Servers on one host stood for them."),
            Setting::Production => {}
        }
        for class in OpClass::ALL {
            if !self
                .client
                .classes
                .iter()
                .any(|found| found.class == class && found.calls > 0)
            {
                not_tested(&format!("{} calls", class.as_str()), "No call of this class was made.");
            }
        }
        match &self.breaches {
            None => not_tested("constraints", "No constraint was set."),
            Some(breaches) if !breaches.is_tested() => {
                not_tested("constraints", "No endpoint of the client is forbidden by them.");
            }
            Some(_) => {}
        }
        let mut begins = 0_i64;
        for phase in &self.plan.scenario.phases {
            let is_reached = started && begins <= self.end.at_ms;
            if self.end.aborted.is_some() && !is_reached {
                not_tested(&format!("phase {}", phase.name), "The drill ended before it.");
            }
            begins = begins.saturating_add_unsigned(millis(phase.duration));
        }

        let mut not_measured = |what: &str, why: &str| found.push(Gap::not_measured(what, why));
        let of = [
            (
                "the plain client",
                self.plain.is_none(),
                "There was none beside this drill.",
            ),
            (
                "extra attempts",
                self.client.attempts.is_none(),
                "Nobody counted attempts.",
            ),
            (
                "when traffic left",
                self.client.traffic_left_ms.is_none(),
                "The share of calls at the struck place was not seen to fall.",
            ),
            (
                "when traffic was back",
                self.client.traffic_back_ms.is_none(),
                "The share of calls at the struck place was not seen to return.",
            ),
            (
                "acknowledged writes",
                self.client.writes.is_none_or(|writes| writes.read_back == 0),
                "None was read back.",
            ),
            (
                "stale answers",
                self.client.writes.is_none_or(|writes| writes.stale.is_none()),
                "No key was written twice, or nobody looked.",
            ),
            (
                "the course of the availability",
                self.client.course.is_empty(),
                "There were no calls.",
            ),
        ];
        for (what, is_missing, why) in of {
            if is_missing {
                not_measured(what, why);
            }
        }
        for class in &self.client.classes {
            let name = class.class.as_str();
            if class.left_ms.is_none() {
                not_measured(
                    &format!("when {name}s left"),
                    "The client told of no decision to leave an endpoint.",
                );
            }
            if class.returned_ms.is_none() {
                not_measured(
                    &format!("when {name}s returned"),
                    "The client told of no return, or was out at the end.",
                );
            }
        }
        if left_out > 0 {
            not_measured(&format!("{left_out} events"), "More came than the journal keeps.");
        }
        // Whoever made the figures knows better why.
        for gap in found {
            if !self.gaps.iter().any(|known| known.what == gap.what) {
                self.gaps.push(gap);
            }
        }
        self.gaps.sort_by_key(|gap| gap.kind == GapKind::NotMeasured);
    }
}
