//! Owns `mboxutil`: list, create, delete, expunge and move mailboxes, find orphans (F1.7-01 … F1.7-06). It must not know
//! whether a mailbox is the last copy of anything: it works on its own host and asks nobody.

use super::arguments::Arguments;
use super::call::Call;
use super::listed::Which;
use super::mboxutil_text::{self, Row};
use super::objects::mailbox_name;
use super::text::Dates;
use crate::partition;
use crate::store_files;
use mock_host::fact::{MailboxName, RemoveCause, flags};
use mock_host::lookup::Found;
use mock_host::mail::Name;
use mock_host::time::Span;
use std::collections::BTreeMap;
use std::fmt::Write;

const USAGE: &str = "mboxutil -l [-p pattern | -P regexp] [-x | -s] | -c {mailbox | -f file} | -d {mailbox | -p pattern | -P regexp | -f file} | -e [-p pattern | -P regexp] | -r mailbox mailbox partition | -o [-t days]";

/// The command line was given.
pub(super) fn start(call: &mut Call<'_>, argv: &[Name]) {
    let arguments = match Arguments::read(argv, "lp:P:xscdf:eort:w:RSkn") {
        Ok(arguments) => arguments,
        Err(letter) => return call.usage(&format!("mboxutil: wrong option -{letter}"), USAGE),
    };
    let which = match Which::of(&arguments) {
        Ok(which) => which,
        Err(text) => return call.usage(&format!("mboxutil: {text}: not a regular expression"), USAGE),
    };
    match arguments.first_of("lcdeorRSkw") {
        Some('l') if arguments.has('s') => names(call, &which),
        Some('l') => list(call, &which, arguments.has('x')),
        Some('c') => each(call, &arguments, None, create),
        Some('d') => each(call, &arguments, Some(&which), delete),
        Some('e') => expunge(call, &which),
        Some('r') => each_move(call, &arguments.operands),
        Some('o') if !arguments.has('w') => orphans(call, arguments.value('t')),
        Some(letter) => call.usage(&format!("mboxutil: -{letter} is not supported"), USAGE),
        None => call.usage("", USAGE),
    }
}

/// `-l -s`: names only.
fn names(call: &mut Call<'_>, which: &Which) {
    let names = which.names(call.store);
    let mut text = String::with_capacity(names.len() * 32);
    for name in &names {
        super::imcheck_text::name(&mut text, &name.user, &name.folder);
        text.push('\n');
        call.piece(&mut text);
    }
    let after = call.store.commands.rates.listing(names.len() as u64, 0);
    call.done(after, text, String::new());
}

/// `-l`: a row a mailbox.
fn list(call: &mut Call<'_>, which: &Which, extended: bool) {
    let layout = call.host.coins.mboxutil_layout;
    let paths: BTreeMap<Name, Name> = partition::all(call.host).into_iter().collect();
    let mut dates = Dates::of(&call.host.clock);
    let rules = call.store.quota_rules(call.host);
    let mut text = String::new();
    let mut pieces = Vec::new();
    let mut listed = 0;
    mboxutil_text::heading(&mut text, layout, extended);
    which.visit(call.store, |user, account, mailbox| {
        listed += 1;
        let path = extended.then(|| {
            let partition = paths.get(&mailbox.partition).map_or("", |path| path);
            store_files::directory(partition, user, "INBOX")
        });
        let quota_bytes = rules.effective_limit(account);
        let row = Row { user, quota_bytes, user_path: path.as_deref() };
        mboxutil_text::row(&mut text, row, mailbox, layout, &mut dates);
        if text.len() > super::call::PIECE_BYTES - (8 << 10) {
            pieces.push(std::mem::take(&mut text));
        }
    });
    for piece in pieces {
        call.stdout(piece);
    }
    let after = call.store.commands.rates.listing(listed, 0);
    call.done(after, text, String::new());
}

