//! The MTA of one host in memory: from an address to channels, alias caches per process, queue files, the job controller,
//! and `imsimta`. It must not know that anybody moves, nor what a store holds.
//!
//! Everything comes in through [`Mta::handle`] with the instant, the host it lives on and the environment; everything
//! goes out through a list of [`Output`]s.

pub mod input;

pub use input::{Attempt, AttemptId, Destination, Input, Output, Peer, Recipient, Reply, Timer, TransactionId};
