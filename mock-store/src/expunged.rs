//! Owns which messages were expunged a short while ago, so that their files are not purged yet. It must not know mailboxes.

use mock_host::fact::{MailboxName, Stored};
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long an expunged message's file stays before it is purged (invented: store.cleanupage of an hour).
pub const PURGE_AFTER: Span = Span::hours(1);

/// A time and the UIDs that were expunged then.
type Batches = Vec<(Time, Arc<[Stored]>)>;

/// Expunged messages by mailbox.
#[derive(Clone, Debug, Default)]
pub struct Expunged {
    by_mailbox: BTreeMap<MailboxName, Batches>,
}

impl Expunged {
    /// Messages were expunged.
    pub(crate) fn note(&mut self, now: Time, mailbox: &MailboxName, messages: &Arc<[Stored]>) {
        let batches = self.by_mailbox.entry(mailbox.clone()).or_default();
        batches.retain(|(at, _)| now.since(*at) < PURGE_AFTER);
        batches.push((now, messages.clone()));
    }
    /// The mailbox is gone.
    pub(crate) fn forget(&mut self, mailbox: &MailboxName) {
        self.by_mailbox.remove(mailbox);
    }
    /// UIDs whose files are not purged yet, ascending (`imcheck -e`).
    pub fn uids(&self, now: Time, mailbox: &MailboxName) -> Vec<u32> {
        let batches = self.by_mailbox.get(mailbox).map_or(&[][..], |b| b);
        let recent = batches.iter().filter(|(at, _)| now.since(*at) < PURGE_AFTER);
        let mut uids: Vec<u32> = recent.flat_map(|(_, messages)| messages.iter().map(|m| m.uid)).collect();
        uids.sort_unstable();
        uids
    }
}
