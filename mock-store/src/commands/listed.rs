//! Owns which mailboxes a listing or an act is for: all, an IMAP pattern, a regular expression. It must not know what is done
//! with them.

use super::arguments::{Arguments, imap_pattern};
use super::imcheck_text;
use crate::mailbox::{Account, Mailbox};
use crate::store::Store;
use mock_host::fact::MailboxName;
use mock_host::mail::Name;
use regex::Regex;
use std::ops::Bound;

/// A selection of mailboxes by their names `user/UID/FOLDER`.
#[derive(Clone, Debug)]
pub enum Which {
    /// All.
    All,
    /// `-p`: an IMAP pattern.
    Pattern(Name),
    /// `-P`: a regular expression, found anywhere in the name.
    Regex(Box<Regex>),
}

impl Which {
    /// From `-p` and `-P`; `Err`: a regular expression that is none.
    pub fn of(arguments: &Arguments) -> Result<Which, Name> {
        match (arguments.value('p'), arguments.value('P')) {
            (Some(pattern), _) => Ok(Which::Pattern(pattern.clone())),
            (None, Some(text)) => Regex::new(text).map(|r| Which::Regex(Box::new(r))).map_err(|_| text.clone()),
            (None, None) => Ok(Which::All),
        }
    }

    /// Visits the mailboxes by user, each user's INBOX first.
    pub fn visit<'a>(&self, store: &'a Store, mut visitor: impl FnMut(&'a Name, &'a Account, &'a Mailbox)) {
        let (prefix, exact) = self.users();
        let mut name = String::new();
        let users = store
            .accounts
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(user, _)| if exact { ***user == *prefix } else { user.starts_with(prefix) });
        for (user, account) in users {
            for mailbox in folders(account) {
                let wanted = match self {
                    Which::All => true,
                    Which::Pattern(_) | Which::Regex(_) => {
                        name.clear();
                        imcheck_text::name(&mut name, user, &mailbox.folder);
                        self.has(&name)
                    }
                };
                if wanted {
                    visitor(user, account, mailbox);
                }
            }
        }
    }

    /// The names of the mailboxes, in the same order.
    pub fn names(&self, store: &Store) -> Vec<MailboxName> {
        let mut names = Vec::new();
        self.visit(store, |user, _, m| names.push(MailboxName { user: user.clone(), folder: m.folder.clone() }));
        names
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Which::All => true,
            Which::Pattern(pattern) => imap_pattern(pattern, name),
            Which::Regex(regex) => regex.is_match(name),
        }
    }

    /// What the user ids of all matches begin with, and whether it is a whole id.
    fn users(&self) -> (&str, bool) {
        let Which::Pattern(pattern) = self else { return ("", false) };
        let literal = &pattern[..pattern.find(['*', '%']).unwrap_or(pattern.len())];
        let Some(path) = literal.strip_prefix("user/") else { return ("", false) };
        path.split_once('/').map_or((path, false), |(user, _)| (user, true))
    }
}

/// The mailboxes of an account, INBOX first.
pub fn folders(account: &Account) -> impl Iterator<Item = &Mailbox> {
    let inbox = account.folders.get("INBOX").into_iter();
    inbox.chain(account.folders.iter().filter(|(folder, _)| &***folder != "INBOX").map(|(_, m)| m)).map(|m| &**m)
}
