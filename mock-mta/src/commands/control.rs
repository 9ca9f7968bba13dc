//! Owns `imsimta` beyond `qm`: compiling, restarting, looking at processes and the cache, running a channel. It must not
//! know what the compiled configuration says.

use super::qm::channels_of;
use super::{Running, USAGE, done, refuse, say, usage};
use crate::channel::Channel;
use crate::input::{Output, Timer};
use crate::mta::Mta;
use mock_host::command::{self, CommandId, finish};
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::process_table::Daemon;
use mock_host::service::Service;
use mock_host::stamp::month;
use mock_host::time::{Span, Time};
use std::fmt::Write;

/// How long a restart is away: what is under way finishes first.
const RESTART: Span = Span::secs(6);

impl Mta {
    /// `imsimta cnbuild` (F1.4-01).
    pub(super) fn build(&mut self, now: Time, id: CommandId, host: &mut Host, out: &mut Vec<Output>) {
        match self.cnbuild(now, host) {
            Ok(()) => done(id, Span::secs(2), "", out),
            Err(error) => refuse(id, format!("%CNBUILD-E-OPTION, {error}\n"), host, out),
        }
    }

    /// `imsimta restart [job_controller|dispatcher|smtp|lmtp]` (F1.4-02).
    pub(super) fn restart(&mut self, now: Time, id: CommandId, words: &[&str], host: &mut Host, out: &mut Vec<Output>) {
        match parts(words) {
            Some(daemons) => self.begin_restart(now, id, daemons, host, out),
            None => usage(id, "Usage: imsimta restart [job_controller|dispatcher|smtp|lmtp]\n", host, out),
        }
    }

    /// `imsimta refresh`: cnbuild and restart (F1.4-04).
    pub(super) fn refresh(&mut self, now: Time, id: CommandId, words: &[&str], host: &mut Host, out: &mut Vec<Output>) {
        let Some(daemons) = parts(words) else {
            return usage(id, "Usage: imsimta refresh [job_controller|dispatcher]\n", host, out);
        };
        match self.cnbuild(now, host) {
            Ok(()) => self.begin_restart(now, id, daemons, host, out),
            Err(error) => refuse(id, format!("%CNBUILD-E-OPTION, {error}\n"), host, out),
        }
    }

    fn begin_restart(&mut self, now: Time, id: CommandId, daemons: Vec<Daemon>, host: &Host, out: &mut Vec<Output>) {
        let mut text = String::new();
        for &daemon in &daemons {
            match host.processes.of(daemon).next() {
                Some(process) => {
                    let _ = writeln!(text, "Stopping {} server {} ... done", word(daemon), process.pid.0);
                }
                None => {
                    let _ = writeln!(text, "{} server is not running", word(daemon));
                }
            }
        }
        say(id, text, out);
        self.commands.running.insert(id, Running::Restart(daemons));
        out.push(Output::Wake(now + RESTART, Timer::Command(id)));
    }

    /// `imsimta reload` (F1.4-03): mappings, aliases and tables only, so nothing here changes; option.dat does not take part.
    pub(super) fn reload(&mut self, id: CommandId, host: &Host, out: &mut Vec<Output>) {
        let mut text = String::new();
        for daemon in [Daemon::Dispatcher, Daemon::JobController] {
            match host.processes.of(daemon).next() {
                Some(process) => {
                    let _ = writeln!(text, "Reloading {} server {} ... done", word(daemon), process.pid.0);
                }
                None => {
                    let _ = writeln!(text, "{} server is not running", word(daemon));
                }
            }
        }
        done(id, Span::millis(500), text, out);
    }

    /// `imsimta process` (F1.4-12): since when each daemon of the MTA runs.
    pub(super) fn process(&mut self, now: Time, id: CommandId, host: &Host, out: &mut Vec<Output>) {
        let today = host.clock.civil(now);
        let mut text = String::from("USER       PID S   VSZ    RSS    STIME      TIME COMMAND\n");
        for process in host.processes.iter() {
            if !matches!(Service::of(process.daemon), Some(Service::Dispatcher | Service::JobController)) {
                continue;
            }
            let _ = write!(text, "{:<8} {:>5} S 60000  40000 ", process.user, process.pid.0);
            let c = host.clock.civil(process.started);
            let _ = if (c.year, c.month, c.day) == (today.year, today.month, today.day) {
                write!(text, "{:02}:{:02}:{:02}", c.hour, c.minute, c.second)
            } else {
                write!(text, "  {}_{:02}", month(&c), c.day)
            };
            let _ = writeln!(text, "      0:01 {}", process.args);
        }
        done(id, Span::millis(200), text, out);
    }

