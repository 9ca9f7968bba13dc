//! Owns start-msg, stop-msg and refresh: services one after the other, each taking its time. It must not know who waits
//! for a service.

use crate::command::{CommandId, Output, fail, finish};
use crate::host::{Host, Timer};
use crate::in_force::InForce;
use crate::lasting::Lasting;
use crate::mail::Name;
use crate::option_table;
use crate::process_table::Pid;
use crate::service::Service;
use crate::time::{Span, Time};
use std::fmt::Write;
use std::sync::Arc;

/// What a start-msg or stop-msg still has to do.
#[derive(Clone, Debug)]
pub(crate) struct ServicesJob {
    /// start-msg rather than stop-msg.
    starting: bool,
    /// stop-msg -f.
    force: bool,
    /// Services still to be done, the next one last.
    rest: Vec<Service>,
    /// Status so far.
    status: i32,
    /// Nobody reads what it prints.
    pub(crate) deaf: bool,
    /// It waits at a service that hangs.
    hung: bool,
}

const START_USAGE: &str = "Usage: ./start-msg [COMPONENTS...]\nStart all or some Messaging Server components.\n";
const STOP_USAGE: &str = "Usage: ./stop-msg [-f] [COMPONENTS...]\nStop all or some Messaging Server components.\n";
const MTA: [Service; 2] = [Service::Dispatcher, Service::JobController];

impl Host {
    /// `start-msg [-h | ha | service]`, `stop-msg [-h | ha | [-f] service]` (F1.2-01).
    pub(crate) fn start_or_stop(
        &mut self,
        now: Time,
        command: CommandId,
        argv: &[Name],
        starting: bool,
        out: &mut Vec<Output>,
    ) {
        let (program, usage) = if starting { ("start-msg", START_USAGE) } else { ("stop-msg", STOP_USAGE) };
        let mut force = false;
        let mut named: Vec<Service> = Vec::new();
        let mut all = true;
        for word in argv.iter().skip(1) {
            match &**word {
                "-h" => return out.push(finish(command, Span::millis(100), 0, usage)),
                "-f" if !starting => force = true,
                "ha" => {}
                option if option.starts_with('-') => {
                    return out.push(fail(command, Span::millis(100), self.status(1), usage));
                }
                word => {
                    all = false;
                    let services = match word {
                        "mta" => MTA.to_vec(),
                        _ => Service::from_word(word).into_iter().collect(),
                    };
                    // A stop also ends what was started before it was disabled (F1.2-01).
                    if services.is_empty() || !services.iter().all(|&s| self.enabled(s) || (!starting && self.runs(s)))
                    {
                        let text = format!("{program}: unknown component {word}\n");
                        return out.push(fail(command, Span::millis(200), self.status(1), text));
                    }
                    named.extend(services);
                }
            }
        }
        if all {
            let wanted = |&s: &Service| if starting { self.enabled(s) } else { self.any_process_of(s) };
            named = Service::ALL.into_iter().filter(wanted).collect();
        } else if starting && self.enabled(Service::Watcher) && !self.runs(Service::Watcher) {
            named.push(Service::Watcher);
        }
        named.sort_unstable();
        named.dedup();
        if starting {
            named.reverse();
            out.push(Output::Stdout(command, "Connecting to watcher ...\n".to_string()));
        }
        let mut job = ServicesJob { starting, force, rest: named, status: 0, deaf: false, hung: false };
        if self.advance(now, command, &mut job, String::new(), out) {
            self.lasting.insert(command, Lasting::Services(job));
        }
    }

    fn any_process_of(&self, service: Service) -> bool {
        self.processes.iter().any(|p| service.daemons().contains(&p.daemon) || service.children().contains(&p.daemon))
    }

