//! Indexes against reading every entry: the same entries in the same order, whatever is written, on every server.

mod site;

use mock_host::lookup::Entry;
use mock_host::mail::Name;
use mock_ldap::{ChangeKind, Directory, EntryBuilder, Input, Output, Request, Scope, filter};
use proptest::prelude::*;
use site::*;

const CLASSES: [&str; 6] = ["top", "person", "inetMailUser", "inetMailGroup", "INETDOMAIN", " sunManagedOrganization"];
const ATTRIBUTES: [&str; 8] = [
    "uid",
    "mail",
    "mailAlternateAddress",
    "mailEquivalentAddress",
    "mailHost",
    "mgrpDeliverTo",
    "mailRoutingHosts",
    "description",
];
const VALUES: [&str; 6] = ["a", "B", "a@sesta.com", "old  host", "Old Host", "ä"];

/// The values of an attribute of an entry, by their places in the pools.
type Pairs = Vec<(usize, usize)>;

fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![8 => prop::sample::select(&ATTRIBUTES[..]), 2 => Just("objectclass")].prop_map(|name| name.to_owned())
}

fn item() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        6 => prop::sample::select(&VALUES[..]),
        4 => prop::sample::select(&CLASSES[..]),
        2 => prop::sample::select(&["*", "*a*", "\\61", "o*", ""][..]),
    ];
    let kind = prop_oneof![8 => Just("="), 1 => Just(">="), 1 => Just("<=")];
    (attribute(), kind, value).prop_map(|(name, kind, value)| match kind {
        "=" => format!("({name}={value})"),
        _ => format!("({name}{kind}{})", value.replace('*', "")),
    })
}

fn filters() -> impl Strategy<Value = String> {
    item().prop_recursive(3, 24, 6, |inner| {
        let list = || prop::collection::vec(inner.clone(), 0..6).prop_map(|list| list.concat());
        prop_oneof![
            4 => list().prop_map(|list| format!("(|{list})")),
            3 => list().prop_map(|list| format!("(&{list})")),
            1 => inner.clone().prop_map(|filter| format!("(!{filter})")),
        ]
    })
}

fn pairs() -> impl Strategy<Value = Pairs> {
    prop::collection::vec((0..ATTRIBUTES.len(), 0..VALUES.len()), 0..6)
}

fn entries() -> impl Strategy<Value = Vec<(Vec<&'static str>, Pairs)>> {
    prop::collection::vec((prop::sample::subsequence(CLASSES.to_vec(), 1..4), pairs()), 1..20)
}

fn dn(n: usize) -> Name {
    // Numbered against the order of names, every third entry below another.
    let leaf = format!("ou={:02}", 60 - n);
    if n % 3 == 2 { format!("{leaf},{}", dn(n - 1)).into() } else { format!("{leaf},o=isp").into() }
}

fn site_of(entries: &[(Vec<&'static str>, Pairs)]) -> Directory {
    let isp = EntryBuilder::new("o=isp").classes(&["organization"]).with("o", "isp").build();
    let all = entries.iter().enumerate().map(|(n, (classes, pairs))| {
        let all: Vec<&str> = classes.iter().copied().chain(["siteOwnClass"]).collect();
        let mut entry = EntryBuilder::new(&dn(n)).classes(&all).with("cn", "x").with("sn", "x");
        let mut given: Vec<(usize, String)> = Vec::new();
        for (attribute, value) in pairs {
            let folded = VALUES[*value].to_lowercase().replace("  ", " ");
            let single = ATTRIBUTES[*attribute] == "mailHost" || ATTRIBUTES[*attribute] == "mail";
            if given.iter().all(|(a, v)| a != attribute || *v != folded && !single) {
                given.push((*attribute, folded));
                entry = entry.with(ATTRIBUTES[*attribute], VALUES[*value]);
            }
        }
        entry.build()
    });
    Directory::from_entries(servers(), std::iter::once(isp).chain(all)).expect("good")
}

fn asked(dir: &mut Directory, server: mock_host::lookup::HostId, request: Request) -> Vec<Entry> {
    answer(&outputs(dir, at(0), server, request)).entries.iter().map(|e| Entry::clone(e)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_index_finds_what_reading_every_entry_finds_in_its_order(
        entries in entries(),
        filters in prop::collection::vec(filters(), 1..8),
        writes in prop::collection::vec((0..20usize, 0..ATTRIBUTES.len(), pairs(), any::<bool>()), 0..8),
        scope in prop::sample::select(&[Scope::One, Scope::Sub][..]),
    ) {
        let mut dir = site_of(&entries);
        let original = dir.clone();
        let mut timers = Vec::new();
        for (n, attribute, values, deletes) in writes {
            let mut values: Vec<&str> = values.iter().map(|(_, value)| VALUES[*value]).collect();
            values.truncate(1);
            let request = match deletes && n % 3 != 1 {
                true => Request::Delete { dn: dn(n) },
                false => modify(&dn(n), vec![change(ChangeKind::Replace, ATTRIBUTES[attribute], &values)]),
            };
            let out = outputs(&mut dir, at(0), MASTER, request);
            timers.extend(out.into_iter().filter_map(|o| match o {
                Output::Wake(when, timer) => Some((when, timer)),
                _ => None,
            }));
        }
        let lagging = dir.clone();
        timers.sort_by_key(|(when, _)| *when);
        for (when, timer) in timers {
            dir.handle(when, Input::Timer(timer), &mut Vec::new());
        }
        for mut dir in [original, lagging, dir] {
            for server in [MASTER, FAR] {
                let all = asked(&mut dir, server, find("o=isp", scope, "(objectClass=*)"));
                for text in &filters {
                    let wanted = filter::parse(text).expect(text);
                    let expected: Vec<&Entry> = all.iter().filter(|e| wanted.matches(e)).collect();
                    let found = asked(&mut dir, server, find("o=isp", scope, text));
                    prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{}", text);
                }
            }
        }
    }
}
