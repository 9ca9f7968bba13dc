//! A site of a few hosts for the tests of routing: a directory that answers at once, and one MTA at a time.

mod caches;
mod lists;
mod smtp;
mod users;

use crate::{Input, Mta, Output, Peer, TransactionId};
use mock_host::command;
use mock_host::fact::Fact;
use mock_host::host::{Host, Role};
use mock_host::lookup::{Attribute, Entry, Environment, Found, HostId, Listed, Value};
use mock_host::mail::{Body, Mail, MailId, Name, Token};
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The delivery options of an inbound relay with LMTP.
pub(crate) const LMTP: &str = "DELIVERY_OPTIONS=#*mailbox=@$X.LMTP:$M%$\\$2I$_+$2S@lmtpcs-daemon, \\
     #&members=*, #*native=@$X.LMTP:$M@lmtpcn-daemon, \\
     #/hold=@hold-daemon:$A, #&@members_offline=*, \\
     #program=$M%$P@pipe-daemon, #forward=**, #*^!autoreply=$M+$D@bitbucket
";

const HOSTS: [&str; 4] = ["ldap.siroe.com", "oldstore.siroe.com", "newstore.siroe.com", "relay1.siroe.com"];

/// What the world answers.
#[derive(Clone, Default)]
pub(crate) struct Site {
    entries: BTreeMap<Name, Listed>,
    domains: BTreeMap<Name, Arc<Entry>>,
    urls: BTreeMap<Name, Vec<Name>>,
    /// The directory refuses with this code.
    pub(crate) code: Option<u8>,
}

impl Site {
    fn answer<T>(&self, value: Option<T>) -> Found<T> {
        match (self.code, value) {
            (Some(code), _) => Found::Code(code),
            (None, Some(value)) => Found::Value(value),
            (None, None) => Found::Absent,
        }
    }
}

impl Environment for Site {
    fn by_address(&self, _: HostId, address: &str) -> Found<Listed> {
        self.answer(
            self.entries
                .values()
                .find(|l| {
                    ["mail", "mailAlternateAddress", "mailEquivalentAddress"].iter().any(|a| l.entry.has(a, address))
                })
                .cloned(),
        )
    }
    fn by_login(&self, _: HostId, login: &str) -> Found<Listed> {
        self.answer(self.entries.get(login).cloned())
    }
    fn by_dn(&self, _: HostId, dn: &str) -> Found<Listed> {
        self.answer(self.entries.values().find(|l| &*l.entry.dn == dn).cloned())
    }
    fn by_url(&self, _: HostId, url: &str) -> Found<Vec<Listed>> {
        self.answer(self.urls.get(url).map(|who| who.iter().filter_map(|w| self.entries.get(w).cloned()).collect()))
    }
    fn domain(&self, _: HostId, domain: &str) -> Found<Arc<Entry>> {
        self.answer(self.domains.get(domain).cloned())
    }
    fn server_of(&self, _: HostId) -> HostId {
        HostId(0)
    }
    fn resolve(&self, _: HostId, name: &str) -> Option<HostId> {
        HOSTS.iter().position(|h| h.eq_ignore_ascii_case(name)).map(|i| HostId(i as u16))
    }
    fn name_of(&self, host: HostId) -> Name {
        HOSTS[usize::from(host.0)].into()
    }
}

/// An MTA and the site around it.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) now: Time,
    pub(crate) host: Host,
    pub(crate) mta: Mta,
    pub(crate) site: Site,
    pub(crate) out: Vec<Output>,
    next: u64,
    /// Due wake-ups.
    wakes: Vec<(Time, crate::Timer)>,
}

pub(crate) fn entry(dn: &str, classes: &[&str], pairs: &[(&str, &str)]) -> Arc<Entry> {
    let mut attributes =
        vec![Attribute { name: "objectClass".into(), values: classes.iter().map(|c| Value::from(*c)).collect() }];
    for (name, value) in pairs {
        match attributes.iter_mut().find(|a| *a.name == **name) {
            Some(attribute) => attribute.values.push((*value).into()),
            None => attributes.push(Attribute { name: (*name).into(), values: vec![(*value).into()] }),
        }
    }
    Arc::new(Entry { dn: dn.into(), attributes })
}

