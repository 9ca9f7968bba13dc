//! Owns what a restore decides about one archived mailbox before it writes: which messages are duplicates, which fit the
//! quota, how they are stamped (F1.6-02, F1.6-06, F6-08). It must not know the command around it.

use crate::archive::ArchivedMailbox;
use crate::mailbox::Mailbox;
use crate::message::Message;
use mock_host::coin::DuplicateCheck;
use mock_host::time::Time;
use rustc_hash::FxHashSet;

/// What is to be written of an archived mailbox.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Messages, ascending by the archive's UIDs, with these UIDs.
    pub messages: Vec<Message>,
    /// How many are there already.
    pub duplicates: u64,
    /// Whether the quota cut it short.
    pub over_quota: bool,
}

/// Plans a mailbox. `existing`: the mailbox to append to, when its messages are to be looked at; `room_bytes`: what the quota
/// leaves, when a restore obeys it; `stamp`: the internal date that messages get when the archive carries none.
pub fn plan(
    item: &ArchivedMailbox,
    existing: Option<&Mailbox>,
    check: DuplicateCheck,
    room_bytes: Option<u64>,
    stamp: Time,
) -> Plan {
    let mut plan = Plan { messages: Vec::with_capacity(item.messages.len()), ..Plan::default() };
    let mut there = existing.map(|mailbox| There::of(mailbox, item.uid_validity, check));
    let mut room_bytes = room_bytes.unwrap_or(u64::MAX);
    for message in &item.messages {
        if there.as_mut().is_some_and(|there| there.has(message)) {
            plan.duplicates += 1;
            continue;
        }
        let size_bytes = u64::from(message.body.size_bytes);
        if size_bytes > room_bytes {
            plan.over_quota = true;
            break;
        }
        room_bytes -= size_bytes;
        let internal_date = if item.dates { message.internal_date } else { stamp };
        plan.messages.push(Message { internal_date, ..*message });
    }
    plan
}

/// The messages of the mailbox that is appended to, by the key that the check looks at (coin `C06a`).
struct There {
    check: DuplicateCheck,
    keys: FxHashSet<u64>,
}

impl There {
    fn of(mailbox: &Mailbox, uid_validity: u32, check: DuplicateCheck) -> There {
        let comparable = check != DuplicateCheck::Uid || mailbox.uid_validity == uid_validity;
        let keys = mailbox.messages.iter().filter(|_| comparable).map(|m| key(check, m)).collect();
        There { check, keys }
    }

    /// Whether it is there; if not, it will be when the next one is looked at.
    fn has(&mut self, message: &Message) -> bool {
        let key = key(self.check, message);
        if self.check == DuplicateCheck::Uid { self.keys.contains(&key) } else { !self.keys.insert(key) }
    }
}

fn key(check: DuplicateCheck, message: &Message) -> u64 {
    match check {
        DuplicateCheck::Digest => message.body.id,
        DuplicateCheck::Uid => message.uid.into(),
        DuplicateCheck::MessageId => message.body.message_id_bits(),
    }
}
