//! Owns the directory of a site: its servers, their requests, their failures, and the look-ups of the other fakes. It must
//! not know who of the site asks which server.

use crate::code::{self, Refusal};
use crate::entry::contains;
use crate::ldif::{self, LdifError};
use crate::load::{self, LoadError};
use crate::replica::{Following, Log};
use crate::search::{self, LdapUrl};
use crate::tree::{Id, Kind, Record, Tree};
use crate::{Input, Output, Request, RequestId, Response, Scope, Timer, dn, modify, schema};
use mock_host::fact::{Fact, Writer};
use mock_host::lookup::{Attribute, Entry, Found, HostId, Listed, Value};
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use std::sync::Arc;

/// The servers of a site, and which domain is the default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// The domain whose users log in by `uid` alone and whose store user id is the `uid` (F6-01).
    pub default_domain: Name,
    /// The server that takes writes: its host and full name.
    pub master: (HostId, Name),
    /// The servers that follow it, and after how long a change arrives there (F1.12-06).
    pub replicas: Vec<(HostId, Name, Span)>,
}

/// How a server fails its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It answers with this code, nothing applied (49, 50, 51, 52, 53, 81 …). 81 means that nothing was sent.
    Code(u8),
    /// It does not answer: look-ups are pending, requests are lost, nothing is applied.
    Silent,
}

/// Which operations a failure concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operations {
    /// All.
    All,
    /// Add, modify and delete.
    Writes,
    /// Search, compare and look-ups.
    Reads,
}

/// A failure in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// How it fails.
    pub failure: Failure,
    /// What fails.
    pub operations: Operations,
    /// For the next so many requests only; `None`: until it is cleared. Look-ups do not count, but fail meanwhile.
    pub requests: Option<u32>,
}

/// The fate of a write whose answer is lost: the client cannot tell which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It was applied.
    Applied,
    /// It never arrived.
    NotApplied,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub host: HostId,
    pub name: Name,
    pub tree: Tree,
    /// `None`: the master.
    pub following: Option<Following>,
    trouble: Option<Trouble>,
    /// The next so many writes lose their answer.
    losing: Option<(Lost, u32)>,
}

/// The directory. A clone shares the entries, so that it costs little however many there are.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The master first.
    pub(crate) servers: Vec<Server>,
    pub(crate) log: Log,
}

impl Directory {
    /// A directory without entries.
    pub fn new(servers: Servers) -> Directory {
        let tree = Tree { default_domain: Some(lower(&servers.default_domain)), ..Tree::default() };
        Directory::with_tree(servers, tree)
    }

    /// A directory that has these entries on all its servers. They come in any order; each must have its parent.
    pub fn from_entries(servers: Servers, entries: impl IntoIterator<Item = Entry>) -> Result<Directory, LoadError> {
        let tree = load::from_entries(entries, Some(lower(&servers.default_domain)))?;
        Ok(Directory::with_tree(servers, tree))
    }

    /// A directory as a site exports it (RFC 2849), change records applied in their order.
    pub fn from_ldif(servers: Servers, text: &str) -> Result<Directory, LdifError> {
        let tree = load::from_ldif(text, Some(lower(&servers.default_domain)))?;
        Ok(Directory::with_tree(servers, tree))
    }

    fn with_tree(servers: Servers, tree: Tree) -> Directory {
        let server = |host, name, tree, lag: Option<Span>| Server {
            host,
            name,
            tree,
            following: lag.map(|lag| Following { lag, stuck: false, next: 0, waking: None }),
            trouble: None,
            losing: None,
        };
        let (host, name) = servers.master;
        let mut list = Vec::with_capacity(1 + servers.replicas.len());
        list.push(server(host, name, tree.clone(), None));
        list.extend(servers.replicas.into_iter().map(|(h, n, lag)| server(h, n, tree.clone(), Some(lag))));
        Directory { servers: list, log: Log::default() }
    }

    /// The server that takes writes.
    pub fn master(&self) -> HostId {
        self.servers[0].host
    }

    /// All servers, the master first.
    pub fn servers(&self) -> impl Iterator<Item = HostId> {
        self.servers.iter().map(|s| s.host)
    }

    /// Lets a server fail, or ends its failure (`None`).
    pub fn set_trouble(&mut self, server: HostId, trouble: Option<Trouble>) {
        if let Some(server) = self.servers.iter_mut().find(|s| s.host == server) {
            server.trouble = trouble;
        }
    }

