//! What an attempt's end teaches, and about whom.
//!
//! An attempt ends in many ways that say nothing of its endpoint: its caller had no patience, the object was huge
//! everywhere, this process was stopped. So one table decides what counts, and every station learns from the table
//! alone: [`health`](crate::stack::health) its latency and its fault share, the [`breaker`](crate::stack::breaker) its
//! strikes, the [`limit`](crate::stack::limit) its queue.
//!
#![doc = include_str!("../../docs/EVIDENCE.md")]
