//! Owns imexpire: the rules of `store.expirerule` and their daily run. It must not know who relies on the messages.

use crate::cron::Cron;
use crate::input::{Output, Timer};
use crate::settings::Reading;
use crate::store::Store;
use mock_host::fact::{MailboxName, RemoveCause};
use mock_host::host::{BASE, Host};
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};

/// When imexpire runs if no option says otherwise (F1.1-12).
const EXPIRE: &str = "0 23 * * * sbin/imexpire";

/// A rule: messages of folders that match, older than so many days, are removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Pattern over mailbox names (`user/%/Trash`): `*` any text, `%` any text without `/`.
    pub folder_pattern: String,
    /// Age in days since the message was saved in the mailbox.
    pub message_days: i64,
}

/// Path of the rules' file: lines `RULE.folderpattern: PATTERN` and `RULE.messagedays: N`.
pub fn rules_path() -> String {
    format!("{BASE}/config/store.expirerule")
}

/// Reads the rules of a file. Lines that are neither of the two, and rules without an age, are left out.
pub fn read_rules(text: &str) -> Vec<Rule> {
    let mut rules: Vec<(&str, Option<&str>, Option<i64>)> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once([':', '=']) else { continue };
        let Some((rule, attribute)) = key.trim().rsplit_once('.') else { continue };
        let n = rules.iter().position(|(name, ..)| *name == rule).unwrap_or_else(|| {
            rules.push((rule, None, None));
            rules.len() - 1
        });
        match attribute {
            "folderpattern" => rules[n].1 = Some(value.trim()),
            "messagedays" => rules[n].2 = value.trim().parse().ok(),
            _ => {}
        }
    }
    let whole = rules.into_iter().filter_map(|(_, pattern, days)| Some((pattern.unwrap_or("*"), days?)));
    whole.map(|(pattern, message_days)| Rule { folder_pattern: pattern.into(), message_days }).collect()
}

/// Whether a mailbox name matches a pattern with IMAP's wildcards.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|n| matches(rest, &name[n..])),
        Some((b'%', rest)) => {
            let until = name.iter().position(|c| *c == b'/').unwrap_or(name.len());
            (0..=until).any(|n| matches(rest, &name[n..]))
        }
        Some((c, rest)) => name.first() == Some(c) && matches(rest, &name[1..]),
    }
}

impl Store {
    /// imsched was started: with rules there is a next run of imexpire. Without any, nothing is asked for; rules that are
    /// written later count from imsched's next start on, or from a call of this.
    pub fn arm_expire(&mut self, now: Time, host: &Host, out: &mut Vec<Output>) {
        let rules = host.files.text(&rules_path()).map(read_rules).unwrap_or_default();
        let line = Reading::of(host, Daemon::Imsched).text("local.schedule.expire").unwrap_or(EXPIRE);
        if rules.is_empty() {
            return;
        }
        let due = Cron::parse(line).and_then(|cron| cron.next(now, &host.clock));
        if let Some(due) = due.filter(|due| self.expire_due != Some(*due)) {
            self.expire_due = Some(due);
            out.push(Output::Wake(due, Timer::Expire));
        }
    }

    /// The time of a run: unless it is switched off, or imsched is not there, messages that are old enough go.
    pub(crate) fn expire_due(&mut self, now: Time, host: &Host, out: &mut Vec<Output>) {
        if self.expire_due != Some(now) {
            return;
        }
        self.expire_due = None;
        let enabled = Reading::of(host, Daemon::Imsched).is_on("local.schedule.expire.enable", true);
        if enabled && host.processes.runs(Daemon::Imsched) && host.processes.runs(Daemon::Stored) {
            let rules = host.files.text(&rules_path()).map(read_rules).unwrap_or_default();
            self.expire(now, host, &rules, out);
        }
        if host.processes.runs(Daemon::Imsched) {
            self.arm_expire(now, host, out);
        }
    }

    /// Removes what the rules say. Locked mailboxes are passed over.
    fn expire(&mut self, now: Time, host: &Host, rules: &[Rule], out: &mut Vec<Output>) {
        let mut old: Vec<(MailboxName, Span)> = Vec::new();
        for (user, account) in self.accounts() {
            for (folder, mailbox) in &account.folders {
                let name = format!("user/{user}/{folder}");
                let age = rules
                    .iter()
                    .filter(|rule| matches(rule.folder_pattern.as_bytes(), name.as_bytes()))
                    .map(|rule| Span::days(rule.message_days))
                    .min();
                if let Some(age) = age.filter(|age| mailbox.messages.iter().any(|m| now.since(m.saved) > *age)) {
                    old.push((MailboxName { user: user.clone(), folder: folder.clone() }, age));
                }
            }
        }
        for (name, age) in old {
            if !self.locked_against(&name, None) {
                self.remove_and_tell(now, host, &name, |m| now.since(m.saved) > age, RemoveCause::Expiry, out);
            }
        }
    }
}
