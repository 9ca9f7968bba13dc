//! What an export of a real size comes to, and what each reader refuses.

use super::*;
use crate::scenario::{load, write};
use std::sync::Arc;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/site-sesta")
}

fn sesta() -> (Scenario, Summary) {
    let dir = root();
    import(&Asked { dir: &dir, from: "oldstore.siroe.com", to: "newstore.siroe.com", users: None })
        .unwrap_or_else(|e| panic!("{e}"))
}

fn lines(file: &str, holds: impl Fn(&str) -> bool) -> usize {
    let text = std::fs::read_to_string(root().join(file)).expect("the export is there");
    text.lines().filter(|l| holds(l)).count()
}

#[test]
fn counts_are_what_the_export_lists() {
    let (scenario, summary) = sesta();
    assert_eq!(summary.users, lines("directory.ldif", |l| l == "objectClass: inetMailUser"));
    assert_eq!(summary.lists, lines("directory.ldif", |l| l == "objectClass: inetMailGroup"));
    // mailHost stands in entries of users, of lists, and of the old home's probe account, which is no part of the batch.
    let at_home = |l: &str| l.to_lowercase().starts_with("mailhost: oldstore");
    assert_eq!(summary.batch + summary.lists_that_follow.len() + 1, lines("directory.ldif", at_home));
    for (store, n) in [("oldstore", 0), ("store3", 1)] {
        let rows = lines(&format!("{store}/mboxutil-l-x.txt"), |l| l.contains("\t"));
        assert_eq!(
            (summary.stores[n].store.as_str(), summary.stores[n].mailboxes),
            (&*format!("{store}.siroe.com"), rows)
        );
        assert_eq!(scenario.site.mailboxes.lines().filter(|l| l.starts_with(store)).count(), rows);
    }
    assert_eq!(summary.stores[0].messages, 185_014);
    assert_eq!(scenario.site.held.lines().count(), lines("relay1/qm-directory-held.txt", |l| l.contains(".HELD")));
}

#[test]
fn a_world_is_made_of_it_with_every_listed_message() {
    let (scenario, summary) = sesta();
    let text = write::to_toml(&scenario).expect("it can be written");
    let loaded = load::parse("sesta.toml", &text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.scenario, scenario);
    let site = loaded.make().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(site.messages, summary.stores.iter().map(|s| s.messages).sum::<u64>());
    assert_eq!(site.move_.users.len(), summary.batch);
}

#[test]
fn begins_at_the_listing_in_its_zone() {
    let (scenario, _) = sesta();
    assert_eq!((scenario.site.begins_unix_s, scenario.site.zone_offset_s), (1_172_782_805, -28_800));
    assert_eq!(scenario.site.zone, "PST");
    assert_eq!((scenario.site.user_base.as_str(), scenario.site.domain_base.as_str()), ("o=isp", "o=internet"));
}

#[test]
fn passwords_stay_where_they_are() {
    let (scenario, _) = sesta();
    let text = write::to_toml(&scenario).expect("it can be written");
    assert!(!text.to_lowercase().contains("userpassword:") && !text.contains("BindPass password"));
}

#[test]
fn users_who_cannot_simply_be_moved_are_named_with_what_is_done() {
    let (_, summary) = sesta();
    let of = |user: &str| -> Vec<&str> {
        summary.special.iter().filter(|s| s.user == user).map(|s| s.reason.as_str()).collect()
    };
    assert!(of("vabbott472@florizel.com").iter().any(|r| r.contains("hold already")));
    assert!(of("vabbott472@florizel.com").iter().any(|r| r.contains("two domains: vabbott472")));
    assert!(of("bbaker2198") == ["mailUserStatus is removed"]);
    assert!(of("mvoss6916").iter().any(|r| r.contains("inactive")));
    assert!(of("oyoung8226").iter().any(|r| r.contains("(forward)")));
    assert!(of("quin.nagy78") == ["there is no mailbox yet"]);
    assert_eq!(of("qsilva4900"), ["uses user/jabbott1621/Projects/alpha &- beta (lrs), whose owner is not moved"]);
    assert!(summary.special.iter().all(|s| !s.done.is_empty()));
    assert!(summary.notes.iter().any(|n| n.contains("OLDSTORE.SIROE.COM (5), oldstore (7)")));
    assert!(summary.notes.iter().any(|n| n.contains("gone1, gone2@florizel.com")));
}

/// F2-01, F2-05
#[test]
fn the_old_groups_overlap_and_the_corrected_ones_leave_users_out() {
    let (_, summary) = sesta();
    let [old, corrected] = &summary.groups[..] else { panic!("two files are proved") };
    assert!(!old.overlapping.is_empty() && old.left_out.is_empty());
    assert!(corrected.overlapping.is_empty() && !corrected.left_out.is_empty());
    assert!(corrected.left_out.iter().all(|u| u.starts_with(|c: char| c == '.' || c.is_ascii_uppercase())));
}

#[track_caller]
fn refused<T>(text: &str, read: impl Fn(&Export) -> Result<T, BadInput>, at: (usize, usize), why: &str) {
    let bad = read(&Export { file: "case".into(), text: Arc::from(text) }).err().expect("it is refused");
    assert_eq!((bad.line, bad.column), at, "{bad}");
    assert!(bad.reason.contains(why), "{bad}");
}