    /// Lets the next `writes` of a server lose their answer ([`Output::AnswerLost`]); 0 ends it.
    pub fn lose_answers(&mut self, server: HostId, lost: Lost, writes: u32) {
        if let Some(server) = self.servers.iter_mut().find(|s| s.host == server) {
            server.losing = (writes > 0).then_some((lost, writes));
        }
    }

    /// Handles what reaches the directory.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Timer(Timer::Replicate(server)) => self.wake_replica(now, server, out),
            Input::Request { id, server, writer, request } => self.request(now, id, server, writer, request, out),
        }
    }

    fn request(
        &mut self,
        now: Time,
        id: RequestId,
        server: HostId,
        writer: Writer,
        request: Request,
        out: &mut Vec<Output>,
    ) {
        let Some(at) = self.servers.iter().position(|s| s.host == server) else {
            let none = Refusal::new(code::SERVER_DOWN, "no directory server runs there");
            return out.push(Output::Answer(id, refused(none)));
        };
        let is_write = !matches!(request, Request::Search { .. } | Request::Compare { .. });
        match self.servers[at].fails(is_write) {
            Some(Failure::Code(code)) => {
                return out.push(Output::Answer(id, refused(Refusal::new(code, code::text(code)))));
            }
            Some(Failure::Silent) => return out.push(Output::AnswerLost(id)),
            None => {}
        }
        let lost = if is_write { self.servers[at].loses() } else { None };
        if lost == Some(Lost::NotApplied) {
            return out.push(Output::AnswerLost(id));
        }
        let response = match request {
            Request::Search { base, scope, filter, attributes, page } => {
                self.search(at, &base, scope, &filter, attributes, page)
            }
            Request::Compare { dn, attribute, value } => self.compare(at, &dn, &attribute, &value),
            write => match self.write(now, at, writer, write, out) {
                Ok(()) => answered(code::SUCCESS),
                Err(refusal) => refused(refusal),
            },
        };
        out.push(match lost {
            Some(_) => Output::AnswerLost(id),
            None => Output::Answer(id, response),
        });
    }

    fn search(
        &self,
        at: usize,
        base: &str,
        scope: Scope,
        filter: &str,
        asked: Vec<Name>,
        page: Option<(u32, u64)>,
    ) -> Response {
        let tree = &self.servers[at].tree;
        if base.trim().is_empty() && scope == Scope::Base {
            return Response { entries: vec![Arc::new(search::root(tree))], ..answered(code::SUCCESS) };
        }
        match search::search(tree, base, scope, filter, page) {
            Err(refusal) => refused(refusal),
            Ok(found) => Response {
                entries: found.records.iter().map(|r| r.listed.entry.clone()).collect(),
                asked,
                next_page: found.next_page,
                ..answered(code::SUCCESS)
            },
        }
    }

    fn compare(&self, at: usize, dn: &str, attribute: &str, value: &Value) -> Response {
        let tree = &self.servers[at].tree;
        let record = match key_of(dn).and_then(|key| tree.find(&key).ok_or_else(|| search::no_such_object(tree, &key)))
        {
            Ok(record) => record,
            Err(refusal) => return refused(refusal),
        };
        let values = record.listed.entry.values(attribute);
        if values.is_empty() {
            return refused(Refusal::new(code::NO_SUCH_ATTRIBUTE, format!("{attribute}: the entry does not have it")));
        }
        match contains(values, value, schema::syntax(attribute)) {
            true => answered(code::COMPARE_TRUE),
            false => answered(code::COMPARE_FALSE),
        }
    }

    fn write(
        &mut self,
        now: Time,
        at: usize,
        writer: Writer,
        request: Request,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let master = &self.servers[0];
        if at != 0 {
            return Err(Refusal::new(code::REFERRAL, format!("ldap://{}:389/", master.name)));
        }
        let tree = &master.tree;
        match request {
            Request::Modify { dn, changes } => {
                let key = key_of(&dn)?;
                let id = tree.id_of(&key).ok_or_else(|| search::no_such_object(tree, &key))?;
                let record = tree.record(id).expect("an indexed entry is there");
                let after = modify::apply(&record.listed.entry, &changes)?;
                if after == *record.listed.entry {
                    return Ok(());
                }
                let after = tree.describe(Arc::new(after), record.key.clone());
                self.commit(now, id, Some(after), writer, out);
            }
            Request::Add { dn, attributes } => {
                let (key, entry) = self.new_entry(dn, attributes)?;
                let (id, after) = (tree.next_id(), tree.describe(Arc::new(entry), key));
                self.commit(now, id, Some(after), writer, out);
            }
            Request::Delete { dn } => {
                let key = key_of(&dn)?;
                let id = tree.id_of(&key).ok_or_else(|| search::no_such_object(tree, &key))?;
                if tree.has_children(&key) {
                    return Err(Refusal::new(code::NON_LEAF, format!("{dn} has entries below it")));
                }
                self.commit(now, id, None, writer, out);
            }
            Request::Search { .. } | Request::Compare { .. } => unreachable!("a read is no write"),
        }
        Ok(())
    }

    fn new_entry(&self, dn: Name, attributes: Vec<Attribute>) -> Result<(Name, Entry), Refusal> {
        let tree = &self.servers[0].tree;
        let key: Name = key_of(&dn)?.into();
        if key.is_empty() {
            return Err(Refusal::new(code::NAMING_VIOLATION, "the root of the server cannot be added"));
        }
        if tree.id_of(&key).is_some() {
            return Err(Refusal::new(code::ALREADY_EXISTS, format!("{dn} exists")));
        }
        let parent = dn::parent_key(&key);
        if !parent.is_empty() && tree.id_of(parent).is_none() {
            return Err(search::no_such_object(tree, parent));
        }
        let mut entry = Entry { dn, attributes: Vec::with_capacity(attributes.len()) };
        for attribute in attributes {
            for value in attribute.values {
                crate::entry::push_value(&mut entry.attributes, attribute.name.clone(), value);
            }
        }
        modify::complete_name(&mut entry).map_err(|e| Refusal::new(code::INVALID_DN, e.reason))?;
        modify::check_new(&entry)?;
        Ok((key, entry))
    }

    /// Puts a change on the master, tells of it, and sends it to the replicas.
    fn commit(&mut self, now: Time, id: Id, after: Option<Record>, by: Writer, out: &mut Vec<Output>) {
        let tree = &mut self.servers[0].tree;
        let before = tree.record(id).cloned();
        tree.put(id, after.map(Arc::new));
        let after = tree.record(id).cloned();
        if let Some(either) = before.as_ref().or(after.as_ref()) {
            out.push(Output::Fact(Fact::EntryChanged {
                server: self.servers[0].host,
                who: either.listed.user.clone(),
                before: before.as_ref().map(|r| r.listed.entry.clone()),
                after: after.as_ref().map(|r| r.listed.entry.clone()),
                by,
            }));
        }
        self.replicate(now, id, after, out);
    }
}

