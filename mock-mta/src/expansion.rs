//! Owns the way of one address to channels, in the documented order (§5.3): is the domain ours, who is it, what do the
//! statuses say, on which host. It must not know when files are delivered.

use crate::address::{Address, OwnNames, key, route};
use crate::channel::Channel;
use crate::input::{Destination, Output, Recipient};
use crate::record::{Bounce, Enqueue, Expansion, Outcome};
use crate::router::{ProcessState, Source, fact};
use mock_host::fact::{Decision, Fact, HeldWhy};
use mock_host::host::Host;
use mock_host::lookup::{Entry, Environment, Found, Listed};
use mock_host::mail::{Mail, Name, Token};
use mock_host::process_table::Pid;
use mock_host::time::Time;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// Forwards and lists within each other beyond which an address is taken to loop.
const DEPTH: usize = 20;

/// An expansion under way, in one process.
pub(crate) struct Work<'a> {
    pub(crate) now: Time,
    pid: Pid,
    pub(crate) source: Source,
    pub(crate) mail: &'a Arc<Mail>,
    received: u16,
    pub(crate) host: &'a Host,
    pub(crate) names: Arc<OwnNames>,
    pub(crate) env: &'a dyn Environment,
    pub(crate) process: &'a mut ProcessState,
    decisions: &'a mut Vec<Output>,
    pub(crate) result: Expansion,
    /// Addresses that this recipient was expanded into, lower case: each is delivered to once.
    pub(crate) seen: FxHashSet<Name>,
    /// Addresses whose expansion led here, lower case.
    pub(crate) path: Vec<Name>,
}

/// An entry that an address leads to.
pub(crate) struct Target<'t> {
    /// User or group.
    pub(crate) listed: Listed,
    /// The domain's entry.
    pub(crate) domain: Arc<Entry>,
    /// Since when this process has the user's or group's entry.
    pub(crate) since: Time,
    /// The address, `local@domain`.
    pub(crate) address: &'t str,
    /// The detail of `local+detail@domain`.
    pub(crate) folder: Option<Name>,
    /// Original recipient.
    pub(crate) original: &'t Name,
    /// Copy.
    pub(crate) token: Token,
}

/// What the MTA takes an entry for.
enum Kind {
    User,
    Group,
}

impl Kind {
    /// By its object classes; `None`: the MTA does not recognise it (F3.3-01).
    fn of(entry: &Entry) -> Option<Kind> {
        let classes = entry.values("objectClass");
        let is_a = |class| classes.iter().any(|c| c.is(class));
        match is_a("inetLocalMailRecipient") {
            true if is_a("inetMailUser") => Some(Kind::User),
            true if is_a("inetMailGroup") => Some(Kind::Group),
            _ => None,
        }
    }
}

/// A user or group as this process knows it.
struct Known {
    listed: Listed,
    /// Since when.
    since: Time,
    kind: Kind,
}

