//! Owns a scripted site for tests of the procedure: two stores, one directory server, answers computed on the spot. It must
//! not be clever: no caches, no delays, no faults but those that a test's hook answers itself.

use orchestrator::doors::*;
use orchestrator::inventory::{Host, Inventory, Move, Role};
use orchestrator::journal::in_memory::InMemory;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub const OLD: &str = "oldstore.siroe.com";
pub const NEW: &str = "newstore.siroe.com";
pub const LDAP: &str = "ldap.siroe.com";
const CONF: &str = "/opt/SUNWmsgsr/config/msg.conf";
const IMAGE: &str = "/opt/SUNWmsgsr/config/compiled.img";

const MTA: [&str; 3] = ["dispatcher", "job_controller", "tcp_smtp_server"];

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub uid: u32,
    pub internal_s: i64,
    pub id: String,
    pub flags: &'static str,
}

/// A mailbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Mailbox {
    pub validity: u32,
    pub last_uid: u32,
    pub messages: Vec<Message>,
}

/// A host.
#[derive(Clone, Debug, Default)]
pub struct HostState {
    pub files: BTreeMap<String, (Vec<u8>, i64)>,
    pub settings: BTreeMap<String, String>,
    pub started: BTreeMap<&'static str, i64>,
    pub mailboxes: BTreeMap<String, Mailbox>,
    /// Hold channel: file and address.
    pub held: Vec<(String, String)>,
}

/// What a test answers instead of the site.
pub type Hook = Box<dyn Fn(&Site, &str, &str) -> Option<Result<(i32, String, String), ShellError>>>;

/// The site.
pub struct Site {
    pub now_s: Cell<i64>,
    pub hosts: RefCell<BTreeMap<String, HostState>>,
    pub entries: RefCell<BTreeMap<String, BTreeMap<String, String>>>,
    pub said: RefCell<Vec<Declaration>>,
    pub told: RefCell<Vec<(Telling, usize)>>,
    pub commands: RefCell<Vec<String>>,
    pub hook: RefCell<Option<Hook>>,
    /// Answers of modify that are lost although they are applied.
    pub lose_modifies: Cell<u32>,
    /// Whether what a restore writes is one message short.
    pub short_restores: Cell<u32>,
}

const DEFAULTS: [(&str, &str); 8] = [
    ("service.authcachettl", "900"),
    ("service.imap.enable", "yes"),
    ("service.pop.enable", "yes"),
    ("local.schedule.expire", "0 23 * * * sbin/imexpire"),
    ("local.schedule.msprobe.enable", "1"),
    ("store.partition.primary.path", "/store"),
    ("store.defaultmailboxquota", "-1"),
    ("local.imta.hostnamealiases", ""),
];

const RELINKED: &str = "Processing partition: primary
Scanning digest repository...
Processing user directories..............................
---------------------------------------------------------
Partition statistics           Before            After
---------------------------------------------------------
Total messages                       4                4
Unique messages                      4                4
Message digests in repository        0                4
Space used                           1Mb              1Mb
Space savings from single-copy       0Mb              0Mb
---------------------------------------------------------
";

