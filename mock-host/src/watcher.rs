//! Owns what happens when a daemon dies without being told to stop: the watcher sees it, and starts the service again
//! where that is switched on. It must not know who or what ended the daemon.

use crate::command::Output;
use crate::host::Host;
use crate::option_table::is_on;
use crate::process_table::{Daemon, Pid};
use crate::service::Service;
use crate::time::{Span, Time};

/// A failing service of the store restarts all enabled services of the store together (F6-13).
const STORE: [Service; 4] = [Service::Store, Service::Imap, Service::Pop, Service::Http];

impl Host {
    /// A process ends of itself or by a signal. Its children go with it. With `local.autorestart` on and the watcher
    /// running, its service is started again at once (F6-14), but not a third time within `local.autorestart.timeout`
    /// (F1.1-14). A left-over of an earlier stop is no service's process: nothing follows its end.
    pub fn dies(&mut self, now: Time, pid: Pid, out: &mut Vec<Output>) {
        let Some(process) = self.processes.get(pid) else { return };
        let daemon = process.daemon;
        let belonged = !self.left_over.contains(&pid);
        let children: Vec<Pid> = self.processes.iter().filter(|p| p.parent == Some(pid)).map(|p| p.pid).collect();
        for child in children {
            self.end_process(child, out);
        }
        self.end_process(pid, out);
        let Some(service) = Service::of(daemon).filter(|_| belonged) else { return };
        if service.children().contains(&daemon) {
            // Dispatcher and job controller replace a child themselves.
            self.restart_child(now, daemon, out);
        } else if self.watched() && self.may_restart(now) {
            self.autorestarts.push(now);
            let all = STORE.contains(&service);
            let daemons: Vec<Daemon> =
                STORE.iter().filter(|_| all).chain([&service]).flat_map(|s| s.daemons()).copied().collect();
            self.restart(now, &daemons, out);
        }
    }

    fn watched(&self) -> bool {
        self.first_of(Service::Watcher).is_some_and(|w| self.setting_of(w, "local.autorestart").is_some_and(is_on))
    }

    fn may_restart(&mut self, now: Time) -> bool {
        let timeout_s = self.setting("local.autorestart.timeout").and_then(|t| t.parse().ok()).unwrap_or(600);
        self.autorestarts.retain(|&at| now.since(at) < Span::secs(timeout_s));
        self.autorestarts.len() < 2
    }
}
