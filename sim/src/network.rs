//! Owns mail between hosts: SMTP and LMTP transactions, deliveries to stores, and the model of a disk. It must not know
//! why a message goes where it goes.

use crate::doorway::Awaits;
use crate::event::{Event, host_actor};
use crate::world::World;
use mock_host::draw::mix;
use mock_host::fact::Writer;
use mock_host::lookup::{Environment, HostId, Value};
use mock_host::mail::{Mail, Name, Token};
use mock_host::process_table::Daemon;
use mock_host::time::Span;
use mock_ldap::{Change, ChangeKind, Request, RequestId};
use mock_mta::{Attempt, AttemptId, Destination, Peer, Reply, TransactionId};
use mock_store::input::Ticket;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A model of a disk: what an effect takes.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    /// Bytes a second.
    pub bytes_per_s: f64,
    /// Seconds for each new file.
    pub file_s: f64,
    /// Seconds for each link, unlink or record.
    pub record_s: f64,
    /// Seconds for making a set durable.
    pub sync_s: f64,
}

impl Default for Disk {
    fn default() -> Disk {
        Disk { bytes_per_s: 60e6, file_s: 0.000_2, record_s: 0.000_02, sync_s: 0.004 }
    }
}

impl Disk {
    /// How long an effect takes.
    pub fn duration(&self, effect: &mock_store::effects::Effect) -> Span {
        let bytes: u64 = effect.put.iter().map(|b| u64::from(b.size_bytes)).sum();
        let records = f64::from(effect.links) + f64::from(effect.unlinks) + f64::from(effect.records);
        Span::from_secs_f64(
            bytes as f64 / self.bytes_per_s
                + effect.put.len() as f64 * self.file_s
                + records * self.record_s
                + self.sync_s,
        )
    }
}

/// Who waits for an SMTP transaction.
#[derive(Clone, Debug)]
enum Origin {
    /// An MTA of the site, with its attempt.
    Attempt(HostId, AttemptId),
    /// A host outside, with its number.
    Outside(u64),
    /// `mailx` or a client of the site; nobody waits.
    Local,
}

#[derive(Clone, Debug)]
struct Transaction {
    origin: Origin,
    /// Replies to the recipients, once they came.
    replies: Vec<(u16, Name)>,
    /// How long DATA takes.
    data: Span,
}

#[derive(Clone, Debug)]
struct Delivery {
    from: HostId,
    attempt: AttemptId,
    /// Which recipient of the attempt.
    index: usize,
}

/// Mail between hosts.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Disk of every store.
    pub disk: Disk,
    /// LDAP requests of the orchestrator under way.
    pub ldap: FxHashMap<RequestId, (HostId, Awaits)>,
    transactions: BTreeMap<TransactionId, Transaction>,
    deliveries: FxHashMap<Ticket, Delivery>,
    /// Replies of attempts to stores, until all have come.
    attempts: BTreeMap<(HostId, AttemptId), Vec<Option<Reply>>>,
    next: u64,
    next_transaction: u64,
}

impl Network {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
    /// Transactions are counted by themselves: servers take turns by their number.
    fn transaction(&mut self) -> TransactionId {
        self.next_transaction += 1;
        TransactionId(self.next_transaction)
    }
}

impl World {
    /// An MTA hands a queue file on.
    pub fn attempt(&mut self, from: HostId, attempt: Attempt) {
        match attempt.destination.clone() {
            Destination::Outside => {
                let replies = vec![Reply::Ok; attempt.recipients.len()];
                self.attempted_later(from, attempt.id, replies, Span::millis(400));
            }
            Destination::LocalStore => self.hand_to_store(from, from, None, attempt),
            Destination::Lmtp(name) => match self.peer(from, &name, Daemon::LmtpServer) {
                Ok(store) => self.hand_to_store(from, store, Some(from), attempt),
                Err(why) => self.no_connection(from, attempt, why),
            },
            Destination::Smtp(name) => match self.peer(from, &name, Daemon::SmtpServer) {
                Ok(host) => self.hand_to_mta(from, host, attempt),
                Err(why) => self.no_connection(from, attempt, why),
            },
        }
    }

