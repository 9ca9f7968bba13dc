//! A host of a mail site in memory: files, settings, daemons, commands of the operating system, and the vocabulary that
//! all fakes share (time, chance, coins, facts, look-ups). It must not know that a migration happens.
//!
//! Plain data: `Clone`, no interior mutability, no I/O. Everything that happens comes in through `handle` with the
//! instant it happens at, and goes out through a list of outputs.

pub mod coin;
pub mod command;
pub mod draw;
pub mod fact;
pub mod files;
pub mod host;
pub mod lasting;
pub mod lookup;
pub mod mail;
pub mod process_table;
pub mod time;