impl Site {
    pub fn new() -> Rc<Site> {
        let t = 1_172_782_800;
        let programs = ["stored", "imapd", "popd", "imsched", "dispatcher", "job_controller", "tcp_smtp_server"];
        let mut hosts = BTreeMap::new();
        for name in [OLD, NEW] {
            let started = programs.into_iter().map(|p| (p, t - 86_400)).collect();
            let mut host = HostState { started, ..HostState::default() };
            host.settings.insert("local.hostname".into(), name.into());
            host.files.insert("/opt/SUNWmsgsr/config/option.dat".into(), (b"! options\nA=1\n".to_vec(), t - 90_000));
            host.files.insert(IMAGE.into(), (b"image".to_vec(), t - 89_000));
            host.files.insert(CONF.into(), (format!("local.hostname = {name}\n").into_bytes(), t - 90_000));
            hosts.insert(name.to_owned(), host);
        }
        let mut entries = BTreeMap::new();
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let domain = [("objectClass", "inetDomain"), ("inetDomainBaseDN", "o=sesta.com,o=isp")];
        entries.insert("dc=sesta,dc=com,o=internet".to_owned(), pairs(&domain));
        let site = Site {
            now_s: Cell::new(t),
            hosts: RefCell::new(hosts),
            entries: RefCell::new(entries),
            said: RefCell::default(),
            told: RefCell::default(),
            commands: RefCell::default(),
            hook: RefCell::default(),
            lose_modifies: Cell::new(0),
            short_restores: Cell::new(0),
        };
        for (user, home, status) in [
            ("joe", OLD, Some("active")),
            ("ann", OLD, None),
            ("probe-oldstore", OLD, None),
            ("probe-newstore", NEW, None),
        ] {
            site.add_user(user, home, status);
        }
        site.fill(OLD, "user/joe/INBOX", &[3, 5, 9], 12);
        site.fill(OLD, "user/joe/Sent", &[1], 1);
        site.fill(OLD, "user/ann/INBOX", &[7], 7);
        site.fill(OLD, "user/probe-oldstore/INBOX", &[1], 1);
        Rc::new(site)
    }

    pub fn add_user(&self, user: &str, home: &str, status: Option<&str>) {
        let mut entry = BTreeMap::new();
        for (name, value) in [("objectClass", "inetMailUser inetLocalMailRecipient"), ("uid", user), ("mailHost", home)]
        {
            entry.insert(name.to_owned(), value.to_owned());
        }
        entry.insert("mail".to_owned(), format!("{user}@sesta.com"));
        if let Some(status) = status {
            entry.insert("mailUserStatus".to_owned(), status.to_owned());
        }
        self.entries.borrow_mut().insert(format!("uid={user},ou=people,o=sesta.com,o=isp"), entry);
    }

    pub fn fill(&self, host: &str, name: &str, uids: &[u32], last_uid: u32) {
        let message = |uid: &u32| Message {
            uid: *uid,
            internal_s: 1_172_000_000,
            id: format!("<{name}{uid}@mail>"),
            flags: "0010000",
        };
        let mailbox = Mailbox { validity: 1_170_000_000, last_uid, messages: uids.iter().map(message).collect() };
        self.hosts.borrow_mut().get_mut(host).unwrap().mailboxes.insert(name.to_owned(), mailbox);
    }

    pub fn mailboxes(&self, host: &str) -> BTreeMap<String, Mailbox> {
        let ours = |name: &&String| !name.contains("probe");
        let hosts = self.hosts.borrow();
        hosts[host].mailboxes.iter().filter(|(n, _)| ours(n)).map(|(n, m)| (n.clone(), m.clone())).collect()
    }

    pub fn attribute(&self, user: &str, name: &str) -> Option<String> {
        self.entries.borrow()[&format!("uid={user},ou=people,o=sesta.com,o=isp")].get(name).cloned()
    }

    pub fn set(&self, user: &str, name: &str, value: Option<&str>) {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.get_mut(&format!("uid={user},ou=people,o=sesta.com,o=isp")).unwrap();
        match value {
            Some(value) => entry.insert(name.to_owned(), value.to_owned()),
            None => entry.remove(name),
        };
    }

    pub fn ran(&self, part: &str) -> usize {
        self.commands.borrow().iter().filter(|c| c.contains(part)).count()
    }

    pub fn settings(&self) -> Vec<(String, BTreeMap<String, String>, Vec<u8>)> {
        let hosts = self.hosts.borrow();
        let option_dat = |h: &HostState| h.files["/opt/SUNWmsgsr/config/option.dat"].0.clone();
        hosts.iter().map(|(n, h)| (n.clone(), h.settings.clone(), option_dat(h))).collect()
    }

