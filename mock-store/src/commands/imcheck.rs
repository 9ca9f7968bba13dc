//! Owns `imcheck`: the door through which a mailbox is looked at message by message (F1.13-01 … F1.13-06). It must not know
//! why anybody looks. What it prints is each mailbox as it is when the command begins.

use super::arguments::Arguments;
use super::call::Call;
use super::imcheck_text::{self, Heading};
use super::objects::mailbox_name;
use super::text::Dates;
use crate::mailbox::Mailbox;
use crate::partition;
use crate::store_files;
use mock_host::fact::MailboxName;
use mock_host::mail::Name;
use mock_host::time::Span;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

const USAGE: &str = "imcheck [-m mailbox | -p partition | -f file] [-e] [-D [-S separator]] | -s [-n]";

/// The command line was given.
pub(super) fn start(call: &mut Call<'_>, argv: &[Name]) {
    let arguments = match Arguments::read(argv, "m:c:p:f:eDS:d:sn") {
        Ok(arguments) => arguments,
        Err(letter) => return call.usage(&format!("imcheck: wrong option -{letter}"), USAGE),
    };
    if let Some(letter) = arguments.first_of("cd") {
        return call.usage(&format!("imcheck: -{letter} is not supported"), USAGE);
    }
    if arguments.has('s') {
        let (logs, transactions) = (call.store.stored.logs(call.now), call.store.stored.transactions);
        return call.done(Span::millis(50), format!("Logs: {logs}\nTransactions: {transactions}\n"), String::new());
    }
    let form = Form {
        dump: arguments.has('D'),
        separator: arguments.value('S').cloned().unwrap_or_else(|| "|".into()),
        expunged: arguments.has('e'),
    };
    let mut names: Vec<Name> = arguments.values('m').cloned().collect();
    if let Some(path) = arguments.value('f') {
        match call.lines(path) {
            Some(lines) => names.extend(lines),
            None => return call.refuse(format!("imcheck: {path}: No such file or directory\n")),
        }
    }
    match arguments.value('p') {
        Some(partition) => of_partition(call, partition, &form),
        None if names.is_empty() => call.usage("imcheck: a mailbox is missing", USAGE),
        None => print(call, names.iter().map(|name| (name, mailbox_name(name))), &form),
    }
}

/// How mailboxes are printed.
struct Form {
    dump: bool,
    separator: Name,
    expunged: bool,
}

/// `-p`: every mailbox of a partition.
fn of_partition(call: &mut Call<'_>, partition: &Name, form: &Form) {
    if partition::path(call.host, partition).is_none() {
        return call.refuse(format!("imcheck: no partition {partition}\n"));
    }
    let mut names: Vec<(Name, Name)> = Vec::new();
    for (user, account) in call.store.accounts() {
        let there = super::listed::folders(account).filter(|m| m.partition == *partition);
        names.extend(there.map(|m| (user.clone(), m.folder.clone())));
    }
    let full = Name::from("");
    print(call, names.iter().map(|(user, folder)| (&full, Some((&**user, folder.clone())))), form);
}

/// Prints mailboxes, an empty line between two blocks.
fn print<'a>(call: &mut Call<'_>, names: impl Iterator<Item = (&'a Name, Option<(&'a str, Name)>)>, form: &Form) {
    let paths: BTreeMap<Name, Name> = partition::all(call.host).into_iter().collect();
    let mut dates = Dates::of(&call.host.clock);
    let (mut text, mut stderr) = (String::new(), String::new());
    let (mut mailboxes, mut messages) = (0, 0);
    for (given, name) in names {
        let found = name.as_ref().and_then(|(user, folder)| call.store.mailbox(user, folder).cloned());
        let (Some((user, folder)), Some(mailbox)) = (name, found) else {
            let name = given.strip_prefix('/').unwrap_or(given);
            let _ = writeln!(stderr, "imcheck: {name}: Mailbox does not exist");
            continue;
        };
        if mailboxes > 0 && !form.dump {
            text.push('\n');
        }
        mailboxes += 1;
        messages += mailbox.messages.len() as u64;
        if form.dump {
            imcheck_text::dump(&mut text, &mailbox, &form.separator, call.host.coins.imcheck_dump, &mut dates);
        } else {
            let partition = paths.get(&mailbox.partition).map_or("", |path| path);
            block(call, user, &folder, partition, &mailbox, &mut text, &mut dates);
        }
        if form.expunged {
            expunged(call, user, &folder, &mut text);
        }
        call.piece(&mut text);
    }
    let after = call.store.commands.rates.listing(mailboxes, messages);
    call.done(after, text, stderr);
}

fn block(
    call: &Call<'_>,
    user: &str,
    folder: &Name,
    partition: &str,
    mailbox: &Arc<Mailbox>,
    text: &mut String,
    dates: &mut Dates,
) {
    let user_path = store_files::directory(partition, user, "INBOX");
    let subscribed = call.store.account(user).is_some_and(|account| account.subscriptions.contains(folder));
    imcheck_text::block(text, Heading { user, subscribed, user_path: &user_path }, mailbox, dates);
}

/// `-e`: the UIDs whose files are not purged yet.
fn expunged(call: &Call<'_>, user: &str, folder: &Name, text: &mut String) {
    let name = MailboxName { user: user.into(), folder: folder.clone() };
    text.push_str("Expunged:");
    for (at, uid) in call.store.expunged.uids(call.now, &name).iter().enumerate() {
        text.push(if at == 0 { ' ' } else { ',' });
        super::text::number(text, (*uid).into());
    }
    text.push('\n');
}
