//! Searches: scopes, attributes, pages, and that indexes change nothing but the time they take.

mod site;

use mock_host::lookup::Entry;
use mock_ldap::{Directory, EntryBuilder, Request, Scope, code as codes, filter};
use site::*;

fn page(base: &str, filter: &str, page: Option<(u32, u64)>) -> Request {
    Request::Search { base: base.into(), scope: Scope::Sub, filter: filter.into(), attributes: Vec::new(), page }
}

#[test]
fn scopes_reach_the_base_its_children_or_all_below() {
    let mut dir = directory();
    let mut all = |base: &str, scope| {
        let response = ask(&mut dir, find(base, scope, "(objectClass=*)"));
        names(&response).join(" ")
    };
    assert_eq!(all("O=Sesta.com,o=isp", Scope::Base), "o=sesta.com");
    assert_eq!(all("o=sesta.com,o=isp", Scope::One), "ou=groups ou=people");
    assert_eq!(all("ou=people,o=sesta.com,o=isp", Scope::One), "uid=ann uid=clerk uid=fanning uid=IXu18");
    assert_eq!(all("ou=groups,o=sesta.com,o=isp", Scope::Sub), "ou=groups cn=Dreamteam");
    assert_eq!(all("", Scope::One), "o=internet o=isp");
    assert_eq!(all("", Scope::Sub).split(' ').count(), 20);
}

#[test]
fn a_base_that_is_not_there_is_named_with_what_is() {
    let mut dir = directory();
    let response = ask(&mut dir, find("ou=staff,o=sesta.com,o=isp", Scope::Sub, "(uid=ann)"));
    assert_eq!(response.code, codes::NO_SUCH_OBJECT);
    assert!(response.message.contains("matched as far as o=sesta.com,o=isp"), "{}", response.message);
    assert_eq!(code(&mut dir, find("o=isp", Scope::Sub, "(uid=ann")), codes::FILTER_ERROR);
    assert_eq!(code(&mut dir, find("isp", Scope::Sub, "(uid=ann)")), codes::INVALID_DN);
    let root = ask(&mut dir, find("", Scope::Base, "(objectClass=*)"));
    assert_eq!(root.entries[0].values("namingContexts").len(), 2);
}

