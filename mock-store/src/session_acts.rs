//! Owns what a client does in an open session: look, flag, copy, expunge, append, subscribe, quit. It must not know how
//! the session was let in.

use crate::accounts::{NewMessage, remap};
use crate::effects::{Effect, Pending};
use crate::input::{Output, SessionAct, SessionReply};
use crate::mailbox::Mailbox;
use crate::store::{STORE_DOWN, Store, fact};
use mock_host::coin::HoldSessions;
use mock_host::draw::mix;
use mock_host::fact::{AppendCause, Fact, MailboxName, RemoveCause, SessionId, flags};
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::mail::{Body, Name, Token};
use mock_host::process_table::Daemon;
use mock_host::time::Time;
use std::sync::Arc;

/// A client's APPEND whose message is being written.
#[derive(Clone, Debug)]
pub(crate) struct ClientAppend {
    session: SessionId,
    mailbox: MailboxName,
    body: Body,
    token: Token,
    flags: u8,
}

impl ClientAppend {
    /// The store went down before the message was on disk.
    pub(crate) fn abandon(self, out: &mut Vec<Output>) {
        out.push(Output::Reply(self.session, SessionReply::No(STORE_DOWN.into())));
    }
}

/// What becomes of an act: done, refused with a text, or answered later.
type Outcome = Result<Option<SessionReply>, Name>;

fn no(text: &str) -> Outcome {
    Err(text.into())
}
const DONE: Outcome = Ok(Some(SessionReply::Ok));

/// A change of flags as a client asks for it.
struct FlagChange<'a> {
    uids: &'a [u32],
    flags: u8,
    keyword: Option<&'a Name>,
    on: bool,
}

impl Store {
    /// A client acts.
    pub(crate) fn act(
        &mut self,
        now: Time,
        id: SessionId,
        act: SessionAct,
        host: &Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let Some(session) = self.sessions.get_mut(id) else {
            out.push(Output::Reply(id, SessionReply::Closed("Connection closed".into())));
            return;
        };
        session.last_act = now;
        session.idling = act == SessionAct::Idle;
        let (user, login, pid) = (session.user.clone(), session.login.clone(), session.pid);
        if host.coins.hold_sessions == HoldSessions::End {
            // The process looks at the status again only when its client does something.
            if let Some(text) = self.closed_now(now, pid, &login, host, env) {
                self.end_session(id, host, Some(text), out);
                return;
            }
        }
        if !host.processes.runs(Daemon::Stored) && !matches!(act, SessionAct::Drop | SessionAct::Logout) {
            out.push(Output::Reply(id, SessionReply::No(STORE_DOWN.into())));
            return;
        }
        let outcome = match act {
            SessionAct::View { owner, folder } => self.view(id, &user, owner, &folder, host, out),
            SessionAct::Flag { owner, folder, uids, flags, keyword, on } => {
                let change = FlagChange { uids: &uids, flags, keyword: keyword.as_ref(), on };
                self.flag(now, id, &user, owner, &folder, change, host, out)
            }
            SessionAct::Copy { owner, folder, uids, to, and_delete } => {
                let from = MailboxName { user: owner.clone(), folder: self.folder_name(&folder) };
                let to = MailboxName { user: owner, folder: self.folder_name(&to) };
                self.copy(now, id, &user, &from, &uids, &to, and_delete, host, out)
            }
            SessionAct::Expunge { owner, folder } => self.expunge(now, id, &user, owner, &folder, host, out),
            SessionAct::Append { folder, body, token, flags } => {
                let mailbox = MailboxName { user, folder: self.folder_name(&folder) };
                self.client_append(ClientAppend { session: id, mailbox, body, token, flags }, host, out)
            }
            SessionAct::PopDele { count } => self.pop_dele(id, &user, count),
            SessionAct::Idle => DONE,
            SessionAct::Subscribe { folder, on } => self.subscribe(&user, &folder, on, host, out),
            SessionAct::Logout => self.quit(now, id, &user, host, out),
            SessionAct::Drop => {
                self.end_session(id, host, Some("Connection dropped"), out);
                Ok(None)
            }
        };
        match outcome {
            Ok(None) => {}
            Ok(Some(reply)) => out.push(Output::Reply(id, reply)),
            Err(text) => out.push(Output::Reply(id, SessionReply::No(text))),
        }
    }