    /// Whether the job has something to do for a service, or what it says instead.
    fn idle_line(&self, job: &ServicesJob, service: Service) -> Option<&'static str> {
        if job.starting {
            self.runs(service).then_some("is already running")
        } else {
            (!self.any_process_of(service)).then_some("is not running")
        }
    }

    /// Goes to the next service that takes time; whether the command is still under way.
    fn advance(
        &mut self,
        now: Time,
        command: CommandId,
        job: &mut ServicesJob,
        mut said: String,
        out: &mut Vec<Output>,
    ) -> bool {
        while let Some(&service) = job.rest.last() {
            if let Some(what) = self.idle_line(job, service) {
                let _ = writeln!(said, "{} server {what}", service.word());
                job.rest.pop();
                continue;
            }
            if !said.is_empty() && !job.deaf {
                out.push(Output::Stdout(command, said));
            }
            job.hung = self.hangs.contains(&service);
            if !job.hung {
                let span = match (job.starting, job.force) {
                    (true, _) => service.start_span(),
                    (false, true) => Span::millis(200),
                    (false, false) => service.stop_span(),
                };
                out.push(Output::Wake(now + span, Timer::Command(command)));
            }
            return true;
        }
        let stdout = if job.deaf { String::new() } else { said };
        out.push(finish(command, Span::millis(50), self.status(job.status), stdout));
        false
    }

    /// Does what the command has waited for, then goes on; whether it is still under way.
    pub(crate) fn perform(
        &mut self,
        now: Time,
        command: CommandId,
        job: &mut ServicesJob,
        out: &mut Vec<Output>,
    ) -> bool {
        if job.hung {
            return true;
        }
        let mut said = String::new();
        if let Some(service) = job.rest.last().copied().filter(|&s| self.idle_line(job, s).is_none()) {
            job.rest.pop();
            if job.starting {
                let pid = self.start_service(now, service, out);
                match pid {
                    Some(pid) => say_started(&mut said, service, pid),
                    None => {
                        job.status = 2;
                        if !job.deaf {
                            let text = format!("Failed to start {} server\n", service.word());
                            out.push(Output::Stderr(command, text));
                        }
                    }
                }
            } else {
                let any = || self.processes.iter().find(|p| Service::of(p.daemon) == Some(service)).map(|p| p.pid);
                let pid = self.first_of(service).or_else(any).map_or(0, |p| p.0);
                self.stop_service(service, job.force, out);
                let _ = writeln!(said, "Stopping {} server {pid} ... done", service.word());
            }
        }
        self.advance(now, command, job, said, out)
    }

    /// A service neither hangs nor fails to start any more; commands that waited at it go on.
    pub fn mend(&mut self, now: Time, service: Service, out: &mut Vec<Output>) {
        self.fails_to_start.remove(&service);
        if !self.hangs.remove(&service) {
            return;
        }
        for (&command, lasting) in &mut self.lasting {
            if let Lasting::Services(job) = lasting
                && job.hung
                && job.rest.last() == Some(&service)
            {
                job.hung = false;
                out.push(Output::Wake(now + Span::secs(1), Timer::Command(command)));
            }
        }
    }

    /// `refresh [SERVICE]`: running servers take over the refreshable options (F1.2-07, F1.1-04).
    pub(crate) fn refresh(&mut self, command: CommandId, argv: &[Name], out: &mut Vec<Output>) {
        let services: Vec<Service> = match argv.get(1).map(|w| &**w) {
            None => Service::ALL.to_vec(),
            Some("mta") => MTA.to_vec(),
            Some(word) => match Service::from_word(word).filter(|&s| self.enabled(s)) {
                Some(service) => vec![service],
                None => {
                    let text = format!("refresh: unknown component {word}\n");
                    return out.push(fail(command, Span::millis(200), self.status(1), text));
                }
            },
        };
        let pids: Vec<Pid> = self
            .processes
            .iter()
            .filter(|p| services.iter().any(|s| s.daemons().contains(&p.daemon) || s.children().contains(&p.daemon)))
            .map(|p| p.pid)
            .collect();
        for pid in pids {
            self.take_over_refreshable(pid);
        }
        out.push(finish(command, Span::millis(800), 0, "OK\n"));
    }

    fn take_over_refreshable(&mut self, pid: Pid) {
        let Some(read) = self.begun.get_mut(&pid).map(|b| &mut b.settings) else { return };
        if **read.overrides() == self.settings {
            return;
        }
        let mut overrides = crate::host::Settings::clone(read.overrides());
        for option in option_table::OPTIONS.iter().filter(|o| o.refreshable) {
            match self.settings.get(option.name) {
                Some(value) => overrides.insert(option.name.into(), value.clone()),
                None => overrides.remove(option.name),
            };
        }
        *read = Arc::new(InForce::of(overrides));
    }
}

fn say_started(said: &mut String, service: Service, pid: Pid) {
    let _ = match service {
        Service::Watcher => writeln!(said, "Launching watcher ..."),
        Service::Store => {
            writeln!(said, "Starting store server .... {}\nchecking store server status ... ready", pid.0)
        }
        _ => writeln!(said, "Starting {} server .... {}", service.word(), pid.0),
    };
}
