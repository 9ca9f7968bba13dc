//! What a write makes of an entry, and the codes with which one is refused.

mod site;

use mock_host::fact::Writer;
use mock_host::lookup::{Attribute, Value};
use mock_ldap::ChangeKind::{Add, Delete, Replace};
use mock_ldap::{Change, Output, Request, code as codes};
use site::*;

/// F1.12-05
#[test]
fn a_guarded_change_applies_whole_or_answers_16_and_leaves_the_entry_as_it_was() {
    let mut dir = directory();
    let dn = person("fanning");
    assert_eq!(code(&mut dir, modify(&dn, guarded("mailUserStatus", "active", "hold"))), 0);
    assert_eq!(dir.entry(MASTER, &dn).expect("there").first("mailUserStatus"), Some("hold"));

    let before = dir.entry(MASTER, &dn).expect("there").clone();
    let out = outputs(&mut dir, at(1), MASTER, modify(&dn, guarded("mailUserStatus", "active", "inactive")));
    assert_eq!(answer(&out).code, codes::NO_SUCH_ATTRIBUTE);
    assert!(changes(&out).is_empty());
    assert_eq!(*dir.entry(MASTER, &dn).expect("there"), before);

    // The guard of an absent value: it is absent no more.
    let absent = vec![change(Replace, "mailUserStatus", &[]), change(Add, "mailUserStatus", &["hold"])];
    assert_eq!(code(&mut dir, modify(&person("IXu18"), absent)), 0);
    let again = code(&mut dir, modify(&person("IXu18"), vec![change(Add, "mailUserStatus", &["hold"])]));
    assert_eq!(again, codes::VALUE_EXISTS);
}

/// F1.12-03
#[test]
fn replace_adds_an_absent_attribute_and_only_a_delete_makes_it_absent_again() {
    let mut dir = directory();
    let dn = person("IXu18");
    let status = |dir: &mock_ldap::Directory| dir.entry(MASTER, &dn).expect("there").values("mailUserStatus").len();
    assert_eq!(status(&dir), 0);
    assert_eq!(code(&mut dir, modify(&dn, vec![change(Replace, "mailUserStatus", &["hold"])])), 0);
    assert_eq!(status(&dir), 1);
    assert_eq!(code(&mut dir, modify(&dn, vec![change(Delete, "mailUserStatus", &[])])), 0);
    assert_eq!(status(&dir), 0);
    assert_eq!(code(&mut dir, modify(&dn, vec![change(Delete, "mailUserStatus", &[])])), codes::NO_SUCH_ATTRIBUTE);
    assert_eq!(code(&mut dir, modify(&dn, vec![change(Replace, "mailUserStatus", &[])])), 0);
}

/// F1.12-02
#[test]
fn attribute_names_and_values_of_cis_attributes_are_compared_without_case() {
    let mut dir = directory();
    let dn = "UID=IXU18, ou=People, o=SESTA.com, o=isp";
    assert_eq!(code(&mut dir, modify(dn, guarded("MAILHOST", "oldstore.siroe.com", "newstore.siroe.com"))), 0);
    let entry = dir.entry(MASTER, dn).expect("there");
    assert_eq!(entry.first("mailHost"), Some("newstore.siroe.com"));
    assert_eq!(&*entry.dn, "uid=IXu18,ou=people,o=sesta.com,o=isp", "the name stays as it was written");
    let compare = |attribute: &str, value: &str| Request::Compare {
        dn: person("fanning").into(),
        attribute: attribute.into(),
        value: value.into(),
    };
    assert_eq!(code(&mut dir, compare("mailhost", "OLDSTORE.siroe.com")), codes::COMPARE_TRUE);
    assert_eq!(code(&mut dir, compare("mailHost", "newstore.siroe.com")), codes::COMPARE_FALSE);
    assert_eq!(code(&mut dir, compare("mailSieveRuleSource", "REQUIRE")), codes::COMPARE_FALSE);
    assert_eq!(code(&mut dir, compare("description", "x")), codes::NO_SUCH_ATTRIBUTE);
}

