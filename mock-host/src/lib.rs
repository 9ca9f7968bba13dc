//! A host of a mail site in memory: files, settings, daemons, commands of the operating system, and the vocabulary that
//! all fakes share (time, chance, coins, facts, look-ups). It must not know that a migration happens.
//!
//! Plain data: `Clone`, no interior mutability, no I/O. Everything that happens comes in through `handle` with the
//! instant it happens at, and goes out through a list of outputs.

pub mod coin;
pub mod column;
pub mod command;
pub mod configutil;
pub mod draw;
pub mod fact;
pub mod files;
pub mod host;
mod in_force;
pub mod lasting;
pub mod lookup;
pub mod mail;
pub mod option_table;
pub mod process_table;
pub mod service;
pub mod settings_file;
pub mod stamp;
pub mod start_msg;
pub mod system;
pub mod time;
pub mod watcher;