    pub fn inventory() -> Inventory {
        let host = |name: &str, roles: &[Role]| Host { name: name.to_owned(), roles: roles.to_vec() };
        Inventory {
            hosts: vec![
                host(LDAP, &[Role::LdapMaster]),
                host(OLD, &[Role::Store, Role::Mta]),
                host(NEW, &[Role::Store, Role::Mta]),
            ],
            user_base: "o=isp".to_owned(),
            domain_base: "o=internet".to_owned(),
            default_domain: "sesta.com".to_owned(),
            probes: vec![
                (OLD.to_owned(), "probe-oldstore@sesta.com".to_owned()),
                (NEW.to_owned(), "probe-newstore@sesta.com".to_owned()),
            ],
            service_names: Vec::new(),
        }
    }

    pub fn batch() -> Move {
        Move {
            from: OLD.to_owned(),
            to: NEW.to_owned(),
            users: vec!["joe".to_owned(), "ann".to_owned()],
            lists: Vec::new(),
            domains: Vec::new(),
            deleted_too: false,
            upgrade: false,
            groups: 2,
            concurrency: 2,
        }
    }

    pub fn doors(self: &Rc<Self>, journal: &Rc<InMemory>) -> Doors {
        Doors {
            shell: Rc::new(Door(Rc::clone(self))),
            directory: Rc::new(Door(Rc::clone(self))),
            clock: Rc::new(Door(Rc::clone(self))),
            journal: Rc::clone(journal) as Rc<dyn Journal>,
            operator: Rc::new(Door(Rc::clone(self))),
        }
    }

    fn tick(&self) -> i64 {
        self.now_s.set(self.now_s.get() + 1);
        self.now_s.get()
    }