/// F1.12-04
#[test]
fn each_refusal_has_its_code_and_the_client_library_its_text() {
    let mut dir = directory();
    let fanning = person("fanning");
    let cases: Vec<(&str, Change, u8)> = vec![
        (&fanning, change(Add, "mailDeliveryOption", &["MAILBOX"]), codes::VALUE_EXISTS),
        (&fanning, change(Add, "mailDeliveryOption", &["hold", "hold"]), codes::VALUE_EXISTS),
        (&fanning, change(Add, "mailHost", &["newstore.siroe.com"]), codes::CLASS_VIOLATION),
        (&fanning, change(Replace, "mailUserStatus", &["hold", "active"]), codes::CLASS_VIOLATION),
        (&fanning, change(Add, "preferredMailHost", &["newstore.siroe.com"]), codes::CLASS_VIOLATION),
        (&fanning, change(Add, "notInTheSchema", &["x"]), codes::CLASS_VIOLATION),
        (&fanning, change(Delete, "sn", &[]), codes::CLASS_VIOLATION),
        (&fanning, change(Delete, "objectClass", &["inetMailUser"]), codes::CLASS_VIOLATION),
        (&fanning, change(Replace, "objectClass", &[]), codes::CLASS_VIOLATION),
        (&fanning, change(Add, "modifyTimestamp", &["20070301"]), codes::CONSTRAINT_VIOLATION),
        (&fanning, change(Add, "manager", &["nobody"]), codes::INVALID_SYNTAX),
        (&fanning, change(Add, "description", &[""]), codes::INVALID_SYNTAX),
        (&fanning, change(Add, "description", &[]), codes::PROTOCOL_ERROR),
        (&fanning, change(Replace, "uid", &["other"]), codes::ON_RDN),
        ("uid=nobody,ou=people,o=sesta.com,o=isp", change(Add, "description", &["x"]), codes::NO_SUCH_OBJECT),
        ("nobody", change(Add, "description", &["x"]), codes::INVALID_DN),
    ];
    for (dn, change, expected) in cases {
        let before = dir.to_ldif(MASTER);
        let response = ask(&mut dir, modify(dn, vec![change.clone()]));
        assert_eq!(response.code, expected, "{change:?}: {}", response.message);
        assert!(!response.message.is_empty() && !codes::text(expected).is_empty());
        assert_eq!(dir.to_ldif(MASTER), before);
    }
    assert_eq!(codes::text(65), "Object class violation");
    assert_eq!(codes::text(81), "Can't contact the LDAP server");
}

#[test]
fn entries_are_added_below_what_is_there_and_deleted_from_the_leaves() {
    let mut dir = directory();
    let attributes = |sn: &str| {
        let values = |v: &[&str]| v.iter().map(|v| Value::from(*v)).collect();
        vec![
            Attribute {
                name: "objectClass".into(),
                values: values(&[
                    "top",
                    "person",
                    "inetOrgPerson",
                    "inetUser",
                    "inetMailUser",
                    "inetLocalMailRecipient",
                ]),
            },
            Attribute { name: "cn".into(), values: values(&["New"]) },
            Attribute { name: "sn".into(), values: values(&[sn]) },
            Attribute { name: "mail".into(), values: values(&["new@sesta.com"]) },
        ]
    };
    let add = |dn: &str, attributes| Request::Add { dn: dn.into(), attributes };
    let delete = |dn: &str| Request::Delete { dn: dn.into() };
    let out = outputs(&mut dir, at(0), MASTER, add(&person("new"), attributes("N")));
    assert_eq!(answer(&out).code, 0);
    assert_eq!(changes(&out), [(MASTER, "new".to_owned(), Writer::Foreign)]);
    assert_eq!(user(dir.by_login(MASTER, "new")), "new", "the value in the name became a value of the entry");
    assert_eq!(user(dir.by_address(MASTER, "new@sesta.com")), "new");

    let twice = "UID=New,ou=people,o=sesta.com,o=isp";
    assert_eq!(code(&mut dir, add(twice, attributes("N"))), codes::ALREADY_EXISTS);
    assert_eq!(code(&mut dir, add("uid=x,ou=none,o=isp", attributes("N"))), codes::NO_SUCH_OBJECT);
    assert_eq!(code(&mut dir, add(&person("x"), Vec::new())), codes::CLASS_VIOLATION);
    let without_sn = attributes("N").into_iter().filter(|a| &*a.name != "sn").collect();
    assert_eq!(code(&mut dir, add(&person("x"), without_sn)), codes::CLASS_VIOLATION);

    assert_eq!(code(&mut dir, delete("ou=people,o=sesta.com,o=isp")), codes::NON_LEAF);
    let out = outputs(&mut dir, at(0), MASTER, delete(&person("new")));
    assert_eq!(changes(&out), [(MASTER, "new".to_owned(), Writer::Foreign)]);
    assert!(is_absent(&dir.by_address(MASTER, "new@sesta.com")) && is_absent(&dir.by_login(MASTER, "new")));
    assert_eq!(code(&mut dir, delete(&person("new"))), codes::NO_SUCH_OBJECT);
}