    /// `imsimta run CHANNEL`, `imsimta submit [CHANNEL]`: every waiting file is due now (F1.4-08, F1.4-09).
    pub(super) fn run_channel(
        &mut self,
        now: Time,
        id: CommandId,
        sub: &str,
        words: &[&str],
        host: &mut Host,
        out: &mut Vec<Output>,
    ) {
        let words: Vec<&str> = words.iter().copied().filter(|w| *w != "poll").collect();
        if words.len() > 1 || (sub == "run" && words.is_empty()) {
            return usage(id, "Usage: imsimta run channel | submit [channel] [poll]\n", host, out);
        }
        let channels = match channels_of(&words) {
            Ok(channels) => channels,
            Err(text) => return refuse(id, text, host, out),
        };
        if !host.processes.runs(Daemon::JobController) {
            return refuse(id, "imsimta: the job controller cannot be reached\n", host, out);
        }
        let hastened: usize = channels.into_iter().map(|c| self.jobs.hasten(c, now)).sum();
        self.start_due(now, host, out);
        let after = if sub == "run" { Span::millis(500 + 100 * hastened as i64) } else { Span::millis(200) };
        done(id, after, "", out);
    }

    /// `imsimta cache -view [CHANNEL] | -sync | -change …` (F1.4-05 … 07).
    pub(super) fn cache(&mut self, now: Time, id: CommandId, words: &[&str], host: &mut Host, out: &mut Vec<Output>) {
        if !host.processes.runs(Daemon::JobController) {
            return refuse(id, "imsimta: the job controller cannot be reached\n", host, out);
        }
        match words.split_first() {
            Some((&"-view", rest)) => match channels_of(rest) {
                Ok(channels) => {
                    let text = self.cache_view(now, &channels, host);
                    done(id, Span::millis(300), text, out);
                }
                Err(text) => refuse(id, text, host, out),
            },
            Some((&"-sync", [])) => {
                self.sync_cache(now);
                self.start_due(now, host, out);
                done(id, Span::millis(500), "", out);
            }
            Some((&"-change", rest)) => match self.change(rest) {
                Some(()) => {
                    self.start_due(now, host, out);
                    done(id, Span::millis(200), "", out);
                }
                None => usage(id, CACHE_USAGE, host, out),
            },
            _ => usage(id, CACHE_USAGE, host, out),
        }
    }

    /// `-channel=NAME -job_limit=N`; `-global -max_messages=N` and `-thread_depth=N` are taken and change nothing here.
    fn change(&mut self, words: &[&str]) -> Option<()> {
        let mut channel = None;
        for word in words {
            let (option, value) = word.split_once('=').unwrap_or((word, ""));
            match option {
                "-global" => {}
                "-channel" => channel = Some(Channel::named(value)?),
                "-max_messages" | "-thread_depth" => drop(value.parse::<u32>().ok()?),
                "-job_limit" => self.jobs.set_job_limit(channel?, value.parse().ok()?),
                _ => return None,
            }
        }
        (!words.is_empty()).then_some(())
    }

    /// `imsimta test -rewrite ADDRESS` (F1.4-11).
    pub(super) fn test(
        &mut self,
        now: Time,
        id: CommandId,
        words: &[&str],
        host: &Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let ["-rewrite", address] = words else { return usage(id, USAGE, host, out) };
        match self.rewrite_report(now, address, host, env) {
            Ok(text) => done(id, Span::millis(500), text, out),
            Err(mut text) => {
                if !text.ends_with('\n') {
                    text.push('\n');
                }
                out.push(Output::Host(finish(id, Span::millis(500), 0, text)));
            }
        }
    }
}

const CACHE_USAGE: &str = "Usage: imsimta cache -view [channel] | -sync | -change -global -max_messages=n | -change -channel=name -job_limit=n\n";

/// The daemons that a part of the MTA means; `None`: no such part.
fn parts(words: &[&str]) -> Option<Vec<Daemon>> {
    match words {
        [] => Some(vec![Daemon::Dispatcher, Daemon::JobController]),
        ["job_controller"] => Some(vec![Daemon::JobController]),
        ["dispatcher"] => Some(vec![Daemon::Dispatcher]),
        ["smtp"] => Some(vec![Daemon::SmtpServer]),
        ["lmtp"] => Some(vec![Daemon::LmtpServer]),
        _ => None,
    }
}

const fn word(daemon: Daemon) -> &'static str {
    match daemon {
        Daemon::Dispatcher => "dispatcher",
        Daemon::JobController => "job_controller",
        Daemon::SmtpServer => "smtp",
        Daemon::LmtpServer => "lmtp",
        _ => "mta",
    }
}

/// Stops and starts them, and ends the command. The host reports which processes ended and began; the MTA hears of each.
pub(super) fn restart_now(now: Time, id: CommandId, daemons: &[Daemon], host: &mut Host, out: &mut Vec<Output>) {
    let mut of_host = Vec::new();
    let down = host.restart(now, daemons, &mut of_host);
    out.extend(of_host.into_iter().map(Output::Host));
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for &daemon in daemons {
        match host.processes.of(daemon).last() {
            Some(process) if !down.contains(&daemon) => {
                let _ = writeln!(stdout, "Starting {} server .... {}", word(daemon), process.pid.0);
            }
            _ => {
                let _ = writeln!(stderr, "Failed to start {} server", word(daemon));
            }
        }
    }
    let status = if stderr.is_empty() { 0 } else { host.status(2) };
    out.push(Output::Host(command::Output::Finish { command: id, after: Span::millis(50), stdout, stderr, status }));
}
