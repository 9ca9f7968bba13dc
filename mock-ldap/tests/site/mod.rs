//! A small site in the form of an export, and the few words in which the tests speak to its directory.
#![allow(dead_code)] // each test file uses some of them

use mock_host::fact::{Fact, Writer};
use mock_host::lookup::{Entry, Found, HostId, Listed, Value};
use mock_host::time::{Span, Time};
use mock_ldap::{Change, ChangeKind, Directory, Input, Output, Request, RequestId, Response, Scope, Servers};
use std::sync::Arc;

pub const MASTER: HostId = HostId(0);
pub const NEAR: HostId = HostId(1);
pub const FAR: HostId = HostId(2);

/// Two domains of Schema 1, an alias of the first, one domain of Schema 2.
pub const SITE: &str = include_str!("site.ldif");

/// The master, a replica 2 s behind it and one 10 s behind it.
pub fn servers() -> Servers {
    Servers {
        default_domain: "sesta.com".into(),
        master: (MASTER, "ldap.siroe.com".into()),
        replicas: vec![
            (NEAR, "ldap2.siroe.com".into(), Span::secs(2)),
            (FAR, "ldap3.siroe.com".into(), Span::secs(10)),
        ],
    }
}

pub fn directory() -> Directory {
    Directory::from_ldif(servers(), SITE).expect("the sample is good")
}

/// The instant `s` seconds into a test.
pub fn at(s: i64) -> Time {
    Time::from_unix(1_172_782_800 + s)
}

pub fn change(kind: ChangeKind, attribute: &str, values: &[&str]) -> Change {
    Change { kind, attribute: attribute.into(), values: values.iter().map(|v| Value::from(*v)).collect() }
}

/// `delete: a / a: old`, then `add: a / a: new`.
pub fn guarded(attribute: &str, old: &str, new: &str) -> Vec<Change> {
    vec![change(ChangeKind::Delete, attribute, &[old]), change(ChangeKind::Add, attribute, &[new])]
}

pub fn modify(dn: &str, changes: Vec<Change>) -> Request {
    Request::Modify { dn: dn.into(), changes }
}

pub fn find(base: &str, scope: Scope, filter: &str) -> Request {
    Request::Search { base: base.into(), scope, filter: filter.into(), attributes: Vec::new(), page: None }
}

/// Asks a server and gives back all that comes out.
pub fn outputs(directory: &mut Directory, now: Time, server: HostId, request: Request) -> Vec<Output> {
    let mut out = Vec::new();
    let input = Input::Request { id: RequestId(7), server, writer: Writer::Foreign, request };
    directory.handle(now, input, &mut out);
    out
}

/// The answer among outputs.
pub fn answer(out: &[Output]) -> Response {
    let mut answers = out.iter().rev().filter_map(|o| match o {
        Output::Answer(RequestId(7), response) => Some(response.clone()),
        _ => None,
    });
    answers.next().expect("an answer")
}

/// Asks the master at second 0.
pub fn ask(directory: &mut Directory, request: Request) -> Response {
    answer(&outputs(directory, at(0), MASTER, request))
}

/// Result code of the master.
pub fn code(directory: &mut Directory, request: Request) -> u8 {
    ask(directory, request).code
}

pub fn names(response: &Response) -> Vec<&str> {
    assert_eq!(response.code, 0, "{}", response.message);
    response.entries.iter().map(|e| e.dn.split(',').next().expect("a name")).collect()
}

pub fn value<T>(found: Found<T>) -> T {
    match found {
        Found::Value(value) => value,
        Found::Absent => panic!("absent"),
        Found::Pending => panic!("pending"),
        Found::Code(code) => panic!("code {code}"),
    }
}

pub fn user(found: Found<Listed>) -> String {
    value(found).user.to_string()
}

pub fn is_absent<T>(found: &Found<T>) -> bool {
    matches!(found, Found::Absent)
}

/// The changes of entries among outputs: (server, who, by).
pub fn changes(out: &[Output]) -> Vec<(HostId, String, Writer)> {
    let facts = out.iter().filter_map(|o| match o {
        Output::Fact(Fact::EntryChanged { server, who, by, .. }) => Some((*server, who.to_string(), *by)),
        _ => None,
    });
    facts.collect()
}

pub fn first<'a>(entry: &'a Arc<Entry>, name: &str) -> Option<&'a str> {
    entry.first(name)
}

/// `uid=NAME` in the people of the default domain.
pub fn person(uid: &str) -> String {
    format!("uid={uid},ou=people,o=sesta.com,o=isp")
}