impl Bench {
    /// The MTA of a host of the site, with this option.dat, its daemons running: a job controller and one SMTP server.
    pub(crate) fn new(name: &str, option_dat: &str) -> Bench {
        let id = HOSTS.iter().position(|h| h.split('.').next() == Some(name)).expect("a host of the site");
        let mut host = Host::new(HostId(id as u16), HOSTS[id], "192.0.2.1", &[Role::Mta]);
        let now = Time::from_unix(1_172_782_800);
        host.settings.insert("local.hostname".into(), HOSTS[id].into());
        host.settings.insert("service.defaultdomain".into(), "sesta.com".into());
        host.files.write("/opt/SUNWmsgsr/config/option.dat", option_dat.as_bytes(), now);
        let mta = Mta::new(now, &mut host).expect("compiles");
        let mut site = Site::default();
        for domain in ["sesta.com", "florizel.com"] {
            let label = domain.split('.').next().unwrap_or_default();
            let dn = format!("dc={label},dc=com,o=internet");
            site.domains.insert(domain.into(), entry(&dn, &["mailDomain"], &[("mailDomainStatus", "active")]));
        }
        let mut bench = Bench { now, host, mta, site, out: Vec::new(), next: 0, wakes: Vec::new() };
        bench.start(Daemon::JobController);
        bench.start(Daemon::SmtpServer);
        bench.user("joe", &[]);
        bench
    }

    pub(crate) fn start(&mut self, daemon: Daemon) -> Pid {
        let pid = self.host.processes.start(self.now, daemon, "mailsrv", "daemon", None);
        self.handle(Input::Started(pid));
        pid
    }

    pub(crate) fn stop(&mut self, pid: Pid) {
        let process = self.host.processes.stop(pid).expect("runs");
        self.handle(Input::Stopped(process));
    }

    /// Ends every SMTP server and starts one.
    pub(crate) fn restart_smtp(&mut self) -> Pid {
        let running: Vec<Pid> = self.host.processes.of(Daemon::SmtpServer).map(|p| p.pid).collect();
        running.into_iter().for_each(|pid| self.stop(pid));
        self.start(Daemon::SmtpServer)
    }

    /// Adds (or replaces) a user of sesta.com whose home is the old store; `pairs` come on top, and replace.
    pub(crate) fn user(&mut self, uid: &str, pairs: &[(&str, &str)]) {
        let mail = format!("{uid}@sesta.com");
        let mut all = vec![("uid", uid), ("mail", &*mail), ("mailHost", "oldstore.siroe.com")];
        all.retain(|(name, _)| !pairs.iter().any(|(n, _)| n == name));
        all.extend(pairs.iter().filter(|(_, value)| !value.is_empty()));
        let classes = ["inetLocalMailRecipient", "inetMailUser"];
        let entry = entry(&format!("uid={uid},ou=people,o=sesta.com,o=isp"), &classes, &all);
        self.site.entries.insert(uid.into(), Listed { entry, domain: "sesta.com".into(), user: uid.into() });
    }

    /// Adds (or replaces) a list of sesta.com.
    pub(crate) fn list(&mut self, cn: &str, pairs: &[(&str, &str)]) {
        let mail: Name = format!("{cn}@sesta.com").into();
        let mut all = vec![("cn", cn), ("mail", &*mail)];
        all.extend(pairs);
        let classes = ["inetLocalMailRecipient", "inetMailGroup"];
        let entry = entry(&format!("cn={cn},ou=groups,o=sesta.com,o=isp"), &classes, &all);
        self.site.entries.insert(cn.into(), Listed { entry, domain: "sesta.com".into(), user: mail.clone() });
    }

    /// Sets the domain entry's attributes.
    pub(crate) fn domain(&mut self, domain: &str, pairs: &[(&str, &str)]) {
        let dn = self.site.domains.get(domain).map_or_else(|| domain.into(), |e| e.dn.clone());
        self.site.domains.insert(domain.into(), entry(&dn, &["mailDomain"], pairs));
    }

