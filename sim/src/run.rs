//! Owns one rehearsal: the orchestrator driven against a world from the beginning to the end of a seed. It must not know
//! how many seeds there are.

use crate::due::Due;
use crate::event::Event;
use crate::exchange::{Exchange, JournalState};
use crate::fault::Begins;
use crate::invariant::{RUN_MOST, Violation, WATCH_MOST};
use crate::scenario::Scenario;
use crate::site_book::Idle;
use crate::stage;
use crate::topology::Site;
use crate::trace::{Only, Trace};
use crate::world::{Counts, World};
use mock_host::coin::Coins;
use mock_host::draw::{Stream, below, draw};
use mock_host::fact::Fact;
use mock_host::time::{Span, Time};
use orchestrator::inventory::{Inventory, Move};
use orchestrator::run::{Mutation, Options, Outcome, Procedure};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How a rehearsal is to be run.
#[derive(Clone, Debug, Default)]
pub struct Rehearsal {
    /// Seed.
    pub seed: u64,
    /// Which procedure.
    pub procedure: Procedure,
    /// What is broken on purpose.
    pub mutation: Option<Mutation>,
    /// Whether a trace is written.
    pub trace: bool,
    /// Whose life the trace is about; `None`: everything.
    pub only: Option<Only>,
    /// Go on after the first violation (mutants record the first of each invariant).
    pub go_on: bool,
}

/// What came of a rehearsal.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// Seed.
    pub seed: u64,
    /// How the orchestrator ended; `None`: the run was cut off by a violation, or never ended.
    pub outcome: Option<Outcome>,
    /// What was broken.
    pub broken: Vec<Violation>,
    /// Counts.
    pub counts: Counts,
    /// Breaches that a drawn fault excuses: invariant and fault.
    pub excused: Vec<(&'static str, String)>,
    /// Whether the stop, if there was one, is due.
    pub due: bool,
    /// How often each fault of the scenario did something.
    pub faults: Vec<(String, u64)>,
    /// Seconds without access of each user who was held and let in again.
    pub windows_s: Vec<f64>,
    /// Users by grade: perfect, good, look, not moved.
    pub grades: [u64; 4],
    /// Virtual seconds in all.
    pub virtual_s: f64,
    /// The trace, when one was asked for.
    pub trace: Option<String>,
    /// Journal records.
    pub journal: usize,
}

/// The longest documented notices period, after which nothing is left in an active queue (F5.4-03).
const NOTICES: Span = Span::days(29);

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Rehearses one seed.
pub fn rehearse(site: &Site, scenario: &Scenario, rehearsal: &Rehearsal) -> Rehearsed {
    let mut world = begin(site, scenario, rehearsal);
    let options = Options {
        procedure: rehearsal.procedure,
        mutation: rehearsal.mutation,
        holder: "rehearsal".into(),
        ..Options::default()
    };
    let run_begins = world.now + Span::secs(i64::from(scenario.traffic.before_s));
    while world.step(run_begins) {}
    world.now = run_begins;
    world.ledger.run_begins(run_begins);
    let exchange = Exchange::new(world.now, 1, JournalState::default());
    let inventory = world.believed(&site.inventory);
    let asked = (&inventory, &site.move_);
    let after = Span::secs(i64::from(scenario.traffic.after_s));
    let outcome = drive(&mut world, asked, &options, &exchange, (after, rehearsal.go_on));
    if let Some(outcome) = &outcome {
        let how = match outcome {
            Outcome::Done => "done",
            Outcome::RolledBack(_) => "rolled-back",
            Outcome::Stopped(_) => "stopped",
        };
        world.fact(&Fact::RunEnded { how: how.into() });
    }
    if outcome.is_some() && (world.ledger.broken.is_empty() || rehearsal.go_on) {
        aftermath(&mut world, scenario, rehearsal.go_on);
        if world.ledger.broken.is_empty() || rehearsal.go_on {
            let idle = idle(site, scenario, rehearsal, &world, run_begins);
            world.judge_the_end(&due(site, &world), idle.as_ref());
            world.excuse();
            world.judge_twins();
        }
    }
    let journal = exchange.with(|inner| inner.journal.records.len());
    Rehearsed {
        seed: rehearsal.seed,
        outcome,
        broken: std::mem::take(&mut world.ledger.broken),
        excused: world.faults.excused(),
        due: stop_is_due(site, &world),
        faults: world.faults.list.iter().map(|f| (f.spec.id.clone(), f.fired)).collect(),
        windows_s: world.ledger.books.windows.iter().map(|w| w.as_secs_f64()).collect(),
        grades: world.ledger.books.grades,
        counts: world.counts,
        virtual_s: (world.now - site.world.now).as_secs_f64(),
        trace: world.trace.take().map(|t| t.text),
        journal,
    }
}

