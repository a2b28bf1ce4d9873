//! A world by its seed.

use crate::{
    case::{Case, Kind, Place, Time, Trouble},
    figures::Schedule,
    promises::{self, Broken},
};

/// In seconds and ms, so that it is printed as it is written.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) rate: f64,
    /// At first; then all its troubles; then none again.
    pub(crate) healthy_s: f64,
    pub(crate) ill_s: f64,
    pub(crate) after_s: f64,
    pub(crate) places: Vec<Place>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) writes: bool,
    pub(crate) bursts: bool,
    pub(crate) clients: usize,
}

/// Evenly over the orders of magnitude.
fn spread(from: f64, to: f64, rng: &mut fastrand::Rng) -> f64 {
    rounded(from * (to / from).powf(rng.f64()))
}

/// Two digits say enough.
fn rounded(value: f64) -> f64 {
    let unit = 10_f64.powf(value.log10().floor() - 1.0);
    let digits = (value / unit).round();
    if unit < 1.0 {
        digits / (1.0 / unit).round()
    } else {
        digits * unit
    }
}

impl World {
    pub(crate) fn random(seed: u64) -> Self {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let rate = spread(2.0, 1_000.0, rng);
        let mut base = spread(1.0, 100.0, rng);
        let count = if rng.u8(..4) == 0 { 3 } else { 2 };
        let places = (0..count).map(|_| {
            let place = Place {
                usual: time(base, rng),
                trouble: trouble(base, rng),
            };
            base = rounded((base * spread(0.7, 6.0, rng)).min(250.0));
            place
        });
        let places: Vec<Place> = places.collect();
        Self {
            rate,
            // About as many calls in each world.
            healthy_s: rounded((300.0 / rate).clamp(4.0, 60.0)),
            ill_s: rounded((1_200.0 / rate).clamp(8.0, 300.0)),
            after_s: rounded((150.0 / rate).clamp(2.0, 20.0)),
            kinds: kinds(places[0].usual, rng),
            places,
            writes: rng.u8(..8) == 0,
            bursts: rng.u8(..10) == 0,
            clients: if rng.u8(..10) == 0 { rng.usize(2..6) } else { 1 },
        }
    }

    pub(crate) fn case(&self) -> Case {
        Case {
            name: "random",
            rate: self.rate,
            schedule: Schedule::of(self.healthy_s, self.ill_s, self.after_s, self.rate),
            places: self.places.clone(),
            kinds: self.kinds.clone(),
            writes: self.writes,
            away: 0.0..0.0,
            bursts: self.bursts,
            clients: self.clients,
        }
    }

    /// The same with less in it, as long as one of these promises stays broken.
    pub(crate) fn simplified(self, seed: u64, broken: &[Broken]) -> (Self, Vec<Broken>) {
        let still = |world: &Self| -> Vec<Broken> {
            let now = promises::broken(world, seed, false);
            let same = |b: &Broken| broken.iter().any(|was| was.promise == b.promise);
            now.into_iter().filter(same).collect()
        };
        let mut simplest = (self, broken.to_vec());
        'again: loop {
            for simpler in simplest.0.simpler() {
                let broken = still(&simpler);
                if !broken.is_empty() {
                    simplest = (simpler, broken);
                    continue 'again;
                }
            }
            return simplest;
        }
    }

    fn simpler(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut with = |change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            if world.as_written() != self.as_written() {
                all.push(world);
            }
        };
        with(&|world| world.clients = 1);
        with(&|world| world.bursts = false);
        with(&|world| world.writes = false);
        if self.places.len() > 2 {
            with(&|world| world.places.truncate(2));
        }
        for kind in 0..self.kinds.len() - 1 {
            with(&move |world| {
                world.kinds.remove(kind);
            });
        }
        for place in 0..self.places.len() {
            with(&move |world| world.places[place].trouble = Trouble::Nothing);
            with(&move |world| {
                let range = world.places[place].usual.about();
                world.places[place].usual = Time::Uniform(range, rounded(range * 1.5));
            });
        }
        all
    }

    /// As in `regressions`.
    pub(crate) fn as_written(&self) -> String {
        let Self {
            rate,
            healthy_s,
            ill_s,
            after_s,
            writes,
            bursts,
            clients,
            ..
        } = self;
        let places: Vec<_> = self.places.iter().map(|place| (place.usual, place.trouble)).collect();
        let kinds: Vec<_> = self
            .kinds
            .iter()
            .map(|kind| (kind.share, kind.takes, kind.deadline, kind.leaves))
            .collect();
        let common = format!("world({rate:?}, [{healthy_s:?}, {ill_s:?}, {after_s:?}], &{places:?}, &{kinds:?})");
        match (writes, bursts, clients) {
            (false, false, 1) => common,
            _ => format!("World {{ writes: {writes}, bursts: {bursts}, clients: {clients}, ..{common} }}"),
        }
    }
}

