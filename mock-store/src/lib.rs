//! The message store of one host in memory: mailboxes, quota, sessions, `stored`, LMTP, and the store's commands. It must
//! not know that anybody moves, who decides where mail goes, or what another host's store holds.
//!
//! Everything comes in through [`Store::handle`] with the instant, the host it lives on and the environment; everything
//! goes out through a list of [`Output`]s. Storage is a boundary: the store decides in memory, gives out [`effects`],
//! and acknowledges a delivery or ends a restore's mailbox only when they are reported as done.

pub mod archive;
pub mod effects;
pub mod input;
pub mod mailbox;
pub mod message;

pub use input::{Answer, Input, Output, SessionAct, SessionReply, Timer};