    /// The host behind a name, if it can be reached and runs the server.
    fn peer(&self, from: HostId, name: &str, server: Daemon) -> Result<HostId, Name> {
        let env =
            crate::world::Surroundings { directory: &self.directory, map: &self.map, dns: &self.dns, now: self.now };
        let Some(host) = env.resolve(from, name) else {
            return Err(format!("no address for {name}").into());
        };
        let slot = self.slot(host);
        if !slot.up || self.faults.unreachable(host) {
            return Err(format!("cannot connect to {name}").into());
        }
        if !slot.host.processes.runs(server) {
            return Err(format!("connection to {name} refused").into());
        }
        Ok(host)
    }

    fn no_connection(&mut self, from: HostId, attempt: Attempt, why: Name) {
        let replies = vec![Reply::Later(why); attempt.recipients.len()];
        self.attempted_later(from, attempt.id, replies, Span::secs(2));
    }

    fn attempted_later(&mut self, from: HostId, attempt: AttemptId, replies: Vec<Reply>, after: Span) {
        let input = Box::new(mock_mta::Input::Attempted(attempt, replies));
        self.queue.push(self.now + after, host_actor(from), Event::Mta(from, input));
    }

    fn hand_to_store(&mut self, from: HostId, store: HostId, relay: Option<HostId>, attempt: Attempt) {
        if attempt.recipients.is_empty() {
            return self.attempted_later(from, attempt.id, Vec::new(), Span::ZERO);
        }
        if self.no_answer(from, store, &attempt.recipients) {
            return self.no_connection(from, attempt, "connection timed out".into());
        }
        let latency = self.latency(attempt.id.0 ^ u64::from(from.0) << 48, 2, Span::millis(2), Span::millis(40))
            + self.faults.delivery_delay(self.now, store, relay);
        self.network.attempts.insert((from, attempt.id), vec![None; attempt.recipients.len()]);
        for (index, recipient) in attempt.recipients.iter().enumerate() {
            let ticket = Ticket(self.network.number());
            self.network.deliveries.insert(ticket, Delivery { from, attempt: attempt.id, index });
            let user = recipient.user.clone().unwrap_or_else(|| recipient.address.clone());
            let input = mock_store::Input::Deliver {
                ticket,
                relay,
                user,
                folder: recipient.folder.clone(),
                mail: attempt.mail.clone(),
                token: recipient.token,
                quota_bytes: recipient.quota_bytes,
            };
            self.queue.push(self.now + latency, host_actor(from), Event::Store(store, Box::new(input)));
        }
    }

    /// A store answered a delivery.
    pub fn delivered(&mut self, ticket: Ticket, answer: mock_store::Answer) {
        let Some(delivery) = self.network.deliveries.remove(&ticket) else { return };
        let reply = match answer {
            mock_store::Answer::Stored => Reply::Ok,
            mock_store::Answer::Deferred(why) => Reply::Later(why),
            mock_store::Answer::Refused(why) => Reply::Never(why),
        };
        let key = (delivery.from, delivery.attempt);
        let Some(replies) = self.network.attempts.get_mut(&key) else { return };
        replies[delivery.index] = Some(reply);
        if replies.iter().all(Option::is_some) {
            let replies = self.network.attempts.remove(&key).unwrap_or_default().into_iter().flatten().collect();
            self.attempted_later(delivery.from, delivery.attempt, replies, Span::millis(1));
        }
    }

    fn hand_to_mta(&mut self, from: HostId, host: HostId, attempt: Attempt) {
        let transaction = self.network.transaction();
        let data = self.data_time(&attempt.mail);
        let to = attempt.recipients.iter().map(|r| (r.address.clone(), Some(r.token))).collect();
        let origin = Origin::Attempt(from, attempt.id);
        self.network.transactions.insert(transaction, Transaction { origin, replies: Vec::new(), data });
        let input = mock_mta::Input::Rcpt {
            transaction,
            peer: Peer::Host(from),
            mail: attempt.mail,
            to,
            received: attempt.received,
        };
        let latency = self.latency(attempt.id.0 ^ u64::from(from.0) << 48, 3, Span::millis(2), Span::millis(40));
        self.queue.push(self.now + latency, host_actor(from), Event::Mta(host, Box::new(input)));
    }

    fn data_time(&self, mail: &Mail) -> Span {
        Span::millis(5) + Span::from_secs_f64(f64::from(mail.body.size_bytes) / 2e6)
    }

