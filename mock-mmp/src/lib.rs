//! The proxies of one host in memory: the MMP for IMAP and POP, and the webmail front end, with their caches. It must not
//! know that anybody moves, nor what a store holds.
//!
//! Everything comes in through [`Proxy::handle`] with the instant, the host it lives on and the environment; everything
//! goes out through a list of [`Output`]s. Each daemon is a process of its own: it reads its settings when it is started,
//! fills its own caches, and takes both with it when it ends.

pub mod aging;
pub mod auth_cache;
pub mod cfg;
pub mod input;
pub mod ldap_cache;
pub mod proxy;
pub mod session;
pub mod status;
pub mod webmail;

pub use input::{ConnectionId, Input, Output, Timer};
pub use proxy::Proxy;