    /// Runs a command with its whole input.
    fn command(&self, host: &str, argv: &[String], stdin: &str) -> Result<(i32, String, String), ShellError> {
        let line = argv.join(" ");
        self.commands.borrow_mut().push(format!("{host}$ {line}"));
        if let Some(hook) = self.hook.borrow().as_ref()
            && let Some(answer) = hook(self, host, &line)
        {
            return answer;
        }
        let now = self.tick();
        let mut hosts = self.hosts.borrow_mut();
        let Some(state) = hosts.get_mut(host) else {
            return Err(ShellError::Unreachable { host: host.to_owned(), why: "no such host".to_owned() });
        };
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let ok = |out: String| Ok((0, out, String::new()));
        match words.as_slice() {
            ["date", "-u"] => ok(format!("{}\n", stamp(now, "%a %b %e %H:%M:%S GMT %Y"))),
            ["hostname"] => ok(format!("{host}\n")),
            ["date", _] => ok("+0000\n".to_owned()),
            ["ps", ..] => {
                let mut out = "    USER   PID                  STARTED COMMAND\n".to_owned();
                for (i, (program, at)) in state.started.iter().enumerate() {
                    let at = stamp(*at, "%a %b %e %H:%M:%S %Y");
                    out.push_str(&format!(" mailsrv  {} {at} /opt/SUNWmsgsr/lib/{program} -d\n", 1000 + i));
                }
                ok(out)
            }
            ["df", "-k"] => ok(
                "Filesystem            kbytes    used   avail capacity  Mounted on\n/dev/dsk 9000000 1 8999999 1% /\n"
                    .into(),
            ),
            ["configutil", "-o", name] => {
                let default = DEFAULTS.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
                let value = state.settings.get(*name).map(String::as_str).or(default);
                ok(value.map(|v| format!("{v}\n")).unwrap_or_default())
            }
            ["configutil", "-o", name, "-v", value] => {
                match value.is_empty() {
                    true => state.settings.remove(*name),
                    false => state.settings.insert((*name).to_owned(), (*value).to_owned()),
                };
                let text: String = state.settings.iter().map(|(n, v)| format!("{n} = \"{v}\"\n")).collect();
                state.files.insert(CONF.to_owned(), (text.into_bytes(), now));
                ok("OK SET\n".to_owned())
            }
            ["stop-msg", .., "mta"] => {
                state.started.retain(|program, _| !MTA.contains(program));
                ok(String::new())
            }
            ["start-msg", "mta"] | ["imsimta", "restart", ..] => {
                state.started.extend(MTA.map(|program| (program, now)));
                ok(String::new())
            }
            ["stop-msg", ..] | ["refresh", ..] | ["imsimta", "submit", _] => ok(String::new()),
            ["relinker", ..] => ok(RELINKED.to_owned()),
            ["start-msg", service] => {
                let program = match *service {
                    "imap" => "imapd",
                    "pop" => "popd",
                    "sched" => "imsched",
                    _ => "stored",
                };
                state.started.insert(program, now);
                ok(String::new())
            }
            ["imsimta", "cnbuild"] => {
                state.files.insert(IMAGE.to_owned(), (b"image".to_vec(), now));
                ok(String::new())
            }
            ["imsimta", "qm", "directory", rest @ ..] => {
                let held = rest.contains(&"-held");
                ok(listing(now, if held { &state.held } else { &[] }))
            }
            ["imsconnutil", "-c", ..] => ok("UID  Service  Auth  Client  Server\n".to_owned()),
            ["imsconnutil", "-a", ..] => {
                ok("UID     IMAP last access    HTTP last access    POP last access\n".to_owned())
            }
            ["imquotacheck", ..] => ok("quota(K)  usage(K) %    msgs user\n".to_owned()),
            ["mboxutil", "-l", rest @ ..] => {
                let mut out = "  msgs  Kbytes last msg         partition   quotaroot mailbox  path  acl\n".to_owned();
                let pattern = rest.iter().skip_while(|w| **w != "-p").nth(1).map(|p| p.trim_end_matches('*'));
                for (name, m) in state.mailboxes.iter().filter(|(n, _)| pattern.is_none_or(|p| n.starts_with(p))) {
                    let owner = name.split('/').nth(1).unwrap();
                    let last = stamp(m.messages.last().map_or(0, |m| m.internal_s), "%Y/%m/%d %H:%M");
                    out.push_str(&format!(
                        "{:6} {:7} {last} primary - {name}\t/store/{name}\t{owner} lrswipcda\n",
                        m.messages.len(),
                        1
                    ));
                }
                ok(out)
            }
            ["mboxutil", "-d", rest @ ..] => {
                let names = match rest {
                    ["-f", file] => String::from_utf8(state.files[*file].0.clone()).unwrap(),
                    names => names.join("\n"),
                };
                for name in names.lines() {
                    match name.strip_suffix("/INBOX") {
                        Some(user) => state.mailboxes.retain(|n, _| !n.starts_with(&format!("{user}/"))),
                        None => drop(state.mailboxes.remove(name)),
                    }
                }
                ok(String::new())
            }
            ["imcheck", "-f", file] => {
                let names = String::from_utf8(state.files[*file].0.clone()).unwrap();
                let (mut out, mut err) = (String::new(), String::new());
                for name in names.lines() {
                    match state.mailboxes.get(name) {
                        Some(mailbox) => out.push_str(&block(name, mailbox)),
                        None => err.push_str(&format!("imcheck: {name}: Mailbox does not exist\n")),
                    }
                }
                Ok((0, out, err))
            }
            ["digest", "-a", "md5", paths @ ..] => {
                let body = |path: &str| {
                    let (name, file) = path.strip_prefix("/store/")?.split_once("/00/")?;
                    let uid = file.trim_end_matches(".msg").parse::<u32>().ok()?;
                    state.mailboxes.get(name)?.messages.iter().find(|m| m.uid == uid).map(|m| m.id.clone())
                };
                let digits = |path: &str| {
                    let text = body(path).unwrap_or_else(|| path.to_owned());
                    format!("{:032x}", text.bytes().fold(7u128, |h, b| h * 31 % 1_000_003 + u128::from(b)))
                };
                match paths {
                    [one] => ok(format!("{}\n", digits(one))),
                    _ => ok(paths.iter().map(|p| format!("md5 ({p}) = {}\n", digits(p))).collect()),
                }
            }
            ["mailx", "-s", _, address] | ["deliver", .., address] => {
                let user = address.split('@').next().unwrap();
                let home = if words[0] == "mailx" { NEW } else { host };
                let folder = if words[0] == "mailx" { "INBOX" } else { "rehost-canary" };
                assert!(!stdin.is_empty());
                let target = hosts.get_mut(home).unwrap();
                let empty = Mailbox { validity: now as u32, last_uid: 0, messages: Vec::new() };
                let mailbox = target.mailboxes.entry(format!("user/{user}/{folder}")).or_insert(empty);
                mailbox.last_uid += 1;
                let (uid, id) = (mailbox.last_uid, format!("<{now}@mail>"));
                mailbox.messages.push(Message { uid, internal_s: now, id, flags: "0000100" });
                ok(String::new())
            }
            ["getent", ..] => Ok((2, String::new(), String::new())),
            other => Ok((127, String::new(), format!("sh: {}: not found\n", other[0]))),
        }
    }

