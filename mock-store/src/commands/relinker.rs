//! Owns `relinker`: files with the same bytes on a partition become one (F1.9-01 … F1.9-04). It must not know why there are
//! several. Messages, UIDs and what users see stay as they are.

use super::Job;
use super::arguments::Arguments;
use super::call::Call;
use crate::body_links::Links;
use crate::partition;
use crate::settings;
use mock_host::mail::{Body, Name};
use mock_host::time::Span;
use rustc_hash::FxHashMap;
use std::fmt::Write;

const USAGE: &str = "relinker [-p partition] [-d]";
const RULE: &str = "---------------------------------------------------------\n";

/// A relinker at work on the messages it has found; it joins files when it comes to its end.
#[derive(Clone, Debug)]
pub(super) struct Run {
    partitions: Vec<Name>,
}

/// Figures of a partition, before or after.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    messages: u64,
    files: u64,
    digests: u64,
    file_bytes: u64,
    message_bytes: u64,
}

/// The command line was given.
pub(super) fn start(call: &mut Call<'_>, argv: &[Name]) {
    let arguments = match Arguments::read(argv, "p:d") {
        Ok(arguments) if arguments.operands.is_empty() => arguments,
        _ => return call.usage("", USAGE),
    };
    let mut partitions: Vec<Name> = partition::all(call.host).into_iter().map(|(nickname, _)| nickname).collect();
    if let Some(wanted) = arguments.value('p') {
        partitions.retain(|nickname| nickname == wanted);
        if partitions.is_empty() {
            return call.refuse(format!("relinker: no partition {wanted}\n"));
        }
    }
    if arguments.has('d') {
        return purge(call, &partitions);
    }
    let messages = partitions.iter().map(|p| figures(call, p).messages).sum();
    call.wake(call.now + call.store.commands.rates.relinking(messages));
    call.store.commands.jobs.insert(call.id, Job::Relinker(Run { partitions }));
}

/// It has looked at everything: files are joined, statistics printed.
pub(super) fn due(call: &mut Call<'_>) {
    let Some(Job::Relinker(run)) = call.store.commands.jobs.remove(&call.id) else { return };
    let mut text = String::new();
    for partition in &run.partitions {
        let before = figures(call, partition);
        let digests = join(call, partition);
        call.store.commands.digests.insert(partition.clone(), digests);
        let after = figures(call, partition);
        let _ = write!(
            text,
            "Processing partition: {partition}\nScanning digest repository...\nProcessing user directories"
        );
        text.push_str("..............................\n");
        statistics(&mut text, before, after);
    }
    call.done(Span::millis(10), text, String::new());
}

/// `-d`: the repository is emptied; files stay as they are joined.
fn purge(call: &mut Call<'_>, partitions: &[Name]) {
    let mut text = String::new();
    for partition in partitions {
        let digests = call.store.commands.digests.remove(partition).unwrap_or(0);
        let _ = write!(text, "Processing partition: {partition}\nPurging digest repository...\n{RULE}");
        let _ = writeln!(text, "{:<28}{:>9}{:>17} ", "Partition statistics", "Before", "After");
        let _ =
            writeln!(text, "{RULE}{:<28}{digests:>9}{:>16}\n{}", "Message digests in repository", 0, RULE.trim_end());
    }
    call.done(Span::secs(1), text, String::new());
}

fn figures(call: &Call<'_>, partition: &Name) -> Figures {
    let Some(bodies) = call.store.partition(partition).map(|p| &p.bodies) else { return Figures::default() };
    let digests = call.store.commands.digests.get(partition).copied().unwrap_or(0);
    Figures {
        messages: bodies.messages,
        files: bodies.files,
        digests: digests.min(bodies.distinct() as u64),
        file_bytes: bodies.file_bytes,
        message_bytes: bodies.message_bytes,
    }
}

/// Joins the files of eligible messages; the number of their digests. Eligible are messages saved within
/// `local.store.relinker.maxage` hours (24; -1: all) of at least `local.store.relinker.minsize` kilobytes (F1.9-04).
fn join(call: &mut Call<'_>, partition: &Name) -> u64 {
    let max_age = Span::hours(settings::number(call.host, "local.store.relinker.maxage", 24));
    let any_age = max_age.0 < 0;
    let least_bytes = settings::number(call.host, "local.store.relinker.minsize", 0).max(0) * 1024;
    // Never iterated: what is to be joined is kept in the order in which it is found.
    let mut eligible: FxHashMap<u64, u32> = FxHashMap::default();
    let mut several: Vec<Body> = Vec::new();
    let Some(bodies) = call.store.partition(partition).map(|p| &p.bodies) else { return 0 };
    for (_, account) in call.store.accounts() {
        for mailbox in account.folders.values().filter(|m| m.partition == *partition) {
            for message in &mailbox.messages {
                let young = any_age || call.now.since(message.saved) <= max_age;
                if !young || i64::from(message.body.size_bytes) < least_bytes {
                    continue;
                }
                let count = eligible.entry(message.body.id).or_insert(0);
                *count += 1;
                if *count == 1 && bodies.links(message.body.id).files > 1 {
                    several.push(message.body);
                }
            }
        }
    }
    for body in several {
        let Some(partition_of) = call.store.partitions.get_mut(partition) else { continue };
        let Links { files, messages } = partition_of.bodies.links(body.id);
        // Messages that are too old may each keep a file of their own.
        let kept = messages.saturating_sub(eligible.get(&body.id).copied().unwrap_or(0)).min(files - 1);
        if let Some(links) = partition_of.bodies.relink_to(body, 1 + kept) {
            call.store.report_links(call.host, partition, body, links, call.out);
        }
    }
    eligible.len() as u64
}

/// The frame of F1.9-02.
fn statistics(out: &mut String, before: Figures, after: Figures) {
    let megabytes = |bytes: u64| format!("{}Mb", bytes.div_ceil(1 << 20));
    let saved = |f: Figures| format!("{}Mb", (f.message_bytes.saturating_sub(f.file_bytes)) >> 20);
    let rows = [
        ("Total messages", before.messages.to_string(), after.messages.to_string()),
        ("Unique messages", before.files.to_string(), after.files.to_string()),
        ("Message digests in repository", before.digests.to_string(), after.digests.to_string()),
        ("Space used", megabytes(before.file_bytes), megabytes(after.file_bytes)),
        ("Space savings from single-copy", saved(before), saved(after)),
    ];
    out.push_str(RULE);
    let _ = writeln!(out, "{:<21}{:>16}{:>17} ", "Partition statistics", "Before", "After");
    out.push_str(RULE);
    for (name, before, after) in rows {
        let width = 38usize.saturating_sub(name.len());
        let _ = writeln!(out, "{name}{before:>width$}{after:>16}");
    }
    out.push_str(RULE);
}
