//! Owns `rehost plan`: the groups of a scenario's move, their sizes, and the predicted time without access. It must not know
//! how groups are found, beyond asking the orchestrator.

use crate::report::{count, span, thousands};
use crate::{Ended, errors};
use orchestrator::plan::groups::{Group, Load, divide};
use orchestrator::plan::window::{Rates, Waits, predict};
use orchestrator::run::Options;
use serde::Serialize;
use sim::scenario::load;
use sim::topology::Site;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Scenario file
    scenario: PathBuf,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// A plan, as `--json` prints it.
#[derive(Serialize)]
struct Plan {
    scenario: String,
    from: String,
    to: String,
    concurrency: usize,
    groups: Vec<Size>,
    users: u64,
    messages: u64,
    bytes: u64,
    window_s: u64,
}

/// A group of a plan.
#[derive(Serialize)]
struct Size {
    users: Vec<String>,
    messages: u64,
    bytes: u64,
}

/// Runs the subcommand.
///
/// # Errors
/// When the scenario cannot be read or made.
pub fn run(args: &Args) -> Ended {
    let loaded = load::load(&args.scenario).map_err(errors::bad_input)?;
    let site = loaded.make().map_err(errors::bad_input)?;
    let plan = plan(&loaded.scenario.title, &site);
    if args.json {
        println!("{}", serde_json::json!(plan));
    } else {
        print!("{}", text(&plan));
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(title: &str, site: &Site) -> Plan {
    let m = &site.move_;
    let groups = divide(&loads(site), m.groups);
    let window_s = predict(&groups, m.concurrency, Rates::default(), waits(site));
    Plan {
        scenario: title.to_owned(),
        from: m.from.clone(),
        to: m.to.clone(),
        concurrency: m.concurrency,
        users: groups.iter().map(|g| g.users.len() as u64).sum(),
        messages: groups.iter().map(|g| g.messages).sum(),
        bytes: groups.iter().map(|g| g.bytes).sum(),
        groups: groups.into_iter().map(size).collect(),
        window_s,
    }
}

fn size(group: Group) -> Size {
    Size { users: group.users, messages: group.messages, bytes: group.bytes }
}

/// What each user of the batch has at the old home.
fn loads(site: &Site) -> Vec<Load> {
    let hosts = &site.world.hosts;
    let old = hosts.iter().find(|h| h.host.name.eq_ignore_ascii_case(&site.move_.from));
    let store = old.and_then(|h| h.store.as_ref());
    let load = |user: &String| {
        let account = store.and_then(|s| s.account(user));
        let messages = || account.iter().flat_map(|a| a.folders.values()).flat_map(|m| &m.messages);
        Load {
            user: user.clone(),
            bytes: messages().map(|m| u64::from(m.body.size_bytes)).sum(),
            messages: messages().count() as u64,
        }
    };
    site.move_.users.iter().map(load).collect()
}

/// The bounds that a run has when nothing else is said; the TTL of the names that are repointed.
fn waits(site: &Site) -> Waits {
    let bounds = Options::default().bounds;
    let old = |host: &str| site.move_.upgrade && host.eq_ignore_ascii_case(&site.move_.from);
    let ttl = site.inventory.service_names.iter().filter(|n| old(&n.host)).map(|n| n.ttl_s).max();
    Waits {
        session_s: bounds.session_s,
        replica_s: bounds.replica_s,
        in_flight_s: bounds.in_flight_s,
        queue_s: bounds.queue_s,
        dns_ttl_s: ttl.unwrap_or(0),
        tries: u64::from(bounds.tries),
    }
}

fn text(plan: &Plan) -> String {
    let mut out = format!(
        "{}: {} from {} to {}, in {}, {} at once\n\n group   users   messages        bytes  first user … last user\n",
        plan.scenario,
        count(plan.users, "user"),
        plan.from,
        plan.to,
        count(plan.groups.len() as u64, "group"),
        plan.concurrency
    );
    for (n, group) in plan.groups.iter().enumerate() {
        let ends = match (group.users.first(), group.users.last()) {
            (Some(first), Some(last)) => format!("{first} … {last}"),
            _ => String::new(),
        };
        out.push_str(&format!(
            "{:6} {:>7} {:>10} {:>12}  {ends}\n",
            n + 1,
            thousands(group.users.len() as u64),
            thousands(group.messages),
            thousands(group.bytes)
        ));
    }
    out.push_str(&format!(
        "   all {:>7} {:>10} {:>12}\n\nWithout access for at most {}, every wait at its bound and cautious rates; step 4 measures and declares.\n",
        thousands(plan.users),
        thousands(plan.messages),
        thousands(plan.bytes),
        span(plan.window_s as f64)
    ));
    out
}
