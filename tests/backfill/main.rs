//! Getting existing data to a standby, whatever happens meanwhile.

mod bounds;
mod checkpoints;
mod killed;
mod objects;
mod support;
mod tables;
mod trouble;
