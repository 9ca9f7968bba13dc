//! The MTA of one host in memory: from an address to channels, alias caches per process, queue files, the job controller,
//! and `imsimta`. It must not know that anybody moves, nor what a store holds.
//!
//! Everything comes in through [`Mta::handle`] with the instant, the host it lives on and the environment; everything
//! goes out through a list of [`Output`]s.

pub mod address;
pub mod alias_cache;
pub mod attempts;
pub mod channel;
pub mod commands;
pub mod delivery_options;
mod expansion;
pub mod file_name;
pub mod input;
pub mod job_controller;
mod lists;
pub mod mta;
pub mod notices;
pub mod option_dat;
pub mod queue_file;
pub mod queue_tree;
pub mod record;
#[cfg(test)]
mod route_tests;
pub mod router;
pub mod sieve;
pub mod status;
mod user;
pub mod vacation;

pub use input::{Attempt, AttemptId, Destination, Input, Output, Peer, Recipient, Reply, Timer, TransactionId};
pub use mta::Mta;
