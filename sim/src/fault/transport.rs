//! Owns the faults of SMTP transactions. It must not know when a user is held.

use super::{Begins, FaultInfo, Kind, Promise};
use crate::world::World;
use mock_host::draw::{Stream, below};
use mock_host::fact::Fact;
use mock_host::mail::{Mail, Token};
use mock_host::time::Span;

/// What a slow DATA takes at least and at most, in seconds: less than the SMTP timeout of ten minutes (RFC 5321 4.5.3.2).
const DATA_S: (u64, u64) = (60, 540);

/// `smtp-spans-hold`: hosts outside are slow: the recipient is expanded at RCPT before the hold, and the message is queued at
/// the end of DATA after it, for the old store.
///
/// Scope: every transaction from outside while it lasts. Promise: the run survives. It excuses nothing.
pub(super) struct SmtpSpansHold;

impl Kind for SmtpSpansHold {
    const INFO: FaultInfo = FaultInfo {
        id: "smtp-spans-hold",
        event: "RCPT before the hold, DATA ends after it",
        promise: Promise::Survives,
        forms: &[],
        from_the_start: false,
        retry_s: 600,
    };
    const BEGINS: Begins = Begins::At(0, 0);
    const LASTS: Option<(i64, i64)> = Some((2 * 3600, 4 * 3600));

    fn begin(world: &mut World, n: usize) {
        world.faults.slow_data = Some(n);
    }
    fn end(world: &mut World, n: usize) {
        world.faults.slow_data = world.faults.slow_data.filter(|of| *of != n);
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let Fact::Queued { token, user: Some(user), held: None, .. } = fact else { return };
        let now = world.now;
        let held =
            world.ledger.books.users.get(user).is_some_and(|b| b.hold_written.is_some() && b.status_back.is_none());
        let fault = &mut world.faults.list[n];
        // Queued for delivery although its user is held: it was expanded before.
        if held && fault.tokens.contains(token) {
            fault.fired += 1;
            fault.touch(now, user);
        }
    }
}

impl World {
    /// What the DATA of a transaction from outside takes besides.
    pub fn slow_data(&mut self, mail: &Mail, to: &str) -> Span {
        let Some(n) = self.faults.slow_data else { return Span::ZERO };
        let (low, high) = DATA_S;
        let fault = &mut self.faults.list[n];
        fault.tokens.insert(Token::accepted(mail.id, to));
        let s = low + below(self.faults.seed, Stream::Fault, fault.key ^ mail.id.0, 16, high - low + 1);
        Span::secs(s as i64)
    }
}
