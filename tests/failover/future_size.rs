//! An SDK's futures are large, and debug builds copy what they hand on.

use evenkeel::{Endpoint, Failover};
use std::{hint::black_box, io, thread};

/// tokio's workers and the test runner's threads have 2 MiB of stack.
#[test]
fn futures_of_64_kib_leave_room_on_a_worker_stack() {
    let calls = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let endpoints = [1_u8, 2, 3].map(|number| Endpoint::new(format!("endpoint-{number}"), number));
            let failover = Failover::builder().endpoints(endpoints).build().unwrap();
            let answer = failover.read(|number: u8| async move {
                let large = black_box([number; 64 * 1_024]);
                tokio::task::yield_now().await;
                // Two are tried again elsewhere, deeper in.
                if number < 3 {
                    return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
                }
                Ok(black_box(&large)[5])
            });
            assert_eq!(answer.await.unwrap(), 3);
        });
    };
    thread::Builder::new()
        .stack_size(1_280 * 1_024)
        .spawn(calls)
        .unwrap()
        .join()
        .unwrap();
}
