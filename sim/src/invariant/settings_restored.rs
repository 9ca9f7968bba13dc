//! `settings-restored`: at the end every setting that the run touched has its original value, in the running process too. It
//! must not know which settings a procedure touches.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{Fact, Setting};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::Time;
use std::collections::BTreeMap;

/// A setting that was written since the run began.
#[derive(Clone, Debug)]
struct Written {
    original: Option<Name>,
    now: Option<Name>,
    first: Time,
}

/// Remembers what was written and what processes that were started since run with.
#[derive(Clone, Default)]
pub struct SettingsRestored {
    /// Written before the run began, which is then the original.
    earlier: BTreeMap<(HostId, Setting), Option<Name>>,
    written: BTreeMap<(HostId, Setting), Written>,
    in_force: BTreeMap<(HostId, Pid, Setting), Option<Name>>,
}

/// The daemons that read a configutil option, where that is documented; others only by the file.
fn readers(option: &str) -> &'static [Daemon] {
    match option {
        "service.authcachettl" => &[Daemon::Imapd, Daemon::Popd, Daemon::Mshttpd],
        "local.imap.enableuserlist" | "local.enablelastaccess" => &[Daemon::Imapd],
        "local.http.enableuserlist" => &[Daemon::Imapd, Daemon::Mshttpd],
        _ if option.starts_with("local.schedule.") => &[Daemon::Imsched],
        _ => &[],
    }
}

fn named(setting: &Setting) -> String {
    match setting {
        Setting::Configutil(name) | Setting::OptionDat(name) => name.to_string(),
        Setting::ProxyCfg(file, name) => format!("{name} in {file}"),
    }
}

fn shown(value: Option<&Name>) -> &str {
    value.map_or("absent", |v| v)
}

impl Invariant for SettingsRestored {
    const ID: &'static str = "settings-restored";
    const STATEMENT: &'static str = "At the end every setting that the run touched has its original value (or absence), on every host, in the running process.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, _broken: &mut Vec<Violation>) {
        match fact {
            Fact::SettingWritten { host, setting, value } => {
                let key = (*host, setting.clone());
                if books.run_began.is_none() {
                    self.earlier.insert(key, value.clone());
                } else if let Some(written) = self.written.get_mut(&key) {
                    written.now.clone_from(value);
                } else {
                    let loaded = || books.site.setting(*host, setting).cloned();
                    let original = self.earlier.get(&key).cloned().unwrap_or_else(loaded);
                    self.written.insert(key, Written { original, now: value.clone(), first: now });
                }
            }
            Fact::SettingInForce { host, pid, setting, value } if books.run_began.is_some() => {
                self.in_force.insert((*host, *pid, setting.clone()), value.clone());
            }
            Fact::ProcessStopped { host, pid, .. } if !self.in_force.is_empty() => {
                let of: Vec<_> = self
                    .in_force
                    .range((*host, *pid, Setting::Configutil("".into()))..)
                    .take_while(|((h, p, _), _)| (h, p) == (host, pid))
                    .map(|(key, _)| key.clone())
                    .collect();
                for key in of {
                    self.in_force.remove(&key);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        for ((host, setting), written) in &self.written {
            let due = written.original.as_ref();
            let mut say = |where_: String, is: Option<&Name>| {
                let what = format!(
                    "{} on {} is {} {where_}, and was {} before the run",
                    named(setting),
                    end.books.host_name(*host),
                    shown(is),
                    shown(due)
                );
                broken.push(Violation {
                    invariant: Self::ID,
                    at: end.now,
                    user: None,
                    host: Some(*host),
                    token: None,
                    what,
                    step: 12,
                });
            };
            if written.now.as_ref() != due {
                say("in the file".into(), written.now.as_ref());
                continue;
            }
            let forced = self.in_force.iter().filter(|((h, _, s), _)| h == host && s == setting);
            let mut processes: BTreeMap<Pid, Option<&Name>> =
                forced.map(|((_, pid, _), value)| (*pid, value.as_ref())).collect();
            let slot = end.hosts.get(usize::from(host.0));
            if let (Setting::Configutil(name), Some(slot)) = (setting, slot) {
                for process in readers(name).iter().flat_map(|d| slot.host.processes.of(*d)) {
                    if process.started >= written.first {
                        processes.insert(process.pid, slot.host.override_of(process.pid, name));
                    }
                }
            }
            if let Some((pid, is)) = processes.into_iter().find(|(_, is)| *is != due) {
                say(format!("in the running process {}", pid.0), is);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::{Bench, OLD, RELAY, bench};
    use mock_host::fact::{Fact, Setting};
    use mock_host::lookup::HostId;
    use mock_host::process_table::{Daemon, Pid};

    fn written(b: &mut Bench, host: HostId, setting: &Setting, value: Option<&str>) {
        b.fact(Fact::SettingWritten { host, setting: setting.clone(), value: value.map(Into::into) });
    }
    fn in_force(b: &mut Bench, host: HostId, pid: u32, setting: &Setting, value: Option<&str>) {
        b.fact(Fact::SettingInForce { host, pid: Pid(pid), setting: setting.clone(), value: value.map(Into::into) });
    }

    #[test]
    fn a_value_that_stays_breaks_it() {
        let mut b = bench();
        let ttl = Setting::Configutil("service.authcachettl".into());
        written(&mut b, OLD, &ttl, Some("0"));
        b.judged();
        assert_eq!(b.broken("settings-restored").len(), 1);
        assert!(b.broken("settings-restored")[0].contains("was 900"));
    }

    #[test]
    fn an_original_that_was_absent_must_be_absent_again() {
        let mut b = bench();
        let list = Setting::Configutil("local.imap.enableuserlist".into());
        written(&mut b, OLD, &list, Some("1"));
        written(&mut b, OLD, &list, Some("0"));
        b.judged();
        assert_eq!(b.broken("settings-restored").len(), 1);
    }

    #[test]
    fn a_process_that_runs_with_the_runs_value_breaks_it() {
        let mut b = bench();
        let ttl = Setting::OptionDat("ALIAS_ENTRY_CACHE_TIMEOUT".into());
        written(&mut b, RELAY, &ttl, Some("0"));
        in_force(&mut b, RELAY, 7000, &ttl, Some("0"));
        written(&mut b, RELAY, &ttl, Some("600"));
        b.judged();
        assert_eq!(b.broken("settings-restored").len(), 1);
        assert!(b.broken("settings-restored")[0].contains("running process 7000"));
    }

    #[test]
    fn settings_that_are_back_in_file_and_process_do_not() {
        let mut b = bench();
        let ttl = Setting::OptionDat("ALIAS_ENTRY_CACHE_TIMEOUT".into());
        let proxy = Setting::ProxyCfg("ImapProxyAService.cfg".into(), "LdapCacheTTL".into());
        written(&mut b, RELAY, &ttl, Some("0"));
        in_force(&mut b, RELAY, 7000, &ttl, Some("0"));
        written(&mut b, HostId(6), &proxy, Some("0"));
        written(&mut b, HostId(6), &proxy, Some("900"));
        written(&mut b, RELAY, &ttl, Some("600"));
        b.fact(Fact::ProcessStopped { host: RELAY, pid: Pid(7000), daemon: Daemon::SmtpServer });
        in_force(&mut b, RELAY, 7001, &ttl, Some("600"));
        b.judged();
        assert!(b.broken("settings-restored").is_empty(), "{:?}", b.broken("settings-restored"));
    }
}
