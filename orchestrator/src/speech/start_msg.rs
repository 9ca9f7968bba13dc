//! Owns the conversation with `start-msg`, `stop-msg` and `refresh`. It must not know which setting a restart is for.

use super::{Argv, argv};

/// `start-msg [SERVICE]`.
pub fn start(service: Option<&str>) -> Argv {
    with("start-msg", service)
}

/// `stop-msg [SERVICE]`; without a service all that start-msg started (F1.2-01).
pub fn stop(service: Option<&str>) -> Argv {
    with("stop-msg", service)
}

/// `refresh [SERVICE]`: takes up refreshable options without a restart (F1.2-07).
pub fn refresh(service: Option<&str>) -> Argv {
    with("refresh", service)
}

fn with(program: &str, service: Option<&str>) -> Argv {
    let mut command = argv(&[program]);
    command.extend(service.map(str::to_owned));
    command
}

/// What was said of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service<'a> {
    /// Started, with this process id.
    Started(&'a str, Option<u32>),
    /// It was running and still is.
    AlreadyRunning(&'a str),
    /// Stopped.
    Stopped(&'a str),
    /// It did not come up.
    Failed(&'a str),
    /// Unknown or disabled.
    Unknown(&'a str),
}

/// Reads what start-msg, stop-msg and `imsimta restart` print on both outputs. The process table decides, not these lines.
pub fn services(text: &str) -> (Vec<Service<'_>>, Vec<String>) {
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["Starting", name, "server", .., last] => found.push(Service::Started(name, last.parse().ok())),
            ["Stopping", name, "server", .., "done"] => found.push(Service::Stopped(name)),
            [name, "server", "is", "already", "running"] => found.push(Service::AlreadyRunning(name)),
            ["Failed", "to", "start", name, "server"] => found.push(Service::Failed(name)),
            [_, "unknown", "component", name] => found.push(Service::Unknown(name)),
            ["Connecting", ..] | ["Launching", ..] | ["checking", ..] => {}
            _ => unread.push(line.to_owned()),
        }
    }
    (found, unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F1.2-04
    #[test]
    fn servers_are_told_with_their_process_ids() {
        let text = "Connecting to watcher ...\nLaunching watcher ...\nStarting ens server .... 21132\nStarting store server .... 21133\nchecking store server status ... ready\nimap server is already running\nFailed to start pop server\nstart-msg: unknown component foo\nStopping imap server 21135 ... done\n";
        let (found, unread) = services(text);
        assert_eq!(
            found,
            [
                Service::Started("ens", Some(21_132)),
                Service::Started("store", Some(21_133)),
                Service::AlreadyRunning("imap"),
                Service::Failed("pop"),
                Service::Unknown("foo"),
                Service::Stopped("imap")
            ]
        );
        assert!(unread.is_empty());
    }
}
