//! The parts around every client's stack: the endpoints, the door, and the views of the client.

use super::{
    Considered,
    options::CallOptions,
    warm_up::{WarmUp, warmed},
};
use crate::{
    endpoint::{Constraints, Dependencies, Profile, Roster, Violation},
    model::{ErrorKind, clock},
    ops::{
        ClientView,
        impact::{Analysis, Data, Roles},
        operator::Operator,
        probe::Prober,
        snapshot::{EndpointSnapshot, Snapshot},
    },
    request::{OpClass, Options, bit},
    stack::{
        Composed,
        retry::Purse,
        route::{Barred, Vitals},
    },
    telemetry::{Audience, CallMetrics, Instance},
};
use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub(crate) struct Engine {
    pub(crate) roster: Roster,
    /// The client's constraint that each endpoint breaks, by endpoint.
    violations: Arc<[Option<Violation>]>,
    /// The set of endpoints that break a constraint.
    pub(crate) barred: u64,
    pub(crate) vitals: Arc<[Vitals]>,
    pub(crate) purse: Purse,
    pub(crate) operator: Operator,
    pub(crate) prober: Prober,
    /// The name of calls without a name of their own.
    pub(crate) name: Option<&'static str>,
    pub(crate) metrics: CallMetrics,
    audience: Audience,
    closed: AtomicBool,
}

/// Why a call does not get in.
pub(crate) type Turned = (ErrorKind, String);

impl Engine {
    /// `takes_writes`: the set of endpoints to which writes may go.
    pub(crate) fn new<S, K>(
        roster: Roster,
        composed: &Composed<S, K>,
        takes_writes: u64,
        prober: Prober,
        name: Option<&'static str>,
        metrics: CallMetrics,
    ) -> Self {
        Self {
            violations: composed.violations.clone(),
            barred: roster.set_of(|index, _| composed.violations[index].is_some()),
            vitals: composed.vitals.clone(),
            purse: composed.purse.clone(),
            operator: Operator::of(&roster, composed, takes_writes),
            prober,
            name,
            metrics,
            audience: composed.reporter.audience().clone(),
            closed: AtomicBool::new(false),
            roster,
        }
    }

    /// The endpoints that a call with these constraints must not use.
    pub(crate) fn barred_by(&self, constraints: &Constraints) -> u64 {
        match constraints.is_empty() {
            true => self.barred,
            false => self.barred | self.roster.set_of(|_, profile| constraints.check(profile).is_err()),
        }
    }

    /// The constraint of the client or of the call that the endpoint breaks.
    pub(crate) fn violation(&self, constraints: &Constraints, endpoint: usize) -> Option<Violation> {
        let of_the_call = || constraints.check(self.roster.get(endpoint)?).err();
        self.violations[endpoint].clone().or_else(of_the_call)
    }

    /// The door. `barred`: the endpoints that the [constraints](Self::barred_by) of client and call exclude. Returns
    /// the endpoint that the call is pinned to.
    pub(crate) fn enter(&self, options: &CallOptions, barred: u64) -> Result<Option<usize>, Turned> {
        if self.is_closed() {
            return Err((ErrorKind::Closed, "the client is closed".to_owned()));
        }
        let invalid = |message| (ErrorKind::InvalidInput, message);
        options.check().map_err(invalid)?;
        let pin = match &options.pin {
            None => None,
            Some(name) => {
                let unknown = || {
                    invalid(format!(
                        "the call is pinned to `{name}`, which is no endpoint of this client"
                    ))
                };
                let index = self.roster.index_of(name).ok_or_else(unknown)?;
                if let Some(violation) = self.violation(&options.constraints, index) {
                    return Err(invalid(Barred::new(name, &violation).to_string()));
                }
                Some(index)
            }
        };
        if (0..self.roster.len()).all(|index| barred & bit(index) != 0) {
            let message = "no endpoint is left under the constraints of the client and the call";
            return Err(invalid(message.to_owned()));
        }
        self.prober.ensure_running();
        Ok(pin)
    }