    /// A host outside opens a transaction; false when there is no connection.
    pub fn from_outside(&mut self, number: u64, host: HostId, mail: Arc<Mail>, to: Name, data: Span) -> bool {
        let slot = self.slot(host);
        if !slot.up || self.faults.unreachable(host) || !slot.host.processes.runs(Daemon::SmtpServer) {
            return false;
        }
        let data = data + self.slow_data(&mail, &to);
        let transaction = self.network.transaction();
        let origin = Origin::Outside(number);
        self.network.transactions.insert(transaction, Transaction { origin, replies: Vec::new(), data });
        self.mta(
            host,
            mock_mta::Input::Rcpt { transaction, peer: Peer::Outside, mail, to: vec![(to, None)], received: 0 },
        );
        true
    }

    /// A message is handed to the MTA of a host by `mailx` or a client there.
    pub fn submit(&mut self, host: HostId, mail: Mail, to: Vec<Name>) {
        let transaction = self.network.transaction();
        let data = self.data_time(&mail);
        self.network.transactions.insert(transaction, Transaction { origin: Origin::Local, replies: Vec::new(), data });
        let to = to.into_iter().map(|a| (a, None::<Token>)).collect();
        let mail = Arc::new(mail);
        self.mta(host, mock_mta::Input::Rcpt { transaction, peer: Peer::Local, mail, to, received: 0 });
    }

    /// An SMTP server answered the recipients.
    pub fn rcpt_replies(&mut self, host: HostId, id: TransactionId, replies: Vec<(u16, Name)>) {
        let Some(transaction) = self.network.transactions.get_mut(&id) else { return };
        let any = replies.iter().any(|(code, _)| *code < 400);
        transaction.replies = replies;
        if any {
            let at = self.now + transaction.data;
            self.queue.push(at, host_actor(host), Event::Mta(host, Box::new(mock_mta::Input::Data(id))));
        } else {
            self.mta(host, mock_mta::Input::Abort(id));
            self.transaction_ends(id, None);
        }
    }

    /// An SMTP server answered the end of DATA.
    pub fn data_reply(&mut self, _host: HostId, id: TransactionId, code: u16, text: Name) {
        self.transaction_ends(id, Some((code, text)));
    }

    fn transaction_ends(&mut self, id: TransactionId, data: Option<(u16, Name)>) {
        let Some(transaction) = self.network.transactions.remove(&id) else { return };
        let replies: Vec<Reply> = transaction
            .replies
            .iter()
            .map(|(code, text)| match (&data, *code) {
                (Some((data, _)), code) if code < 400 && *data < 400 => Reply::Ok,
                (Some((data, why)), code) if code < 400 && *data < 500 => Reply::Later(why.clone()),
                (Some((_, why)), code) if code < 400 => Reply::Never(why.clone()),
                (_, code) if code < 500 => Reply::Later(text.clone()),
                _ => Reply::Never(text.clone()),
            })
            .collect();
        match transaction.origin {
            Origin::Attempt(from, attempt) => self.attempted_later(from, attempt, replies, Span::millis(1)),
            Origin::Outside(number) => {
                let reply = replies.into_iter().next().unwrap_or(Reply::Later("no reply".into()));
                self.outside_answered(number, reply);
            }
            Origin::Local => {}
        }
    }

    /// A store sets or clears `overquota` in the directory (F1.1-20).
    pub fn overquota_status(&mut self, user: &Name, over: bool) {
        let master = self.ledger.books.move_.servers.first().copied();
        let Some(master) = master else { return };
        let Some(dn) = self.ledger.books.users.get(user).and_then(|b| b.at[0].as_ref()).map(|e| e.dn.clone()) else {
            return;
        };
        let status = if over { "overquota" } else { "active" };
        let change =
            Change { kind: ChangeKind::Replace, attribute: "mailUserStatus".into(), values: vec![Value::from(status)] };
        let id = RequestId(1 << 62 | self.network.number());
        self.directory_input(mock_ldap::Input::Request {
            id,
            server: master,
            writer: Writer::Server,
            request: Request::Modify { dn, changes: vec![change] },
        });
    }
}

/// The identity of a message: a function of who wrote it and which of theirs it is.
pub fn mail_id(entity: u64, n: u64) -> mock_host::mail::MailId {
    mock_host::mail::MailId(mix(entity ^ mix(n ^ 0x6d61_696c)))
}
