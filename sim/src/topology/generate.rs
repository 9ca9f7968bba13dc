//! Owns the generated site: it writes out, from a few numbers, the same keys that an import writes. It must not know how a
//! world is made of them.

use crate::scenario::{GenerateSpec, HostSpec, NameSpec, SiteSpec};
use mock_host::draw::mix;
use mock_host::host::Role;
use std::collections::BTreeMap;
use std::fmt::Write;

const RELAY_OPTIONS: &str = "; inbound relay
ALIAS_ENTRY_CACHE_TIMEOUT=600
DELIVERY_OPTIONS=#*mailbox=@$X.LMTP:$M%$\\$2I$_+$2S@lmtpcs-daemon, \\
     #&members=*, #*native=@$X.LMTP:$M@lmtpcn-daemon, \\
     #/hold=@hold-daemon:$A, #&@members_offline=*, \\
     #program=$M%$P@pipe-daemon, #forward=**, #*^!autoreply=$M+$D@bitbucket
";
const STORE_OPTIONS: &str = "! MTA options
ALIAS_ENTRY_CACHE_TIMEOUT=600
";
const DISPATCHER_WITH_LMTP: &str = "[SERVICE=SMTP]
PORT=25
IMAGE=IMTA_BIN:tcp_smtp_server
!
[SERVICE=LMTPSS]
PORT=225
IMAGE=IMTA_BIN:tcp_lmtp_server
";
const OLD_GROUPS: &str = "groupA=[a-l].*\ngroupB=[m,-z].*\ngroupC=[0-9].*\n";

/// Writes the site out.
pub fn expand(base: &SiteSpec, g: &GenerateSpec) -> SiteSpec {
    let mut site = base.clone();
    site.generate = None;
    if site.default_domain.is_empty() {
        site.default_domain = "sesta.com".into();
    }
    if site.begins_unix_s == 0 {
        site.begins_unix_s = 1_172_786_405; // Thu Mar  1 22:00:05 UTC 2007
    }
    site.user_base = format!("o={},o=isp", site.default_domain);
    site.domain_base = "o=internet".into();
    let own: BTreeMap<String, HostSpec> = site.hosts.drain(..).map(|h| (h.name.clone(), h)).collect();
    site.hosts = hosts(g);
    for (name, host) in own {
        match site.hosts.iter_mut().find(|h| h.name == name) {
            Some(place) => *place = host,
            None => site.hosts.push(host),
        }
    }
    names(&mut site, g);
    let domain = site.default_domain.clone();
    site.mx.entry(domain.clone()).or_insert_with(|| {
        if g.relays == 0 {
            vec!["oldstore.siroe.com".into()]
        } else {
            (1..=g.relays).map(|n| format!("relay{n}.siroe.com")).collect()
        }
    });
    for store in ["oldstore", "newstore"] {
        site.probes.insert(format!("{store}.siroe.com"), format!("probe-{store}@{domain}"));
    }
    directory(&mut site, g, &domain);
    mailboxes(&mut site, g);
    site
}

fn host(name: &str, roles: &[Role]) -> HostSpec {
    HostSpec {
        name: format!("{name}.siroe.com"),
        address: String::new(),
        roles: roles.to_vec(),
        settings: BTreeMap::new(),
        files: BTreeMap::new(),
        replica_lag_s: 0,
        in_inventory: true,
        clock_ahead_s: 0,
        disk_kilobytes: 200_000_000,
    }
}