    /// A line of an interactive queue session.
    fn session(&self, host: &str, line: &str) -> String {
        let now = self.tick();
        let mut hosts = self.hosts.borrow_mut();
        let held = std::mem::take(&mut hosts.get_mut(host).unwrap().held);
        let mut out = String::new();
        if line.starts_with("release") {
            let ids = line.rsplit(' ').next().unwrap().to_owned();
            let wanted = |id: usize| {
                ids.split(',').any(|r| {
                    let (a, b) = r.split_once('-').unwrap_or((r, r));
                    a.parse::<usize>().is_ok_and(|a| a <= id) && b.parse::<usize>().is_ok_and(|b| id <= b)
                })
            };
            for (i, (file, address)) in held.into_iter().enumerate() {
                if !wanted(i + 1) {
                    hosts.get_mut(host).unwrap().held.push((file, address));
                    continue;
                }
                out.push_str(&format!("%QM-I-RELEASED, released the message file {} {file}\n", i + 1));
                let user = address.split('@').next().unwrap();
                let entry = self.entries.borrow()[&format!("uid={user},ou=people,o=sesta.com,o=isp")].clone();
                let home = hosts.get_mut(&entry["mailHost"]).unwrap();
                if entry.get("mailUserStatus").map(String::as_str) == Some("hold") {
                    home.held.push((format!("{file}x"), address));
                } else if let Some(mailbox) = home.mailboxes.get_mut(&format!("user/{user}/INBOX")) {
                    mailbox.last_uid += 1;
                    let (uid, id) = (mailbox.last_uid, format!("<{file}@mail>"));
                    mailbox.messages.push(Message { uid, internal_s: now, id, flags: "0000000" });
                }
            }
        } else {
            out = listing(now, &held);
            hosts.get_mut(host).unwrap().held = held;
        }
        format!("{out}qm.maint>\n")
    }

    /// Mailboxes of the left side's arguments appear on the right side's host.
    fn piped(&self, left: &Command, right: &Command) -> PipeEnd {
        let line = format!("{}$ {} | {}$ {}", left.host, left.argv.join(" "), right.host, right.argv.join(" "));
        self.commands.borrow_mut().push(line);
        self.now_s.set(self.now_s.get() + 60);
        let mut hosts = self.hosts.borrow_mut();
        let source = &hosts[&left.host];
        let mut names: Vec<String> = left.argv.iter().filter(|a| a.starts_with("user/")).cloned().collect();
        if let Some(at) = left.argv.iter().position(|a| a == "-u") {
            names = String::from_utf8_lossy(&source.files[&left.argv[at + 1]].0)
                .lines()
                .map(|u| format!("user/{u}"))
                .collect();
        }
        let is_in = |m: &String| names.iter().any(|n| m == n || m.starts_with(&format!("{n}/")));
        let read: Vec<(String, Mailbox)> =
            source.mailboxes.iter().filter(|(m, _)| is_in(m)).map(|(n, m)| (n.clone(), m.clone())).collect();
        let target = hosts.get_mut(&right.host).unwrap();
        let renames = right.argv.iter().position(|a| a == "-m").map(|at| target.files[&right.argv[at + 1]].0.clone());
        let renames = String::from_utf8(renames.unwrap_or_default()).unwrap();
        for (name, mut mailbox) in read {
            let name = renames
                .lines()
                .filter_map(|l| l.split_once('='))
                .find(|(o, _)| *o == name)
                .map_or(name.clone(), |(_, n)| n.to_owned());
            if name.contains("joe") && self.short_restores.get() > 0 {
                self.short_restores.set(self.short_restores.get() - 1);
                mailbox.messages.pop();
            }
            match target.mailboxes.get_mut(&name) {
                None => drop(target.mailboxes.insert(name, mailbox)),
                Some(there) => {
                    for m in mailbox.messages {
                        if !there.messages.iter().any(|t| t.id == m.id) {
                            there.last_uid += 1;
                            there.messages.push(Message { uid: there.last_uid, ..m });
                        }
                    }
                }
            }
        }
        let side = SideEnd { exit: Ok(0), stderr: String::new(), stdout: String::new() };
        PipeEnd { left: side.clone(), right: side }
    }
}

