//! What the readers of entries, statuses and filters must answer. They must not need a directory.

use super::*;

fn entry(dn: &str, attributes: &[(&str, &str)]) -> DirectoryEntry {
    let values = attributes.iter().map(|(name, value)| ((*name).into(), value.as_bytes().into()));
    DirectoryEntry { dn: dn.into(), values: values.collect() }
}

const USER: [(&str, &str); 2] = [("objectclass", "INETMAILUSER"), ("objectclass", "inetLocalMailRecipient")];

fn domains() -> Vec<Domain> {
    let sesta = entry(
        "dc=sesta,dc=com,o=internet",
        &[
            ("objectClass", "inetDomain"),
            ("inetDomainBaseDN", "o=sesta.com, o=isp"),
            ("preferredMailHost", "oldstore.siroe.com"),
        ],
    );
    let siroe = entry(
        "o=siroe.com,o=isp",
        &[
            ("objectClass", "sunManagedOrganization"),
            ("sunPreferredDomain", "Siroe.com"),
            ("associatedDomain", "siroe.net"),
            ("associatedDomain", "siroe.com"),
        ],
    );
    [sesta, siroe].iter().filter_map(Domain::from_entry).collect()
}

fn user(dn: &str, more: &[(&str, &str)]) -> User {
    let all: Vec<_> = USER.iter().chain(more).copied().collect();
    User::from_entry(&entry(dn, &all), &domains(), "sesta.com").unwrap()
}

/// F3.4-01, F3.4-02
#[test]
fn domains_of_both_schemas_are_read() {
    let domains = domains();
    assert_eq!((domains[0].name.as_str(), domains[0].base_dn.as_str()), ("sesta.com", "o=sesta.com, o=isp"));
    assert_eq!((domains[1].name.as_str(), domains[1].base_dn.as_str()), ("siroe.com", "o=siroe.com,o=isp"));
    assert_eq!(domains[1].aliases, ["siroe.net"]);
    assert!(domains[1].is_named("SIROE.net"));
}

/// F1.7-03, F6-01, F3.3-01
#[test]
fn store_ids_carry_the_domain_outside_the_default_one() {
    assert_eq!(user("uid=joe,ou=People,O=sesta.com,o=isp", &[("uid", "joe")]).store_id, "joe");
    let ann = user("uid=ann,ou=people,o=siroe.com,o=isp", &[("uid", "ann"), ("mailHost", "Old")]);
    assert_eq!((ann.store_id.as_str(), ann.uid(), ann.mail_host.as_deref()), ("ann@siroe.com", "ann", Some("Old")));
    assert_eq!(
        User::from_entry(&entry("uid=x,o=isp", &[("uid", "x"), ("objectClass", "inetMailUser")]), &[], ""),
        None
    );
}

/// F3.1-09, F3.1-01, F3.1-02, F3.1-10
#[test]
fn the_first_status_that_is_not_active_decides_what_is_done() {
    let base = [("uid", "joe")];
    let with = |more: &[(&str, &str)]| {
        user("uid=joe,o=sesta.com,o=isp", &base.iter().chain(more).copied().collect::<Vec<_>>())
    };
    assert_eq!(with(&[]).treatment(None, false), Treatment::Plain);
    assert_eq!(with(&[("mailUserStatus", "Active")]).treatment(None, false), Treatment::Plain);
    assert_eq!(with(&[("mailUserStatus", "hold")]).treatment(None, false), Treatment::HeldAlready);
    assert_eq!(with(&[("mailUserStatus", "overquota")]).treatment(None, false), Treatment::Overquota);
    assert_eq!(with(&[("mailUserStatus", "removed")]).treatment(None, true), Treatment::Removed);
    assert_eq!(with(&[("mailUserStatus", "deleted")]).treatment(None, false), Treatment::Deleted);
    assert!(with(&[("mailUserStatus", "deleted")]).treatment(None, true).moves());
    let inactive = Treatment::Closed { level: Level::User, status: "inactive".into() };
    assert_eq!(with(&[("mailUserStatus", "banana")]).treatment(None, false), inactive);
    let both = with(&[("inetUserStatus", "inactive"), ("mailUserStatus", "hold")]);
    assert_eq!(both.treatment(None, false), Treatment::Closed { level: Level::InetUser, status: "inactive".into() });
    let held = Domain { mail_status: Some("hold".into()), ..Domain::default() };
    assert_eq!(
        with(&[]).treatment(Some(&held), false),
        Treatment::Closed { level: Level::DomainMail, status: "hold".into() }
    );
    assert_eq!(with(&[("mailDeliveryOption", "Forward")]).treatment(None, false), Treatment::ForwardOnly);
    assert!(!inactive.writes_hold() && inactive.moves());
}

