//! What the mail servers of a site find.

mod site;

use mock_host::lookup::Found;
use mock_ldap::ChangeKind::{Delete, Replace};
use mock_ldap::{Directory, Scope, Servers};
use site::*;

/// F3.2-05, F3.4-03
#[test]
fn a_user_is_found_by_mail_alternate_and_equivalent_address_in_any_case() {
    let dir = directory();
    for address in ["otis.fanning@sesta.com", "OFanning@Sesta.COM", "fanning-o@sesta.com"] {
        let found = value(dir.by_address(MASTER, address));
        assert_eq!((&*found.user, &*found.domain), ("fanning", "sesta.com"), "{address}");
        assert_eq!(found.entry.first("mailHost"), Some("oldstore.siroe.com"));
    }
    for address in ["nobody@sesta.com", "otis.fanning@elsewhere.example", "otis.fanning", "", "@sesta.com"] {
        assert!(is_absent(&dir.by_address(MASTER, address)), "{address}");
    }
}

/// F3.4-03
#[test]
fn an_address_is_looked_for_in_its_own_domains_part_of_the_tree_only() {
    let dir = directory();
    assert_eq!(user(dir.by_address(MASTER, "ann@florizel.com")), "ann@florizel.com");
    assert!(is_absent(&dir.by_address(MASTER, "ann.f@sesta.com")), "its entry is in the other domain");
}

/// F3.3-01, F3.3-02
#[test]
fn an_entry_without_the_mail_classes_has_no_address() {
    let dir = directory();
    assert!(is_absent(&dir.by_address(MASTER, "clerk@sesta.com")));
    assert!(is_absent(&dir.by_login(MASTER, "clerk")));
    assert_eq!(user(dir.by_address(MASTER, "DREAMTEAM@sesta.com")), "dreamteam@sesta.com");
    let mut dir = dir;
    let class = vec![change(Delete, "objectClass", &["inetLocalMailRecipient"]), change(Delete, "mailHost", &[])];
    assert_eq!(code(&mut dir, modify(&person("ann"), class)), 0);
    assert!(is_absent(&dir.by_address(MASTER, "ann@sesta.com")));
}

/// F6-01, F3.4-01
#[test]
fn the_store_user_is_the_uid_as_written_and_in_other_domains_with_the_domain() {
    let dir = directory();
    assert_eq!(user(dir.by_login(MASTER, "ixu18")), "IXu18");
    assert_eq!(user(dir.by_login(MASTER, "IXU18@mail-alias.SESTA.com")), "IXu18");
    assert_eq!(user(dir.by_login(MASTER, "ann")), "ann");
    assert_eq!(user(dir.by_login(MASTER, "ANN@Florizel.com")), "ann@florizel.com");
    assert_eq!(user(dir.by_login(MASTER, "bob@old.siroe.com")), "bob@siroe.com");
    for login in ["bob", "ann@nowhere.example", "", "ann@"] {
        assert!(is_absent(&dir.by_login(MASTER, login)), "{login}");
    }
}

/// F3.4-01
#[test]
fn the_organization_trees_domain_status_wins_over_the_dc_trees() {
    let mut dir = directory();
    let status = |dir: &Directory, name: &str| {
        let entry = value(dir.domain(MASTER, name));
        (entry.first("inetDomainStatus").map(str::to_owned), entry.first("mailDomainStatus").map(str::to_owned))
    };
    let active = Some("active".to_owned());
    assert_eq!(status(&dir, "sesta.com"), (active.clone(), active.clone()));
    let node = "o=sesta.com,o=isp";
    assert_eq!(code(&mut dir, modify(node, vec![change(Replace, "inetDomainStatus", &["inactive"])])), 0);
    assert_eq!(status(&dir, "SESTA.com"), (Some("inactive".to_owned()), active.clone()));
    assert_eq!(status(&dir, "second.sesta.com").0, Some("inactive".to_owned()), "an alias of an alias");
    assert_eq!(code(&mut dir, modify(node, vec![change(Delete, "inetDomainStatus", &[])])), 0);
    assert_eq!(status(&dir, "sesta.com").0, active);
    let dc = "dc=sesta,dc=com,o=internet";
    assert_eq!(code(&mut dir, modify(dc, guarded("mailDomainStatus", "active", "hold"))), 0);
    assert_eq!(status(&dir, "mail-alias.sesta.com").1, Some("hold".to_owned()));
    assert!(is_absent(&dir.domain(MASTER, "com")) && is_absent(&dir.domain(MASTER, "elsewhere.example")));
}