impl Server {
    /// The failure that an operation meets; counts it.
    fn fails(&mut self, is_write: bool) -> Option<Failure> {
        let trouble = self.trouble.as_mut().filter(|t| t.concerns(is_write))?;
        let failure = trouble.failure;
        if let Some(left) = &mut trouble.requests {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.trouble = None;
            }
        }
        Some(failure)
    }

    /// Whether a write's answer is lost, and how; counts it.
    fn loses(&mut self) -> Option<Lost> {
        let (lost, left) = self.losing?;
        self.losing = (left > 1).then_some((lost, left - 1));
        Some(lost)
    }
}

impl Trouble {
    fn concerns(&self, is_write: bool) -> bool {
        match self.operations {
            Operations::All => true,
            Operations::Writes => is_write,
            Operations::Reads => !is_write,
        }
    }
}

/// Look-ups of the other fakes: answered at once, as the asked server has it now and as it fails.
impl Directory {
    fn look<T>(&self, server: HostId, find: impl FnOnce(&Tree) -> Option<T>) -> Found<T> {
        let Some(server) = self.servers.iter().find(|s| s.host == server) else {
            return Found::Code(code::SERVER_DOWN);
        };
        match server.trouble.filter(|t| t.concerns(false)).map(|t| t.failure) {
            Some(Failure::Code(code)) => Found::Code(code),
            Some(Failure::Silent) => Found::Pending,
            None => find(&server.tree).map_or(Found::Absent, Found::Value),
        }
    }

    /// The user or group of an address, without regard to case: looked for in the part of the tree of the address's
    /// domain (an alias of the domain stands for it), `mail` before `mailAlternateAddress` before `mailEquivalentAddress`
    /// (F3.4-03, F3.2-05). Entries without inetLocalMailRecipient and inetMailUser or inetMailGroup are not seen (F3.3-01).
    pub fn by_address(&self, server: HostId, address: &str) -> Found<Listed> {
        self.look(server, |tree| tree.by_address(address).map(|r| r.listed.clone()))
    }

