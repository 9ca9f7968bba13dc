//! Owns the connections of clients: which process holds each, and the session behind it. Once piped, a connection knows
//! nothing of the directory (F7-01). It must not know why a client was let in.

use crate::input::ConnectionId;
use mock_host::fact::{Protocol, SessionId};
use mock_host::mail::Name;
use mock_host::process_table::Pid;
use std::collections::BTreeMap;

/// A client's connection that was let in.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The process that holds it.
    pub pid: Pid,
    /// How the client speaks.
    pub protocol: Protocol,
    /// The user, by store user id.
    pub user: Name,
    /// The session at the back end; `None` until it is piped.
    pub session: Option<SessionId>,
}

/// The connections of one host's proxies.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    open: BTreeMap<ConnectionId, Connection>,
}

impl Connections {
    /// A client is let in and waits for its back end.
    pub fn open(&mut self, id: ConnectionId, connection: Connection) {
        self.open.insert(id, connection);
    }
    /// The back end let it in. `false` when the connection is gone by now.
    pub fn pipe(&mut self, id: ConnectionId, session: SessionId) -> bool {
        match self.open.get_mut(&id) {
            Some(connection) => {
                connection.session = Some(session);
                true
            }
            None => false,
        }
    }
    /// A connection is over.
    pub fn close(&mut self, id: ConnectionId) -> Option<Connection> {
        self.open.remove(&id)
    }
    /// Takes out all connections of a process, in order.
    pub fn take_of(&mut self, pid: Pid) -> Vec<(ConnectionId, Connection)> {
        let ids: Vec<ConnectionId> = self.open.iter().filter(|(_, c)| c.pid == pid).map(|(&id, _)| id).collect();
        ids.into_iter().filter_map(|id| self.open.remove(&id).map(|c| (id, c))).collect()
    }
    /// The open connections, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.open.iter().map(|(&id, c)| (id, c))
    }
    /// How many connections are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }
    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}
