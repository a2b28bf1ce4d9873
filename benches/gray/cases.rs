//! The cases by name.

use crate::{
    case::{
        Case, Kind, Place,
        Time::{self, Uniform},
        Trouble,
    },
    figures::Schedule,
};

pub(crate) const MANY: f64 = 500.0;
pub(crate) const FEW: f64 = 5.0;

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    use Trouble::{Creep, EveryNth, Fail, Hang, Nothing, Prefix, Refuse, SlowDown, Stall, Unreachable};
    let primary = |name, trouble| case(name, MANY, [trouble, Nothing]);
    let pause = Stall(300.0);
    vec![
        primary("hang2", Hang(0.02)),
        primary("hang10", Hang(0.1)),
        primary("rr6", EveryNth(6)),
        case("rr6", FEW, [EveryNth(6), Nothing]),
        case("sick30", MANY, [Hang(1.0), Fail(0.3)]),
        case("sick30", FEW, [Hang(1.0), Fail(0.3)]),
        case("both30", MANY, [Fail(0.3), Fail(0.3)]),
        case("offline", MANY, [Unreachable(1.0), Unreachable(1.0)]),
        case("offline", FEW, [Unreachable(1.0), Unreachable(1.0)]),
        case("away30", MANY, [Unreachable(1.0), Unreachable(0.3)]),
        case("away30", FEW, [Unreachable(1.0), Unreachable(0.3)]),
        case("dead30", MANY, [Refuse, Fail(0.3)]),
        Case {
            // Both are learnt: the standby, too, has had all traffic for a while.
            away: 10.0..20.0,
            schedule: Schedule::of(60.0, 120.0, 0.0, MANY),
            kinds: vec![objects(0.005, Uniform(400.0, 800.0)), ordinary()],
            ..healthy("large05", USUAL)
        },
        Case {
            schedule: Schedule::of(10.0, 60.0, 20.0, MANY),
            ..primary("creep10", Creep(10.0))
        },
        primary("sd1", SlowDown(0.01)),
        primary("sd10", SlowDown(0.1)),
        // What the table of today shows: 6 % of all are refused.
        primary("prefix", Prefix(0.4)),
        Case {
            writes: true,
            ..primary("w10", Fail(0.1))
        },
        primary("gc", pause),
        case("gc", FEW, [pause, Nothing]),
        Case {
            // From cold.
            schedule: Schedule::of(0.0, 60.0, 0.0, MANY),
            ..healthy("far", FAR)
        },
        Case {
            schedule: Schedule::of(60.0, 120.0, 20.0, MANY),
            places: places(FAR, [Hang(1.0), Nothing]),
            ..healthy("farhang", FAR)
        },
        Case {
            rate: 5_000.0,
            schedule: Schedule::of(0.0, 20.0, 0.0, 5_000.0),
            kinds: vec![objects(1.0, Uniform(290.0, 310.0))],
            ..healthy("busy", [Uniform(290.0, 310.0), Uniform(290.0, 310.0)])
        },
        Case {
            kinds: vec![
                Kind {
                    counted: false,
                    ..objects(0.5, Uniform(380.0, 420.0))
                },
                ordinary(),
            ],
            ..healthy("mixed", [Uniform(3.0, 6.0), Uniform(10.0, 14.0)])
        },
        Case {
            kinds: vec![
                Kind {
                    counted: false,
                    ..objects(0.08, Uniform(380.0, 420.0))
                },
                ordinary(),
            ],
            ..healthy("mixed8", [Uniform(3.0, 6.0), Uniform(10.0, 14.0)])
        },
        Case {
            kinds: vec![hurried(0.15, 20.0), hurried(0.15, 120.0), ordinary()],
            ..healthy("impatient", USUAL)
        },
        Case {
            kinds: vec![leaving(0.15, 20.0), leaving(0.15, 120.0), ordinary()],
            ..healthy("leavers", USUAL)
        },
    ]
}

/// Half the calls, those that count, ask for what is not there.
pub(crate) fn misses() -> [Case; 4] {
    let half = Kind {
        share: 0.5,
        ..ordinary()
    };
    let miss = |name, rate, troubles| Case {
        kinds: vec![
            half.clone(),
            Kind {
                counted: false,
                ..half.clone()
            },
        ],
        schedule: Schedule::of(60.0, 600.0, 0.0, rate),
        ..case(name, rate, troubles)
    };
    let (home, other) = (
        [Trouble::Hang(1.0), Trouble::Nothing],
        [Trouble::Nothing, Trouble::Hang(1.0)],
    );
    [
        miss("misshome", 10.0, home),
        miss("misshome", 0.2, home),
        miss("miss", 10.0, other),
        miss("miss", 0.2, other),
    ]
}

/// One call in a hundred, those that count, is a second client's: five a second.
pub(crate) fn second() -> Case {
    Case {
        kinds: vec![
            Kind {
                share: 0.01,
                ..ordinary()
            },
            Kind {
                counted: false,
                ..ordinary()
            },
        ],
        ..case("second", MANY, [Trouble::Hang(1.0), Trouble::Nothing])
    }
}

/// Primary and standby.
pub(crate) const USUAL: [Time; 2] = [Uniform(1.0, 3.0), Uniform(10.0, 14.0)];
const FAR: [Time; 2] = [Uniform(205.0, 225.0), Uniform(225.0, 245.0)];

/// At first well, then in trouble, then well.
pub(crate) fn case(name: &'static str, rate: f64, troubles: [Trouble; 2]) -> Case {
    let schedule = match rate < 50.0 {
        true => Schedule::of(60.0, 200.0, 60.0, rate),
        false => Schedule::of(10.0, 120.0, 20.0, rate),
    };
    Case {
        name,
        rate,
        schedule,
        places: places([Uniform(1.0, 3.0), Uniform(10.0, 14.0)], troubles),
        kinds: vec![ordinary()],
        writes: false,
        away: 0.0..0.0,
        bursts: false,
        clients: 1,
    }
}

/// Nothing is wrong but with what is made of it.
pub(crate) fn healthy(name: &'static str, usual: [Time; 2]) -> Case {
    Case {
        places: places(usual, [Trouble::Nothing; 2]),
        ..case(name, MANY, [Trouble::Nothing; 2])
    }
}

pub(crate) fn places(usual: [Time; 2], troubles: [Trouble; 2]) -> Vec<Place> {
    let places = usual.into_iter().zip(troubles);
    places.map(|(usual, trouble)| Place { usual, trouble }).collect()
}

/// What is left of the calls: they take what is usual.
pub(crate) const fn ordinary() -> Kind {
    Kind {
        share: 1.0,
        takes: None,
        deadline: None,
        leaves: false,
        counted: true,
    }
}

const fn objects(share: f64, takes: Time) -> Kind {
    Kind {
        share,
        takes: Some(takes),
        deadline: None,
        leaves: false,
        counted: true,
    }
}

/// A caller who does not wait for the slower object it asks for.
const fn hurried(share: f64, deadline: f64) -> Kind {
    Kind {
        share,
        takes: Some(Uniform(145.0, 155.0)),
        deadline: Some(deadline),
        leaves: false,
        counted: false,
    }
}

/// The same, but the client is not told.
const fn leaving(share: f64, deadline: f64) -> Kind {
    Kind {
        leaves: true,
        ..hurried(share, deadline)
    }
}