    /// The mail user who logs in as `uid` (default domain) or `uid@domain`, without regard to case.
    pub fn by_login(&self, server: HostId, login: &str) -> Found<Listed> {
        self.look(server, |tree| tree.by_login(login).map(|r| r.listed.clone()))
    }

    /// The mail user or group of this name.
    pub fn by_dn(&self, server: HostId, dn: &str) -> Found<Listed> {
        self.look(server, |tree| tree.find(&dn::key(dn).ok()?).filter(|r| is_mail(r)).map(|r| r.listed.clone()))
    }

    /// The mail users and groups that an LDAP URL selects (`mgrpDeliverTo`, F3.3-02), an empty list included. A base that is
    /// not there: absent. Code 87: what cannot be read as a URL or filter; 34: as a name.
    pub fn by_url(&self, server: HostId, url: &str) -> Found<Vec<Listed>> {
        let mut refused = None;
        let found = self.look(server, |tree| {
            let result = LdapUrl::parse(url)
                .map_err(|reason| Refusal::new(code::FILTER_ERROR, reason))
                .and_then(|url| search::search(tree, &url.base, url.scope, &url.filter, None));
            match result {
                Ok(found) => Some(found.records.iter().filter(|r| is_mail(r)).map(|r| r.listed.clone()).collect()),
                Err(refusal) => {
                    refused = Some(refusal.code).filter(|c| *c != code::NO_SUCH_OBJECT);
                    None
                }
            }
        });
        refused.map_or(found, Found::Code)
    }

    /// The entry of a hosted domain, or of the domain that an alias stands for, with the attributes in force: those of the
    /// domain's node, `inetDomainStatus` as the Organization tree has it (F3.4-01, F3.4-02).
    pub fn domain(&self, server: HostId, domain: &str) -> Found<Arc<Entry>> {
        self.look(server, |tree| tree.domains.find(domain).map(|d| d.effective.clone()))
    }
}

/// What a judge or a report reads: no failure stands in the way.
impl Directory {
    fn tree(&self, server: HostId) -> Option<&Tree> {
        self.servers.iter().find(|s| s.host == server).map(|s| &s.tree)
    }

    /// The entry of this name on a server.
    pub fn entry(&self, server: HostId, dn: &str) -> Option<&Arc<Entry>> {
        self.tree(server)?.find(&dn::key(dn).ok()?).map(|r| &r.listed.entry)
    }

    /// All mail users of a server, in the order of the tree.
    pub fn users(&self, server: HostId) -> impl Iterator<Item = &Listed> {
        self.mail_records(server).filter(|r| matches!(r.kind, Kind::User { .. })).map(|r| &r.listed)
    }

    /// All mail groups of a server, in the order of the tree.
    pub fn groups(&self, server: HostId) -> impl Iterator<Item = &Listed> {
        self.mail_records(server).filter(|r| matches!(r.kind, Kind::Group { .. })).map(|r| &r.listed)
    }

    fn mail_records(&self, server: HostId) -> impl Iterator<Item = &Arc<Record>> {
        self.tree(server).into_iter().flat_map(|tree| tree.below("").filter_map(|(_, id)| tree.record(id)))
    }

    /// The names of the hosted domains and of their aliases, each with the name of its domain, sorted.
    pub fn domains(&self, server: HostId) -> impl Iterator<Item = (&Name, &Name)> {
        self.tree(server).into_iter().flat_map(|t| t.domains.iter()).map(|(name, domain)| (name, &domain.name))
    }

    /// All entries of a server as LDIF, parents before children.
    pub fn to_ldif(&self, server: HostId) -> String {
        let mut out = String::new();
        ldif::write_entries(self.mail_records(server).map(|r| &*r.listed.entry), &mut out);
        out
    }
}

fn is_mail(record: &Record) -> bool {
    matches!(record.kind, Kind::User { .. } | Kind::Group { .. })
}

fn key_of(dn: &str) -> Result<String, Refusal> {
    dn::key(dn).map_err(|e| Refusal::new(code::INVALID_DN, format!("{dn}: {} at column {}", e.reason, e.column)))
}

fn lower(name: &str) -> Name {
    name.to_ascii_lowercase().into()
}

fn answered(code: u8) -> Response {
    Response { code, message: "".into(), entries: Vec::new(), asked: Vec::new(), next_page: None }
}

fn refused(refusal: Refusal) -> Response {
    Response { message: refusal.message.into(), ..answered(refusal.code) }
}