fn time(base: f64, rng: &mut fastrand::Rng) -> Time {
    match rng.u8(..10) {
        0 => Time::LogNormal {
            median: base,
            sigma: spread(0.2, 1.0, rng),
        },
        1 => Time::Pareto {
            least: base,
            alpha: spread(1.8, 4.0, rng),
        },
        2 => Time::Cached {
            hit: (base, rounded(base * 1.5)),
            miss: (rounded(base * 8.0), rounded(base * 12.0)),
            misses: spread(0.01, 0.3, rng),
        },
        _ => Time::Uniform(base, rounded(base * spread(1.1, 3.0, rng))),
    }
}

fn trouble(base: f64, rng: &mut fastrand::Rng) -> Trouble {
    use Trouble::{
        Cold, Creep, EveryNth, Fail, Flap, Hang, Level, Nothing, Prefix, Queue, Refuse, SlowDown, Stall, Throttle,
    };
    match rng.u8(..32) {
        0..=1 => Hang(1.0),
        2..=3 => Hang(spread(0.01, 0.6, rng)),
        4..=5 => Fail(spread(0.01, 0.9, rng)),
        6 => Refuse,
        7 => EveryNth(rng.u32(2..13)),
        8 => SlowDown(spread(0.005, 0.5, rng)),
        9 => Prefix(spread(0.05, 0.9, rng)),
        10 => Creep(spread(1.0, 50.0, rng)),
        11 => Stall(spread(50.0, 2_000.0, rng)),
        12 => Queue(spread(0.3, 1.5, rng)),
        13 => Throttle(spread(0.3, 1.5, rng)),
        14 => Cold,
        15 => Flap {
            down: spread(1.0, 20.0, rng),
            up: spread(1.0, 20.0, rng),
            shift: spread(0.1, 10.0, rng),
        },
        16 => {
            let slower = rounded((base * spread(2.0, 50.0, rng)).min(2_000.0));
            Level(Time::Uniform(slower, rounded(slower * 1.3)))
        }
        _ => Nothing,
    }
}

fn kinds(usual: Time, rng: &mut fastrand::Rng) -> Vec<Kind> {
    let ordinary = Kind {
        share: 1.0,
        takes: None,
        deadline: None,
        leaves: false,
        counted: true,
    };
    let mut kinds = Vec::new();
    let larger = |rng: &mut fastrand::Rng| {
        let takes = spread(usual.about(), 1_000.0, rng);
        Time::Uniform(takes, rounded(takes * 1.3))
    };
    if rng.u8(..5) < 2 {
        kinds.push(Kind {
            share: spread(0.002, 0.4, rng),
            takes: Some(larger(rng)),
            ..ordinary.clone()
        });
    }
    if rng.u8(..4) == 0 {
        kinds.push(Kind {
            share: spread(0.02, 0.4, rng),
            takes: rng.bool().then(|| larger(rng)),
            deadline: Some(spread(5.0, 500.0, rng)),
            leaves: rng.bool(),
            ..ordinary.clone()
        });
    }
    kinds.push(ordinary);
    kinds
}
