//! The proxies of one host in memory: the MMP for IMAP and POP, and the webmail front end, with their caches. It must not
//! know that anybody moves, nor what a store holds.

pub mod input;

pub use input::{ConnectionId, Input, Output, Timer};
