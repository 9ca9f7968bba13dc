//! Owns what is drawn of a fault where the scenario leaves it out: whether, host, user, form, when, how long. It must not know
//! what a fault does. Draws have no state: taking one fault, host or user away changes no other choice.

use super::{Begins, Fault, Faults, ROWS, Row, key_of};
use crate::event::Event;
use crate::scenario::FaultSpec;
use crate::world::World;
use mock_host::draw::{Stream, below, draw, entity, mix, unit};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::{Span, Time};

/// What each draw of a fault is for; kinds have the numbers from 16 on for themselves.
mod n {
    pub const WHETHER: u64 = 0;
    pub const HOST: u64 = 1;
    pub const USER: u64 = 2;
    pub const FORM: u64 = 3;
    pub const WHEN: u64 = 4;
    pub const LENGTH: u64 = 5;
}

/// The candidate with the smallest mixed draw: it stays chosen when others go.
fn choose<T>(seed: u64, key: u64, n: u64, candidates: impl Iterator<Item = (T, u64)>) -> Option<T> {
    let salt = draw(seed, Stream::Fault, key, n);
    candidates.min_by_key(|(_, number)| mix(salt ^ number)).map(|(chosen, _)| chosen)
}

fn between(seed: u64, key: u64, n: u64, (low, high): (i64, i64)) -> i64 {
    low + below(seed, Stream::Fault, key, n, (high - low + 1).unsigned_abs()) as i64
}

/// The host that a fault strikes.
fn host(world: &World, row: &Row, spec: &FaultSpec, seed: u64, key: u64) -> Option<HostId> {
    if let Some(name) = &spec.host {
        return world.host_named(name);
    }
    let name = |h: &HostId| entity(&world.map.names[usize::from(h.0)]);
    choose(seed, key, n::HOST, (row.hosts)(world).into_iter().map(|h| (h, name(&h))))
}

/// The user of the batch whom a fault strikes.
fn user(world: &World, row: &Row, spec: &FaultSpec, seed: u64, key: u64) -> Option<Name> {
    if let Some(name) = &spec.user {
        return Some(name.as_str().into());
    }
    let batch = &world.ledger.books.move_.users;
    let candidates = batch.iter().filter(|u| (row.strikes)(world, u)).map(|u| (u, entity(u)));
    choose(seed, key, n::USER, candidates).cloned()
}

fn form(world: &World, row: &Row, spec: &FaultSpec, host: Option<HostId>, seed: u64, key: u64) -> &'static str {
    let forms = row.info.forms;
    if let Some(named) = &spec.form {
        return forms.iter().find(|f| *f == named).copied().unwrap_or_default();
    }
    let possible = (row.forms)(world, host);
    choose(seed, key, n::FORM, possible.into_iter().map(|i| (forms[i], entity(forms[i])))).unwrap_or_default()
}

fn begins(row: &Row, spec: &FaultSpec, seed: u64, key: u64) -> Begins {
    let when = &spec.when;
    if row.info.from_the_start {
        return Begins::WithTheWorld;
    }
    if let Some(at_s) = when.at_s {
        let at_s = i64::try_from(at_s).unwrap_or(i64::MAX);
        return Begins::At(at_s, at_s);
    }
    if when.command.is_some() {
        // Its text is the scenario's own: looked up there.
        return Begins::Command(0, "", when.nth.unwrap_or(1));
    }
    if let Some(step) = when.step {
        return Begins::Step(step);
    }
    match row.begins {
        Begins::At(low, high) => {
            let at_s = between(seed, key, n::WHEN, (low, high));
            Begins::At(at_s, at_s)
        }
        Begins::Command(step, text, most) => {
            Begins::Command(step, text, between(seed, key, n::WHEN, (1, i64::from(most))) as u32)
        }
        other => other,
    }
}

fn lasts(row: &Row, spec: &FaultSpec, seed: u64, key: u64) -> Option<Span> {
    match spec.for_s {
        Some(0) => None,
        Some(s) => Some(Span::secs(i64::try_from(s).unwrap_or(i64::MAX / 4_000_000))),
        None => row.lasts.map(|range| Span::secs(between(seed, key, n::LENGTH, range))),
    }
}

impl World {
    /// Draws the faults of a seed and lets those begin that are there from the start. The run will begin at `run_begins`.
    pub fn draw_faults(&mut self, specs: &[FaultSpec], seed: u64, run_begins: Time) {
        self.faults = Faults { seed, ..Faults::default() };
        for (i, spec) in specs.iter().enumerate() {
            // A kind that is not known was refused when the scenario was read.
            let Some(kind) = ROWS.iter().position(|r| r.info.id == spec.id) else { continue };
            let fault = self.drawn(spec, kind, seed, key_of(&spec.id, i));
            self.faults.list.push(fault);
        }
        for n in 0..self.faults.list.len() {
            match self.faults.list[n].begins {
                _ if self.faults.list[n].over => {}
                Begins::WithTheWorld => self.fault_begins(n as u32),
                Begins::At(at_s, _) => self.queue.push(run_begins + Span::secs(at_s), 4, Event::FaultBegins(n as u32)),
                Begins::Step(_) | Begins::Command(..) => {}
            }
        }
    }

    fn drawn(&self, spec: &FaultSpec, kind: usize, seed: u64, key: u64) -> Fault {
        let row = &ROWS[kind];
        let host = host(self, row, spec, seed, key);
        let form = form(self, row, spec, host, seed, key);
        Fault {
            promise: (row.promise)(form),
            form,
            host,
            user: user(self, row, spec, seed, key),
            begins: begins(row, spec, seed, key),
            lasts: lasts(row, spec, seed, key),
            since: None,
            ended: None,
            over: unit(seed, Stream::Fault, key, n::WHETHER) >= spec.probability,
            seen: 0,
            fired: 0,
            touched: Default::default(),
            kind,
            key,
            command: None,
            tokens: Default::default(),
            wrote: Default::default(),
            shown: false,
            before: Default::default(),
            spec: spec.clone(),
        }
    }
}
