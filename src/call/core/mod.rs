mod passed_over;
mod verifier;

pub(crate) use passed_over::Why;

use super::{Authority, Door, Engine, Fences, Plan, Protocol, StoreStack, WarmUp, settings::Settings};
use crate::{
    BoxError,
    endpoint::{Constraints, Dependencies, Profile, Roster},
    model::crc,
    ops::{
        impact::{Analysis, Data, Roles},
        probe::Prober,
    },
    provider::Conditional,
    request::{Call, WriteId, Writer, bit},
    stack::{self, Composed, retry},
    telemetry::CallMetrics,
};
use futures_util::FutureExt;
use passed_over::PassedOver;
use std::{fmt, future::Future, sync::Mutex, time::Duration};
use tower::util::Either;
use verifier::Verifier;

/// The parts of a client, checked to fit together.
pub(super) struct Parts<P: Protocol> {
    pub(super) roster: Roster,
    /// The adapters of the endpoints that may be used.
    pub(super) providers: Vec<Option<P::Provider>>,
    pub(super) constraints: Constraints,
    pub(super) plan: Plan,
    pub(super) settings: Settings,
    pub(super) require_verified: bool,
    pub(super) fenced: bool,
    pub(super) writer: Writer,
}

/// The shared state of all calls of one client.
pub(crate) struct Core<P: Protocol> {
    pub(crate) engine: Engine,
    /// The adapters of the endpoints that may be used. The other adapters are not kept, so that nothing can reach them.
    providers: Vec<Option<P::Provider>>,
    pub(crate) door: Door<P>,
    pub(crate) plan: Plan,
    pub(crate) deadline: Duration,
    pub(crate) rng: Mutex<fastrand::Rng>,
    writer: Writer,
    pub(crate) passed_over: PassedOver,
    /// Whether every put and delete is fenced.
    pub(crate) fenced: bool,
    pub(crate) fences: Fences<P::Tag>,
    pub(crate) retry: retry::RetrySettings,
    pub(crate) verifier: Verifier,
}

impl<P: Protocol> Core<P> {
    /// A client on its stack.
    pub(super) fn new<S, K>(parts: Parts<P>, door: Door<P>, composed: Composed<S, K>, prober: Prober) -> Self {
        let Parts {
            roster,
            providers,
            plan,
            settings,
            fenced,
            require_verified,
            writer,
            ..
        } = parts;
        let stack::Settings {
            deadline,
            retry,
            seed,
            audience,
            ..
        } = settings.stack;
        let names = roster.iter().map(|profile| profile.shared_name().clone());
        let verifier = Verifier::new(names, audience.clone(), require_verified);
        Self {
            engine: Engine::new(
                roster,
                &composed,
                plan.write_to,
                prober,
                settings.name,
                CallMetrics::new(audience.client, settings.call_listener),
            ),
            providers,
            door,
            plan,
            deadline,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            writer,
            passed_over: PassedOver::default(),
            fenced,
            fences: Fences::default(),
            retry,
            verifier,
        }
    }
}

impl<P: Protocol> Core<P> {
    /// Sends a call through the door.
    pub(crate) fn send(
        &self,
        call: Call<P::Request>,
    ) -> impl Future<Output = Result<P::Response, BoxError>> + Send + use<P> {
        match &self.door {
            Either::Left(stack) => stack.send(call).left_future(),
            Either::Right(layered) => layered.send(call).right_future(),
        }
    }

    /// The stack behind the door, with its type erased.
    pub(crate) fn stack(&self) -> StoreStack<P> {
        match &self.door {
            Either::Left(stack) => StoreStack::<P>::new(stack.clone()),
            Either::Right(layered) => StoreStack::<P>::new(layered.clone()),
        }
    }

    /// The adapter of an endpoint, if the endpoint may be used. Every request that bypasses the router begins here.
    pub(crate) fn provider(&self, endpoint: usize) -> Option<&P::Provider> {
        self.providers.get(endpoint)?.as_ref()
    }

