//! Owns the faults of the site itself: a new store that is not ready, a relay that nobody listed. It must not know how an
//! orchestrator surveys a site.

use super::queues::modify;
use super::{Before, Begins, FaultInfo, Kind, Promise};
use crate::world::World;
use mock_host::fact::Fact;
use mock_host::host::{DISPATCHER_CNF, MSG_CONF};
use mock_host::lookup::{HostId, Value};
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::settings_file::dispatcher_offers;
use mock_ldap::ChangeKind;
use std::sync::Arc;

const LMTP: &str = "lmtp";
const NAME: &str = "name";
const PARTITION: &str = "partition";

/// `destination-not-ready`: the new store cannot take what comes. Form `lmtp`: the LMTP lines of its dispatcher.cnf are
/// commented out, as they are after installation (F5.5-01); `name`: it takes the name that will be written as mailHost for
/// somebody else's; `partition`: a partition of the old store is missing there.
///
/// Scope: the new store. Promise: the run stops at `destination-not-ready` before any hold. It excuses nothing.
pub(super) struct DestinationNotReady;

impl DestinationNotReady {
    /// The file and its text as the form has it; `None`: nothing there to break.
    fn broken(world: &World, form: &str) -> Option<(&'static str, String)> {
        let to = world.ledger.books.move_.to;
        let host = &world.slot(to).host;
        match form {
            LMTP => {
                let text = host.files.text(DISPATCHER_CNF)?;
                dispatcher_offers(text, "LMTPSS").then(|| (DISPATCHER_CNF, comment_out(text, "LMTPSS")))
            }
            NAME => {
                let line = |l: &str| match l.split('=').next().unwrap_or("").trim() {
                    "local.hostname" => Some(format!("local.hostname = staging-{}\n", host.name)),
                    "local.imta.hostnamealiases" => None,
                    _ => Some(format!("{l}\n")),
                };
                Some((MSG_CONF, host.files.text(MSG_CONF)?.lines().filter_map(line).collect()))
            }
            _ => {
                let text = host.files.text(MSG_CONF)?;
                let is_second =
                    |l: &str| l.starts_with("store.partition.") && !l.starts_with("store.partition.primary.");
                let kept = text.lines().filter(|l| !is_second(l)).map(|l| format!("{l}\n"));
                text.lines().any(is_second).then(|| (MSG_CONF, kept.collect()))
            }
        }
    }
    /// Writes the file and restarts what reads it.
    fn write(world: &mut World, path: &str, text: &[u8]) {
        use Daemon::{Dispatcher, Imapd, JobController, Mshttpd, Popd, Stored};
        let (now, to) = (world.now, world.ledger.books.move_.to);
        let host = &mut world.slot_mut(to).host;
        let was = host.files.get(path).map(|f| f.bytes.to_vec());
        let mut out = Vec::new();
        // It is what was just read.
        let written = host.replace(now, path, was.as_deref(), Some(text), &mut out).is_ok();
        world.host_outputs(to, out);
        if written {
            world.restart(to, &[Stored, Imapd, Popd, Mshttpd, Dispatcher, JobController]);
        }
    }
}

