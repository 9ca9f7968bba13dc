//! Owns the processes of an MTA that expand addresses (each with its caches and the image it started with), the open
//! SMTP transactions, and what is replied to them. It must not know queue files, nor how one address is expanded.

use crate::address::OwnNames;
use crate::alias_cache::{AliasCache, DomainCache};
use crate::channel::Channel;
use crate::expansion::Work;
use crate::input::{Output, Peer, TransactionId};
use crate::option_dat::{ALIAS_ENTRY_CACHE_TIMEOUT, Image};
use crate::record::{Expansion, Outcome};
use crate::vacation::Vacation;
use mock_host::command;
use mock_host::fact::{Fact, Setting};
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::mail::{Body, Mail, MailId, Name, Token};
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a message that is expanded comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// SMTP from outside the site.
    Outside,
    /// SMTP from a host of the site.
    Site,
    /// A local submission.
    Local,
    /// The MTA itself.
    Own,
    /// The channel `reprocess`.
    Reprocess,
    /// The channel `process`.
    Process,
    /// The channel `conversion`.
    Conversion,
    /// The channel `hold`, released.
    Hold,
}

impl Source {
    /// The source that a file of an intermediate channel is.
    pub fn of_channel(channel: Channel) -> Source {
        match channel {
            Channel::Conversion => Source::Conversion,
            Channel::Hold => Source::Hold,
            Channel::Process => Source::Process,
            _ => Source::Reprocess,
        }
    }

    /// The channel that mappings know it by.
    pub fn channel(self) -> &'static str {
        match self {
            Source::Outside => "tcp_local",
            Source::Site => "tcp_intranet",
            Source::Local => "l",
            Source::Own | Source::Process => "process",
            Source::Reprocess => "reprocess",
            Source::Conversion => "conversion",
            Source::Hold => "hold",
        }
    }
}

/// A process that expands addresses: the image it read at its start, and what it remembers.
#[derive(Clone, Debug)]
pub(crate) struct ProcessState {
    pub(crate) daemon: Daemon,
    pub(crate) image: Arc<Image>,
    /// What it takes for its own host; `None`: it has read no settings, those on disk count.
    pub(crate) names: Option<Arc<OwnNames>>,
    pub(crate) alias: AliasCache,
    pub(crate) domains: DomainCache,
}

impl ProcessState {
    fn new(daemon: Daemon, image: &Arc<Image>, names: Option<Arc<OwnNames>>) -> ProcessState {
        let (alias, domains) = (AliasCache::new(image), DomainCache::new(image));
        ProcessState { daemon, image: image.clone(), names, alias, domains }
    }
}

/// A transaction between its RCPT and the end of its DATA: what was expanded waits (a hold in between changes nothing).
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) pid: Pid,
    pub(crate) peer: Peer,
    pub(crate) mail: Arc<Mail>,
    /// The recipients that were taken; never empty.
    pub(crate) taken: Vec<(Name, Token)>,
    pub(crate) expansion: Expansion,
}

/// The expanding side of an MTA.
#[derive(Clone, Debug, Default)]
pub struct Router {
    processes: BTreeMap<Pid, Arc<ProcessState>>,
    transactions: BTreeMap<TransactionId, Transaction>,
    /// Who had a vacation reply lately.
    pub vacation: Vacation,
}

impl Router {
    /// A daemon was started: one that expands addresses (F4-01) reads the image and begins with empty caches; its
    /// ALIAS_ENTRY_CACHE_TIMEOUT is reported as in force.
    pub fn started(&mut self, pid: Pid, image: &Arc<Image>, host: &Host, out: &mut Vec<Output>) {
        let Some(process) = host.processes.get(pid) else { return };
        let expands = [Daemon::SmtpServer, Daemon::Reprocess, Daemon::Conversion, Daemon::ImsMaster];
        if !expands.contains(&process.daemon) {
            return;
        }
        let names = host.has_read(pid).then(|| Arc::new(OwnNames::of(host, pid)));
        self.processes.insert(pid, Arc::new(ProcessState::new(process.daemon, image, names)));
        out.push(fact(Fact::SettingInForce {
            host: host.id,
            pid,
            setting: Setting::OptionDat(ALIAS_ENTRY_CACHE_TIMEOUT.into()),
            value: image.option(ALIAS_ENTRY_CACHE_TIMEOUT).map(Name::from),
        }));
    }

