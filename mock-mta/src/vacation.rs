//! Owns vacation replies: when one is due, and who had one lately on this MTA. It must not know how a reply travels.

use crate::record::AutoReply;
use mock_host::draw::mix;
use mock_host::lookup::Listed;
use mock_host::mail::{Body, Mail, MailId, Name, Token};
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Hours between two replies to one correspondent where the entry names none.
const TIMEOUT_HOURS: i64 = 168;

/// Who had a reply of whom, and when: files of this MTA that outlive its processes. Another MTA knows nothing of it.
#[derive(Clone, Debug, Default)]
pub struct Vacation {
    answered: Arc<BTreeMap<Name, BTreeMap<Name, Time>>>,
}

impl Vacation {
    /// Whether a correspondent gets a reply now: not within `timeout` of the last; remembered when so.
    pub fn answers(&mut self, now: Time, user: &Name, to: &Name, timeout: Span) -> bool {
        let correspondent: Name = to.to_ascii_lowercase().into();
        let last = self.answered.get(user).and_then(|who| who.get(&correspondent));
        if last.is_some_and(|last| now.since(*last) < timeout) {
            return false;
        }
        Arc::make_mut(&mut self.answered).entry(user.clone()).or_default().insert(correspondent, now);
        true
    }
}

/// The reply to a message, or `None` where none is ever due: to notifications, to what programs and lists wrote, and,
/// with `dated`, outside vacationStartDate and vacationEndDate.
pub fn reply(now: Time, listed: &Listed, mail: &Mail, token: Token, dated: bool) -> Option<AutoReply> {
    if mail.from.is_empty() || mail.automatic || mail.list_id.is_some() {
        return None;
    }
    let entry = &listed.entry;
    if dated && !on_vacation(now, entry.first("vacationStartDate"), entry.first("vacationEndDate")) {
        return None;
    }
    let hours = entry.first("mailAutoReplyTimeOut").and_then(|h| h.trim().parse().ok()).unwrap_or(TIMEOUT_HOURS);
    let text_bytes = entry.first("mailAutoReplyText").map_or(0, str::len);
    let id = mix(token.0 ^ 0x7661_6361_7469_6f6e);
    let reply = Mail {
        id: MailId(id),
        from: "".into(),
        body: Body { id, size_bytes: 600 + u32::try_from(text_bytes).unwrap_or(u32::MAX - 600) },
        sent: now,
        list_id: None,
        automatic: true,
        subject: format!("Re: {}", mail.subject).into(),
    };
    Some(AutoReply {
        user: listed.user.clone(),
        to: mail.from.clone(),
        timeout: Span::hours(hours),
        mail: Arc::new(reply),
    })
}

/// Whether an instant lies between two dates of the form `yyyymmddhhmmssZ`; an absent one does not bound.
fn on_vacation(now: Time, start: Option<&str>, end: Option<&str>) -> bool {
    let begun = start.and_then(instant).is_none_or(|s| s <= now);
    let over = end.and_then(instant).is_some_and(|e| e <= now);
    begun && !over
}

fn instant(date: &str) -> Option<Time> {
    let part = |from: usize, to: usize| date.get(from..to).and_then(|d| d.parse::<u16>().ok());
    let small = |from: usize| part(from, from + 2).and_then(|n| u8::try_from(n).ok());
    Time::from_civil(i32::from(part(0, 4)?), small(4)?, small(6)?, small(8)?, small(10)?, small(12)?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correspondent_gets_one_reply_in_the_timeout_whatever_the_case_of_the_address() {
        let mut vacation = Vacation::default();
        let (joe, week) = (Name::from("joe"), Span::hours(168));
        let mut answers = |hours: i64, to: &str| vacation.answers(Time(0) + Span::hours(hours), &joe, &to.into(), week);
        assert!(answers(0, "ann@elsewhere.example"));
        assert!(!answers(167, "Ann@Elsewhere.example"));
        assert!(answers(167, "bob@elsewhere.example"));
        assert!(answers(168, "ann@elsewhere.example"));
    }

    #[test]
    fn vacation_dates_bound_the_replies() {
        let at = Time::from_civil(2007, 3, 1, 12, 0, 0, 0).expect("a date");
        assert!(on_vacation(at, None, None));
        assert!(on_vacation(at, Some("20070301000000Z"), Some("20070302000000Z")));
        assert!(!on_vacation(at, Some("20070302000000Z"), None));
        assert!(!on_vacation(at, None, Some("20070301000000Z")));
    }
}