fn stamp(at_s: i64, format: &str) -> String {
    jiff::Timestamp::from_second(at_s).unwrap().strftime(format).to_string()
}

fn listing(now: i64, held: &[(String, String)]) -> String {
    let mut out =
        format!("{}\nData gathered from the queue directory tree\n\n", stamp(now, "%a, %d %b %Y %H:%M:%S +0000 (GMT)"));
    if !held.is_empty() {
        out.push_str("Channel: hold                  Size Queued since\n");
        for (i, (file, address)) in held.iter().enumerate() {
            let at = stamp(now - 60, "%d-%b-%Y %H:%M:%S");
            out.push_str(&format!("{} {file} 1 {at}\n  from: a@b.c\n  to: @hold-daemon:{address}\n", i + 1));
        }
        out.push_str(&format!("Total size: {}\n\n", held.len()));
    }
    out.push_str(&format!("Grand total size:                    {}\n", held.len()));
    out
}

fn block(name: &str, m: &Mailbox) -> String {
    let owner = name.split('/').nth(1).unwrap();
    let mut out = format!(
        "Name: {name}\nVersion: 102\nExists: {}\nFlags: 0\nLargest Msg: 9\nLast Append: -\nLast UID: {}\nOldest Msg: -\nOldest Uid: 0\nQuota Used: 9\nUID Validity: {}\nCache Offset: 0\nStart Offset: 0\nACL: {owner} lrswipcda\nUserflags:\nSubscribed: 1\nPartition: primary\nPath: /store/{name}\nMsg Path: /store/{name}/00\n\n  MsgNo  Uid  Internal Date  Sent Date  Size  HSize  CacheOff\n     Last Updated  Save Date  MT  SFlags  UFlags  Original-Uid\n     Message-id\n",
        m.messages.len(),
        m.last_uid,
        m.validity
    );
    for (i, message) in m.messages.iter().enumerate() {
        let at = stamp(message.internal_s, "%Y%m%d%H%M%S");
        out.push_str(&format!(
            "  {}  {}  {at}  {at}  1024  400  0\n     {at}  {at}  T  {}  00000000  {}-{}\n     {}\n",
            i + 1,
            message.uid,
            message.flags,
            m.validity,
            message.uid,
            message.id
        ));
    }
    out.push('\n');
    out
}

/// All doors of a site; each answer is ready at once.
struct Door(Rc<Site>);

struct Talk {
    site: Rc<Site>,
    command: Command,
    stdin: Option<String>,
    out: VecDeque<Said>,
}

impl Talk {
    fn finish(&mut self) -> Result<(), ShellError> {
        let Some(stdin) = self.stdin.take() else { return Ok(()) };
        let (status, stdout, stderr) = self.site.command(&self.command.host, &self.command.argv, &stdin)?;
        self.out.extend((!stdout.is_empty()).then_some(Said::Out(stdout)));
        self.out.extend((!stderr.is_empty()).then_some(Said::Err(stderr)));
        self.out.push_back(Said::Exit(status));
        Ok(())
    }
}