fn hosts(g: &GenerateSpec) -> Vec<HostSpec> {
    let mut list = vec![host("ldap", &[Role::LdapMaster]), host("ldap2", &[Role::LdapReplica])];
    list[1].replica_lag_s = g.replica_lag_s;
    for store in ["oldstore", "newstore"] {
        let mut h = host(store, &[Role::Store, Role::Mta]);
        let settings = [
            ("local.hostname", format!("{store}.siroe.com")),
            ("local.imta.hostnamealiases", store.to_owned()),
            ("local.ugldaphost", "ldap2.siroe.com".to_owned()),
            ("local.autorestart", "yes".to_owned()),
            ("local.store.maxlog", "10".to_owned()),
            ("local.schedule.msprobe.enable", "YES".to_owned()),
            ("service.authcachettl", "900".to_owned()),
            // imsconnutil was in use before anybody thought of a move.
            ("local.imap.enableuserlist", "1".to_owned()),
            ("local.http.enableuserlist", "1".to_owned()),
            ("local.enablelastaccess", "1".to_owned()),
            ("service.imap.enable", "yes".to_owned()),
            ("service.imap.idletimeout", "30".to_owned()),
            ("service.pop.enable", "yes".to_owned()),
            ("service.pop.idletimeout", "10".to_owned()),
            ("store.defaultmailboxquota", "104857600".to_owned()),
            ("store.quotaenforcement", "on".to_owned()),
            ("store.partition.primary.path", "/var/opt/SUNWmsgsr/store/partition/primary".to_owned()),
            ("store.partition.secondary.path", "/var/opt/SUNWmsgsr/store/partition/secondary".to_owned()),
        ];
        h.settings = settings.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        h.files.insert("option.dat".into(), STORE_OPTIONS.into());
        if g.lmtp {
            h.files.insert("dispatcher.cnf".into(), DISPATCHER_WITH_LMTP.into());
        }
        if store == "oldstore" {
            h.files.insert("backup-groups.conf".into(), OLD_GROUPS.into());
        }
        list.push(h);
    }
    for n in 1..=g.relays {
        let roles: &[Role] = if g.lmtp { &[Role::Mta, Role::LmtpClient] } else { &[Role::Mta] };
        let mut h = host(&format!("relay{n}"), roles);
        h.settings.insert("local.hostname".into(), h.name.clone());
        h.settings.insert("local.ugldaphost".into(), "ldap2.siroe.com".into());
        h.files.insert("option.dat".into(), if g.lmtp { RELAY_OPTIONS.into() } else { STORE_OPTIONS.into() });
        list.push(h);
    }
    for n in 1..=g.mmps {
        let mut h = host(&format!("mmp{n}"), &[Role::Mmp]);
        for (file, port) in [("ImapProxyAService.cfg", 143), ("PopProxyAService.cfg", 110)] {
            let pre_auth = if n == 1 { "yes" } else { "no" };
            let text = format!(
                "default:LdapUrl ldap://ldap2.siroe.com/o=internet\ndefault:BacksidePort {port}\ndefault:SearchFormat (uid=%s)\ndefault:MailHostAttrs mailHost\ndefault:PreAuth {pre_auth}\ndefault:AuthCacheTTL 900\ndefault:LdapCacheTTL 900\ndefault:HostedDomains yes\ndefault:DefaultDomain sesta.com\n"
            );
            h.files.insert(file.into(), text);
        }
        list.push(h);
    }
    for n in 1..=g.webmails {
        let mut h = host(&format!("webmail{n}"), &[Role::Webmail]);
        h.settings.insert("local.hostname".into(), h.name.clone());
        h.settings.insert("local.ugldaphost".into(), "ldap2.siroe.com".into());
        h.settings.insert("service.http.enable".into(), "yes".into());
        h.settings.insert("service.authcachettl".into(), "900".into());
        list.push(h);
    }
    list
}

fn names(site: &mut SiteSpec, g: &GenerateSpec) {
    let mut add = |name: &str, host: &str, service: bool| {
        let name = format!("{name}.siroe.com");
        if !site.names.iter().any(|n| n.name == name) {
            site.names.push(NameSpec { name, host: format!("{host}.siroe.com"), ttl_s: 3600, service });
        }
    };
    if g.mmps > 0 {
        add("imap", "mmp1", true);
    }
    add("pop", "oldstore", true);
    add("oldstore-alias", "oldstore", false);
}