/// F3.4-01, F3.4-02, F3.3-03
#[test]
fn aliases_of_domains_stand_for_them_in_both_schemas() {
    let dir = directory();
    for address in ["otis.fanning@mail-alias.sesta.com", "ofanning@second.sesta.com"] {
        assert_eq!(user(dir.by_address(MASTER, address)), "fanning");
    }
    assert_eq!(user(dir.by_address(MASTER, "bob@old.siroe.com")), "bob@siroe.com");
    assert_eq!(value(dir.domain(MASTER, "old.siroe.com")).first("sunPreferredDomain"), Some("Siroe.com"));
    let domains: Vec<_> = dir.domains(MASTER).map(|(name, of)| format!("{name}={of}")).collect();
    let expected = [
        "florizel.com=florizel.com",
        "mail-alias.sesta.com=sesta.com",
        "old.siroe.com=siroe.com",
        "second.sesta.com=sesta.com",
        "sesta.com=sesta.com",
        "siroe.com=siroe.com",
    ];
    assert_eq!(domains, expected);
}

#[test]
fn a_domain_that_is_added_or_repointed_gives_its_users_their_names() {
    let mut dir = directory();
    let dc = "dc=florizel,dc=com,o=internet";
    assert_eq!(code(&mut dir, mock_ldap::Request::Delete { dn: dc.into() }), 0);
    assert!(is_absent(&dir.by_login(MASTER, "ann@florizel.com")));
    assert_eq!(&*value(dir.by_dn(MASTER, "uid=ann,ou=people,o=florizel.com,o=isp")).domain, "");
    let add = "dn: dc=other,dc=com,o=internet\nobjectClass: top\nobjectClass: domain\nobjectClass: inetDomain\n\
        dc: other\ninetDomainBaseDN: o=florizel.com,o=isp\n";
    let mock_ldap::ldif::Content::Entry(attributes) = mock_ldap::ldif::read(add).expect("good")[0].content.clone()
    else {
        panic!("an entry")
    };
    let request = mock_ldap::Request::Add { dn: "dc=other,dc=com,o=internet".into(), attributes };
    assert_eq!(code(&mut dir, request), 0);
    assert_eq!(user(dir.by_login(MASTER, "ann@other.com")), "ann@other.com");
}

/// F3.3-02
#[test]
fn an_ldap_url_selects_users_by_base_scope_and_filter() {
    let mut dir = directory();
    let list = value(dir.by_address(MASTER, "dreamteam@sesta.com")).entry.clone();
    let url = list.first("mgrpDeliverTo").expect("the list has one");
    let users = |dir: &Directory, url: &str| -> Vec<String> {
        value(dir.by_url(MASTER, url)).iter().map(|l| l.user.to_string()).collect()
    };
    assert_eq!(users(&dir, url), ["fanning"]);
    assert_eq!(code(&mut dir, modify(&person("fanning"), guarded("mailUserStatus", "active", "hold"))), 0);
    assert_eq!(users(&dir, url), Vec::<String>::new(), "a hold takes the user off such a list");
    assert_eq!(users(&dir, "ldap:///o=isp??sub?(uid=ann)"), ["ann@florizel.com", "ann"]);
    assert_eq!(
        users(&dir, "LDAP://ldap.siroe.com:389/o=sesta.com,o=isp?mail?sub?%28cn=Dream*%29"),
        ["dreamteam@sesta.com"]
    );
    assert_eq!(users(&dir, "ldap:///o=sesta.com,o=isp??one"), Vec::<String>::new());
    assert_eq!(users(&dir, &format!("ldap:///{}", person("ann"))), ["ann"], "no scope is base");
    assert!(is_absent(&dir.by_url(MASTER, "ldap:///o=nowhere??sub")));
    for (url, expected) in
        [("http://x/", 87), ("ldap:///o=isp??sub?(uid", 87), ("ldap:///isp??sub", 34), ("ldap:///o=isp??all", 87)]
    {
        assert!(matches!(dir.by_url(MASTER, url), Found::Code(code) if code == expected), "{url}");
    }
}

