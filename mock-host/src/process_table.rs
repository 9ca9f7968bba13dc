//! Owns which daemons run on a host, since when and under whose name. It must not know what they do.

use crate::mail::Name;
use crate::time::Time;
use std::collections::BTreeMap;

/// A process number, unique on its host for the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

/// Daemons of a messaging host (F1.2-05), and the channel programs that the job controller runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Daemon {
    /// `watcher`.
    Watcher,
    /// `enpd`, the notification server that carries `imsconnutil -k`.
    Enpd,
    /// `stored -d`.
    Stored,
    /// `imapd`.
    Imapd,
    /// `popd`.
    Popd,
    /// `mshttpd`, on a webmail front end or a store.
    Mshttpd,
    /// `imsched`.
    Imsched,
    /// `dispatcher`, parent of the SMTP and LMTP servers.
    Dispatcher,
    /// `job_controller`, parent of the channel programs.
    JobController,
    /// `tcp_smtp_server`.
    SmtpServer,
    /// `tcp_lmtp_server`.
    LmtpServer,
    /// `reprocess`, also the hold channel's master program.
    Reprocess,
    /// `conversion`.
    Conversion,
    /// `ims_master`.
    ImsMaster,
    /// `tcp_smtp_client`, also for LMTP.
    SmtpClient,
    /// `AService` of the IMAP proxy.
    ImapProxy,
    /// `AService` of the POP proxy.
    PopProxy,
    /// `ns-slapd` on a directory server. The last: process tables count by daemon.
    Slapd,
}

/// A running daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Which daemon.
    pub daemon: Daemon,
    /// The user it runs as.
    pub user: Name,
    /// True time of its start; `ps` prints it by the host's clock.
    pub started: Time,
    /// What `ps` prints as its command line.
    pub args: Name,
    /// Its parent, when a daemon started it.
    pub parent: Option<Pid>,
}

/// The process table of a host.
#[derive(Clone, Debug, Default)]
pub struct ProcessTable {
    next: u32,
    running: BTreeMap<Pid, Process>,
    /// How many processes of each daemon run.
    count: [u32; Daemon::Slapd as usize + 1],
}

impl ProcessTable {
    /// Starts a daemon and gives its number. Numbers start at 1001 and are never used twice.
    pub fn start(&mut self, now: Time, daemon: Daemon, user: &str, args: &str, parent: Option<Pid>) -> Pid {
        self.next += 1;
        let pid = Pid(1000 + self.next);
        self.count[daemon as usize] += 1;
        self.running.insert(pid, Process { pid, daemon, user: user.into(), started: now, args: args.into(), parent });
        pid
    }
    /// Ends a process; its record, if it ran.
    pub fn stop(&mut self, pid: Pid) -> Option<Process> {
        let process = self.running.remove(&pid)?;
        self.count[process.daemon as usize] -= 1;
        Some(process)
    }
    /// Takes a process's parent away: it goes on although the daemon that started it has ended.
    pub fn orphan(&mut self, pid: Pid) {
        if let Some(process) = self.running.get_mut(&pid) {
            process.parent = None;
        }
    }
    /// A running process.
    pub fn get(&self, pid: Pid) -> Option<&Process> {
        self.running.get(&pid)
    }
    /// All running processes, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.running.values()
    }
    /// The running processes of one daemon, by number.
    pub fn of(&self, daemon: Daemon) -> impl Iterator<Item = &Process> {
        self.running.values().filter(move |p| p.daemon == daemon)
    }
    /// Whether a daemon of this kind runs.
    pub fn runs(&self, daemon: Daemon) -> bool {
        self.count[daemon as usize] > 0
    }
}