    /// A daemon ended: its caches are gone, its open transactions break off.
    pub fn stopped(&mut self, pid: Pid) {
        if self.processes.remove(&pid).is_some() {
            self.transactions.retain(|_, t| t.pid != pid);
        }
    }

    /// `imsimta reload`: running processes take the mappings of an image over, its options not (F1.4-03).
    pub fn reload(&mut self, image: &Image) {
        for process in self.processes.values_mut() {
            if process.image.conversions != image.conversions {
                let process = Arc::make_mut(process);
                Arc::make_mut(&mut process.image).conversions = image.conversions.clone();
            }
        }
    }

    /// A transaction broke off.
    pub fn abort(&mut self, transaction: TransactionId) {
        self.transactions.remove(&transaction);
    }

    /// The end of a transaction's DATA; `None` when it broke off before, or its server was stopped.
    pub(crate) fn take(&mut self, transaction: TransactionId) -> Option<Transaction> {
        self.transactions.remove(&transaction)
    }

    /// Expands the recipients of a transaction in one of the SMTP servers and replies to each (F3.1-01…07).
    #[expect(clippy::too_many_arguments, reason = "the fields of the input, and the frame of every handler")]
    pub fn rcpt(
        &mut self,
        now: Time,
        id: TransactionId,
        peer: Peer,
        mail: Arc<Mail>,
        received: u16,
        to: Vec<(Name, Option<Token>)>,
        host: &Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let Some(pid) = self.server_for(id) else {
            let away = || (421, Name::from("4.3.2 service not available"));
            out.push(Output::Rcpt(id, to.iter().map(|_| away()).collect()));
            return;
        };
        let source = match peer {
            Peer::Outside => Source::Outside,
            Peer::Host(_) => Source::Site,
            Peer::Local => Source::Local,
        };
        let to: Vec<(Name, Token)> = to
            .into_iter()
            .map(|(a, t)| {
                let t = t.unwrap_or_else(|| Token::accepted(mail.id, &a));
                (a, t)
            })
            .collect();
        // A recipient that is named again is answered as it was the first time.
        let before = |i: usize| to[..i].iter().position(|(_, token)| *token == to[i].1);
        let once = (0..to.len()).filter(|&i| before(i).is_none());
        let named = once.clone().map(|i| (&to[i].0, plain(&to[i].0), to[i].1));
        let mut expansion = self.expand(now, pid, source, &mail, named, received, host, env, out);
        let mut outcomes = std::mem::take(&mut expansion.outcomes).into_iter();
        let mut replies: Vec<(u16, Name)> = Vec::with_capacity(to.len());
        for (i, (address, _)) in to.iter().enumerate() {
            let reply = match before(i).map(|first| &replies[first]) {
                Some(refused) if refused.0 != 250 => refused.clone(),
                Some(_) => taken(address),
                None => match outcomes.next().unwrap_or(Outcome::Taken) {
                    Outcome::Taken => taken(address),
                    Outcome::Later(code, text) | Outcome::Never(code, text) => (code, text),
                },
            };
            if reply.0 != 250 {
                out.push(fact(Fact::Refused {
                    host: host.id,
                    mail: mail.id,
                    to: address.clone(),
                    code: reply.0,
                    outside: !matches!(peer, Peer::Host(_)),
                }));
            }
            replies.push(reply);
        }
        let taken: Vec<_> = once.filter(|&i| replies[i].0 == 250).map(|i| to[i].clone()).collect();
        out.push(Output::Rcpt(id, replies));
        if !taken.is_empty() {
            self.transactions.insert(id, Transaction { pid, peer, mail, taken, expansion });
        }
    }