/// F3.2-01, F3.2-07, F3.1-08
#[test]
fn the_directory_takes_any_word_as_a_status_or_quota_and_any_host_in_any_case_as_mail_host() {
    let mut dir = directory();
    for (dn, attribute, text) in [
        (person("fanning"), "mailUserStatus", "no-such-status"),
        (person("fanning"), "mailQuota", "2G"),
        (person("fanning"), "mailQuota", "-2"),
        (person("fanning"), "mailHost", "NewStore.Siroe.COM"),
        ("dc=sesta,dc=com,o=internet".to_owned(), "mailDomainStatus", "unused"),
    ] {
        assert_eq!(code(&mut dir, modify(&dn, vec![change(Replace, attribute, &[text])])), 0, "{attribute}");
        assert_eq!(dir.entry(MASTER, &dn).expect("there").first(attribute), Some(text), "byte for byte");
    }
}

/// F3.2-03
#[test]
fn preferred_mail_host_is_an_attribute_of_domains_with_one_value() {
    let mut dir = directory();
    let new = |dn: &str| modify(dn, vec![change(Replace, "preferredMailHost", &["newstore.siroe.com"])]);
    let out = outputs(&mut dir, at(0), MASTER, new("dc=sesta,dc=com,o=internet"));
    assert_eq!((answer(&out).code, changes(&out)), (0, vec![(MASTER, "sesta.com".to_owned(), Writer::Foreign)]));
    assert_eq!(code(&mut dir, new("o=siroe.com,o=isp")), 0);
    assert_eq!(code(&mut dir, new(&person("fanning"))), codes::CLASS_VIOLATION);
}

#[test]
fn a_change_that_changes_nothing_succeeds_and_is_no_fact() {
    let mut dir = directory();
    let same = modify(&person("fanning"), vec![change(Replace, "mailUserStatus", &["active"])]);
    let out = outputs(&mut dir, at(0), MASTER, same);
    assert!(matches!(&out[..], [Output::Answer(_, response)] if response.code == 0));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 96, failure_persistence: None, ..Default::default() })]
    /// A modify is all of its changes or none: done one by one they give the same entry, or one of them is refused and the
    /// entry stays what it was.
    #[test]
    fn a_modify_is_atomic(steps in proptest::collection::vec((0..3usize, 0..4usize, proptest::collection::vec(0..3usize, 0..3)), 1..5)) {
        let names = ["mailUserStatus", "mailDeliveryOption", "mailHost", "description"];
        let values = ["active", "mailbox", "hold"];
        let list: Vec<Change> = steps
            .iter()
            .map(|(kind, name, picked)| {
                let picked: Vec<&str> = picked.iter().map(|v| values[*v]).collect();
                change([Add, Delete, Replace][*kind], names[*name], &picked)
            })
            .collect();
        let dn = person("fanning");
        let (mut whole, mut single) = (directory(), directory());
        let before = whole.entry(MASTER, &dn).expect("there").clone();
        let answer = code(&mut whole, modify(&dn, list.clone()));
        let one_by_one = list.into_iter().map(|c| code(&mut single, modify(&dn, vec![c]))).find(|c| *c != 0);
        let after = whole.entry(MASTER, &dn).expect("there");
        match one_by_one {
            None => {
                proptest::prop_assert_eq!(answer, 0);
                proptest::prop_assert_eq!(after, single.entry(MASTER, &dn).expect("there"));
            }
            // The schema is held for the entry at the end only: it may be met again by then.
            Some(codes::CLASS_VIOLATION) => {}
            Some(refused) => proptest::prop_assert_eq!(answer, refused),
        }
        if answer != 0 {
            proptest::prop_assert_eq!(after, &before);
        }
    }
}