#[test]
fn ids_claimed_twice_and_uids_in_two_domains_are_found() {
    let users = [
        user("uid=joe,o=sesta.com,o=isp", &[("uid", "joe")]),
        user("uid=Joe,ou=x,o=sesta.com,o=isp", &[("uid", "Joe")]),
        user("uid=joe,o=siroe.com,o=isp", &[("uid", "joe")]),
    ];
    assert_eq!(claimed_twice(&users)["joe"].len(), 2);
    assert_eq!(in_two_domains(&users)["joe"], ["joe", "Joe", "joe@siroe.com"]);
}

/// F1.1-24
#[test]
fn the_same_host_is_recognised_under_all_its_spellings() {
    let aliases = ["mail.siroe.com".to_owned()];
    let of = |w| spelling(w, "oldstore.siroe.com", &aliases);
    assert_eq!(of("oldstore.siroe.com"), Spelling::Exact);
    assert_eq!(of("OldStore.Siroe.com"), Spelling::Case);
    assert_eq!(of("oldstore"), Spelling::Short);
    assert_eq!(of("Mail.siroe.com"), Spelling::Alias);
    assert_eq!(of("oldstore.sesta.com"), Spelling::Other);
}

/// F1.12-03, F1.12-05
#[test]
fn changes_are_guarded_by_the_value_they_replace() {
    let v = |t: &str| vec![t.as_bytes().to_vec()];
    assert_eq!(
        guarded("mailUserStatus", Some("active"), Some("hold")),
        [
            Modification::Delete("mailUserStatus".into(), v("active")),
            Modification::Add("mailUserStatus".into(), v("hold"))
        ]
    );
    assert_eq!(guarded("mailUserStatus", None, Some("hold")), [Modification::Add("mailUserStatus".into(), v("hold"))]);
    assert_eq!(
        guarded("mailUserStatus", Some("hold"), None),
        [Modification::Delete("mailUserStatus".into(), v("hold"))]
    );
    assert!(guarded("mailUserStatus", Some("hold"), Some("hold")).is_empty());
}

#[test]
fn filters_escape_what_would_change_them() {
    assert_eq!(users_by_uid(["joe", "a*(b)\\"]), "(&(objectClass=inetMailUser)(|(uid=joe)(uid=a\\2a\\28b\\29\\5c)))");
    assert_eq!(users_on_host(["old"]), "(&(objectClass=inetMailUser)(|(mailHost=old)))");
}

/// F3.3-02
#[test]
fn lists_whose_members_depend_on_status_or_mail_host_are_found() {
    let list = |url: &str| {
        List::from_entry(&entry("cn=l,o=x", &[("objectClass", "inetMailGroup"), ("mgrpDeliverTo", url)]))
            .unwrap()
            .filters_on()
    };
    assert_eq!(list("ldap:///o=isp??sub?(&(mailuserstatus=active)(!(MAILHOST=x)))"), ["mailHost", "mailUserStatus"]);
    assert_eq!(list("ldap:///o=isp??sub?%28inetUserStatus%3Dactive%29"), ["inetUserStatus"]);
    assert!(list("ldap:///o=isp?mailHost?sub?(ou=mailUserStatus)").is_empty());
}
