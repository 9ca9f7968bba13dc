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

/// The rules in force: options as the running stored has them, as on disk while none runs.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// `store.quotaenforcement`; off: everything fits (F1.1-16).
    enforced: bool,
    /// `store.defaultmessagequota`.
    most_messages: Option<u64>,
    /// `store.defaultmailboxquota` (F1.1-18).
    default_bytes: Option<u64>,
    /// A message fits while usage is not over the limit and the message alone is not larger than the limit (F1.1-21).
    overdraft: bool,
    /// Whether the store sets `mailUserStatus: overquota`, which implies overdraft (F1.1-20).
    overquota_status: bool,
    /// `store.quotagraceperiod`.
    grace: Span,
}

impl Rules {
    /// The rules of a host's store.
    pub fn of(host: &Host) -> Rules {
        let options = Reading::of(host, Daemon::Stored);
        let overquota_status =
            options.is_on("local.store.overquotastatus", false) || options.is_on("store.overquotastatus", false);
        let default = options.text("store.defaultmailboxquota").and_then(settings::bytes).unwrap_or(-1);
        Rules {
            enforced: options.is_on("store.quotaenforcement", true),
            most_messages: u64::try_from(options.number("store.defaultmessagequota", -1)).ok(),
            default_bytes: u64::try_from(default).ok(),
            overdraft: overquota_status
                || options.is_on("local.store.quotaoverdraft", false)
                || options.is_on("store.quotaoverdraft", false),
            overquota_status,
            grace: Span::hours(options.number("store.quotagraceperiod", 120)),
        }
    }

    /// The limit in bytes that holds for an account: its own, else the default; `None`: unlimited. -2 in the entry means the
    /// default (F3.2-07).
    pub fn effective_limit(&self, account: &Account) -> Option<u64> {
        match account.quota_bytes.filter(|quota| *quota != -2) {
            Some(own) => u64::try_from(own).ok(),
            None => self.default_bytes,
        }
    }

    /// Whether a message of this size fits.
    pub fn fits(&self, account: &Account, size_bytes: u64) -> bool {
        if !self.enforced {
            return true;
        }
        if self.most_messages.is_some_and(|limit| account.usage_messages >= limit) {
            return false;
        }
        let Some(limit) = self.effective_limit(account) else { return true };
        if self.overdraft {
            account.usage_bytes <= limit && size_bytes <= limit
        } else {
            account.usage_bytes + size_bytes <= limit
        }
    }

    /// What becomes of a message for an account; `None`: the account is still to be created.
    pub(crate) fn verdict(&self, now: Time, account: Option<&Account>, size_bytes: u64) -> Verdict {
        let Some(account) = account else {
            return if self.fits(&Account::default(), size_bytes) { Verdict::Fits } else { Verdict::Over };
        };
        if self.fits(account, size_bytes) {
            return Verdict::Fits;
        }
        match account.over_quota_since {
            Some(since) if now.since(since) >= self.grace => Verdict::Bounces,
            _ => Verdict::Over,
        }
    }
}

impl Store {
    /// The rules in force on its host.
    pub(crate) fn quota_rules(&mut self, host: &Host) -> Rules {
        let stored = host.processes.of(Daemon::Stored).next().and_then(|stored| host.overrides_of(stored.pid));
        let Some(read) = stored else { return Rules::of(host) };
        match &self.latest_rules {
            Some((of, rules)) if Arc::ptr_eq(of, read) => *rules,
            _ => self.latest_rules.insert((read.clone(), Rules::of(host))).1,
        }
    }
    /// The limit in bytes that holds for an account; `None`: unlimited.
    pub fn effective_limit(&self, host: &Host, account: &Account) -> Option<u64> {
        Rules::of(host).effective_limit(account)
    }
    /// Whether a message of this size fits an account by quota and the rules in force.
    pub fn fits(&self, host: &Host, account: &Account, size_bytes: u64) -> bool {
        Rules::of(host).fits(account, size_bytes)
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
        let rules = self.quota_rules(host);
        let Some(account) = self.accounts.get(user) else { return };
        let (usage_bytes, limit_bytes) = (account.usage_bytes, rules.effective_limit(account));
        out.push(fact(Fact::Usage { store: host.id, user: user.clone(), usage_bytes, limit_bytes }));
        let over = rules.overquota_status && limit_bytes.is_some_and(|limit| usage_bytes > limit);
        if over != account.overquota_status {
            if let Some(account) = self.accounts.get_mut(user) {
                Arc::make_mut(account).overquota_status = over;
            }
            out.push(Output::OverquotaStatus { user: user.clone(), over });
        }
    }
}