#[test]
fn only_the_attributes_asked_for_come_back() {
    let mut dir = directory();
    let mut asked = |attributes: &[&str]| {
        let response = ask(
            &mut dir,
            Request::Search {
                base: "o=isp".into(),
                scope: Scope::Sub,
                filter: "(uid=fanning)".into(),
                attributes: attributes.iter().map(|a| (*a).into()).collect(),
                page: None,
            },
        );
        let mut selection = response.selection();
        let names = response.entries[0].attributes.iter().map(|a| &a.name);
        names.filter(|name| selection.shows(name)).map(|name| name.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(asked(&["MAILHOST", "mailUserStatus"]), "mailHost mailUserStatus");
    assert_eq!(asked(&["1.1"]), "");
    assert!(asked(&[]).contains("userPassword") && asked(&["*"]).contains("givenName"));
}

fn large() -> Directory {
    let mut entries = vec![EntryBuilder::new("o=isp").classes(&["organization"]).with("o", "isp").build()];
    for n in 0..250 {
        let (uid, host) = (format!("u{n:03}"), ["old.siroe.com", "new.siroe.com"][n % 2]);
        let entry = EntryBuilder::new(&format!("uid={uid},o=isp"))
            .classes(&["person", "inetOrgPerson", "inetUser", "inetMailUser", "inetLocalMailRecipient"])
            .with("cn", &uid)
            .with("sn", &uid)
            .with("mail", &format!("{uid}@isp"))
            .with("mailHost", host);
        // Loaded backwards, so that numbers and order of names differ.
        entries.insert(1, entry.build());
    }
    Directory::from_entries(servers(), entries).expect("good")
}

fn read_in_pages(dir: &mut Directory, filter: &str, mut between: impl FnMut(&mut Directory, usize)) -> Vec<String> {
    let (mut seen, mut cookie, mut pages) = (Vec::new(), 0, 0);
    loop {
        let response = ask(dir, page("o=isp", filter, Some((20, cookie))));
        assert!(response.entries.len() <= 20);
        seen.extend(response.entries.iter().map(|e| e.dn.to_string()));
        let Some(next) = response.next_page else { return seen };
        assert_eq!(response.entries.len(), 20, "only the last page is short");
        cookie = next;
        pages += 1;
        between(dir, pages);
    }
}

#[test]
fn pages_give_each_entry_once_while_entries_come_and_go() {
    for filter in
        ["(uid=*)", "(&(mailHost=old.siroe.com)(uid=*))", "(|(mailHost=old.siroe.com)(mailHost=new.siroe.com))"]
    {
        let whole = ask(&mut large(), page("o=isp", filter, None));
        let whole: Vec<String> = whole.entries.iter().map(|e| e.dn.to_string()).collect();
        assert_eq!(read_in_pages(&mut large(), filter, |_, _| {}), whole, "{filter}");

        let mut dir = large();
        let delete = |n: usize| Request::Delete { dn: format!("uid=u{n:03},o=isp").into() };
        let seen = read_in_pages(&mut dir, filter, |dir, pages| {
            for n in [pages * 20 - 2, pages * 20 - 1, pages * 20, 249 - pages * 20] {
                ask(dir, delete(n));
            }
        });
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "{filter}");
        let left = ask(&mut dir, page("o=isp", filter, None));
        assert!(left.entries.iter().all(|e| seen.contains(&e.dn.to_string())), "{filter}");
    }
    let mut dir = large();
    assert_eq!(code(&mut dir, page("o=isp", "(uid=*)", Some((20, 99_999)))), codes::UNWILLING);
    let exact = ask(&mut dir, page("o=isp", "(uid=u00*)", Some((10, 0))));
    assert_eq!((exact.entries.len(), exact.next_page), (10, None));
}

#[test]
fn an_index_finds_what_reading_every_entry_finds() {
    let mut dir = directory();
    let all: Vec<Entry> =
        ask(&mut dir, find("", Scope::Sub, "(objectClass=*)")).entries.iter().map(|e| Entry::clone(e)).collect();
    for text in [
        "(uid=ANN)",
        "(&(uid=ann)(mailUserStatus=inactive))",
        "(&(objectClass=inetMailUser)(&(mailHost= oldstore.siroe.com )(!(uid=bob))))",
        "(|(mail=ann@sesta.com)(mailAlternateAddress=ann.f@sesta.com)(mailEquivalentAddress=fanning-o@sesta.com))",
        "(|(uid=ann)(cn=Dreamteam))",
        "(&(|(uid=ann)(uid=bob))(mailHost=oldstore.siroe.com))",
        "(!(uid=ann))",
        "(&(mail=*)(uid=fanning))",
        "(mail=fanning-o@sesta.com)",
        "(|(objectClass=inetDomain)(objectClass=sunManagedOrganization))",
        "(&(objectClass=INETMAILGROUP)(|(mail=dreamteam@sesta.com)(mailAlternateAddress=dreamteam@sesta.com)))",
        "(|(uid=ann)(objectClass=inetMailGroup)(uid=bob)(mgrpDeliverTo=*sesta*))",
    ] {
        let wanted = filter::parse(text).expect(text);
        let expected: Vec<&str> = all.iter().filter(|e| wanted.matches(e)).map(|e| &*e.dn).collect();
        let response = ask(&mut dir, find("", Scope::Sub, text));
        let found: Vec<&str> = response.entries.iter().map(|e| &*e.dn).collect();
        assert_eq!(found, expected, "{text}");
        for entry in &all {
            let below = ask(&mut dir, find(&entry.dn, Scope::Sub, text)).entries.len();
            let is_below = |dn: &str| dn == &*entry.dn || dn.ends_with(&format!(",{}", entry.dn));
            assert_eq!(below, expected.iter().filter(|dn| is_below(dn)).count(), "{text} below {}", entry.dn);
        }
    }
}