    /// The mailbox, when the user has all of `rights` there and nobody locks it.
    fn reach(&self, user: &Name, name: &MailboxName, rights: &str) -> Result<&Arc<Mailbox>, Name> {
        let mailbox = self.mailbox(&name.user, &name.folder).ok_or("Mailbox does not exist")?;
        if *user != name.user {
            let (own, anyone) = (mailbox.rights(user), mailbox.rights("anyone"));
            if !rights.chars().all(|right| own.contains(right) || anyone.contains(right)) {
                return Err("Permission denied".into());
            }
        }
        if self.locked_against(name, None) {
            return Err("Mailbox is locked".into());
        }
        Ok(mailbox)
    }

    fn view(
        &mut self,
        id: SessionId,
        user: &Name,
        owner: Name,
        folder: &Name,
        host: &Host,
        out: &mut Vec<Output>,
    ) -> Outcome {
        let name = MailboxName { user: owner, folder: self.folder_name(folder) };
        let mailbox = self.reach(user, &name, "r")?;
        let sum = mailbox.messages.iter().fold(0u128, |sum, m| sum.wrapping_add(m.stored().view_hash()));
        let shown = Fact::Viewed {
            store: host.id,
            session: id,
            reader: user.clone(),
            uid_validity: mailbox.uid_validity,
            sum,
            count: mailbox.messages.len() as u32,
            uid_next: mailbox.last_uid + 1,
            mailbox: name.clone(),
        };
        if mailbox.messages.last().is_some_and(|m| m.recent) && *user == name.user {
            let mailbox = self.mailbox_mut(&name).expect("it was reached");
            for message in mailbox.messages.iter_mut().rev().take_while(|m| m.recent) {
                message.recent = false;
            }
        }
        out.push(fact(shown));
        DONE
    }

    fn mailbox_mut(&mut self, name: &MailboxName) -> Option<&mut Mailbox> {
        let account = Arc::make_mut(self.accounts.get_mut(&name.user)?);
        account.folders.get_mut(&name.folder).map(Arc::make_mut)
    }

    #[allow(clippy::too_many_arguments)]
    fn flag(
        &mut self,
        now: Time,
        id: SessionId,
        user: &Name,
        owner: Name,
        folder: &Name,
        change: FlagChange<'_>,
        host: &Host,
        out: &mut Vec<Output>,
    ) -> Outcome {
        let name = MailboxName { user: owner, folder: self.folder_name(folder) };
        let (seen, deleted) = (change.flags & flags::SEEN != 0, change.flags & flags::DELETED != 0);
        let others = change.keyword.is_some() || change.flags & !(flags::SEEN | flags::DELETED) != 0;
        let rights = [(seen, "s"), (deleted, "d"), (others, "w")];
        let rights: String = rights.iter().filter(|(needed, _)| *needed).map(|(_, right)| *right).collect();
        self.reach(user, &name, &rights)?;
        let mailbox = self.mailbox_mut(&name).expect("it was reached");
        let bit = match change.keyword {
            Some(keyword) => match mailbox.keyword(keyword) {
                Some(bit) => 1 << bit,
                None => return no("Too many user flags in mailbox"),
            },
            None => 0,
        };
        // \Seen of a grantee is the grantee's own (peruser.db, F6-01): it shows on no message of the owner.
        let system = if *user == name.user { change.flags } else { change.flags & !flags::SEEN };
        let uid_validity = mailbox.uid_validity;
        for uid in change.uids {
            let Some(n) = mailbox.find(*uid) else { continue };
            let message = &mut mailbox.messages[n];
            let before = (message.flags, message.keywords);
            if change.on {
                message.flags |= system;
                message.keywords |= bit;
            } else {
                message.flags &= !system;
                message.keywords &= !bit;
            }
            if before != (message.flags, message.keywords) {
                message.updated = now;
                let (mailbox, message) = (name.clone(), message.stored());
                out.push(fact(Fact::Flagged { store: host.id, mailbox, uid_validity, message, before, by: id }));
            }
        }
        DONE
    }