impl<'a> Work<'a> {
    #[expect(clippy::too_many_arguments, reason = "what a message in transport is, and the frame of every handler")]
    pub(crate) fn new(
        now: Time,
        pid: Pid,
        source: Source,
        mail: &'a Arc<Mail>,
        received: u16,
        host: &'a Host,
        env: &'a dyn Environment,
        process: &'a mut ProcessState,
        decisions: &'a mut Vec<Output>,
    ) -> Work<'a> {
        Work {
            now,
            pid,
            source,
            mail,
            received,
            host,
            names: process.names.clone().unwrap_or_else(|| Arc::new(OwnNames::of(host, pid))),
            env,
            process,
            decisions,
            result: Expansion::default(),
            seen: FxHashSet::default(),
            path: Vec::new(),
        }
    }

    /// Expands one recipient and notes its outcome.
    pub(crate) fn recipient(&mut self, address: &str, original: &Name, token: Token) {
        self.seen.clear();
        self.path.clear();
        let outcome = self.route(address, original, token);
        self.result.outcomes.push(outcome);
    }

    /// Routes a copy that an expansion made; what would be a reply at SMTP becomes a queue file or a notice.
    pub(crate) fn copy(&mut self, address: &Name, token: Token, errors_to: Option<&Name>) {
        match self.route(address, address, token) {
            Outcome::Taken => {}
            Outcome::Later(..) => self.reprocess(address.clone(), address, token, None),
            Outcome::Never(_, why) => {
                let recipient = plain_recipient(address.clone(), address, token, None);
                self.result.bounces.push(Bounce { recipient, why, to: errors_to.cloned() });
            }
        }
    }

    /// From an address as an envelope has it to channels.
    pub(crate) fn route(&mut self, address: &str, original: &Name, token: Token) -> Outcome {
        let mut rest = address;
        while let Some((next, behind)) = route(rest) {
            if next != "hold-daemon" && !self.names.contain(next) {
                return self.relay(next, rest, original, token);
            }
            rest = behind;
        }
        let qualified;
        let mut parts = Address::parse(rest);
        if parts.domain.is_empty() || self.names.contain(parts.domain) {
            qualified = format!("{}@{}", parts.local, self.names.default_domain());
            parts = Address::parse(&qualified);
        }
        let domain = key(parts.domain);
        let (env, host) = (self.env, self.host);
        match self.process.domains.get(self.now, &domain, || env.domain(host.id, &domain)) {
            Found::Value(entry) => self.ours(parts, entry, original, token),
            Found::Pending | Found::Code(_) => directory_away(parts.whole),
            Found::Absent if self.names.contain(parts.domain) => self.without_entry(parts, None, original, token),
            Found::Absent if self.env.resolve(self.host.id, parts.domain).is_some() => {
                let routed = format!("@{}:{}", parts.domain, parts.whole);
                self.relay(parts.domain, &routed, original, token)
            }
            Found::Absent => self.send_outside(parts.whole, original, token),
        }
    }

    /// An address of a domain of ours.
    fn ours(&mut self, parts: Address<'_>, domain: Arc<Entry>, original: &Name, token: Token) -> Outcome {
        let (Known { listed, since, kind }, folder) = match self.look_up(parts, &domain) {
            Ok(Some(found)) => found,
            Ok(None) => return self.without_entry(parts, Some(&domain), original, token),
            Err(outcome) => return outcome,
        };
        let target = Target { listed, domain, since, address: parts.whole, folder, original, token };
        match kind {
            Kind::User => self.user(target),
            Kind::Group => self.group(target),
        }
    }

    /// The mail user or group of an address, asked as it is, without its detail, and in the domain's own name (F3.3-01,
    /// F3.4-03).
    fn look_up(&mut self, parts: Address<'_>, domain: &Entry) -> Result<Option<(Known, Option<Name>)>, Outcome> {
        if let Some(known) = self.entry_of(parts.whole)? {
            return Ok(Some((known, None)));
        }
        let detail = parts.detail();
        if let Some((name, folder)) = detail
            && let Some(known) = self.entry_of(&format!("{name}@{}", parts.domain))?
        {
            return Ok(Some((known, Some(folder.into()))));
        }
        let Some(own_name) = own_name(domain).filter(|own| !own.eq_ignore_ascii_case(parts.domain)) else {
            return Ok(None);
        };
        let name = detail.map_or(parts.local, |(name, _)| name);
        let found = self.entry_of(&format!("{name}@{own_name}"))?;
        Ok(found.map(|known| (known, detail.map(|(_, folder)| folder.into()))))
    }

    fn entry_of(&mut self, address: &str) -> Result<Option<Known>, Outcome> {
        let address = key(address);
        let (env, host) = (self.env, self.host);
        let looked = self.process.alias.get(self.now, &address, || env.by_address(host.id, &address));
        match looked.found {
            Found::Value(listed) => {
                let kind = Kind::of(&listed.entry);
                Ok(kind.map(|kind| Known { listed, since: looked.since, kind }))
            }
            Found::Absent => Ok(None),
            Found::Pending | Found::Code(_) => Err(directory_away(&address)),
        }
    }

    /// No entry: the postmaster, the domain's catch-all, its smart host, else it fails (F3.4-03).
    fn without_entry(&mut self, parts: Address<'_>, domain: Option<&Entry>, original: &Name, token: Token) -> Outcome {
        if parts.local.eq_ignore_ascii_case("postmaster") {
            self.discard(token, "filed for the postmaster".into());
            return Outcome::Taken;
        }
        let of_domain = |attribute| domain.and_then(|d| d.first(attribute));
        if let Some(catch_all) = of_domain("mailDomainCatchallAddress")
            && self.enter(parts.whole)
        {
            let outcome = self.route(catch_all, original, token);
            self.path.pop();
            return outcome;
        }
        match of_domain("mailRoutingSmartHost") {
            Some(smart) if !self.names.contain(smart) => {
                let routed = format!("@{smart}:{}", parts.whole);
                self.file(
                    Channel::TcpIntranet,
                    Some(smtp(smart)),
                    plain_recipient(routed.into(), original, token, None),
                    None,
                );
                Outcome::Taken
            }
            _ => unknown(parts.whole),
        }
    }

    /// Goes one expansion deeper; false when the address led here already, or the way is too long.
    pub(crate) fn enter(&mut self, address: &str) -> bool {
        let address = key(address);
        if self.path.len() >= DEPTH || self.path.iter().any(|p| **p == *address) {
            return false;
        }
        self.path.push(address.into());
        true
    }

    /// The entry's mailHost is elsewhere: `@mailhost:user@domain`, by the rewrite rules to tcp_intranet (F3.2-01).
    pub(crate) fn send_to_mail_host(&mut self, mail_host: &str, target: &Target<'_>) {
        let user = Some(target.listed.user.clone());
        let routed: Name = ["@", mail_host, ":", target.address].concat().into();
        let recipient = plain_recipient(routed, target.original, target.token, user);
        self.file(Channel::TcpIntranet, Some(smtp(mail_host)), recipient, None);
    }

    /// Onward to a host of the site, the route kept. Nobody outside routes through the site.
    fn relay(&mut self, next: &str, routed: &str, original: &Name, token: Token) -> Outcome {
        if self.source == Source::Outside && self.path.is_empty() {
            return Outcome::Never(550, format!("5.7.1 relaying not allowed: {routed}").into());
        }
        let recipient = plain_recipient(routed.into(), original, token, None);
        self.file(Channel::TcpIntranet, Some(smtp(next)), recipient, None);
        Outcome::Taken
    }

    /// An address outside the site. Only what the site itself has to send goes there.
    fn send_outside(&mut self, address: &str, original: &Name, token: Token) -> Outcome {
        if self.source == Source::Outside && self.path.is_empty() {
            return Outcome::Never(550, format!("5.7.1 relaying not allowed: {address}").into());
        }
        let recipient = plain_recipient(address.into(), original, token, None);
        self.file(Channel::TcpLocal, Some(Destination::Outside), recipient, None);
        Outcome::Taken
    }

    /// Into an intermediate channel, to be expanded when it is dequeued.
    pub(crate) fn reprocess(&mut self, address: Name, original: &Name, token: Token, user: Option<Name>) {
        self.file(Channel::Reprocess, None, plain_recipient(address, original, token, user), None);
    }

    /// Whether mail from this source to a channel is to pass the conversion channel first.
    pub(crate) fn converts(&self, channel: &str) -> bool {
        let image = &self.process.image;
        !image.conversions.is_empty()
            && self.source != Source::Conversion
            && image.converts(self.source.channel(), channel)
    }

    /// Adds a recipient to the file of its channel, destination and mark. A message that has passed too many hands is
    /// sidelined as looping (F5.4-05).
    pub(crate) fn file(
        &mut self,
        channel: Channel,
        destination: Option<Destination>,
        recipient: Recipient,
        held: Option<HeldWhy>,
    ) {
        let received = self.received.saturating_add(1);
        let looping = received > self.process.image.max_received();
        let held = held.or(looping.then_some(HeldWhy::Loop));
        let domain = |r: &Recipient| r.address.rsplit_once('@').map(|(_, d)| d.to_ascii_lowercase());
        let together = self.result.enqueue.iter_mut().find(|f| {
            f.channel == channel
                && f.held == held
                && f.destination == destination
                && (destination != Some(Destination::Outside)
                    || f.recipients.first().map(domain) == Some(domain(&recipient)))
        });
        match together {
            Some(file) => file.recipients.push(recipient),
            None => self.result.enqueue.push(Enqueue {
                channel,
                destination,
                mail: self.mail.clone(),
                recipients: vec![recipient],
                received,
                held,
            }),
        }
    }

    /// Ends a copy with no notice due.
    pub(crate) fn discard(&mut self, token: Token, why: Name) {
        self.result.facts.push(Fact::Discarded { host: self.host.id, token, why });
    }

    /// Replaces a copy by others.
    pub(crate) fn expanded(&mut self, token: Token, address: &str, into: Vec<(Token, Name)>) {
        let (host, pid, address) = (self.host.id, self.pid, address.into());
        self.result.facts.push(Fact::Expanded { host, pid, token, address, into: into.into() });
    }

    /// Reports that this process decided by a user's entry.
    pub(crate) fn decided(&mut self, target: &Target<'_>) {
        self.decisions.push(fact(Fact::Decided {
            host: self.host.id,
            pid: self.pid,
            decision: Decision::Delivery,
            server: self.env.server_of(self.host.id),
            user: target.listed.user.clone(),
            entry: target.listed.entry.clone(),
            cached_since: target.since,
            ttl: self.process.alias.ttl(),
        }));
    }
}

