//! Owns what mail to a user becomes: by status, mailHost and delivery options, a mailbox here or elsewhere, the hold
//! channel, forwards, a program, a vacation reply. It must not know how the user was found.

use crate::address::key;
use crate::channel::Channel;
use crate::delivery_options::{DeliveryOption, Target as Leads};
use crate::expansion::{Target, Work, plain_recipient, unknown};
use crate::input::{Destination, Recipient};
use crate::record::Outcome;
use crate::router::Source;
use crate::sieve::{Filtered, filter};
use crate::status::{Standing, standing};
use crate::vacation;
use mock_host::fact::HeldWhy;
use mock_host::lookup::Entry;
use mock_host::mail::{Name, Token};

/// One way on for a copy.
enum Way {
    /// Into a mailbox; held when the option says that its addresses are.
    Mailbox { channel: Channel, destination: Destination, address: Name, folder: Option<Name>, held: bool },
    /// To another address.
    Forward(Name),
    /// To its end here, and why nothing is due.
    End(Name),
}

impl Work<'_> {
    /// Delivers to a user: status, host, deferral, delivery options (§5.3).
    pub(crate) fn user(&mut self, target: Target<'_>) -> Outcome {
        let image = self.process.image.clone();
        let entry = target.listed.entry.clone();
        let holds = match standing(&target.domain, &entry, false, &image, target.address) {
            Standing::Active => false,
            Standing::Hold => true,
            Standing::Later(code, text) => {
                self.decided(&target);
                return Outcome::Later(code, text);
            }
            Standing::Never(code, text) => {
                self.decided(&target);
                return Outcome::Never(code, text);
            }
        };
        let names = option_names(&entry, holds, "mailbox");
        let options: Vec<Option<&DeliveryOption>> = names.iter().map(|n| image.delivery.user(n)).collect();
        let anywhere = options.iter().all(|o| o.is_some_and(|o| o.any_host));
        let here = entry.first("mailHost").map(|h| self.names.contain(h));
        if here == Some(false) && !anywhere {
            if self.converts("tcp_intranet") {
                return self.conversion(&target);
            }
            self.decided(&target);
            self.send_to_mail_host(entry.first("mailHost").unwrap_or_default(), &target);
            return Outcome::Taken;
        }
        let to_store =
            |o: &Option<&DeliveryOption>| o.is_some_and(|o| matches!(o.target, Leads::Lmtp | Leads::LocalStore));
        let routing = entry.first("mailRoutingAddress").filter(|_| !holds);
        if here.is_none() && routing.is_none() && (!anywhere || options.iter().any(to_store)) {
            self.decided(&target);
            return self.without_mail_host(&target);
        }
        if self.deferred(&entry, false, &options) {
            self.reprocess(target.address.into(), target.original, target.token, Some(target.listed.user.clone()));
            return Outcome::Taken;
        }
        if options.iter().flatten().any(|o| self.converts(channel_of(o.target))) {
            return self.conversion(&target);
        }
        self.decided(&target);
        if holds || names.iter().any(|n| n.eq_ignore_ascii_case("hold")) {
            self.hold(&target);
            return Outcome::Taken;
        }
        let ways = match routing {
            Some(address) => vec![Way::Forward(address.into())],
            None => self.ways(&target, options.into_iter().flatten()),
        };
        self.take(&target, ways)
    }

    /// A user entry without mailHost: the domain's smart host, else it fails (F3.2-01).
    fn without_mail_host(&mut self, target: &Target<'_>) -> Outcome {
        let domain = target.domain.clone();
        match domain.first("mailRoutingSmartHost") {
            Some(smart) if !self.names.contain(smart) => {
                self.send_to_mail_host(smart, target);
                Outcome::Taken
            }
            _ => unknown(target.address),
        }
    }

    /// Into the conversion channel; expanded again when it comes out (F5.3-02).
    pub(crate) fn conversion(&mut self, target: &Target<'_>) -> Outcome {
        let user = Some(target.listed.user.clone());
        let recipient = plain_recipient(target.address.into(), target.original, target.token, user);
        self.file(Channel::Conversion, None, recipient, None);
        Outcome::Taken
    }

    /// Into the hold channel: the address is kept, so that a release expands it again.
    pub(crate) fn hold(&mut self, target: &Target<'_>) {
        let address = ["@hold-daemon:", target.address].concat().into();
        let recipient = plain_recipient(address, target.original, target.token, Some(target.listed.user.clone()));
        self.file(Channel::Hold, None, recipient, Some(HeldWhy::Status));
    }

    /// Whether processing is to be deferred to the reprocess channel; for groups that is the default.
    pub(crate) fn deferred(&self, entry: &Entry, default: bool, options: &[Option<&DeliveryOption>]) -> bool {
        if matches!(self.source, Source::Reprocess | Source::Process) || !self.path.is_empty() {
            return false;
        }
        let says = match entry.first("mailDeferProcessing") {
            Some(value) => value.eq_ignore_ascii_case("yes"),
            None => default,
        };
        says || options.iter().flatten().any(|o| o.reprocess || o.deferred)
    }

    /// The ways that the options of a user lead to; vacation replies are noted on the way.
    fn ways<'o>(&mut self, target: &Target<'_>, options: impl Iterator<Item = &'o DeliveryOption>) -> Vec<Way> {
        let entry = target.listed.entry.clone();
        let mut ways = Vec::with_capacity(1);
        for option in options {
            match option.target {
                Leads::LocalStore | Leads::Lmtp => {
                    ways.push(match filter(&entry, self.mail) {
                        Filtered::Keep => mailbox(target, &entry, option, target.folder.clone()),
                        Filtered::FileInto(folder) => mailbox(target, &entry, option, Some(folder)),
                        Filtered::Discard => Way::End("discarded by the user's filter".into()),
                    });
                }
                Leads::Forward => {
                    let to = entry.values("mailForwardingAddress").iter().filter_map(|v| v.text());
                    ways.extend(to.map(|address| Way::Forward(address.into())));
                }
                Leads::Native => ways.push(Way::End("delivered to a mailbox of the operating system".into())),
                Leads::Program => {
                    let program = entry.first("mailProgramDeliveryInfo").unwrap_or("a program");
                    ways.push(Way::End(format!("delivered to the program {program}").into()));
                }
                Leads::File => ways.push(Way::End("delivered to a file".into())),
                // Only who was written to by name answers, not who gets the mail by a list or a forward.
                Leads::Bitbucket if target.token == Token::accepted(self.mail.id, target.original) => {
                    let reply = vacation::reply(self.now, &target.listed, self.mail, target.token, option.dated);
                    self.result.replies.extend(reply);
                }
                Leads::Bitbucket | Leads::Hold | Leads::Members => {}
            }
        }
        ways
    }

    /// Takes the ways of a user. The only way into one place keeps the copy's token; else the copy is replaced.
    fn take(&mut self, target: &Target<'_>, ways: Vec<Way>) -> Outcome {
        let mut ways = ways;
        match ways.as_slice() {
            [] if !self.answers_only(target) => {
                return Outcome::Never(550, format!("5.2.1 no delivery option: {}", target.address).into());
            }
            [Way::Mailbox { .. } | Way::End(_)] => {
                if let Some(way) = ways.pop() {
                    self.go(target, target.token, way);
                }
                return Outcome::Taken;
            }
            _ => {}
        }
        let loops = !ways.is_empty() && ways.iter().all(|w| matches!(w, Way::Forward(a) if self.led_here(a, target)));
        if loops || !self.enter(target.address) {
            return Outcome::Never(550, format!("5.4.6 address forwards to itself: {}", target.address).into());
        }
        self.seen.insert(key(target.address).into());
        let mut copies: Vec<(Token, Way)> = Vec::with_capacity(ways.len());
        for way in ways {
            let name = match &way {
                Way::Forward(address) if !self.seen.insert(key(address).into()) => continue,
                Way::Forward(address) => address.clone(),
                Way::Mailbox { .. } => target.listed.user.clone(),
                Way::End(why) => why.clone(),
            };
            copies.push((target.token.via(&name), way));
        }
        let into = copies.iter().map(|(token, way)| match way {
            Way::Forward(address) => (*token, address.clone()),
            Way::Mailbox { .. } | Way::End(_) => (*token, target.listed.user.clone()),
        });
        let into = into.collect();
        self.expanded(target.token, target.address, into);
        for (token, way) in copies {
            self.go(target, token, way);
        }
        self.path.pop();
        Outcome::Taken
    }

    /// Whether a user without any way on has a vacation option: then the message ends here, with nothing due.
    fn answers_only(&self, target: &Target<'_>) -> bool {
        target.listed.entry.has("mailDeliveryOption", "autoreply")
    }

    fn led_here(&self, address: &str, target: &Target<'_>) -> bool {
        let address = key(address);
        address == key(target.address) || self.path.iter().any(|p| **p == *address)
    }

    fn go(&mut self, target: &Target<'_>, token: Token, way: Way) {
        match way {
            Way::Mailbox { channel, destination, address, folder, held } => {
                let recipient = Recipient {
                    token,
                    address,
                    original: target.original.clone(),
                    user: Some(target.listed.user.clone()),
                    folder,
                    quota_bytes: target.listed.entry.first("mailQuota").and_then(quota_bytes),
                };
                self.file(channel, Some(destination), recipient, held.then_some(HeldWhy::Other));
            }
            Way::Forward(address) => self.copy(&address, token, None),
            Way::End(why) => self.discard(token, why),
        }
    }
}