/// The uid of the n-th user: plain ones, with capitals, a dot in front or within, a digit in front.
pub fn uid(n: u32) -> String {
    const FIRST: [&str; 20] = [
        "ann", "bo", "cleo", "dov", "eva", "finn", "gao", "hugo", "ines", "jan", "kito", "lars", "mia", "noor", "olga",
        "pia", "quin", "rosa", "sam", "tess",
    ];
    let name = FIRST[n as usize % FIRST.len()];
    match n % 10 {
        4 => format!(".{name}{n}"),
        6 => format!("{}{name}{n}", n % 7),
        7 => format!("{name}.{n}"),
        8 => format!("{}{}{n}", name[..1].to_uppercase(), &name[1..]),
        _ => format!("{name}{n}"),
    }
}

fn directory(site: &mut SiteSpec, g: &GenerateSpec, domain: &str) {
    let dc = domain.split('.').map(|p| format!("dc={p}")).collect::<Vec<_>>();
    let mut l = String::with_capacity(g.users as usize * 700 + 4096);
    l.push_str("version: 1\n\ndn: o=internet\nobjectClass: top\nobjectClass: organization\no: internet\n\ndn: o=isp\nobjectClass: top\nobjectClass: organization\no: isp\n\n");
    for i in (1..dc.len()).rev() {
        let dn = dc[i..].join(",");
        let _ = write!(l, "dn: {dn},o=internet\nobjectClass: top\nobjectClass: domain\ndc: {}\n\n", &dc[i][3..]);
    }
    let _ = write!(
        l,
        "dn: {},o=internet\nobjectClass: top\nobjectClass: domain\nobjectClass: inetDomain\nobjectClass: mailDomain\ndc: {}\ninetDomainBaseDN: o={domain},o=isp\ninetDomainStatus: active\nmailDomainStatus: active\npreferredMailHost: oldstore.siroe.com\npreferredMailMessageStore: primary\n",
        dc.join(","),
        &dc[0][3..]
    );
    for n in 1..=g.relays {
        let _ = writeln!(l, "mailRoutingHosts: relay{n}.siroe.com");
    }
    let _ = write!(
        l,
        "\ndn: o={domain},o=isp\nobjectClass: top\nobjectClass: organization\nobjectClass: nsManagedDomain\no: {domain}\n\ndn: ou=people,o={domain},o=isp\nobjectClass: top\nobjectClass: organizationalUnit\nou: people\n\ndn: ou=groups,o={domain},o=isp\nobjectClass: top\nobjectClass: organizationalUnit\nou: groups\n\n"
    );
    for n in 0..g.users + g.others {
        user(&mut l, g, n, domain);
    }
    for store in ["oldstore", "newstore"] {
        person(&mut l, &format!("probe-{store}"), domain);
        let _ = write!(
            l,
            "mailDeliveryOption: mailbox\nmailHost: {store}.siroe.com\ninetUserStatus: active\nmailUserStatus: active\nmailQuota: -1\n\n"
        );
    }
    let all = g.users + g.others;
    for k in 1..=g.lists {
        let _ = write!(
            l,
            "dn: cn=List{k},ou=groups,o={domain},o=isp\nobjectClass: top\nobjectClass: groupOfUniqueNames\nobjectClass: inetMailGroup\nobjectClass: inetLocalMailRecipient\nobjectClass: inetMailGroupManagement\nobjectClass: nsManagedMailList\ncn: List{k}\nmail: list{k}@{domain}\ninetMailGroupStatus: active\n"
        );
        if k % 2 == 1 {
            l.push_str("mailHost: oldstore.siroe.com\n");
        }
        for n in (0..all).filter(|n| mix(u64::from(*n) << 8 | u64::from(k)).is_multiple_of(3)).take(60) {
            let _ = writeln!(l, "uniqueMember: uid={},ou=people,o={domain},o=isp", uid(n));
        }
        let _ = write!(l, "mgrpRFC822MailMember: west{k}@elsewhere.example\n\n");
    }
    site.ldif = l;
}

