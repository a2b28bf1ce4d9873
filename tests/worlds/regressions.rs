//! Worlds that failed once, by name.

use crate::{
    case::{
        Kind, Place,
        Time::{self, Cached, LogNormal, Uniform},
        Trouble::{self, Creep, EveryNth, Fail, Flap, Hang, Level, Nothing, Prefix, Queue, Refuse, Stall, Throttle},
    },
    world::World,
};

/// With the seed of their chance.
pub(crate) fn all() -> Vec<(&'static str, World, u64)> {
    let reads = &[(1.0, None, None, false)];
    vec![
        (
            "tails at a healthy primary before a standby that is as fast as they",
            world(
                2.4,
                [60.0, 300.0, 20.0],
                &[
                    (
                        LogNormal {
                            median: 95.0,
                            sigma: 0.76,
                        },
                        Nothing,
                    ),
                    (Uniform(240.0, 360.0), Nothing),
                ],
                reads,
            ),
            14,
        ),
        (
            "a fifth of the reads miss the cache",
            world(
                130.0,
                [4.0, 9.2, 2.0],
                &[
                    (
                        Cached {
                            hit: (24.0, 36.0),
                            miss: (190.0, 290.0),
                            misses: 0.21,
                        },
                        Nothing,
                    ),
                    (Uniform(29.0, 44.0), Nothing),
                ],
                reads,
            ),
            39,
        ),
        (
            "the primary gets slower beside a standby that fails",
            world(
                270.0,
                [4.0, 8.0, 2.0],
                &[(Uniform(9.7, 15.0), Creep(33.0)), (Uniform(16.0, 24.0), Fail(0.78))],
                reads,
            ),
            42,
        ),
        (
            "the primary takes ten times as long beside a standby that fails",
            world(
                280.0,
                [4.0, 8.0, 2.0],
                &[
                    (Uniform(65.0, 98.0), Level(Uniform(600.0, 780.0))),
                    (Uniform(210.0, 320.0), Fail(0.78)),
                ],
                reads,
            ),
            768,
        ),
        (
            "both hang in part",
            world(
                320.0,
                [4.0, 8.0, 2.0],
                &[(Uniform(4.2, 6.3), Hang(0.38)), (Uniform(3.0, 4.5), Hang(0.46))],
                reads,
            ),
            98,
        ),
        (
            "a queue at the primary, and the standby hangs",
            world(
                71.0,
                [4.2, 17.0, 2.1],
                &[(Uniform(4.4, 6.6), Queue(0.86)), (Uniform(16.0, 24.0), Hang(1.0))],
                reads,
            ),
            872,
        ),
        (
            "a queue at the primary, and the standby refuses",
            world(
                53.0,
                [5.7, 23.0, 2.8],
                &[(Uniform(2.8, 4.2), Queue(0.43)), (Uniform(7.8, 12.0), Refuse)],
                reads,
            ),
            298,
        ),
        (
            "a throttled prefix before a standby that is far away",
            world(
                24.0,
                [13.0, 50.0, 6.3],
                &[(Uniform(41.0, 62.0), Prefix(0.72)), (Uniform(160.0, 240.0), Nothing)],
                reads,
            ),
            884,
        ),
        (
            "a third of the objects take half a second",
            world(
                660.0,
                [4.0, 8.0, 2.0],
                &[(Uniform(17.0, 26.0), Nothing), (Uniform(13.0, 20.0), Nothing)],
                &[
                    (0.33, Some(Uniform(540.0, 700.0)), None, false),
                    (1.0, None, None, false),
                ],
            ),
            916,
        ),
        (
            "objects that are there just before their callers leave",
            world(
                23.0,
                [13.0, 52.0, 6.5],
                &[(Uniform(7.5, 11.0), Nothing), (Uniform(17.0, 26.0), Nothing)],
                &[
                    (0.059, Some(Uniform(300.0, 390.0)), Some(410.0), false),
                    (1.0, None, None, false),
                ],
            ),
            912,
        ),
        (
            "callers who leave before their objects are there",
            world(
                5.3,
                [57.0, 230.0, 20.0],
                &[(Uniform(11.0, 17.0), Nothing), (Uniform(45.0, 68.0), Nothing)],
                &[
                    (0.24, Some(Uniform(380.0, 490.0)), Some(180.0), false),
                    (1.0, None, None, false),
                ],
            ),
            334,
        ),
        (
            "a quarter of the calls fail beside a standby that bears three quarters",
            world(
                9.9,
                [30.0, 120.0, 15.0],
                &[(Uniform(7.4, 11.0), EveryNth(4)), (Uniform(7.4, 11.0), Throttle(0.74))],
                reads,
            ),
            1705,
        ),
        (
            "most calls fail beside a standby that comes and goes",
            world(
                260.0,
                [4.0, 8.0, 2.0],
                &[
                    (Uniform(3.5, 5.3), Fail(0.86)),
                    (
                        Uniform(20.0, 30.0),
                        Flap {
                            down: 1.9,
                            up: 2.1,
                            shift: 0.36,
                        },
                    ),
                ],
                reads,
            ),
            740,
        ),
        (
            "objects of callers with hardly more time, at two that are quick",
            world(
                210.0,
                [4.0, 8.0, 2.0],
                &[(Uniform(2.6, 3.9), Nothing), (Uniform(3.9, 5.8), Nothing)],
                &[
                    (0.11, Some(Uniform(260.0, 340.0)), Some(330.0), false),
                    (1.0, None, None, false),
                ],
            ),
            1133,
        ),
        (
            "a primary that hangs in part beside a standby that hangs",
            world(
                510.0,
                [4.0, 8.0, 2.0],
                &[(Uniform(3.2, 4.8), Hang(0.13)), (Uniform(10.0, 15.0), Hang(1.0))],
                reads,
            ),
            318,
        ),
        (
            "the primary takes twenty times as long for writes",
            World {
                writes: true,
                ..world(
                    3.1,
                    [60.0, 300.0, 20.0],
                    &[
                        (Uniform(16.0, 24.0), Level(Uniform(300.0, 390.0))),
                        (Uniform(24.0, 36.0), Nothing),
                    ],
                    reads,
                )
            },
            1583,
        ),
        (
            "a stall at the primary, and the standby throttles",
            world(
                18.0,
                [17.0, 67.0, 8.3],
                &[
                    (Uniform(12.0, 18.0), Stall(760.0)),
                    (Uniform(9.0, 14.0), Throttle(0.51)),
                ],
                reads,
            ),
            1714,
        ),
        (
            "a prefix is throttled, and the standby fails a third",
            world(
                11.0,
                [27.0, 110.0, 14.0],
                &[(Uniform(15.0, 23.0), Prefix(0.24)), (Uniform(21.0, 32.0), Fail(0.29))],
                reads,
            ),
            1070,
        ),
    ]
}

fn world(
    rate: f64,
    [healthy_s, ill_s, after_s]: [f64; 3],
    places: &[(Time, Trouble)],
    kinds: &[(f64, Option<Time>, Option<f64>, bool)],
) -> World {
    let places = places.iter().map(|&(usual, trouble)| Place { usual, trouble });
    let kinds = kinds.iter().map(|&(share, takes, deadline, leaves)| Kind {
        share,
        takes,
        deadline,
        leaves,
        counted: true,
    });
    World {
        rate,
        healthy_s,
        ill_s,
        after_s,
        places: places.collect(),
        kinds: kinds.collect(),
        writes: false,
        bursts: false,
        clients: 1,
    }
}
