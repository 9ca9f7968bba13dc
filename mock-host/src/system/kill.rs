//! Owns `kill`: signals to daemons by process number. It must not know why a process is in the way.

use super::{Said, usage};
use crate::command::Output;
use crate::host::Host;
use crate::mail::Name;
use crate::process_table::Pid;
use crate::time::Time;
use std::fmt::Write;

impl Host {
    /// `kill [-TERM|-KILL|-15|-9] PID…`. A process that is set to survive being told to stop ends by `-9` only.
    pub(super) fn kill(&mut self, now: Time, words: &[Name], out: &mut Vec<Output>) -> Said {
        let (force, pids) = match words {
            [first, rest @ ..] if first.starts_with('-') => match &**first {
                "-9" | "-KILL" => (true, rest),
                "-15" | "-TERM" => (false, rest),
                _ => return usage(USAGE),
            },
            all => (false, all),
        };
        if pids.is_empty() {
            return usage(USAGE);
        }
        let mut said = Said::new(30);
        for word in pids {
            let process = word.parse().ok().and_then(|n| self.processes.get(Pid(n)));
            match process.map(|p| (p.pid, p.daemon)) {
                Some((pid, daemon)) => {
                    if force || !self.survivors.contains(&daemon) {
                        self.dies(now, pid, out);
                    }
                }
                None => {
                    let _ = writeln!(said.stderr, "kill: {word}: no such process");
                    said.status = 1;
                }
            }
        }
        said
    }
}

const USAGE: &str = "usage: kill [-TERM|-KILL] pid ...\n";