/// The names of an entry's delivery options. Status hold replaces them all by `hold` (F3.1-06).
pub(crate) fn option_names<'e>(entry: &'e Entry, holds: bool, default: &'static str) -> Vec<&'e str> {
    if holds {
        return vec!["hold"];
    }
    let named: Vec<&str> = entry.values("mailDeliveryOption").iter().filter_map(|v| v.text()).collect();
    if named.is_empty() {
        return vec![default];
    }
    // An option hold among others holds the whole: released, it would be expanded into all of them again.
    if named.iter().any(|n| n.eq_ignore_ascii_case("hold")) { vec!["hold"] } else { named }
}

/// The mailbox of a user: `UID[+FOLDER]@ims-ms-daemon` here, `@STORE.LMTP:UID[+FOLDER]@lmtpcs-daemon` elsewhere; the
/// domain of a hosted user's id stands behind `%`.
fn mailbox(target: &Target<'_>, entry: &Entry, option: &DeliveryOption, folder: Option<Name>) -> Way {
    let lmtp = option.target == Leads::Lmtp;
    let store = entry.first("mailHost").unwrap_or_default();
    let mut address = String::with_capacity(64);
    if lmtp {
        for part in ["@", store, ".LMTP:"] {
            address.push_str(part);
        }
    }
    match target.listed.user.split_once('@') {
        Some((uid, domain)) => {
            for part in [uid, "%", domain] {
                address.push_str(part);
            }
        }
        None => address.push_str(&target.listed.user),
    }
    if let Some(folder) = &folder {
        address.push('+');
        address.push_str(folder);
    }
    address.push_str(if lmtp { "@lmtpcs-daemon" } else { "@ims-ms-daemon" });
    let (channel, destination) = if lmtp {
        (Channel::TcpLmtpcs, Destination::Lmtp(key(store).into()))
    } else {
        (Channel::ImsMs, Destination::LocalStore)
    };
    Way::Mailbox { channel, destination, address: address.into(), folder, held: option.held }
}

/// The channel that mappings know a delivery option's target by.
fn channel_of(target: Leads) -> &'static str {
    match target {
        Leads::LocalStore => "ims-ms",
        Leads::Lmtp => "tcp_lmtpcs",
        Leads::Native => "native",
        Leads::Hold => "hold",
        Leads::Program => "pipe",
        Leads::Forward | Leads::Members => "tcp_local",
        Leads::File | Leads::Bitbucket => "bitbucket",
    }
}

/// The value of mailQuota in bytes: `52428800`, `100M`, `2G`, -1 unlimited; `None` for -2, the store's default (F3.2-07).
fn quota_bytes(value: &str) -> Option<i64> {
    let value = value.trim();
    let (digits, unit) = match value.char_indices().next_back()? {
        (at, 'k' | 'K') => (&value[..at], 1 << 10),
        (at, 'm' | 'M') => (&value[..at], 1 << 20),
        (at, 'g' | 'G') => (&value[..at], 1 << 30),
        _ => (value, 1),
    };
    let quota = digits.trim().parse::<i64>().ok()?.checked_mul(unit)?;
    (quota != -2).then_some(quota)
}