    #[allow(clippy::too_many_arguments)]
    fn copy(
        &mut self,
        now: Time,
        id: SessionId,
        user: &Name,
        from: &MailboxName,
        uids: &[u32],
        to: &MailboxName,
        and_delete: bool,
        host: &Host,
        out: &mut Vec<Output>,
    ) -> Outcome {
        let source = self.reach(user, from, if and_delete { "rd" } else { "r" })?.clone();
        let mut uids = uids.to_vec();
        uids.sort_unstable();
        uids.dedup();
        let chosen: Vec<_> = uids.iter().filter_map(|uid| source.find(*uid)).map(|n| source.messages[n]).collect();
        let bytes = chosen.iter().map(|m| u64::from(m.body.size_bytes)).sum();
        if self.mailbox(&to.user, &to.folder).is_some() {
            self.reach(user, to, "i")?;
        }
        let rules = self.quota_rules(host);
        if self.account(&to.user).is_some_and(|account| !chosen.is_empty() && !rules.fits(account, bytes)) {
            return no("Over quota");
        }
        if self.mailbox(&to.user, &to.folder).is_none() {
            if *user != to.user {
                return no("Permission denied");
            }
            self.create_mailbox(now, host, &to.user, &to.folder, None, None, out)
                .map_err(|refusal| Name::from(refusal.to_string()))?;
        }
        let target = self.mailbox_mut(to).expect("it exists or was created");
        let table: Vec<Option<u32>> = source.keywords.iter().map(|keyword| target.keyword(keyword)).collect();
        let partition = target.partition.clone();
        let nth = self.sessions.get_mut(id).map_or(0, |session| {
            session.appended += chosen.len() as u64;
            session.appended - chosen.len() as u64
        });
        for (n, message) in (nth..).zip(&chosen) {
            let new = NewMessage {
                body: message.body,
                token: Token(mix(message.token.0 ^ mix(id.0 ^ mix(n)))),
                flags: message.flags,
                keywords: remap(message.keywords, &table),
                internal_date: message.internal_date,
                sent: message.sent,
                original_uid: Some(message.original_uid),
                cause: AppendCause::ClientCopy(id),
                copied_from: Some(message.token),
            };
            self.append(now, host, to, new, out);
        }
        let count = chosen.len() as u32;
        let unlinks = if and_delete { count } else { 0 };
        if and_delete {
            let which = |m: &crate::message::Message| uids.binary_search(&m.uid).is_ok() && m.uid <= source.last_uid;
            self.remove(now, host, from, which, RemoveCause::Client(id), out);
        }
        if count > 0 {
            self.tell_storage(Effect { partition, put: Vec::new(), links: count, unlinks, records: count }, out);
            self.report_usage(host, &to.user, out);
        }
        DONE
    }

    #[allow(clippy::too_many_arguments)]
    fn expunge(
        &mut self,
        now: Time,
        id: SessionId,
        user: &Name,
        owner: Name,
        folder: &Name,
        host: &Host,
        out: &mut Vec<Output>,
    ) -> Outcome {
        let name = MailboxName { user: owner, folder: self.folder_name(folder) };
        self.reach(user, &name, "d")?;
        self.remove_and_tell(now, host, &name, |m| m.flags & flags::DELETED != 0, RemoveCause::Client(id), out);
        DONE
    }

    /// Removes messages, tells storage, and reports usage when any went.
    pub(crate) fn remove_and_tell(
        &mut self,
        now: Time,
        host: &Host,
        name: &MailboxName,
        which: impl FnMut(&crate::message::Message) -> bool,
        cause: RemoveCause,
        out: &mut Vec<Output>,
    ) -> usize {
        let count = self.remove(now, host, name, which, cause, out).len();
        let partition = self.mailbox(&name.user, &name.folder).map(|mailbox| mailbox.partition.clone());
        if let Some(partition) = partition.filter(|_| count > 0) {
            let (unlinks, records) = (count as u32, count as u32);
            self.tell_storage(Effect { partition, put: Vec::new(), links: 0, unlinks, records }, out);
            self.report_usage(host, &name.user, out);
        }
        count
    }

