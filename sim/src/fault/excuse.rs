//! Owns excuses: which breach a fault that did something excuses, within its scope, and the twin that must still hold; and
//! which stops a drawn fault makes due. It must not know how an invariant finds a breach.

use super::{Fault, Faults, Promise};
use crate::due::Due;
use crate::invariant::Violation;
use crate::ledger::{Books, Declared};
use crate::world::World;
use mock_host::fact::Telling;
use mock_host::time::Span;

/// How long after a fault's end what it kept back may still be on its way: the orchestrator looks every five minutes.
const SLACK: Span = Span::mins(10);

impl Fault {
    /// Whether the promise names this invariant. `home-has-mail` shares the excuses of `no-late-delivery`.
    fn names(&self, invariant: &str) -> bool {
        let Promise::Remedies(named) = self.promise else { return false };
        named.contains(&invariant) || (invariant == "home-has-mail" && named.contains(&"no-late-delivery"))
    }

    /// Whether a breach is within what this fault did. About mail: that copy went through it, and is on its host where the
    /// breach says so. About a look-up: it is at its host, for a user whom it struck. About sessions and clients: that user
    /// was struck before; a write at the old home was its client's own.
    fn reaches(&self, broken: &Violation) -> bool {
        let copy = broken.token.is_some_and(|t| self.tokens.contains(&t));
        let here = broken.host.is_none() || broken.host == self.host;
        let since = broken.user.as_ref().and_then(|u| self.touched.get(u));
        let struck = since.is_some_and(|since| broken.at >= *since);
        match broken.invariant {
            "no-late-delivery" | "home-has-mail" => copy,
            "no-loss" | "nothing-left-held" | "held-mail-arrives" => copy && here,
            "no-stale-lookup" => here && struck,
            "single-home" => copy || (struck && self.wrote.contains(&broken.at)),
            _ => struck && (copy || broken.token.is_none()),
        }
    }

    fn excuses(&self, broken: &Violation, books: &Books) -> bool {
        let until_told = |v: &Violation| {
            let told = v.user.as_ref().and_then(|u| books.users.get(u)).and_then(|b| b.told.get(&Telling::Client));
            told.is_none_or(|(first, _)| v.at <= *first)
        };
        self.fired > 0
            && self.names(broken.invariant)
            && self.reaches(broken)
            && (self.spec.id != "direct-client" || broken.invariant != "access-returns" || until_told(broken))
    }
}

impl Faults {
    /// The fault that excuses a breach. A home that lacks mail is excused with the late delivery that it comes from.
    fn excuse_for(&self, broken: &Violation, books: &Books) -> Option<usize> {
        let late = |(_, v): &&(usize, Violation)| v.invariant == "no-late-delivery" && v.user == broken.user;
        let lacks = broken.invariant == "home-has-mail" && broken.token.is_none();
        let with_it = lacks.then(|| self.excused.iter().find(late)).flatten().map(|(n, _)| *n);
        self.list.iter().position(|f| f.excuses(broken, books)).or(with_it)
    }

    /// What is excused so far: invariant and fault, each pair once.
    pub fn excused(&self) -> Vec<(&'static str, String)> {
        let mut pairs: Vec<(&'static str, String)> =
            self.excused.iter().map(|(n, v)| (v.invariant, self.list[*n].spec.id.clone())).collect();
        pairs.sort();
        pairs.dedup();
        pairs
    }
}

impl World {
    /// Takes out of what is broken what a fault excuses.
    pub fn excuse(&mut self) {
        let broken = &mut self.ledger.broken;
        if self.faults.list.is_empty() || broken.len() <= self.faults.examined {
            return;
        }
        let mut i = self.faults.examined;
        while i < broken.len() {
            match self.faults.excuse_for(&broken[i], &self.ledger.books) {
                Some(n) => self.faults.excused.push((n, broken.remove(i))),
                None => i += 1,
            }
        }
        self.faults.examined = i;
    }

    /// At the end: where a fault excused something, its twin must hold, or the breaches count after all.
    pub fn judge_twins(&mut self) {
        for n in 0..self.faults.list.len() {
            if !self.faults.excused.iter().any(|(of, _)| *of == n) {
                continue;
            }
            let Err(why) = (self.faults.row(n).twin)(self, n) else { continue };
            let id = &self.faults.list[n].spec.id;
            let (back, stay) = std::mem::take(&mut self.faults.excused).into_iter().partition(|(of, _)| *of == n);
            self.faults.excused = stay;
            let back: Vec<(usize, Violation)> = back;
            let counts = |(_, v): (usize, Violation)| Violation {
                what: format!("{} ({id} does not excuse it: {why})", v.what),
                ..v
            };
            self.ledger.broken.extend(back.into_iter().map(counts));
        }
        self.faults.examined = self.ledger.broken.len();
    }

    /// Adds the stops that the drawn faults promise: the blocker of each that stops a run, and each user whom one struck who
    /// was left out while it was in force.
    pub fn faults_due(&self, due: &mut Due) {
        for fault in self.faults.list.iter().filter(|f| f.since.is_some()) {
            let id = &fault.spec.id;
            match fault.promise {
                Promise::Survives | Promise::Remedies(_) => {}
                Promise::Stops => due.blockers.push((id.clone(), format!("the fault {id} stops a run"))),
                Promise::StopsUser => {
                    for user in fault.touched.keys().filter(|u| self.left_out_meanwhile(fault, u)) {
                        due.users.push((user.to_string(), format!("the fault {id} had not cleared")));
                    }
                }
            }
        }
    }

    fn left_out_meanwhile(&self, fault: &Fault, user: &str) -> bool {
        let declared = self.ledger.books.users.get(user).and_then(|b| b.declared.as_ref());
        let Some((at, Declared::LeftOut(_))) = declared else { return false };
        // A queue file keeps the limit that was the user's when it was queued: a higher one does not reach it.
        let lingers = fault.spec.id == "over-quota";
        fault.since.is_some_and(|since| since <= *at)
            && (lingers || fault.ended.is_none_or(|ended| *at <= ended + SLACK))
    }
}
