//! Owns `rehost import`: a scenario of a site's exports, and what is said of it. It must not know any exported format.

use crate::report::{count, thousands};
use crate::{Ended, errors, written};
use sim::import::backup_groups::Proof;
use sim::import::summary::Summary;
use sim::import::{Asked, import};
use sim::scenario::{load, write};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the export: hosts.txt, zone.txt, directory.ldif, and a folder for each host
    dir: PathBuf,
    /// Old home
    #[arg(long, value_name = "HOST")]
    from: String,
    /// New home
    #[arg(long, value_name = "HOST")]
    to: String,
    /// Move the users that this file names, one a line, instead of everybody on the old home
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Write the scenario to this file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand. Nothing is written unless all of the export can be read and a world can be made of it.
///
/// # Errors
/// The first mistake in the export; a file that cannot be written.
pub fn run(args: &Args) -> Ended {
    let asked = Asked { dir: &args.dir, from: &args.from, to: &args.to, users: args.users.as_deref() };
    let (scenario, summary) = import(&asked).map_err(errors::bad_input)?;
    let text = write::to_toml(&scenario)
        .map_err(|e| errors::plain(format!("the scenario cannot be written as TOML: {e}"), "report this export"))?;
    // What is written reads back, and a world can be made of it.
    load::parse(&args.output.display().to_string(), &text).and_then(|l| l.make()).map_err(errors::bad_input)?;
    written::write_whole(&args.output, &text)?;
    if args.json {
        println!("{}", serde_json::json!(summary));
    } else {
        print!("{}", said(&summary, args));
    }
    Ok(ExitCode::SUCCESS)
}

fn said(s: &Summary, args: &Args) -> String {
    let mut out = String::new();
    let o = &mut out;
    let _ = writeln!(o, "{} hosts", s.hosts.len());
    for (host, roles) in &s.hosts {
        let _ = writeln!(o, "  {host:<24} {}", roles.join(" "));
    }
    for store in &s.stores {
        let _ = writeln!(
            o,
            "{}: {}, {}, {} kB",
            store.store,
            count(store.mailboxes as u64, "mailbox").replace("mailboxs", "mailboxes"),
            count(store.messages, "message"),
            thousands(store.kilobytes)
        );
    }
    let _ = writeln!(
        o,
        "directory: {}, {}\n\nbatch: {} from {} to {}",
        count(s.users as u64, "user"),
        count(s.lists as u64, "list"),
        count(s.batch as u64, "user"),
        args.from,
        args.to
    );
    for (what, names) in [
        ("lists whose mailHost follows", &s.lists_that_follow),
        ("domains whose preferredMailHost follows", &s.domains_that_follow),
        ("service names that are repointed", &s.names_that_follow),
    ] {
        if !names.is_empty() {
            let _ = writeln!(o, "  {what}: {}", names.join(", "));
        }
    }
    if !s.special.is_empty() {
        let _ = writeln!(o, "\nnot simply moved ({}):", s.special.len());
        for special in &s.special {
            let _ = writeln!(o, "  {}: {}\n    {}", special.user, special.reason, special.done);
        }
    }
    for proof in &s.groups {
        proved(o, proof);
    }
    for (heading, lines) in [("chosen where the export says nothing", &s.chosen), ("notes", &s.notes)] {
        if !lines.is_empty() {
            let _ = writeln!(o, "\n{heading}:");
            for line in lines {
                let _ = writeln!(o, "  {line}");
            }
        }
    }
    let _ = writeln!(o, "\n{} is written; `rehost rehearse {0}` rehearses the move.", args.output.display());
    out
}

fn proved(o: &mut String, proof: &Proof) {
    let verdict = match (proof.overlapping.len(), proof.left_out.len()) {
        (0, 0) => "every user is in exactly one group".to_owned(),
        (0, n) => format!("leaves {} out", count(n as u64, "user")),
        (n, 0) => format!("overlaps: {} in more than one group", count(n as u64, "user")),
        (n, m) => format!(
            "overlaps ({} in more than one group) and leaves {} out",
            count(n as u64, "user"),
            count(m as u64, "user")
        ),
    };
    let _ = writeln!(o, "\n{}: {verdict}", proof.file);
    for (name, definition, users) in &proof.groups {
        let _ = writeln!(o, "  {name}={definition} matches {}", count(*users as u64, "user"));
    }
    for (what, users) in [("in more than one", &proof.overlapping), ("in none", &proof.left_out)] {
        if !users.is_empty() {
            let more = if users.len() > 12 { format!(" and {} more", users.len() - 12) } else { String::new() };
            let first: Vec<&str> = users.iter().take(12).map(String::as_str).collect();
            let _ = writeln!(o, "  {what}: {}{more}", first.join(", "));
        }
    }
}
