//! Owns `deliver`: a message from standard input is put into mailboxes (F1.10-06). It must not know the MTA.

use super::Job;
use super::arguments::Arguments;
use super::call::Call;
use super::objects::canonical_folder;
use crate::accounts::NewMessage;
use crate::effects::Effect;
use mock_host::draw::{entity, mix};
use mock_host::fact::{AppendCause, MailboxName, flags};
use mock_host::mail::{Body, MailId, Name, Token};
use mock_host::time::Span;
use std::fmt::Write;
use std::sync::Arc;

const USAGE: &str = "deliver [-c] [-f address] [-g flag] [-m mailbox] [-q] userid...";

/// A `deliver` that reads its message.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    users: Vec<Name>,
    folder: Name,
    creates: bool,
    over_quota: bool,
    flags: u8,
    keyword: Option<Name>,
    hash: u64,
    size_bytes: u32,
}

impl Delivery {
    /// A line of the message.
    pub(super) fn line(&mut self, line: &str) {
        self.hash = mix(self.hash.rotate_left(23) ^ entity(line));
        self.size_bytes = self.size_bytes.saturating_add(line.len() as u32 + 2);
    }
}

/// The command line was given.
pub(super) fn start(call: &mut Call<'_>, argv: &[Name], stdin: bool) {
    let arguments = match Arguments::read(argv, "la:cg:f:m:q") {
        Ok(arguments) => arguments,
        Err(letter) => return call.usage(&format!("deliver: wrong option -{letter}"), USAGE),
    };
    if arguments.has('l') {
        return call.usage("deliver: -l is not supported", USAGE);
    }
    if arguments.operands.is_empty() {
        return call.usage("deliver: a user is missing", USAGE);
    }
    let mut delivery = Delivery {
        users: arguments.operands.clone(),
        folder: arguments.value('m').cloned().map_or_else(|| "INBOX".into(), canonical_folder),
        creates: arguments.has('c'),
        over_quota: arguments.has('q'),
        flags: 0,
        keyword: None,
        hash: 0,
        size_bytes: 0,
    };
    for flag in arguments.values('g') {
        match system_flag(flag) {
            Some(bit) => delivery.flags |= bit,
            None => delivery.keyword = Some(flag.clone()),
        }
    }
    call.store.commands.jobs.insert(call.id, Job::Deliver(delivery));
    if !stdin {
        deliver(call);
    }
}

fn system_flag(name: &str) -> Option<u8> {
    match name.trim_start_matches('\\').to_ascii_lowercase().as_str() {
        "seen" => Some(flags::SEEN),
        "deleted" => Some(flags::DELETED),
        "answered" => Some(flags::ANSWERED),
        "flagged" => Some(flags::FLAGGED),
        "draft" => Some(flags::DRAFT),
        _ => None,
    }
}

/// The message is read to its end.
pub(super) fn deliver(call: &mut Call<'_>) {
    let Some(Job::Deliver(delivery)) = call.store.commands.jobs.remove(&call.id) else { return };
    let mut stderr = String::new();
    for user in &delivery.users {
        if let Err(what) = deliver_to(call, &delivery, user) {
            let _ = writeln!(stderr, "deliver: {user}: {what}");
        }
    }
    call.done(Span::millis(100), String::new(), stderr);
}

fn deliver_to(call: &mut Call<'_>, delivery: &Delivery, user: &Name) -> Result<(), String> {
    let name = MailboxName { user: user.clone(), folder: delivery.folder.clone() };
    let body = Body { id: mix(delivery.hash ^ u64::from(delivery.size_bytes)), size_bytes: delivery.size_bytes.max(1) };
    if call.locked(&name) {
        return Err("Mailbox is locked".into());
    }
    if call.store.mailbox(user, &name.folder).is_none() {
        if !delivery.creates {
            return Err("Mailbox does not exist".into());
        }
        let created = call.store.create_mailbox(call.now, call.host, user, &name.folder, None, None, call.out);
        created.map_err(|refusal| refusal.to_string())?;
    }
    let size_bytes = u64::from(body.size_bytes);
    let rules = call.store.quota_rules(call.host);
    let fits = call.store.account(user).is_none_or(|account| rules.fits(account, size_bytes));
    if !fits && !delivery.over_quota {
        return Err("Over quota".into());
    }
    let keywords = delivery.keyword.as_ref().and_then(|keyword| {
        let account = call.store.account_mut(user);
        account.folders.get_mut(&name.folder).and_then(|mailbox| Arc::make_mut(mailbox).keyword(keyword))
    });
    let shown = call.host.clock.read(call.now);
    let new = NewMessage {
        body,
        token: Token::accepted(MailId(mix(call.id.0 ^ 0x6465_6c69_7665_7221)), user),
        flags: delivery.flags,
        keywords: keywords.map_or(0, |bit| 1 << bit),
        internal_date: shown,
        sent: shown,
        original_uid: None,
        cause: AppendCause::DeliverCommand,
        copied_from: None,
    };
    call.store.append(call.now, call.host, &name, new, call.out);
    if let Some(partition) = call.store.mailbox(user, &name.folder).map(|m| m.partition.clone()) {
        let effect = Effect { partition, put: vec![body], links: 0, unlinks: 0, records: 1 };
        call.store.tell_storage(effect, call.out);
    }
    call.store.report_usage(call.host, user, call.out);
    Ok(())
}