    /// Expands recipients (address, original recipient, copy) in the process `pid` and with its caches. Decisions go to
    /// `out` at once; what becomes of the copies is the result.
    #[expect(clippy::too_many_arguments, reason = "what a message in transport is, and the frame of every handler")]
    pub(crate) fn expand<'t>(
        &mut self,
        now: Time,
        pid: Pid,
        source: Source,
        mail: &Arc<Mail>,
        to: impl Iterator<Item = (&'t Name, Name, Token)>,
        received: u16,
        host: &Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) -> Expansion {
        let Some(process) = self.processes.get_mut(&pid) else {
            let away = || Outcome::Later(421, "4.3.2 service not available".into());
            return Expansion { outcomes: to.map(|_| away()).collect(), ..Expansion::default() };
        };
        let mut work = Work::new(now, pid, source, mail, received, host, env, Arc::make_mut(process), out);
        for (address, original, token) in to {
            work.recipient(address, &original, token);
        }
        work.result
    }

    /// A process to expand the MTA's own mail in, when the one at hand has ended: the first that runs.
    pub(crate) fn any_process(&self, preferred: Pid) -> Option<Pid> {
        if self.processes.contains_key(&preferred) { Some(preferred) } else { self.processes.keys().next().copied() }
    }

    /// See [`crate::Mta::rewrite_report`].
    pub(crate) fn rewrite_report(
        &self,
        now: Time,
        address: &str,
        image: &Arc<Image>,
        host: &Host,
        env: &dyn Environment,
    ) -> Result<String, String> {
        let mail = Arc::new(Mail {
            id: MailId(0),
            from: "postmaster".into(),
            body: Body { id: 0, size_bytes: 0 },
            sent: now,
            list_id: None,
            automatic: true,
            subject: "".into(),
        });
        let mut process = ProcessState::new(Daemon::SmtpServer, image, None);
        let mut unheard = Vec::new();
        let mut work = Work::new(now, Pid(0), Source::Local, &mail, 0, host, env, &mut process, &mut unheard);
        work.recipient(address, &plain(&address.into()), Token(0));
        if let Some(Outcome::Later(_, why) | Outcome::Never(_, why)) = work.result.outcomes.first() {
            return Err(format!("Address list error -- {why}\n"));
        }
        let files = work.result.enqueue;
        let channel = files.first().map_or("bitbucket", |f| f.channel.name());
        let mut text = format!("address channel       = {channel}\nforward channel       = {channel}\n");
        for file in &files {
            text.push_str("Submitted address list for: ");
            text.push_str(file.channel.name());
            text.push('\n');
            for recipient in &file.recipients {
                for part in ["  ", &recipient.address, " (ORCPT ", &recipient.original, ")\n"] {
                    text.push_str(part);
                }
            }
        }
        Ok(text)
    }

    /// The SMTP server that a transaction comes to: they take turns by the transaction's number.
    fn server_for(&self, id: TransactionId) -> Option<Pid> {
        let servers = || self.processes.iter().filter(|(_, p)| p.daemon == Daemon::SmtpServer);
        let count = servers().count() as u64;
        let turn = id.0.checked_rem(count)?;
        servers().nth(usize::try_from(turn).ok()?).map(|(pid, _)| *pid)
    }
}

/// An address without the routes in front of it: the original recipient.
fn plain(address: &Name) -> Name {
    let mut rest: &str = address;
    while let Some((_, behind)) = crate::address::route(rest) {
        rest = behind;
    }
    if rest.len() == address.len() { address.clone() } else { rest.into() }
}

/// The reply to a recipient that is taken.
fn taken(address: &str) -> (u16, Name) {
    (250, ["2.1.5 ", address, " OK"].concat().into())
}

/// A fact as an output.
pub(crate) fn fact(fact: Fact) -> Output {
    Output::Host(command::Output::Fact(fact))
}