    fn client_append(&mut self, append: ClientAppend, host: &Host, out: &mut Vec<Output>) -> Outcome {
        let mailbox = self.reach(&append.mailbox.user, &append.mailbox, "i")?;
        let partition = mailbox.partition.clone();
        let rules = self.quota_rules(host);
        let account = self.account(&append.mailbox.user).expect("it has a mailbox");
        if !rules.fits(account, append.body.size_bytes.into()) {
            return no("Over quota");
        }
        let effect = Effect { partition, put: vec![append.body], links: 0, unlinks: 0, records: 1 };
        self.begin_effect(effect, Pending::ClientAppend(Box::new(append)), out);
        Ok(None)
    }

    /// The message of an APPEND is on disk, or found no room. A session that is gone by now appends nothing.
    pub(crate) fn append_written(
        &mut self,
        now: Time,
        append: ClientAppend,
        ok: bool,
        host: &Host,
        out: &mut Vec<Output>,
    ) {
        let ClientAppend { session, mailbox, body, token, flags } = append;
        if self.sessions.get(session).is_none() {
            return;
        }
        let reply = match self.reach(&mailbox.user, &mailbox, "i") {
            Err(text) => SessionReply::No(text),
            Ok(_) if !ok => SessionReply::No("No space left on device".into()),
            Ok(_) => {
                let cause = AppendCause::ClientAppend(session);
                let new = NewMessage {
                    body,
                    token,
                    flags,
                    keywords: 0,
                    internal_date: now,
                    sent: now,
                    original_uid: None,
                    cause,
                    copied_from: None,
                };
                self.append(now, host, &mailbox, new, out);
                self.report_usage(host, &mailbox.user, out);
                SessionReply::Ok
            }
        };
        out.push(Output::Reply(session, reply));
    }

    fn pop_dele(&mut self, id: SessionId, user: &Name, count: u32) -> Outcome {
        let Some(inbox) = self.mailbox(user, "INBOX") else { return no("Mailbox does not exist") };
        let opened = self.sessions.get(id).map_or(Time::NEVER, |session| session.opened);
        // A POP session sees the messages that were there when it began.
        let there = inbox.messages.iter().filter(|m| m.saved <= opened);
        let marked: Vec<u32> = there.take(count as usize).map(|m| m.uid).collect();
        if let Some(session) = self.sessions.get_mut(id) {
            session.pop_deleted = marked;
        }
        DONE
    }

    fn subscribe(&mut self, user: &Name, folder: &Name, on: bool, host: &Host, out: &mut Vec<Output>) -> Outcome {
        let folder = self.folder_name(folder);
        let mut folders = self.account(user).map(|account| account.subscriptions.clone()).unwrap_or_default();
        folders.retain(|subscribed| *subscribed != folder);
        if on {
            folders.push(folder);
        }
        folders.sort();
        self.set_subscriptions(host, user, folders, out);
        DONE
    }

    /// LOGOUT or QUIT; QUIT removes what DELE marked, and says so when it cannot.
    fn quit(&mut self, now: Time, id: SessionId, user: &Name, host: &Host, out: &mut Vec<Output>) -> Outcome {
        let marked = self.sessions.get(id).map(|session| session.pop_deleted.clone()).unwrap_or_default();
        let mut outcome = DONE;
        if !marked.is_empty() {
            let inbox = MailboxName { user: user.clone(), folder: self.names.inbox.clone() };
            let reachable = self.reach(user, &inbox, "d").map(|_| ());
            match reachable {
                Ok(()) if host.processes.runs(Daemon::Stored) => {
                    let which = |m: &crate::message::Message| marked.binary_search(&m.uid).is_ok();
                    self.remove_and_tell(now, host, &inbox, which, RemoveCause::Client(id), out);
                }
                Ok(()) => outcome = no(STORE_DOWN),
                Err(text) => outcome = Err(text),
            }
        }
        self.end_session(id, host, None, out);
        outcome
    }
}