/// Does something to each mailbox that is named: the operands, the lines of `-f`, or a pattern.
fn each(
    call: &mut Call<'_>,
    arguments: &Arguments,
    which: Option<&Which>,
    act: fn(&mut Call<'_>, &MailboxName) -> Result<u64, String>,
) {
    let mut names = arguments.operands.clone();
    if let Some(path) = arguments.value('f') {
        match call.lines(path) {
            Some(lines) => names.extend(lines),
            None => return call.refuse(format!("mboxutil: {path}: No such file or directory\n")),
        }
    }
    let mut stderr = String::new();
    let mut mailboxes = Vec::with_capacity(names.len());
    for name in &names {
        match mailbox_name(name) {
            Some((user, folder)) => mailboxes.push(MailboxName { user: user.into(), folder }),
            None => complain(&mut stderr, name, "Mailbox does not exist"),
        }
    }
    match which {
        Some(Which::All) | None => {}
        // A user's INBOX comes first and takes the other folders with it.
        Some(which) => mailboxes.extend(which.names(call.store)),
    }
    if mailboxes.is_empty() && stderr.is_empty() && which.is_none_or(|which| matches!(which, Which::All)) {
        return call.usage("mboxutil: a mailbox is missing", USAGE);
    }
    let mut messages = 0;
    for name in &mailboxes {
        match act(call, name) {
            Ok(count) => messages += count,
            Err(what) => complain(&mut stderr, &format!("user/{}/{}", name.user, name.folder), &what),
        }
    }
    let after = call.store.commands.rates.listing(mailboxes.len() as u64, messages);
    call.done(after, String::new(), stderr);
}

fn complain(stderr: &mut String, name: &str, what: &str) {
    let _ = writeln!(stderr, "mboxutil: {name}: {what}");
}

/// `-c`.
fn create(call: &mut Call<'_>, name: &MailboxName) -> Result<u64, String> {
    let (user, folder) = (&name.user, &name.folder);
    let created = call.store.create_mailbox(call.now, call.host, user, folder, None, None, call.out);
    created.map(|_| 0).map_err(|refusal| refusal.to_string())
}

/// `-d`: a mailbox; INBOX: the whole user (F1.7-03).
fn delete(call: &mut Call<'_>, name: &MailboxName) -> Result<u64, String> {
    let Some(account) = call.store.account(&name.user).filter(|a| a.folders.contains_key(&name.folder)) else {
        // Gone already with its INBOX, when a pattern named both.
        return Err("Mailbox does not exist".into());
    };
    let whole_user = &*name.folder == "INBOX";
    let messages =
        if whole_user { account.usage_messages } else { account.folders[&name.folder].messages.len() as u64 };
    let mut folders = account.folders.keys().filter(|folder| whole_user || **folder == name.folder);
    if folders.any(|f| call.locked(&MailboxName { user: name.user.clone(), folder: f.clone() })) {
        return Err("Mailbox is locked".into());
    }
    call.store.delete_mailbox(call.now, call.host, name, call.out).map_err(|refusal| refusal.to_string())?;
    call.store.report_usage(call.host, &name.user, call.out);
    Ok(messages)
}

/// `-e`: messages flagged \Deleted go.
fn expunge(call: &mut Call<'_>, which: &Which) {
    let mut stderr = String::new();
    let names = which.names(call.store);
    for name in &names {
        let deleted = |m: &crate::message::Message| m.flags & flags::DELETED != 0;
        if !call.store.mailbox(&name.user, &name.folder).is_some_and(|m| m.messages.iter().any(deleted)) {
            continue;
        }
        if call.locked(name) {
            complain(&mut stderr, &format!("user/{}/{}", name.user, name.folder), "Mailbox is locked");
            continue;
        }
        call.store.remove(call.now, call.host, name, deleted, RemoveCause::Administrator, call.out);
        call.store.report_usage(call.host, &name.user, call.out);
    }
    let after = call.store.commands.rates.listing(names.len() as u64, 0);
    call.done(after, String::new(), stderr);
}

/// `-r NAME NAME PARTITION`: a mailbox is moved to another partition (F2-07). Renaming is refused.
fn each_move(call: &mut Call<'_>, operands: &[Name]) {
    let [old, new, partition] = operands else {
        return call.usage("mboxutil: -r moves to a partition: -r mailbox mailbox partition", USAGE);
    };
    if old != new {
        return call.usage("mboxutil: renaming is not supported; name the mailbox twice, then the partition", USAGE);
    }
    let name = mailbox_name(old).map(|(user, folder)| MailboxName { user: user.into(), folder });
    let moved = match name {
        Some(name) => move_to(call, &name, partition),
        None => Err("Mailbox does not exist".into()),
    };
    match moved {
        Ok(messages) => {
            let after = call.store.commands.rates.listing(1, messages * 10);
            call.done(after, String::new(), String::new());
        }
        Err(what) => call.refuse(format!("mboxutil: {old}: {what}\n")),
    }
}

fn move_to(call: &mut Call<'_>, name: &MailboxName, partition: &Name) -> Result<u64, String> {
    let Some(mailbox) = call.store.mailbox(&name.user, &name.folder).cloned() else {
        return Err("Mailbox does not exist".into());
    };
    if partition::path(call.host, partition).is_none() {
        return Err(format!("no partition {partition}"));
    }
    if call.locked(name) {
        return Err("Mailbox is locked".into());
    }
    let account = call.store.account_mut(&name.user);
    if let Some(record) = account.folders.get_mut(&name.folder) {
        std::sync::Arc::make_mut(record).partition = partition.clone();
    }
    for message in &mailbox.messages {
        call.store.unlink(call.host, &mailbox.partition, message.body, call.out);
        call.store.link(call.host, partition, message.body, false, call.out);
    }
    Ok(mailbox.messages.len() as u64)
}

/// `-o`: mailboxes whose owner has no entry in the directory; `-t`: and was not seen for so many days (F1.7-06).
fn orphans(call: &mut Call<'_>, days: Option<&Name>) {
    let Some(days) = days.map_or(Some(0), |days| days.parse::<i64>().ok()) else {
        return call.usage("mboxutil: -t takes a number of days", USAGE);
    };
    let mut text = String::new();
    let mut looked_up = 0;
    let mut away = false;
    for (user, account) in call.store.accounts() {
        looked_up += 1;
        match call.env.by_login(call.host.id, user) {
            Found::Value(_) => continue,
            Found::Absent => {}
            Found::Pending | Found::Code(_) => {
                away = true;
                break;
            }
        }
        let seen = account.last_access.iter().flatten().max();
        if days > 0 && seen.is_some_and(|at| call.now.since(*at) < Span::days(days)) {
            continue;
        }
        for mailbox in super::listed::folders(account) {
            super::imcheck_text::name(&mut text, user, &mailbox.folder);
            text.push('\n');
        }
    }
    if away {
        return call.refuse("mboxutil: Directory not available\n".into());
    }
    let after = Span::millis(50 + looked_up);
    call.done(after, text, String::new());
}