    pub(crate) fn url(&mut self, url: &str, who: &[&str]) {
        self.site.urls.insert(url.into(), who.iter().map(|w| (*w).into()).collect());
    }

    pub(crate) fn handle(&mut self, input: Input) {
        let at = self.out.len();
        self.mta.handle(self.now, input, &mut self.host, &self.site, &mut self.out);
        for output in &self.out[at..] {
            if let Output::Wake(when, timer) = output {
                self.wakes.push((*when, timer.clone()));
            }
        }
    }

    /// Lets time pass, wake-ups included.
    pub(crate) fn wait(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(i) = (0..self.wakes.len()).filter(|i| self.wakes[*i].0 <= end).min_by_key(|i| self.wakes[*i].0) {
            let (at, timer) = self.wakes.remove(i);
            self.now = self.now.max(at);
            self.handle(Input::Timer(timer));
        }
        self.now = end;
    }

    pub(crate) fn mail(&mut self) -> Arc<Mail> {
        self.next += 1;
        Arc::new(Mail {
            id: MailId(self.next),
            from: "ann@elsewhere.example".into(),
            body: Body { id: self.next, size_bytes: 2000 },
            sent: self.now,
            list_id: None,
            automatic: false,
            subject: "hello".into(),
        })
    }

    /// RCPT of one transaction: its replies.
    pub(crate) fn rcpt(&mut self, peer: Peer, mail: Arc<Mail>, received: u16, to: &[&str]) -> Vec<(u16, Name)> {
        let transaction = TransactionId(self.next);
        let to = to.iter().map(|a| (Name::from(*a), matches!(peer, Peer::Host(_)).then_some(Token(77)))).collect();
        self.handle(Input::Rcpt { transaction, peer, mail, received, to });
        match self.out.iter().rev().find_map(|o| match o {
            Output::Rcpt(id, replies) if *id == transaction => Some(replies.clone()),
            _ => None,
        }) {
            Some(replies) => replies,
            None => panic!("no reply"),
        }
    }

    /// DATA of the latest transaction: the reply code.
    pub(crate) fn data(&mut self) -> u16 {
        self.handle(Input::Data(TransactionId(self.next)));
        let code =
            self.out.iter().rev().find_map(|o| if let Output::Data(_, code, _) = o { Some(*code) } else { None });
        code.expect("a reply")
    }

    /// A whole transaction from outside to one recipient: the reply to RCPT.
    pub(crate) fn send(&mut self, to: &str) -> (u16, Name) {
        let mail = self.mail();
        let replies = self.rcpt(Peer::Outside, mail, 0, &[to]);
        if replies[0].0 == 250 {
            assert_eq!(self.data(), 250);
        }
        replies[0].clone()
    }

    /// Releases everything in the hold channel by a session of `imsimta qm`, and lets a minute pass.
    pub(crate) fn release(&mut self) {
        use mock_host::command::{CommandId, CommandInput};
        let id = CommandId(self.next);
        let argv = vec!["imsimta".into(), "qm".into()];
        self.handle(Input::Command(id, CommandInput::Start { argv, stdin: true }));
        for line in ["directory -held hold", "release -channel=hold -all -noconfirm", "exit"] {
            self.handle(Input::Command(id, CommandInput::Line(line.into())));
        }
        self.wait(Span::mins(1));
    }

    /// Recipients in a channel's files, held ones marked.
    pub(crate) fn queued(&self, channel: &str) -> Vec<String> {
        let mut list = Vec::new();
        for file in self.mta.queue.files().filter(|f| f.channel.name() == channel) {
            let mark = if file.held.is_some() { " HELD" } else { "" };
            list.extend(file.recipients.iter().map(|r| format!("{}{mark}", r.address)));
        }
        list
    }

    pub(crate) fn facts(&self) -> impl DoubleEndedIterator<Item = &Fact> {
        self.out.iter().filter_map(|o| match o {
            Output::Host(command::Output::Fact(fact)) => Some(fact),
            _ => None,
        })
    }
}