/// A section of dispatcher.cnf as a comment.
fn comment_out(text: &str, service: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len() + 32);
    for line in text.lines() {
        if line.starts_with("[SERVICE=") {
            inside = line.trim_end() == format!("[SERVICE={service}]");
        }
        if inside && !line.starts_with('!') {
            out.push_str("! ");
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

impl Kind for DestinationNotReady {
    const INFO: FaultInfo = FaultInfo {
        id: "destination-not-ready",
        event: "LMTP lines commented out, name or partition missing on the new store",
        promise: Promise::Stops,
        forms: &[LMTP, NAME, PARTITION],
        from_the_start: true,
        retry_s: 0,
    };
    const BEGINS: Begins = Begins::WithTheWorld;

    fn hosts(world: &World) -> Vec<HostId> {
        vec![world.ledger.books.move_.to]
    }
    fn forms(world: &World, _host: Option<HostId>) -> Vec<usize> {
        let forms = Self::INFO.forms;
        (0..forms.len()).filter(|i| Self::broken(world, forms[*i]).is_some()).collect()
    }
    fn begin(world: &mut World, n: usize) {
        let Some((path, text)) = Self::broken(world, world.faults.list[n].form) else { return };
        let to = world.ledger.books.move_.to;
        let Some(was) = world.slot(to).host.files.get(path).map(|f| f.bytes.to_vec()) else { return };
        world.faults.list[n].before = Before::File(path, was);
        Self::write(world, path, text.as_bytes());
        world.faults.list[n].fired += 1;
    }
    fn end(world: &mut World, n: usize) {
        if let Before::File(path, was) = std::mem::take(&mut world.faults.list[n].before) {
            Self::write(world, path, &was);
        }
    }
}

const TRACE: &str = "trace";
const NO_TRACE: &str = "no-trace";

/// `forgotten-relay`: a relay that delivers and is missing from the inventory. Form `trace`: it is named in
/// `mailRoutingHosts` (and in the MX); form `no-trace`: it is named nowhere, and partners send to it by arrangement.
///
/// Scope: one relay. Promise: `trace` stops at `forgotten-relay` where step 3 or 4 can find it; `no-trace` remedies, excusing on
/// that host `no-late-delivery`, `no-stale-lookup`, `nothing-left-held`, `held-mail-arrives`, `no-loss`; twins:
/// `late-is-carried`, and the report says which hosts were released. A late delivery that is excused is excused as a write
/// at the old home (`single-home`) too: it is the same append, and which of the two it breaks depends only on whether the
/// new home was written to before. Tried against it: waiting the longest alias TTL after the hold covers the relay's
/// cache, not what is in its queue; closing LMTP on the old store shuts out everybody who still lives there.
pub(super) struct ForgottenRelay;

impl Kind for ForgottenRelay {
    const INFO: FaultInfo = FaultInfo {
        id: "forgotten-relay",
        event: "a relay that delivers and is missing from the inventory",
        promise: Promise::Stops,
        forms: &[TRACE, NO_TRACE],
        from_the_start: true,
        retry_s: 600,
    };
    const BEGINS: Begins = Begins::WithTheWorld;

    fn hosts(world: &World) -> Vec<HostId> {
        world.hosts.iter().filter(|s| s.mta.is_some() && s.store.is_none()).map(|s| s.host.id).collect()
    }
    fn promise(form: &str) -> Promise {
        const EXCUSED: &[&str] = &[
            "no-late-delivery",
            "single-home",
            "no-stale-lookup",
            "nothing-left-held",
            "held-mail-arrives",
            "no-loss",
        ];
        if form == NO_TRACE { Promise::Remedies(EXCUSED) } else { Promise::Stops }
    }
    fn begin(world: &mut World, n: usize) {
        let fault = &world.faults.list[n];
        let (Some(host), form) = (fault.host, fault.form) else { return };
        world.faults.forgotten.push(host);
        if form == NO_TRACE {
            leave_no_trace(world, host);
        }
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let (host, user, token) = match fact {
            Fact::Queued { host, token, user: Some(user), .. } => (host, user, Some(*token)),
            // Mail for a full mailbox is decided on and not queued.
            Fact::Decided { host, user, .. } => (host, user, None),
            _ => return,
        };
        let now = world.now;
        let books = &world.ledger.books;
        if world.faults.list[n].host != Some(*host) || books.run_began.is_none() || !books.in_batch(user) {
            return;
        }
        let fault = &mut world.faults.list[n];
        fault.touch(now, user);
        if let Some(token) = token {
            fault.fired += 1;
            fault.tokens.insert(token);
        }
    }
    fn twin(world: &World, _n: usize) -> Result<(), String> {
        match (&world.faults.released_on, world.ledger.books.done) {
            (None, true) => Err("the run does not say on which hosts it released held mail".into()),
            _ => Ok(()),
        }
    }
}

/// Takes a relay's name out of the domains' entries and of the MX; those who sent to it go on by arrangement.
fn leave_no_trace(world: &mut World, host: HostId) {
    let name = world.map.names[usize::from(host.0)].clone();
    let master = world.directory.master();
    let domains: Vec<Name> = world.map.mx.keys().cloned().collect();
    for domain in &domains {
        let mock_host::lookup::Found::Value(entry) = world.directory.domain(master, domain) else { continue };
        let is_it = |v: &&Value| v.text().is_some_and(|t| t.trim().eq_ignore_ascii_case(&name));
        let values: Vec<Value> = entry.values("mailRoutingHosts").iter().filter(is_it).cloned().collect();
        if !values.is_empty() {
            let dn = entry.dn.clone();
            modify(world, &dn, ChangeKind::Delete, "mailRoutingHosts", values);
        }
    }
    let map = Arc::make_mut(&mut world.map);
    for (domain, exchangers) in &mut map.mx {
        if exchangers.contains(&host) {
            exchangers.retain(|h| *h != host);
            world.faults.by_arrangement.entry(domain.clone()).or_default().push(host);
        }
    }
}

impl super::Faults {
    /// Hosts of a domain to which partners send by arrangement, whatever its MX says.
    pub fn by_arrangement(&self, domain: &str) -> &[HostId] {
        if self.by_arrangement.is_empty() { &[] } else { self.by_arrangement.get(domain).map_or(&[], Vec::as_slice) }
    }
}

impl World {
    /// What the operator believes is there, forgotten hosts left out.
    pub fn believed(&self, inventory: &orchestrator::inventory::Inventory) -> orchestrator::inventory::Inventory {
        let mut believed = inventory.clone();
        let forgotten = |name: &str| {
            self.faults.forgotten.iter().any(|h| self.map.names[usize::from(h.0)].eq_ignore_ascii_case(name))
        };
        believed.hosts.retain(|h| !forgotten(&h.name));
        believed
    }
}
