//! Owns the commands of the operating system that an administrator uses on a host. It must not know the product's.

mod date;
mod df;
mod digest;
mod getent;
mod kill;
mod ls;
pub(crate) mod mailx;
mod md5;
mod ps;

use crate::command::{CommandId, Output, fail, finish};
use crate::files::{FileView, Stat};
use crate::host::Host;
use crate::lasting::Lasting;
use crate::lookup::Environment;
use crate::mail::Name;
use crate::time::{Span, Time};

/// Whether a program is one of the operating system's.
pub(crate) fn knows(program: &str) -> bool {
    matches!(program, "ps" | "ls" | "df" | "date" | "digest" | "getent" | "mailx" | "cat" | "hostname" | "kill")
}

/// How a short command ended: what it printed, what it complained of, its status, how long it took.
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
    pub(crate) took: Span,
}

impl Said {
    fn new(took_ms: i64) -> Said {
        Said { stdout: String::new(), stderr: String::new(), status: 0, took: Span::millis(took_ms) }
    }
    fn failed(status: i32, stderr: impl Into<String>) -> Said {
        Said { stdout: String::new(), stderr: stderr.into(), status, took: Span::millis(30) }
    }
}

impl Host {
    #[allow(clippy::too_many_arguments)] // the shape of `handle`, with the program's name
    pub(crate) fn system_command(
        &mut self,
        now: Time,
        command: CommandId,
        program: &str,
        argv: &[Name],
        stdin: bool,
        (rest, env): (&dyn FileView, &dyn Environment),
        out: &mut Vec<Output>,
    ) {
        let words = argv.get(1..).unwrap_or_default();
        let said = match program {
            "ps" => self.ps(words),
            "ls" => self.ls(now, words, rest),
            "df" => df::df(words, rest),
            "date" => self.date(now, words),
            "digest" => self.digest(words, rest),
            "getent" => self.getent(words, env),
            "hostname" => Said { stdout: format!("{}\n", self.name), ..Said::new(20) },
            "kill" => self.kill(now, words, out),
            "cat" if words.is_empty() && stdin => {
                self.lasting.insert(command, Lasting::Cat);
                return;
            }
            "cat" => self.cat(words, rest),
            "mailx" => return self.mailx(now, command, words, stdin, out),
            _ => return out.push(crate::command::not_found(command, program)),
        };
        let Said { stdout, stderr, status, took } = said;
        out.push(Output::Finish { command, after: took, stdout, stderr, status });
    }

    /// Size and time of a path, whoever keeps it.
    fn stat(&self, path: &str, rest: &dyn FileView) -> Option<Stat> {
        let own = self.files.get(path);
        own.map(|f| Stat { size_bytes: f.bytes.len() as u64, modified: f.modified }).or_else(|| rest.stat(path))
    }

    /// Files directly in a directory, by name, whoever keeps them; `None` when there is no such directory.
    fn list(&self, dir: &str, rest: &dyn FileView) -> Option<Vec<(Name, Stat)>> {
        let dir = if dir.len() > 1 { dir.trim_end_matches('/') } else { dir };
        let mut any_deeper = false;
        let mut found: Vec<(Name, Stat)> = Vec::new();
        for (path, file) in self.files.below(dir) {
            any_deeper = true;
            let name = &path[dir.len() + 1..];
            if !name.contains('/') {
                found.push((name.into(), Stat { size_bytes: file.bytes.len() as u64, modified: file.modified }));
            }
        }
        let others = rest.list(dir);
        if others.is_none() && !any_deeper {
            return None;
        }
        let own = found.len();
        for (name, stat) in others.unwrap_or_default() {
            if !found[..own].iter().any(|(n, _)| *n == name) {
                found.push((name, stat));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Some(found)
    }

    /// `cat FILE…`: files of the host; a body or a queue file is not shown.
    fn cat(&self, words: &[Name], rest: &dyn FileView) -> Said {
        let mut said = Said::new(20);
        for path in words.iter().filter(|w| &***w != "--") {
            match self.files.get(path) {
                Some(file) => {
                    said.stdout.push_str(&String::from_utf8_lossy(&file.bytes));
                    if !said.stdout.is_empty() && !said.stdout.ends_with('\n') {
                        said.stdout.push('\n');
                    }
                }
                None => {
                    let why = if rest.stat(path).is_some() { "Permission denied" } else { "No such file or directory" };
                    said.stderr.push_str(&format!("cat: cannot open {path}: {why}\n"));
                    said.status = 2;
                }
            }
        }
        said
    }
}

/// A usage error of a command of the operating system.
fn usage(text: &str) -> Said {
    Said::failed(1, text)
}

/// Ends a command that failed before it became lasting.
fn refuse(command: CommandId, status: i32, text: &str) -> Output {
    fail(command, Span::millis(30), status, text)
}

/// Ends a lasting command without any text.
fn done(command: CommandId, after: Span) -> Output {
    finish(command, after, 0, "")
}
