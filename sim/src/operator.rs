//! Owns the scripted operator of a simulation: takes declarations down, does what is handed over. It must not know why.

use crate::world::World;
use mock_host::fact::{Declaration as D, Fact, Grade, Telling as T};
use mock_host::time::Span;
use orchestrator::doors::{Declaration, Grade as G, Task, Telling};

/// The human of a simulated run.
#[derive(Clone, Debug)]
pub struct ScriptedOperator {
    /// Whether the question before the point of no return is answered with yes.
    pub says_yes: bool,
    /// Whether tasks that are handed over get done.
    pub does_tasks: bool,
}

impl Default for ScriptedOperator {
    fn default() -> ScriptedOperator {
        ScriptedOperator { says_yes: true, does_tasks: true }
    }
}

impl World {
    /// A declaration becomes a fact.
    pub fn declared(&mut self, declaration: &Declaration) {
        let name = |text: &String| mock_host::mail::Name::from(text.as_str());
        let opt = |text: &Option<String>| text.as_deref().map(mock_host::mail::Name::from);
        let fact = match declaration {
            Declaration::Window { window_s } => D::Window { window_s: *window_s },
            Declaration::Loss { user, what } => D::Loss { user: opt(user), what: name(what) },
            Declaration::Beyond { who, what } => D::Beyond { who: name(who), what: name(what) },
            Declaration::Moved { user, grade, messages, .. } => {
                D::Moved { user: name(user), grade: graded(*grade), messages: *messages }
            }
            Declaration::LeftOut { user, why } => D::LeftOut { user: name(user), why: name(why) },
            Declaration::RolledBack { user, why } => D::RolledBack { user: name(user), why: name(why) },
            Declaration::Carried { user, messages } => D::Carried { user: name(user), messages: *messages },
            Declaration::ReleasedOn { hosts } => D::ReleasedOn { hosts: hosts.iter().map(name).collect() },
            Declaration::Found { what, host, user } => D::Found { what: name(what), host: opt(host), user: opt(user) },
            Declaration::Done => D::Done,
            Declaration::Stopped { blocker, host, user, advice } => {
                D::Stopped { blocker: name(blocker), host: opt(host), user: opt(user), advice: name(advice) }
            }
        };
        self.fact(&Fact::Declared(fact));
    }

    /// Users are told something.
    pub fn told(&mut self, users: &[String], about: Telling) {
        let about = match about {
            Telling::Window => T::Window,
            Telling::Back => T::Back,
            Telling::Restart => T::Restart,
            Telling::Loss => T::Loss,
            Telling::Client => T::Client,
        };
        for user in users {
            self.fact(&Fact::Told { user: user.as_str().into(), about });
        }
    }

    /// A task is handed over; whether it was done.
    pub fn handed_over(&mut self, task: &Task) -> bool {
        let done = self.operator.does_tasks && self.carry_out(task);
        let text = match task {
            Task::PointName { name, to } => format!("let {name} lead to {to}"),
            Task::Provisioning { from, to } => format!("let provisioning create users on {to}, not on {from}"),
            Task::MakeRoom { host, partition, kilobytes } => {
                format!("make {kilobytes} kilobytes of room on {partition} of {host}")
            }
        };
        self.fact(&Fact::HandedOver { task: text.into(), done });
        done
    }

    fn carry_out(&mut self, task: &Task) -> bool {
        match task {
            Task::PointName { name, to } => {
                let Some(host) = self.host_named(to) else { return false };
                let ttl = self.dns.record(name).map_or(Span::ZERO, |r| r.ttl);
                if !self.dns.point(self.now, name, host) {
                    return false;
                }
                self.fact(&Fact::DnsChanged { name: name.as_str().into(), to: host, ttl });
                true
            }
            Task::Provisioning { to, .. } => {
                self.traffic.provisioning_home = Some(to.as_str().into());
                true
            }
            Task::MakeRoom { .. } => false,
        }
    }
}

fn graded(grade: G) -> Grade {
    match grade {
        G::Perfect => Grade::Perfect,
        G::Good => Grade::Good,
        G::Look => Grade::Look,
        G::NotMoved => Grade::NotMoved,
    }
}