impl Conversation for Talk {
    fn send<'a>(&'a mut self, line: &'a str) -> Reply<'a, Result<(), ShellError>> {
        Box::pin(async move {
            if self.command.argv.len() == 2 && line == "exit" {
                self.out.push_back(Said::Exit(0));
            } else if self.command.argv.len() == 2 {
                self.out.push_back(Said::Out(self.site.session(&self.command.host, line)));
            } else if let Some(stdin) = &mut self.stdin {
                stdin.push_str(line);
                stdin.push('\n');
            }
            Ok(())
        })
    }
    fn read(&mut self) -> Reply<'_, Result<Said, ShellError>> {
        Box::pin(async move {
            self.finish()?;
            Ok(self.out.pop_front().expect("something to read"))
        })
    }
    fn close_stdin(&mut self) -> Reply<'_, Result<(), ShellError>> {
        Box::pin(async move { self.finish() })
    }
    fn signal(&mut self, _signal: Signal) -> Reply<'_, Result<(), ShellError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Shell for Door {
    fn start<'a>(
        &'a self,
        command: &'a Command,
        _stdin: bool,
        _limit: Duration,
    ) -> Reply<'a, Result<Box<dyn Conversation>, ShellError>> {
        Box::pin(async move {
            let interactive = command.argv == ["imsimta", "qm"];
            let stdin = (!interactive).then(String::new);
            let talk = Talk { site: Rc::clone(&self.0), command: command.clone(), stdin, out: VecDeque::new() };
            Ok(Box::new(talk) as Box<dyn Conversation>)
        })
    }
    fn pipe<'a>(
        &'a self,
        left: &'a Command,
        right: &'a Command,
        _limit: Duration,
    ) -> Reply<'a, Result<PipeEnd, ShellError>> {
        Box::pin(async move { Ok(self.0.piped(left, right)) })
    }
    fn read_file<'a>(&'a self, host: &'a str, path: &'a str) -> Reply<'a, Result<Option<FileRead>, ShellError>> {
        Box::pin(async move {
            let hosts = self.0.hosts.borrow();
            let modified = |s: i64| jiff::Timestamp::from_second(s).unwrap();
            Ok(hosts[host].files.get(path).map(|(bytes, s)| FileRead { bytes: bytes.clone(), modified: modified(*s) }))
        })
    }
    fn replace_file<'a>(
        &'a self,
        host: &'a str,
        path: &'a str,
        was: Option<&'a [u8]>,
        new: Option<&'a [u8]>,
    ) -> Reply<'a, Result<(), ReplaceError>> {
        Box::pin(async move {
            let now = self.0.tick();
            let mut hosts = self.0.hosts.borrow_mut();
            let files = &mut hosts.get_mut(host).unwrap().files;
            if files.get(path).map(|(b, _)| b.as_slice()) != was {
                return Err(ReplaceError::Changed { host: host.to_owned(), path: path.to_owned() });
            }
            match new {
                Some(bytes) => drop(files.insert(path.to_owned(), (bytes.to_vec(), now))),
                None => drop(files.remove(path)),
            }
            Ok(())
        })
    }
}

/// Whether an entry matches a filter.
fn holds(entry: &BTreeMap<String, String>, filter: &str) -> (bool, usize) {
    let inner = &filter[1..];
    match inner.as_bytes()[0] {
        op @ (b'&' | b'|' | b'!') => {
            let mut at = 2;
            let mut results = Vec::new();
            while filter.as_bytes()[at] == b'(' {
                let (result, used) = holds(entry, &filter[at..]);
                results.push(result);
                at += used;
            }
            let result = match op {
                b'&' => results.iter().all(|r| *r),
                b'|' => results.iter().any(|r| *r),
                _ => !results[0],
            };
            (result, at + 1)
        }
        _ => {
            let end = filter.find(')').unwrap();
            let (name, value) = filter[1..end].split_once('=').unwrap();
            let has = entry.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_lowercase());
            let value = value.to_lowercase();
            let result = has.is_some_and(|h| {
                value == "*"
                    || if name.eq_ignore_ascii_case("objectclass") {
                        h.split(' ').any(|c| c == value)
                    } else {
                        h == value
                    }
            });
            (result, end + 1)
        }
    }
}

