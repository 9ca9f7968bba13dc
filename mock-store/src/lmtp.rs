//! Owns delivery into the store, by LMTP and by ims-ms of the same host. It must not know addresses, aliases, or any
//! status: what it is given it stores (F5.5-04).

use crate::accounts::{NewMessage, Refusal};
use crate::effects::{Effect, Pending};
use crate::input::{Answer, Output, Ticket};
use crate::partition;
use crate::quota::Verdict;
use crate::store::{STORE_DOWN, Store};
use mock_host::fact::{AppendCause, MailboxName};
use mock_host::host::Host;
use mock_host::lookup::{Environment, Found, HostId};
use mock_host::mail::{Mail, Name, Token};
use mock_host::process_table::Daemon;
use mock_host::time::Time;
use std::sync::Arc;

/// A delivery as it was asked for; fields as in [`crate::input::Input::Deliver`].
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub ticket: Ticket,
    pub relay: Option<HostId>,
    pub user: Name,
    pub folder: Option<Name>,
    pub mail: Arc<Mail>,
    pub token: Token,
    pub quota_bytes: Option<i64>,
}

impl Store {
    /// A delivery comes in: it is refused or deferred at once, or written and answered when storage is done.
    pub(crate) fn deliver(
        &mut self,
        now: Time,
        delivery: Delivery,
        host: &Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        if let Some(answer) = self.obstacle(now, &delivery, host) {
            out.push(Output::Delivered(delivery.ticket, answer));
            return;
        }
        let partition = match self.mailbox(&delivery.user, &self.target(&delivery).folder) {
            Some(mailbox) => mailbox.partition.clone(),
            None => home_partition(host, env, &delivery.user),
        };
        let linked = self.partitions.get(&partition).is_some_and(|p| p.bodies.links(delivery.mail.body.id).files > 0);
        let (put, links) = if linked { (Vec::new(), 1) } else { (vec![delivery.mail.body], 0) };
        let effect = Effect { partition, put, links, unlinks: 0, records: 1 };
        self.begin_effect(effect, Pending::Delivery(Box::new(delivery)), out);
    }

    /// The message is on disk, or found no room: what stood in the way meanwhile still counts.
    pub(crate) fn delivery_written(
        &mut self,
        now: Time,
        delivery: Delivery,
        ok: bool,
        host: &Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let answer = match self.obstacle(now, &delivery, host) {
            Some(answer) => answer,
            None if !ok => Answer::Deferred("No space left on device".into()),
            None => match self.store_delivery(now, &delivery, host, env, out) {
                Ok(()) => Answer::Stored,
                Err(refusal) => Answer::Deferred(refusal.to_string().into()),
            },
        };
        out.push(Output::Delivered(delivery.ticket, answer));
    }

    /// The mailbox that a delivery goes to: its folder where there is one, else INBOX.
    fn target(&self, delivery: &Delivery) -> MailboxName {
        let folder = delivery.folder.as_ref().map(|folder| self.folder_name(folder));
        let folder = folder.filter(|folder| self.mailbox(&delivery.user, folder).is_some());
        MailboxName { user: delivery.user.clone(), folder: folder.unwrap_or_else(|| self.names.inbox.clone()) }
    }

    /// What stands in the way of a delivery: services, a lock, quota.
    fn obstacle(&mut self, now: Time, delivery: &Delivery, host: &Host) -> Option<Answer> {
        if delivery.relay.is_some() && !host.processes.runs(Daemon::LmtpServer) {
            return Some(Answer::Deferred("Connection refused".into()));
        }
        if !host.processes.runs(Daemon::Stored) {
            return Some(Answer::Deferred(STORE_DOWN.into()));
        }
        let target = self.target(delivery);
        if self.locked_against(&target, None) {
            return Some(Answer::Deferred(Refusal::Locked.to_string().into()));
        }
        let known = self.account(&delivery.user).map(|account| account.quota_bytes);
        if delivery.quota_bytes.is_some() && known.is_some_and(|quota| quota != delivery.quota_bytes) {
            self.account_mut(&delivery.user).quota_bytes = delivery.quota_bytes;
        }
        let rules = self.quota_rules(host);
        match rules.verdict(now, self.account(&delivery.user), delivery.mail.body.size_bytes.into()) {
            Verdict::Fits => None,
            Verdict::Over => {
                self.note_over_quota(now, &delivery.user);
                Some(Answer::Deferred(Refusal::OverQuota.to_string().into()))
            }
            Verdict::Bounces => Some(Answer::Refused(Refusal::OverQuota.to_string().into())),
        }
    }

    fn store_delivery(
        &mut self,
        now: Time,
        delivery: &Delivery,
        host: &Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let target = self.target(delivery);
        if self.mailbox(&target.user, &target.folder).is_none() {
            let partition = home_partition(host, env, &target.user);
            self.create_mailbox(now, host, &target.user, &target.folder, Some(&partition), None, out)?;
            self.account_mut(&target.user).quota_bytes = delivery.quota_bytes;
        }
        let new = NewMessage {
            body: delivery.mail.body,
            token: delivery.token,
            flags: 0,
            keywords: 0,
            internal_date: now,
            sent: delivery.mail.sent,
            original_uid: None,
            cause: delivery.relay.map_or(AppendCause::ImsMs, AppendCause::Lmtp),
            copied_from: None,
        };
        self.append(now, host, &target, new, out);
        let account = self.account_mut(&target.user);
        account.over_quota_since = None;
        self.report_usage(host, &target.user, out);
        Ok(())
    }
}

/// The partition of a user's new mailbox: `mailMessageStore`, else the default (F3.2-06).
fn home_partition(host: &Host, env: &dyn Environment, user: &str) -> Name {
    match env.by_login(host.id, user) {
        Found::Value(listed) => listed.entry.first("mailMessageStore").map(Into::into),
        _ => None,
    }
    .unwrap_or_else(|| partition::default_of(host))
}
