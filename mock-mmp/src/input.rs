//! Owns what reaches a proxy and what it gives out. It must not know how either is carried.

use mock_host::command::{CommandId, CommandInput};
use mock_host::fact::{Protocol, SessionId};
use mock_host::mail::Name;
use mock_host::process_table::{Pid, Process};
use mock_host::time::Time;

/// A client's connection to a proxy, unique in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What reaches a proxy host.
#[derive(Clone, Debug)]
pub enum Input {
    /// Something for one of its commands.
    Command(CommandId, CommandInput),
    /// A client connects and gives its login name (webmail: `Protocol::Http`).
    Connect {
        /// The connection.
        connection: ConnectionId,
        /// Protocol; an MMP has a process each for IMAP and POP, a webmail front end one for HTTP.
        protocol: Protocol,
        /// Login name as the client gives it.
        login: Name,
    },
    /// The back end let the client in: from now on the connection is a byte pipe (F7-01).
    Piped(ConnectionId, SessionId),
    /// The back end refused, or could not be reached (`text` empty).
    BackendRefused(ConnectionId, Name),
    /// The client went away.
    Closed(ConnectionId),
    /// The back end closed the session.
    BackendClosed(ConnectionId),
    /// A daemon of this host was started.
    Started(Pid),
    /// A daemon of this host ended.
    Stopped(Process),
    /// A time that was asked for.
    Timer(Timer),
}

/// What a proxy asks to be woken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A command's next part.
    Command(CommandId),
}

/// What a proxy gives out.
#[derive(Clone, Debug)]
pub enum Output {
    /// What its host gives out: texts and ends of commands, facts.
    Host(mock_host::command::Output),
    /// Open a session for this client at a back end, by the name that `mailHost` has.
    Backend {
        /// The client.
        connection: ConnectionId,
        /// Name of the back end.
        store: Name,
        /// Login name to pass on.
        login: Name,
        /// Protocol at the back end (webmail comes as an IMAP client but is reported as HTTP).
        protocol: Protocol,
    },
    /// The client hears this and is disconnected.
    Refused(ConnectionId, Name),
    /// The back end's session is to be dropped: the proxy's process ended.
    Drop(SessionId),
    /// Wake it at this time.
    Wake(Time, Timer),
}