impl Directory for Door {
    fn search<'a>(
        &'a self,
        _server: &'a str,
        base: &'a str,
        scope: Scope,
        filter: &'a str,
        _attributes: &'a [&'a str],
    ) -> Reply<'a, Result<Vec<DirectoryEntry>, DirectoryError>> {
        Box::pin(async move {
            let entries = self.0.entries.borrow();
            let within = |dn: &str| if scope == Scope::Base { dn == base } else { dn.ends_with(base) };
            let values = |(n, v): (&String, &String)| -> Vec<(Arc<str>, Arc<[u8]>)> {
                let each = v.split(|c| c == ' ' && n == "objectClass");
                each.map(|value| (n.as_str().into(), value.as_bytes().into())).collect()
            };
            let found =
                entries.iter().filter(|(dn, e)| within(dn) && (filter == "(objectClass=*)" || holds(e, filter).0));
            Ok(found
                .map(|(dn, e)| DirectoryEntry { dn: dn.as_str().into(), values: e.iter().flat_map(values).collect() })
                .collect())
        })
    }
    fn modify<'a>(
        &'a self,
        server: &'a str,
        dn: &'a str,
        changes: &'a [Modification],
    ) -> Reply<'a, Result<(), DirectoryError>> {
        Box::pin(async move {
            let refused =
                |code| Err(DirectoryError::Refused { server: server.to_owned(), code, message: String::new() });
            let mut entries = self.0.entries.borrow_mut();
            let Some(entry) = entries.get_mut(dn) else { return refused(32) };
            let mut changed = entry.clone();
            let text = |v: &[Vec<u8>]| v.first().map(|v| String::from_utf8(v.clone()).unwrap());
            for change in changes {
                match change {
                    Modification::Delete(name, values) => {
                        if !changed.contains_key(name) || text(values).is_some_and(|v| v != changed[name]) {
                            return refused(16);
                        }
                        changed.remove(name);
                    }
                    Modification::Add(name, values) => {
                        if changed.insert(name.clone(), text(values).unwrap()).is_some() {
                            return refused(20);
                        }
                    }
                    Modification::Replace(name, values) => match text(values) {
                        Some(value) => drop(changed.insert(name.clone(), value)),
                        None => drop(changed.remove(name)),
                    },
                }
            }
            *entry = changed;
            if self.0.lose_modifies.get() > 0 {
                self.0.lose_modifies.set(self.0.lose_modifies.get() - 1);
                return Err(DirectoryError::Lost { server: server.to_owned(), why: "cut".to_owned() });
            }
            Ok(())
        })
    }
    fn compare<'a>(
        &'a self,
        _server: &'a str,
        _dn: &'a str,
        _attribute: &'a str,
        _value: &'a [u8],
    ) -> Reply<'a, Result<bool, DirectoryError>> {
        Box::pin(async { Ok(false) })
    }
}

impl Clock for Door {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.0.now_s.get()).unwrap()
    }
    fn sleep(&self, span: Duration) -> Reply<'_, ()> {
        self.0.now_s.set(self.0.now_s.get() + span.as_secs() as i64);
        Box::pin(async {})
    }
}

impl Operator for Door {
    fn declare<'a>(&'a self, declaration: &'a Declaration) -> Reply<'a, ()> {
        self.0.said.borrow_mut().push(declaration.clone());
        Box::pin(async {})
    }
    fn tell<'a>(&'a self, users: &'a [String], about: Telling, _text: &'a str) -> Reply<'a, ()> {
        self.0.told.borrow_mut().push((about, users.len()));
        Box::pin(async {})
    }
    fn ask<'a>(&'a self, _question: &'a str) -> Reply<'a, bool> {
        Box::pin(async { true })
    }
    fn hand_over<'a>(&'a self, _task: &'a Task) -> Reply<'a, bool> {
        Box::pin(async { true })
    }
}