/// A world for a seed: traffic and faults drawn, coins as the scenario says.
pub fn begin(site: &Site, scenario: &Scenario, rehearsal: &Rehearsal) -> World {
    let mut world = site.world.clone();
    let seed = rehearsal.seed;
    world.noise = draw(seed, Stream::Latency, 0, 0);
    world.queue.set_noise(draw(seed, Stream::Tie, 0, 0));
    world.traffic.seed = seed;
    world.traffic.until = None;
    if rehearsal.trace {
        world.trace = Some(Trace { text: String::new(), only: rehearsal.only.clone() });
    }
    let run_begins = world.now + Span::secs(i64::from(scenario.traffic.before_s));
    world.draw_faults(&scenario.faults, seed, run_begins);
    let users = world.traffic.clients.len() as u32;
    for index in 0..users {
        world.plan_mail(index);
        world.plan_visits(index);
    }
    world.plan_provisioning();
    world
}

/// Coins drawn for a seed.
pub fn drawn_coins(seed: u64) -> Coins {
    Coins::drawn(|i, n| below(seed, Stream::Coin, i as u64, 0, n))
}

fn drive(
    world: &mut World,
    (inventory, move_): (&Inventory, &Move),
    options: &Options,
    exchange: &Exchange,
    (after, go_on): (Span, bool),
) -> Option<Outcome> {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(flag.clone());
    let mut cx = Context::from_waker(&waker);
    let doors = stage::doors(exchange);
    let mut future: Pin<Box<dyn Future<Output = Outcome> + '_>> =
        Box::pin(orchestrator::run::run(doors, inventory, move_, options));
    let limit = world.now + RUN_MOST + WATCH_MOST;
    let mut journalled = 0;
    loop {
        while flag.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(outcome) = future.as_mut().poll(&mut cx) {
                drop(future);
                while let Some((id, call)) = exchange.take_call() {
                    world.take_call(id, call);
                }
                return Some(outcome);
            }
            exchange.with(|inner| {
                world.journalled(&inner.journal.records[journalled..]);
                journalled = inner.journal.records.len();
            });
            while let Some((id, call)) = exchange.take_call() {
                world.take_call(id, call);
            }
        }
        world.excuse();
        if !go_on && !world.ledger.broken.is_empty() {
            return None;
        }
        if world.ledger.books.done && world.traffic.until.is_none() {
            world.traffic.until = Some(world.now + after);
        }
        if !world.step(limit) {
            let ledger = &mut world.ledger;
            ledger.invariants.nothing_more(world.now, &ledger.books, &mut ledger.broken);
            return None;
        }
        hand_over(world, exchange);
    }
}

fn hand_over(world: &mut World, exchange: &Exchange) {
    exchange.with(|inner| inner.now = world.now);
    if !world.answers.is_empty() {
        for (id, answer) in world.answers.drain(..) {
            exchange.answer(id, answer);
        }
    }
    if !world.said.is_empty() {
        for (command, said) in world.said.drain(..) {
            exchange.say(command, said);
        }
    }
}

/// After the run was done or stopped: traffic goes on for a while, then time jumps until no queue can hold anything any more.
fn aftermath(world: &mut World, scenario: &Scenario, go_on: bool) {
    let until = world.now + Span::secs(i64::from(scenario.traffic.after_s));
    let until = *world.traffic.until.get_or_insert(until);
    let last = until + NOTICES;
    while world.step(last) {
        world.answers.clear();
        world.said.clear();
        world.excuse();
        if !go_on && !world.ledger.broken.is_empty() {
            return;
        }
    }
}

/// What is due; nothing is computed where everybody is moved.
fn due(site: &Site, world: &World) -> Due {
    if Due::is_needless(&world.ledger.books) { Due::default() } else { Due::of(site, world) }
}

fn stop_is_due(site: &Site, world: &World) -> bool {
    let stopped = world.ledger.books.stopped.as_ref().filter(|_| !world.ledger.books.done);
    stopped.is_some_and(|(blocker, _, user)| {
        let due = due(site, world);
        due.stop(blocker) || user.as_ref().is_some_and(|u| due.user(u))
    })
}

/// The same seed, traffic and faults once more, with nobody who moves anything: run only when something bounced. Faults that
/// waited for an act of the run begin when they began then.
fn idle(site: &Site, scenario: &Scenario, rehearsal: &Rehearsal, moved: &World, run_begins: Time) -> Option<Idle> {
    if !moved.ledger.invariants.in_doubt(&moved.ledger.books, &moved.directory) {
        return None;
    }
    let mut world = begin(site, scenario, &Rehearsal { trace: false, mutation: None, ..rehearsal.clone() });
    while world.step(run_begins) {}
    world.now = run_begins;
    world.ledger.run_begins(run_begins);
    for (n, fault) in moved.faults.list.iter().enumerate() {
        if let (Some(since), Begins::Step(_) | Begins::Command(..)) = (fault.since, fault.begins) {
            world.queue.push(since, 4, Event::FaultBegins(n as u32));
        }
    }
    // Traffic ends at the same instant, known since the same one.
    let until = moved.traffic.until?;
    let told = until - Span::secs(i64::from(scenario.traffic.after_s));
    while world.step(told) {}
    world.now = told;
    aftermath(&mut world, scenario, true);
    Some(world.ledger.invariants.bounced())
}