#[test]
fn what_cannot_be_read_is_told_with_line_and_column() {
    refused("a.b store\nc.d stroe\n", hosts_txt::read, (2, 5), "no role stroe");
    refused("a.b ldap-master\na.b store\n", hosts_txt::read, (2, 1), "listed twice");
    refused("$ORIGIN x.\na IN A 192.0.2\n", zone_txt::read, (2, 8), "no address");
    refused("a IN\n", zone_txt::read, (1, 5), "without type");
    refused("a = 1\nb 2\n", configutil_txt::read, (2, 1), "no =");
    refused("a = \"b\n", configutil_txt::read, (1, 5), "does not end");
    refused("A=1\nB 2\n", option_dat::check, (2, 1), "no =");
    refused("A=1, \\\n", option_dat::check, (1, 6), "nothing follows");
    refused("[SERVICE=SMTP\n", dispatcher_cnf::check, (1, 14), "does not end");
    refused("T\n\n  one\n", mappings::check, (3, 6), "without template");
    refused("default:A 1\ndefault:B\n", proxy_cfg::read, (2, 10), "without value");
    refused("default:A 1\nB 2\n", proxy_cfg::read, (2, 1), "no setting");
    refused("102400 12 1% 3 a\n102400 x 1% 3 a\n", imquotacheck_txt::read, (2, 8), "no number");
    refused("groupA=[a-l\n", backup_groups::read, (1, 8), "does not end");
    refused("ann\nbo and cleo\n", users_file::read, (2, 4), "one store user id");
}

#[test]
fn a_torn_mailbox_row_is_told() {
    let row = "    15     141 2007/02/23 08:36 primary        102400 user/x/INBOX\t/p/=x\tx lrswipcda\n";
    let read = |text: &str| mboxutil_txt::read(&Export { file: "case".into(), text: Arc::from(text) });
    assert_eq!(read(row).map(|r| (r[0].messages, r[0].kilobytes)), Ok((15, 141)));
    let none = row.replace("2007/02/23 08:36", "-               ").replace("102400", "     -");
    assert_eq!(read(&none).map(|r| (r[0].last.clone(), r[0].quota.clone())), Ok(("-".into(), "-".into())));
    refused(&format!("{row}{}", &row[..70]), mboxutil_txt::read, (2, 71), "within a line");
    refused(&format!("{row}{}\n", &row[..60]), mboxutil_txt::read, (2, 61), "path and acl are missing");
    refused(&row.replace("141", "1x1"), mboxutil_txt::read, (1, 12), "no number");
    refused(&row.replace("x lrswipcda", "x"), mboxutil_txt::read, (1, 74), "acl is torn");
    refused(&row.replace("08:36", "08:76"), mboxutil_txt::read, (1, 16), "no date");
    refused(&format!("{row}{row}"), mboxutil_txt::read, (2, 1), "listed twice");
}

#[test]
fn a_cut_listing_of_held_files_is_told() {
    let text = "Thu, 01 Mar 2007 13:00:05 -0800 (PST)\n\nChannel: hold  Size Queued since\n---\n1 ZZ.HELD  1 27-Feb-2007 01:53:28\n";
    refused(text, qm_directory::read, (5, 1), "no grand total");
    refused(&text.replace("27-Feb-2007 01:53:28", "27-Feb-2007"), qm_directory::read, (5, 1), "torn");
    refused("Thu, 01 Mar\n", qm_directory::read, (1, 1), "no date");
}

#[test]
fn a_zone_knows_origins_and_times() {
    let text = "$ORIGIN a.b.\n$TTL 1h\nx IN A 192.0.2.1\n  600 IN A 192.0.2.2\ny 5m CNAME x ; why\nz.c. MX 20 x\nz.c. MX 10 y.a.b.\n@ A 192.0.2.3\n";
    let zone = zone_txt::read(&Export { file: "case".into(), text: Arc::from(text) }).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(zone.addresses["x.a.b"], "192.0.2.1");
    assert_eq!(zone.addresses["a.b"], "192.0.2.3");
    assert_eq!(zone.aliases, [("y.a.b".into(), "x.a.b".into(), 300)]);
    assert_eq!(zone.exchangers["z.c"], [(10, "y.a.b".into()), (20, "x.a.b".into())]);
}

#[test]
fn sharing_across_a_selection_is_named_on_both_sides() {
    let dir = root();
    let folder = std::env::temp_dir().join(format!("rehost-selection-{}", std::process::id()));
    for (users, user, reason) in [
        ("kito8573\n", "kito8573", "is shared with mnagy6015 (lrs), who is not moved"),
        ("mnagy6015\n", "mnagy6015", "uses user/kito8573/Projects/alpha &- beta (lrs), whose owner is not moved"),
    ] {
        std::fs::write(&folder, users).expect("it can be written");
        let asked = Asked { dir: &dir, from: "oldstore.siroe.com", to: "newstore.siroe.com", users: Some(&folder) };
        let (scenario, summary) = import(&asked).unwrap_or_else(|e| panic!("{e}"));
        assert!(summary.special.iter().any(|s| s.user == user && s.reason.contains(reason)), "{:?}", summary.special);
        assert!(!scenario.move_.upgrade && scenario.move_.lists.is_empty());
    }
    std::fs::remove_file(&folder).expect("it can be removed");
}