    /// What a call with these options is called in metrics and explanations. `usual`: the operation.
    pub(crate) fn name_of(&self, options: &Options, usual: &'static str) -> &'static str {
        options.name.or(self.name).unwrap_or(usual)
    }

    /// Why a call of this class with these constraints and this pin could not use each endpoint. `tried`: the endpoints
    /// that the call asked. `own`: further reasons of the caller's, by endpoint.
    pub(crate) fn considered(
        &self,
        class: OpClass,
        (constraints, pin): (&Constraints, Option<usize>),
        tried: u64,
        own: impl Fn(usize) -> Option<&'static str>,
    ) -> Vec<Considered> {
        Considered::all(&self.roster, |index| match (self.violation(constraints, index), pin) {
            (Some(violation), _) => Some(violation.to_string()),
            (None, Some(pin)) if pin != index => Some(format!("the call is pinned to {}", self.roster.name(pin))),
            _ if tried & bit(index) != 0 => None,
            _ => {
                let out = || self.operator.out_of_use(index, class);
                own(index).or_else(out).map(str::to_owned)
            }
        })
    }

    /// The state of the endpoints now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.operator.expire(); // before it is asked why
        let endpoint = |(index, profile): (usize, &Profile)| {
            let barred = self.violations[index].as_ref().map(ToString::to_string);
            let ordered_away = |class| self.operator.ordered_out(index, class, clock::now());
            EndpointSnapshot::of(
                profile,
                &self.vitals[index],
                barred,
                self.prober.snapshot(index),
                self.audience.latest(),
                ordered_away,
            )
        };
        Snapshot {
            instance: Instance::current(),
            client: self.metrics.client().clone(),
            at: clock::now(),
            wall: self.audience.wall(),
            all_bad: OpClass::ALL
                .into_iter()
                .filter_map(|class| self.audience.latest().all_bad(class))
                .collect(),
            endpoints: self.roster.iter().enumerate().map(endpoint).collect(),
            budget: self.purse.budget().available(clock::now()),
            beyond_the_budget: self.purse.exceptions().counts(),
            orders: self.operator.snapshot(),
        }
    }

    /// The client as others see it who do not know its type.
    pub(crate) fn view(
        &self,
        look: impl Fn() -> Option<Snapshot> + Send + Sync + 'static,
        needs: impl Fn() -> Option<Dependencies> + Send + Sync + 'static,
        analyse: impl Fn() -> Option<Analysis> + Send + Sync + 'static,
    ) -> ClientView {
        ClientView::new(
            self.metrics.client().clone(),
            self.operator.clone(),
            look,
            needs,
            analyse,
        )
    }

    /// What a client that only makes calls loses with what. `takes_writes`: the endpoints to which writes may go.
    pub(crate) fn impact_of_calls(&self, takes_writes: u64) -> Analysis {
        let permitted = self.roster.set_of(|_, _| true) & !self.barred;
        let roles = Roles {
            data: Data::Opaque,
            permitted,
            writers: takes_writes & permitted,
            takers: takes_writes & permitted,
            judges: 0,
            creators: 0,
            voters: 0,
            absence_quorum: 0,
            lags: 0,
            tiers: self.tiers(),
        };
        self.analysis(self.roster.iter().cloned().collect(), roles)
    }

    pub(crate) fn analysis(&self, profiles: Arc<[Profile]>, roles: Roles) -> Analysis {
        Analysis::new(self.metrics.client().clone(), profiles, roles)
    }

    /// The tier of each endpoint: by default its place in the list.
    pub(crate) fn tiers(&self) -> Vec<u8> {
        let places = self.roster.iter().enumerate();
        places
            .map(|(index, profile)| profile.tier().unwrap_or(u8::try_from(index).unwrap_or(u8::MAX)))
            .collect()
    }

    /// The endpoints that no constraint of the client bars.
    pub(crate) fn permitted(&self) -> impl Iterator<Item = &Profile> {
        let all = self.roster.iter().enumerate();
        all.filter_map(|(index, profile)| (self.barred & bit(index) == 0).then_some(profile))
    }

    pub(crate) fn dependencies(&self) -> Dependencies {
        Dependencies::of(self.permitted().cloned())
    }

    /// Runs `each` at all [permitted](Self::permitted) endpoints at once.
    pub(crate) async fn warm_up<F, E>(&self, each: impl Iterator<Item = F>) -> WarmUp
    where
        F: Future<Output = Result<(), E>>,
        E: fmt::Display,
    {
        warmed(self.permitted().map(Profile::shared_name).zip(each)).await
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.prober.stop();
    }
}
