//! Owns many seeds: they are spread over the cores, and their results are added up. It must not know what a seed does.

use crate::invariant::Violation;
use crate::run::{Rehearsal, Rehearsed, rehearse};
use crate::scenario::Scenario;
use crate::topology::Site;
use orchestrator::run::{Mutation, Outcome, Procedure};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// First seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// Which procedure.
    pub procedure: Procedure,
    /// What is broken on purpose.
    pub mutation: Option<Mutation>,
    /// Stop at the first seed that breaks something.
    pub until_broken: bool,
}

/// A broken invariant, as `--json` prints it.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Broken {
    /// Identifier.
    pub invariant: String,
    /// Seed.
    pub seed: u64,
    /// When, UTC.
    pub at: String,
    /// What happened, the causal chain: oldest first, the violation last.
    pub chain: Vec<String>,
}

/// An excused breach.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Excused {
    /// Identifier of the invariant.
    pub invariant: String,
    /// Fault that excuses it.
    pub fault: String,
    /// Seed.
    pub seed: u64,
}

/// A stop.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Blocked {
    /// Seed.
    pub seed: u64,
    /// Blocker.
    pub blocker: String,
    /// Host, where there is one.
    pub host: Option<String>,
    /// Whether a drawn fault or a defect of the site makes it due.
    pub due: bool,
    /// What the administrator should do.
    pub advice: String,
}

/// Distribution of the time without access, in seconds a user.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq)]
pub struct Window {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Longest.
    pub max: f64,
}

/// Grades of all users of all seeds.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Grades {
    /// Perfect.
    pub perfect: u64,
    /// Good.
    pub good: u64,
    /// To be looked at.
    pub look: u64,
    /// Not moved.
    pub not_moved: u64,
}

/// What came of a campaign: the object that `--json` prints.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Title of the scenario.
    pub scenario: String,
    /// Seeds run.
    pub seeds: u64,
    /// Invariants that held in every seed.
    pub held: Vec<String>,
    /// Broken invariants.
    pub broken: Vec<Broken>,
    /// Excused breaches.
    pub excused: Vec<Excused>,
    /// Stops.
    pub blocked: Vec<Blocked>,
    /// Events handled.
    pub events: u64,
    /// Commands started.
    pub commands: u64,
    /// Users of the site, a seed.
    pub users: u64,
    /// Messages in mailboxes at the start, a seed.
    pub messages: u64,
    /// Virtual seconds, all seeds.
    pub virtual_s: f64,
    /// Seconds by the wall clock.
    pub wall_s: f64,
    /// How often each fault did something.
    pub faults: BTreeMap<String, u64>,
    /// Time without access.
    pub window_s: Window,
    /// Grades.
    pub grades: Grades,
}

/// Runs the seeds on all cores; `progress` is called after each with how many are done.
pub fn run(site: &Site, scenario: &Scenario, campaign: &Campaign, progress: impl Fn(u64) + Sync) -> Report {
    let done = std::sync::atomic::AtomicU64::new(0);
    let one = |seed: u64| {
        let rehearsal = Rehearsal {
            seed,
            procedure: campaign.procedure,
            mutation: campaign.mutation,
            trace: false,
            only: None,
            go_on: campaign.mutation.is_some(),
        };
        let result = rehearse(site, scenario, &rehearsal);
        progress(1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        result
    };
    let mut results: Vec<Rehearsed> = Vec::new();
    let step = if campaign.until_broken { 16 } else { campaign.seeds.max(1) };
    let mut first = campaign.first;
    let end = campaign.first + campaign.seeds;
    while first < end {
        let last = (first + step).min(end);
        let mut part: Vec<Rehearsed> = (first..last).into_par_iter().map(one).collect();
        part.sort_by_key(|r| r.seed);
        let broken = part.iter().any(|r| !r.broken.is_empty());
        results.append(&mut part);
        if campaign.until_broken && broken {
            break;
        }
        first = last;
    }
    add_up(site, scenario, campaign, &results)
}

fn add_up(site: &Site, scenario: &Scenario, campaign: &Campaign, results: &[Rehearsed]) -> Report {
    let mut report = Report {
        scenario: scenario.title.clone(),
        seeds: results.len() as u64,
        users: site.users,
        messages: site.messages,
        ..Report::default()
    };
    let mut windows = Vec::new();
    for result in results {
        report.events += result.counts.events;
        report.commands += result.counts.commands;
        report.virtual_s += result.virtual_s;
        windows.extend_from_slice(&result.windows_s);
        for (fault, times) in &result.faults {
            *report.faults.entry(fault.clone()).or_default() += times;
        }
        report.grades.perfect += result.grades[0];
        report.grades.good += result.grades[1];
        report.grades.look += result.grades[2];
        report.grades.not_moved += result.grades[3];
        for (invariant, fault) in &result.excused {
            report.excused.push(Excused { invariant: (*invariant).into(), fault: fault.clone(), seed: result.seed });
        }
        if let Some(Outcome::Stopped(blocker) | Outcome::RolledBack(blocker)) = &result.outcome {
            report.blocked.push(Blocked {
                seed: result.seed,
                blocker: blocker.name.clone(),
                host: blocker.host.clone(),
                due: result.due,
                advice: blocker.advice.clone(),
            });
        }
    }
    for (result, first) in told(campaign, results) {
        report.broken.push(Broken {
            invariant: first.invariant.into(),
            seed: result.seed,
            at: first.at.to_string(),
            chain: crate::explain::chain(site, scenario, campaign, result.seed, first),
        });
    }
    report.held = crate::invariant::INVARIANTS
        .iter()
        .map(|i| i.id)
        .filter(|id| !results.iter().any(|r| r.broken.iter().any(|b| b.invariant == *id)))
        .map(str::to_owned)
        .collect();
    report.window_s = window(&mut windows);
    report
}

/// The violations that are told with their chains: the first of each seed, of twenty seeds at most; of a mutant the first of
/// each invariant, whichever seed it came in.
fn told<'r>(campaign: &Campaign, results: &'r [Rehearsed]) -> Vec<(&'r Rehearsed, &'r Violation)> {
    if campaign.mutation.is_none() {
        return results.iter().filter_map(|r| Some((r, r.broken.first()?))).take(20).collect();
    }
    let mut seen = BTreeSet::new();
    let all = results.iter().flat_map(|r| r.broken.iter().map(move |b| (r, b)));
    all.filter(|(_, b)| seen.insert(b.invariant)).collect()
}

fn window(seconds: &mut [f64]) -> Window {
    if seconds.is_empty() {
        return Window::default();
    }
    seconds.sort_by(f64::total_cmp);
    let at = |p: f64| seconds[((seconds.len() as f64 * p).ceil() as usize).clamp(1, seconds.len()) - 1];
    Window { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0) }
}
