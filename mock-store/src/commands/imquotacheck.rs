//! Owns `imquotacheck`: usage and limits of the users of this store (F1.10-01, coin `C02c`). It must not know what is done
//! about them.

use super::arguments::Arguments;
use super::call::Call;
use super::text::{number, padded, right};
use crate::mailbox::Account;
use mock_host::coin::ImquotacheckLayout;
use mock_host::mail::Name;

const USAGE: &str = "imquotacheck [-u user | -d domain]";

/// The command line was given.
pub(super) fn start(call: &mut Call<'_>, argv: &[Name]) {
    let arguments = match Arguments::read(argv, "u:d:afnDr:t:") {
        Ok(arguments) => arguments,
        Err(letter) => return call.usage(&format!("imquotacheck: wrong option -{letter}"), USAGE),
    };
    if let Some(letter) = arguments.first_of("afnDrt") {
        return call.usage(&format!("imquotacheck: -{letter} is not supported"), USAGE);
    }
    let layout = call.host.coins.imquotacheck_layout;
    let mut text = String::from(match layout {
        ImquotacheckLayout::QuotaFirst => "quota(K)  usage(K) %    msgs user\n",
        ImquotacheckLayout::UserFirst => "user  quota(K)  usage(K)  %  msgs\n",
    });
    let mut listed = 0;
    let rules = call.store.quota_rules(call.host);
    if let Some(user) = arguments.value('u') {
        let Some(account) = call.store.account(user) else {
            return call.refuse(format!("imquotacheck: {user}: no such user\n"));
        };
        row(&mut text, user, account, rules.effective_limit(account), layout);
    } else {
        let domain = arguments.value('d').map(|domain| format!("@{}", domain.to_ascii_lowercase()));
        let mut pieces = Vec::new();
        for (user, account) in call.store.accounts() {
            if domain.as_ref().is_none_or(|domain| user.to_ascii_lowercase().ends_with(domain.as_str())) {
                listed += 1;
                row(&mut text, user, account, rules.effective_limit(account), layout);
            }
            if text.len() > super::call::PIECE_BYTES - (4 << 10) {
                pieces.push(std::mem::take(&mut text));
            }
        }
        for piece in pieces {
            call.stdout(piece);
        }
    }
    let after = call.store.commands.rates.listing(listed, 0);
    call.done(after, text, String::new());
}

fn row(out: &mut String, user: &str, account: &Account, limit_bytes: Option<u64>, layout: ImquotacheckLayout) {
    let quota_kbytes = limit_bytes.map(|bytes| bytes.div_ceil(1024));
    let usage_kbytes = account.usage_bytes.div_ceil(1024);
    let percent = limit_bytes.map(|bytes| (account.usage_bytes * 100).checked_div(bytes).unwrap_or(100));
    match layout {
        ImquotacheckLayout::QuotaFirst => {
            match quota_kbytes {
                Some(kbytes) => padded(out, kbytes, 8),
                None => right(out, "-", 8),
            }
            padded(out, usage_kbytes, 10);
            match percent {
                Some(percent) => {
                    padded(out, percent, 4);
                    out.push('%');
                }
                None => right(out, "-", 5),
            }
            padded(out, account.usage_messages, 8);
            out.push(' ');
            out.push_str(user);
        }
        ImquotacheckLayout::UserFirst => {
            out.push_str(user);
            out.push('\t');
            match quota_kbytes {
                Some(kbytes) => number(out, kbytes),
                None => out.push('-'),
            }
            out.push('\t');
            number(out, usage_kbytes);
            out.push('\t');
            match percent {
                Some(percent) => {
                    number(out, percent);
                    out.push('%');
                }
                None => out.push('-'),
            }
            out.push('\t');
            number(out, account.usage_messages);
        }
    }
    out.push('\n');
}