fn person(l: &mut String, uid: &str, domain: &str) {
    let _ = write!(
        l,
        "dn: uid={uid},ou=people,o={domain},o=isp\nobjectClass: top\nobjectClass: person\nobjectClass: organizationalPerson\nobjectClass: inetOrgPerson\nobjectClass: inetUser\nobjectClass: ipUser\nobjectClass: inetMailUser\nobjectClass: inetLocalMailRecipient\nuid: {uid}\ncn: {uid}\nsn: {uid}\nmail: {}@{domain}\n",
        uid.to_lowercase()
    );
}

fn user(l: &mut String, g: &GenerateSpec, n: u32, domain: &str) {
    person(l, &uid(n), domain);
    l.push_str("mailDeliveryOption: mailbox\n");
    let home = match n {
        n if n >= g.users => "newstore.siroe.com",
        n if n % 16 == 14 => "OLDSTORE.siroe.com",
        _ => "oldstore.siroe.com",
    };
    let _ = writeln!(l, "mailHost: {home}");
    let special = if g.statuses && n < g.users { n % 20 } else { 0 };
    let (inet, mail) = match special {
        3 => ("active", None),
        5 => ("active", Some("inactive")),
        7 => ("active", Some("disabled")),
        9 => ("active", Some("hold")),
        11 => ("active", Some("deleted")),
        13 => ("active", Some("overquota")),
        15 => ("inactive", Some("active")),
        _ => ("active", Some("active")),
    };
    let _ = writeln!(l, "inetUserStatus: {inet}");
    if let Some(mail) = mail {
        let _ = writeln!(l, "mailUserStatus: {mail}");
    }
    if n % 5 == 2 {
        l.push_str("mailQuota: 52428800\n");
    }
    if n % 9 == 1 {
        l.push_str("mailDeliveryOption: autoreply\nmailAutoReplyMode: reply\nmailAutoReplyText: I am away until Monday.\nmailAutoReplyTimeOut: 168\n");
    }
    if n % 8 == 6 {
        l.push_str("mailDeliveryOption: forward\nmailForwardingAddress: someone@elsewhere.example\n");
    }
    l.push('\n');
}

fn mailboxes(site: &mut SiteSpec, g: &GenerateSpec) {
    let mut rows = String::with_capacity(g.users as usize * 160);
    for n in 0..g.users + g.others {
        let store = if n < g.users { "oldstore" } else { "newstore" };
        let uid = uid(n);
        let partition = if n % 6 == 5 { "secondary" } else { "primary" };
        let folders: &[&str] = match n % 4 {
            0 => &["INBOX", "Trash", "Sent"],
            1 => &["INBOX", "Projects/alpha &- beta", "R&AOk-union"],
            2 => &["INBOX", "Work items", "Projects"],
            _ => &["INBOX"],
        };
        let mut left = g.messages;
        for (i, folder) in folders.iter().enumerate() {
            let count = if i + 1 == folders.len() { left } else { (left * 2 / 3).max(1).min(left) };
            left -= count;
            let kilobytes = u64::from(count) * (1 + mix(u64::from(n) << 4 | i as u64) % 16);
            let last = if count == 0 { "-".to_owned() } else { format!("2007/03/01 {:02}:{:02}", n % 20, n % 60) };
            let shared = g.shared && *folder == "Projects" && n + 4 < g.users;
            let grant = if shared { format!(" {} lrs", crate::topology::generate::uid(n + 4)) } else { String::new() };
            let quota = if n % 5 == 2 { "51200" } else { "102400" };
            let _ = writeln!(
                rows,
                "{store}.siroe.com\tuser/{uid}/{folder}\t{partition}\t{count}\t{kilobytes}\t{last}\t{quota}\t{uid} lrswipcda{grant}"
            );
        }
    }
    for store in ["oldstore", "newstore"] {
        let _ = writeln!(
            rows,
            "{store}.siroe.com\tuser/probe-{store}/INBOX\tprimary\t2\t4\t2007/02/28 10:00\t-\tprobe-{store} lrswipcda postmaster lrs"
        );
    }
    site.mailboxes = rows;
}
