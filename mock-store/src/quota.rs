//! Owns quota: which limit holds for an account, whether a message fits, and what happens when it does not. It must not
//! know how the message came.

use crate::input::Output;
use crate::mailbox::Account;
use crate::settings::{self, Reading};
use crate::store::{Store, fact};
use mock_host::fact::Fact;
use mock_host::host::Host;
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};
use std::sync::Arc;

/// Whether a message may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Fits,
    /// Not now: it stays in the queue (F1.1-16).
    Over,
    /// Never: the grace period is over (F1.1-19).
    Bounces,
}

/// The limit in bytes that holds for an account: its own, else `store.defaultmailboxquota` (F1.1-18); `None`:
/// unlimited. -2 in the entry means the default (F3.2-07).
pub fn effective_limit(host: &Host, account: &Account) -> Option<u64> {
    let own = account.quota_bytes.filter(|quota| *quota != -2);
    let quota = own.unwrap_or_else(|| {
        let default = Reading::of(host, Daemon::Stored).text("store.defaultmailboxquota");
        default.and_then(settings::bytes).unwrap_or(-1)
    });
    u64::try_from(quota).ok()
}

/// Whether a message of this size fits by quota and the rules in force. Enforcement off: everything fits (F1.1-16).
/// Overdraft on: it fits while usage is not over the limit and the message alone is not larger than the limit
/// (F1.1-21); `local.store.overquotastatus` implies overdraft (F1.1-20).
pub fn fits(host: &Host, account: &Account, size_bytes: u64) -> bool {
    let options = Reading::of(host, Daemon::Stored);
    if !options.is_on("store.quotaenforcement", true) {
        return true;
    }
    let messages = options.number("store.defaultmessagequota", -1);
    if u64::try_from(messages).is_ok_and(|limit| account.usage_messages >= limit) {
        return false;
    }
    let Some(limit) = effective_limit(host, account) else { return true };
    let overdraft = options.is_on("local.store.quotaoverdraft", false)
        || options.is_on("store.quotaoverdraft", false)
        || overquota_status(options);
    if overdraft {
        account.usage_bytes <= limit && size_bytes <= limit
    } else {
        account.usage_bytes + size_bytes <= limit
    }
}

/// Whether the store sets `mailUserStatus: overquota` (F1.1-20).
pub(crate) fn overquota_status(options: Reading<'_>) -> bool {
    options.is_on("local.store.overquotastatus", false) || options.is_on("store.overquotastatus", false)
}

/// What becomes of a message for an account; `None`: the account is still to be created.
pub(crate) fn verdict(now: Time, host: &Host, account: Option<&Account>, size_bytes: u64) -> Verdict {
    let new = Account::default();
    let account = account.unwrap_or(&new);
    if fits(host, account, size_bytes) {
        return Verdict::Fits;
    }
    let grace = Span::hours(Reading::of(host, Daemon::Stored).number("store.quotagraceperiod", 120));
    match account.over_quota_since {
        Some(since) if now.since(since) >= grace => Verdict::Bounces,
        _ => Verdict::Over,
    }
}

impl Store {
    /// The limit in bytes that holds for an account; `None`: unlimited.
    pub fn effective_limit(&self, host: &Host, account: &Account) -> Option<u64> {
        effective_limit(host, account)
    }
    /// Whether a message of this size fits an account by quota and the rules in force.
    pub fn fits(&self, host: &Host, account: &Account, size_bytes: u64) -> bool {
        fits(host, account, size_bytes)
    }
    /// Notes that something did not fit: the grace period runs from the first time on, until room is made.
    pub(crate) fn note_over_quota(&mut self, now: Time, user: &Name) {
        if self.accounts.get(user).is_some_and(|account| account.over_quota_since.is_none()) {
            self.account_mut(user).over_quota_since = Some(now);
        }
    }
    /// Reports an account's usage after it changed, and with `local.store.overquotastatus` asks for the status that
    /// goes with it.
    pub(crate) fn report_usage(&mut self, host: &Host, user: &Name, out: &mut Vec<Output>) {
        let Some(account) = self.accounts.get(user) else { return };
        let (usage_bytes, limit_bytes) = (account.usage_bytes, effective_limit(host, account));
        out.push(fact(Fact::Usage { store: host.id, user: user.clone(), usage_bytes, limit_bytes }));
        let over =
            overquota_status(Reading::of(host, Daemon::Stored)) && limit_bytes.is_some_and(|limit| usage_bytes > limit);
        if over != account.overquota_status {
            if let Some(account) = self.accounts.get_mut(user) {
                Arc::make_mut(account).overquota_status = over;
            }
            out.push(Output::OverquotaStatus { user: user.clone(), over });
        }
    }
}
