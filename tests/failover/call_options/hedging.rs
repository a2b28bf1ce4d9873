use super::{Doors, Met};
use crate::{
    scripted::{ms, secs},
    store::Trouble,
};

const READS: [&str; 7] = ["get", "head", "get_many", "read", "list", "scan", "increment"];

/// Endpoints that have what is read, and whose ways are known. The first is slow from now on.
async fn slow(doors: &Doors<2>) {
    for _ in 0..40 {
        every_call!(doors:);
    }
    doors.objects.put("k2", "v").await.unwrap();
    doors.keys.put("k", "1").await.unwrap();
    doors.at(0, Trouble::Slow(ms(1_500)));
}

fn hedged(met: &[Met]) -> Vec<&'static str> {
    let hedged = met.iter().filter(|met| met.hedges() > 0);
    hedged.map(|met| met.call).collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_can_turn_hedging_off() {
    let doors = Doors::<2>::new();
    slow(&doors).await;
    let met = every_call!(doors: hedging(false), deadline(secs(10)));
    assert_eq!(hedged(&met), [""; 0], "{met:?}");
    // They would have been.
    let doors = Doors::<2>::new();
    slow(&doors).await;
    let hedged = hedged(&every_call!(doors: deadline(secs(10))));
    assert!(hedged.contains(&"read") && hedged.contains(&"get"), "{hedged:?}");
    assert!(
        hedged.iter().all(|call| READS.contains(call)),
        "writes never are: {hedged:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_can_turn_hedging_on() {
    let doors: Doors<2> = built!(hedging(false));
    slow(&doors).await;
    let met = every_call!(doors: deadline(secs(10)));
    assert_eq!(hedged(&met), [""; 0], "{met:?}");
    let doors: Doors<2> = built!(hedging(false));
    slow(&doors).await;
    let hedged = hedged(&every_call!(doors: hedging(true), deadline(secs(10))));
    assert!(hedged.contains(&"read") && hedged.contains(&"get"), "{hedged:?}");
}
