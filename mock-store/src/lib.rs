//! The message store of one host in memory: mailboxes, quota, sessions, `stored`, LMTP, and the store's commands. It must
//! not know that anybody moves, who decides where mail goes, or what another host's store holds.
//!
//! Everything comes in through [`Store::handle`] with the instant, the host it lives on and the environment; everything
//! goes out through a list of [`Output`]s. Storage is a boundary: the store decides in memory, gives out [`effects`],
//! and acknowledges a delivery or ends a restore's mailbox only when they are reported as done.

pub mod accounts;
pub mod archive;
pub mod backup_groups;
pub mod body_links;
pub mod commands;
pub mod cron;
pub mod effects;
pub mod expiry;
pub mod expunged;
pub mod input;
mod lmtp;
pub mod lock;
pub mod login;
pub mod login_cache;
pub mod mailbox;
pub mod message;
pub mod partition;
pub mod quota;
mod session_acts;
pub mod sessions;
pub mod settings;
pub mod store;
pub mod store_files;
pub mod stored;
#[cfg(test)]
mod tests;

pub use input::{Answer, Input, Output, SessionAct, SessionReply, Timer};
pub use store::Store;
pub use store_files::StoreFiles;