    /// Every adapter that may be used, with its endpoint.
    pub(crate) fn providers(&self) -> impl Iterator<Item = (&Profile, &P::Provider)> {
        let all = self.engine.roster.iter().zip(&self.providers);
        all.filter_map(|(profile, provider)| Some((profile, provider.as_ref()?)))
    }

    /// Whether this endpoint's store keeps the ids of writes with the data.
    pub(crate) fn keeps_ids(&self, endpoint: usize) -> bool {
        let provider = self.provider(endpoint);
        provider.is_some_and(|provider| P::capabilities(provider).write_ids)
    }

    pub(crate) fn permitted(&self) -> u64 {
        self.engine.roster.set_of(|_, _| true) & !self.engine.barred
    }

    /// The endpoints that are permitted and not read-only.
    pub(crate) fn writable(&self) -> u64 {
        let writable = self.engine.roster.set_of(|_, profile| !profile.is_read_only());
        writable & !self.engine.barred
    }

    /// The id of a write of this key and this many bytes, if they are known. The caller may have chosen it.
    pub(crate) fn write_id(&self, chosen: Option<&WriteId>, key: &str, bytes: Option<usize>) -> WriteId {
        self.writer.write_id(chosen, key, bytes.map(|bytes| bytes as u64), None)
    }

    /// The id of a write of this key and body.
    pub(crate) fn id_of(&self, chosen: Option<&WriteId>, key: &str, body: &[u8]) -> WriteId {
        let size = Some(body.len() as u64);
        self.writer.write_id(chosen, key, size, Some(crc::of(body)))
    }

    /// A name of 32 hex digits that nobody else has.
    pub(crate) fn draw_name(&self) -> WriteId {
        self.writer.name()
    }

    pub(crate) fn dependencies(&self) -> Dependencies {
        Dependencies::of(
            self.providers()
                .map(|(profile, provider)| Self::known(profile, provider)),
        )
    }

    /// The profile with what the adapter's client tells.
    fn known(profile: &Profile, provider: &P::Provider) -> Profile {
        match profile.client_hosts() {
            Some(_) => profile.clone(),
            None => profile.clone().found_in_client(P::hosts(provider)),
        }
    }

    /// What the client loses with what, by its plan.
    pub(crate) fn impact(&self) -> Analysis {
        let plan = &self.plan;
        let judges = match plan.authority {
            Authority::Home(home) => bit(home),
            Authority::Replicas => plan.write_to,
            Authority::Nobody => 0,
        };
        let trusted = plan.write_to & !self.lacking(Conditional::Create);
        let roles = Roles {
            data: match plan.merge {
                true => Data::Scattered,
                false => Data::Copied,
            },
            permitted: self.permitted(),
            writers: plan.write_to,
            judges: judges & !self.lacking(Conditional::IfMatch),
            takers: match plan.creates {
                true => trusted,
                false => plan.write_to,
            },
            creators: match plan.creates && !P::CREATES_ARE_PUTS {
                true => 0,
                false => trusted,
            },
            voters: plan.voters,
            absence_quorum: plan.absence_quorum,
            lags: plan.lags,
            tiers: self.engine.tiers(),
        };
        let known = self
            .engine
            .roster
            .iter()
            .zip(&self.providers)
            .map(|(profile, provider)| match provider {
                Some(provider) => Self::known(profile, provider),
                None => profile.clone(),
            });
        self.engine.analysis(known.collect(), roles)
    }

    pub(crate) async fn warm_up(&self) -> WarmUp {
        let each = self.providers().map(|(_, provider)| P::warm_up(provider));
        self.engine.warm_up(each).await
    }

    pub(crate) fn close(&self) {
        self.engine.close();
        self.verifier.stop();
    }

    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.engine.roster.iter().map(Profile::name).collect();
        f.debug_struct(name)
            .field("endpoints", &names)
            .field("mode", &self.plan.mode)
            .finish_non_exhaustive()
    }
}
