//! A site as its administrator exports it, and what is said of one that cannot be read.

mod site;

use mock_host::lookup::Entry;
use mock_ldap::{Directory, EntryBuilder};
use site::*;

#[test]
fn what_is_exported_is_read_back_the_same_on_every_server() {
    let dir = directory();
    let text = dir.to_ldif(MASTER);
    let again = Directory::from_ldif(servers(), &text).expect("what we export");
    assert_eq!(again.to_ldif(FAR), text);
    assert_eq!(dir.entry(NEAR, &person("IXu18")).expect("there").first("cn"), Some("Ines Xu Ünï"));
    let sieve = dir.entry(NEAR, &person("fanning")).expect("there").first("mailSieveRuleSource").expect("a rule");
    assert!(sieve.ends_with("\"list-id\" \"dev\" { fileinto \"Lists/dev\"; }"), "{sieve}");
}

/// F1.12-02
#[test]
fn change_records_after_the_entries_are_applied_in_their_order() {
    let text = format!(
        "{SITE}dn: {0}\nchangetype: modify\nreplace: mailUserStatus\nmailUserStatus: hold\n-\n\n\
        dn: {1}\nchangetype: delete\n\ndn: {1}\nchangetype: add\nobjectClass: inetOrgPerson\ncn: A\nsn: B\n",
        person("fanning"),
        person("ann"),
    );
    let dir = Directory::from_ldif(servers(), &text).expect("good");
    assert_eq!(dir.entry(MASTER, &person("fanning")).expect("there").first("mailUserStatus"), Some("hold"));
    assert_eq!(dir.entry(MASTER, &person("ann")).expect("there").first("uid"), Some("ann"));
}

#[test]
fn an_export_that_cannot_be_a_directory_is_refused_with_its_line_and_the_remedy() {
    let line = |text: &str| 1 + SITE.lines().position(|l| l == text).expect("in the sample");
    let fanning = line("dn: uid=fanning,ou=people,o=sesta.com,o=isp");
    let cases = [
        (
            SITE.replace("dn: o=sesta.com,o=isp\n", "dn: o=other.com,o=isp\n"),
            line("dn: ou=people,o=sesta.com,o=isp"),
            "parent o=sesta.com,o=isp is missing",
        ),
        (SITE.replace("sn: Fanning\n", ""), fanning, "sn is missing, which person requires"),
        (SITE.replace("mailQuota: -1\n", "mailQuota: -1\nmailQuota: 2G\n"), fanning, "mailQuota has 2 values"),
        (
            SITE.replace("mailDeliveryOption: mailbox\n", "mailDeliveryOption: mailbox\nmailDeliveryOption: Mailbox\n"),
            fanning,
            "twice",
        ),
        (
            SITE.replace("uid=IXu18,", "uid=FANNING,"),
            line("dn: uid=IXu18,ou=people,o=sesta.com,o=isp"),
            "exists since line",
        ),
        (
            format!("{SITE}dn: uid=gone,o=isp\nchangetype: delete\n"),
            SITE.lines().count() + 1,
            "not there to be changed",
        ),
        (
            format!(
                "{SITE}dn: {}\nchangetype: modify\ndelete: mailUserStatus\nmailUserStatus: hold\n-\n",
                person("fanning")
            ),
            SITE.lines().count() + 1,
            "code 16",
        ),
        (
            "dn: uid=joe,ou=people,o=isp\nobjectClass: inetUser\nuid: joe\n".to_owned(),
            1,
            "parent ou=people,o=isp is missing",
        ),
        ("dn: o=isp\no: isp\n".to_owned(), 1, "no objectClass"),
    ];
    for (text, line, reason) in cases {
        let error = Directory::from_ldif(servers(), &text).expect_err(reason);
        assert_eq!(error.line, line, "{error}");
        assert!(error.reason.contains(reason), "{error}");
        assert!(!error.advice.is_empty());
    }
}

#[test]
fn an_export_that_is_cut_off_within_a_line_is_never_taken() {
    for end in 0..SITE.len() {
        if SITE.as_bytes()[..end].last().is_none_or(|b| *b == b'\n') {
            continue;
        }
        let error = Directory::from_ldif(servers(), &SITE[..end]).expect_err("cut off");
        assert_eq!(error.line, SITE[..end].lines().count(), "{error}");
    }
}

#[test]
fn an_exported_subtree_stands_alone_when_its_top_is_a_domain_or_organization() {
    let text = "dn: dc=siroe,dc=com\nobjectClass: domain\ndc: siroe\n\ndn: ou=people,dc=siroe,dc=com\n\
        objectClass: organizationalUnit\nou: people\n";
    let dir = Directory::from_ldif(servers(), text).expect("good");
    assert!(dir.entry(MASTER, "ou=people,dc=siroe,dc=com").is_some());
}

#[test]
fn classes_and_attributes_that_a_site_added_are_taken_as_they_are() {
    let text = SITE.replace("givenName: Otis\n", "givenName: Otis\nsestaBadge: 17\n");
    let dir = Directory::from_ldif(servers(), &text).expect("good");
    assert_eq!(dir.entry(MASTER, &person("fanning")).expect("there").first("SESTABADGE"), Some("17"));
    let mut dir = dir;
    assert_eq!(code(&mut dir, modify(&person("fanning"), guarded("mailUserStatus", "active", "hold"))), 0);
}

#[test]
fn entries_come_in_any_order_and_one_without_a_parent_is_named() {
    let people =
        |parent: &str| EntryBuilder::new(&format!("ou=people,{parent}")).classes(&["organizationalUnit"]).build();
    let isp = EntryBuilder::new("o=isp").classes(&["organization"]).with_some("o", Some("isp")).build();
    let dir = Directory::from_entries(servers(), [people("o=isp"), isp.clone()]).expect("good");
    assert_eq!(dir.entry(MASTER, "OU=people,o=isp").and_then(|e| e.first("ou")), Some("people"));
    let error = Directory::from_entries(servers(), [isp, people("o=x,o=isp")]).expect_err("no parent");
    assert_eq!(&*error.dn, "ou=people,o=x,o=isp");
    assert!(error.to_string().contains("o=x,o=isp is missing; "), "{error}");
    let nameless = Entry { dn: "".into(), attributes: Vec::new() };
    assert!(Directory::from_entries(servers(), [nameless]).is_err());
}
