//! Owns what storage has to do for a decision of the store. It must not know which storage does it: a model of a disk
//! in a simulation, files on a served site.

use mock_host::mail::{Body, Name};

/// One effect, unique in a store. Number 0 is an effect whose end nobody waits for (files to unlink, links): storage does
/// it and reports nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId(pub u64);

/// A set of operations that become durable together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Partition.
    pub partition: Name,
    /// Bodies to write as new files.
    pub put: Vec<Body>,
    /// How many further links to files already there.
    pub links: u32,
    /// How many links to remove.
    pub unlinks: u32,
    /// Records of the index to commit.
    pub records: u32,
}

/// What the end of an effect leads to.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    /// A delivery's message is on disk.
    Delivery(Box<crate::lmtp::Delivery>),
    /// A client's message is on disk.
    ClientAppend(Box<crate::session_acts::ClientAppend>),
    /// A command goes on.
    Command(mock_host::command::CommandId),
}