/// A recipient that no store is named for.
pub(crate) fn plain_recipient(address: Name, original: &Name, token: Token, user: Option<Name>) -> Recipient {
    Recipient { token, address, original: original.clone(), user, folder: None, quota_bytes: None }
}

/// A host by SMTP; names count without regard to case.
fn smtp(name: &str) -> Destination {
    Destination::Smtp(key(name).into())
}

/// The reply for an address that leads nowhere.
pub(crate) fn unknown(address: &str) -> Outcome {
    Outcome::Never(550, format!("5.1.1 unknown or illegal alias: {address}").into())
}

/// The reply while the directory does not answer, or with a failure (F3.4-03).
pub(crate) fn directory_away(address: &str) -> Outcome {
    Outcome::Later(451, format!("4.3.0 temporary lookup failure: {address}").into())
}

/// The name of the domain that an entry describes: of an alias domain, the one it stands for.
fn own_name(domain: &Entry) -> Option<String> {
    if let Some(preferred) = domain.first("sunPreferredDomain") {
        return Some(preferred.to_owned());
    }
    let labels = domain.dn.split(',').filter_map(|rdn| {
        let (name, value) = rdn.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("dc").then(|| value.trim())
    });
    let labels: Vec<&str> = labels.collect();
    (!labels.is_empty()).then(|| labels.join("."))
}