/// F3.3-02
#[test]
fn members_are_found_by_their_name_however_it_is_spelt() {
    let dir = directory();
    let list = value(dir.by_dn(MASTER, "CN=dreamteam, ou=groups, o=sesta.com, o=isp"));
    let member = list.entry.first("uniqueMember").expect("a member").to_owned();
    assert_eq!(user(dir.by_dn(MASTER, &member)), "fanning");
    assert!(is_absent(&dir.by_dn(MASTER, "ou=people,o=sesta.com,o=isp")), "no user, no group");
    assert!(is_absent(&dir.by_dn(MASTER, "uid=gone,ou=people,o=sesta.com,o=isp")));
    assert!(is_absent(&dir.by_dn(MASTER, "nonsense")));
}

/// F3.2-01
#[test]
fn a_changed_mail_host_or_address_is_found_under_its_new_value_only() {
    let mut dir = directory();
    let dn = person("fanning");
    assert_eq!(code(&mut dir, modify(&dn, guarded("mailHost", "oldstore.siroe.com", "newstore.siroe.com"))), 0);
    assert_eq!(code(&mut dir, modify(&dn, guarded("mail", "otis.fanning@sesta.com", "otis@sesta.com"))), 0);
    let on = |dir: &mut Directory, host: &str| {
        let filter = format!("(&(mailHost={host})(objectClass=inetMailUser))");
        let response = ask(dir, find("o=sesta.com,o=isp", Scope::Sub, &filter));
        names(&response).join(" ")
    };
    assert_eq!(on(&mut dir, "oldstore.siroe.com"), "uid=IXu18", "written in capitals there");
    assert_eq!(on(&mut dir, "NEWSTORE.siroe.com"), "uid=fanning");
    assert!(is_absent(&dir.by_address(MASTER, "otis.fanning@sesta.com")));
    assert_eq!(user(dir.by_address(MASTER, "otis@sesta.com")), "fanning");
}

#[test]
fn two_entries_with_one_address_answer_the_one_that_has_it_as_mail() {
    let text = site::SITE.replace("mailAlternateAddress: ofanning@sesta.com", "mailAlternateAddress: ann@sesta.com");
    let dir = Directory::from_ldif(servers(), &text).expect("good");
    assert_eq!(user(dir.by_address(MASTER, "ann@sesta.com")), "ann");
}

#[test]
fn users_and_groups_are_listed_in_the_order_of_the_tree() {
    let dir = directory();
    let users: Vec<_> = dir.users(NEAR).map(|l| l.user.to_string()).collect();
    assert_eq!(users, ["ann@florizel.com", "ann", "fanning", "IXu18", "bob@siroe.com"]);
    assert_eq!(dir.groups(NEAR).map(|l| l.user.to_string()).collect::<Vec<_>>(), ["dreamteam@sesta.com"]);
    assert_eq!(dir.servers().collect::<Vec<_>>(), [MASTER, NEAR, FAR]);
}

#[test]
fn a_host_without_a_directory_server_cannot_be_contacted() {
    let mut dir = Directory::new(Servers { replicas: Vec::new(), ..servers() });
    assert!(matches!(dir.by_address(NEAR, "ann@sesta.com"), Found::Code(81)));
    let out = outputs(&mut dir, at(0), NEAR, find("o=isp", Scope::Sub, "(uid=ann)"));
    assert_eq!(answer(&out).code, 81);
    assert_eq!(code(&mut dir, find("o=isp", Scope::Sub, "(uid=ann)")), 32, "an empty directory has no suffix");
}
