//! The directory of a mail site in memory: one master and replicas that lag. It must not know why anyone reads or
//! changes an entry.
//!
//! A request comes in through [`Directory::handle`] and is answered through [`Output::Answer`]; the look-ups of the
//! other fakes ([`mock_host::lookup::Environment`]) are answered at once by [`Directory::by_address`] and its like.

pub mod code;
pub mod directory;
pub mod dn;
mod domain;
pub mod entry;
pub mod filter;
pub mod ldif;
mod load;
pub mod matching;
pub mod modify;
mod replica;
pub mod request;
pub mod schema;
mod search;
mod shared;
mod term;
mod tree;

pub use directory::{Directory, Failure, Lost, Operations, Servers, Trouble};
pub use entry::EntryBuilder;
pub use ldif::LdifError;
pub use load::LoadError;
pub use request::{Change, ChangeKind, Request, RequestId, Response, Scope, Selection};
pub use search::LdapUrl;

use mock_host::fact::{Fact, Writer};
use mock_host::lookup::HostId;
use mock_host::time::Time;

/// What reaches the directory.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client's request on one server.
    Request {
        /// Whose answer it is.
        id: RequestId,
        /// Server asked.
        server: HostId,
        /// Who asks, for the facts.
        writer: Writer,
        /// What.
        request: Request,
    },
    /// A time that was asked for.
    Timer(Timer),
}

/// What the directory asks to be woken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The oldest changes that a replica has not applied yet are due.
    Replicate(HostId),
}

/// What the directory gives out.
#[derive(Clone, Debug)]
pub enum Output {
    /// The answer to a request.
    Answer(RequestId, Response),
    /// No answer will come: lost on the way, whether applied or not ([`Directory::lose_answers`], [`Failure::Silent`]).
    AnswerLost(RequestId),
    /// Wake it at this time.
    Wake(Time, Timer),
    /// Something that happened.
    Fact(Fact),
}
