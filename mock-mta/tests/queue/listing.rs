//! `qm directory`, `held`, `messages`, `summarize`, `jobs`, and the queue tree as files.

use crate::site::{START, Site, all_later, mail, no_answer, recipient};
use mock_host::coin::{EmptyListing, ExitStatus, QmTo};
use mock_host::files::FileView;
use mock_host::time::Span;
use mock_mta::channel::Channel;
use mock_mta::queue_file::InitialFile;
use mock_mta::queue_tree::QueueFiles;

/// F1.3-03
#[test]
fn the_layout_is_the_documented_one() {
    let mut site = Site::store();
    let mail = mail(1, "bob@example.net", START);
    for name in ["ZZ0F7O00I03CJHZD.00", "ZZ0F7O00I03CILY6.00"] {
        let file = InitialFile {
            channel: Channel::ImsMs,
            name: Some(name.into()),
            created: START - Span::hours(25),
            mail: mail.clone(),
            destination: None,
            recipients: vec![recipient(mail.id, "joe@ims-ms-daemon", "joe@sesta.com")],
        };
        site.mta.add_queued(START, &site.host, file, &mut Vec::new());
    }
    let (status, stdout, stderr) = site.run("imsimta qm directory");
    assert_eq!((status, &*stderr), (0, ""));
    assert_eq!(
        stdout,
        "Thu, 01 Mar 2007 13:00:05 -0800 (PST)\n\
         Data gathered from the queue directory tree\n\
         \n\
         Channel: ims-ms                   Size Queued since\n\
         --------------------------------------------------------------\n\
         1 ZZ0F7O00I03CJHZD.00            2 28-Feb-2007 12:00:05\n\
         2 ZZ0F7O00I03CILY6.00            2 28-Feb-2007 12:00:05\n\
         --------------------------------------------------------------\n\
         Total size:                          4\n\
         \n\
         Grand total size:                    4\n"
    );
}

/// F1.3-03, F1.3-04
#[test]
fn active_files_by_default_and_held_ones_when_asked() {
    let mut site = Site::store();
    site.answer = all_later;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.set("ann", "oldstore.siroe.com", "hold");
    site.mail("bob@example.net", &["ann@sesta.com"]);
    let (_, active, _) = site.run("imsimta qm directory");
    assert!(active.contains("Channel: ims-ms") && !active.contains("HELD"));
    let (_, held, _) = site.run("imsimta qm dir -held -database");
    assert!(held.contains("Channel: hold") && held.contains(".HELD") && !held.contains("ims-ms"));
    assert!(held.contains("Data gathered from the queue directory tree"), "-held implies the tree");
    let rest = |t: &str| t.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let (_, same, _) = site.run("imsimta qm held");
    assert_eq!(rest(&held), rest(&same));
    let (_, database, _) = site.run("imsimta qm directory -database");
    assert!(database.contains("Data gathered from the queue cache database") && database.contains("Channel: ims-ms"));
}

/// F1.3-03
#[test]
fn addresses_match_what_is_written_in_the_file() {
    let mut site = Site::store();
    site.answer = all_later;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.mail("", &["ann@sesta.com"]);
    let hits = |site: &mut Site, options: &str| {
        let (_, text, _) = site.run(&format!("imsimta qm directory {options} ims-ms"));
        text.lines().filter(|l| l.contains(".00 ")).count()
    };
    assert_eq!(hits(&mut site, "-to=joe@sesta.com"), 0, "the address was rewritten");
    assert_eq!(hits(&mut site, "-to=*joe*"), 1);
    assert_eq!(hits(&mut site, "-to=j%e@ims-ms-daemon"), 1);
    assert_eq!(hits(&mut site, "-from=<>"), 1);
    assert_eq!(hits(&mut site, "-from=bob@* -to=ann@*"), 2, "or is the default");
    assert_eq!(hits(&mut site, "-from=bob@* -to=ann@* -match=and"), 0);
    site.host.coins.qm_to = QmTo::OriginalToo;
    assert_eq!(hits(&mut site, "-to=joe@sesta.com"), 1);
    let (_, text, _) = site.run("imsimta qm directory -to=*ann*");
    assert!(text.contains("\n  from: <>\n  to: ann@ims-ms-daemon (ORCPT ann@sesta.com)\n"), "-to implies -envelope");
    let (_, text, _) = site.run("imsimta qm directory -nototal");
    assert!(!text.contains("otal size"));
}

/// F1.3-03
#[test]
fn an_empty_listing_is_a_coin() {
    let mut site = Site::store();
    let (status, text, _) = site.run("imsimta qm directory");
    assert_eq!(status, 0);
    assert!(text.ends_with("queue directory tree\n\nGrand total size:                    0\n"));
    site.host.coins.empty_listing = EmptyListing::Message;
    assert_eq!(site.run("imsimta qm directory").1, "%QM-I-NOMESSAGES, no messages match\n");
    site.host.coins.empty_listing = EmptyListing::Nothing;
    assert_eq!(site.run("imsimta qm held hold").1, "");
}

#[test]
fn wrong_words_are_refused_with_a_reason_and_a_status_by_coin() {
    let mut site = Site::store();
    let (status, _, stderr) = site.run("imsimta qm directory -since=yesterday");
    assert_eq!((status, stderr.starts_with("%QM-E-OPTION, -since")), (1, true));
    let (status, _, stderr) = site.run("imsimta qm directory sims-ms");
    assert_eq!((status, &*stderr), (2, "%QM-E-NOSUCHCHAN, no channel sims-ms in the configuration\n"));
    let (status, _, stderr) = site.run("imsimta qm fly");
    assert_eq!((status, stderr.contains("Usage: imsimta qm")), (1, true));
    let (status, _, stderr) = site.run("imsimta qm counters show");
    assert_eq!((status, stderr.contains("counters -create")), (2, true));
    site.host.coins.exit_status = ExitStatus::AlwaysZero;
    assert_eq!(site.run("imsimta qm directory sims-ms").0, 0);
    assert_eq!(site.run("imsimta qm fly").0, 0);
    assert_eq!(site.run("imsimta").0, 0);
}

/// F1.3-09
#[test]
fn view_sets_the_source_of_a_conversation() {
    let mut site = Site::store();
    let qm = site.begin("imsimta qm", true);
    assert!(site.say(qm, "dir").contains("directory tree"));
    assert_eq!(site.say(qm, "view -database"), "qm.maint>\n");
    assert!(site.say(qm, "dir").contains("cache database"));
    assert!(site.say(qm, "held").contains("directory tree"));
}

/// F1.3-07
#[test]
fn messages_are_counted_by_destination_host() {
    let mut site = Site::store();
    site.answer = |a| if a.recipients[0].address.ends_with("siroe.com") { None } else { all_later(a) };
    for address in ["a@siroe.com", "b@siroe.com", "c@west.siroe.com", "d@example.net"] {
        site.add(Channel::TcpLocal, address, address);
    }
    site.pass(Span::secs(1));
    let (_, text, _) = site.run("imsimta qm messages tcp_local");
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(text.lines().next(), Some("host            active messages  delayed messages"));
    assert_eq!(rows, [["example.net", "0", "1"], ["siroe.com", "2", "0"], ["west.siroe.com", "1", "0"]]);
}

/// F1.3-08
#[test]
fn a_summary_leaves_held_files_out_unless_asked() {
    let mut site = Site::store();
    site.answer = no_answer;
    site.add(Channel::TcpLocal, "a@example.net", "a@example.net");
    site.add_held(Channel::Hold, "@hold-daemon:joe@sesta.com", "joe@sesta.com");
    let words = |text: &str, row: &str| -> Vec<String> {
        let line = text.lines().find(|l| l.starts_with(row)).unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect()
    };
    let (_, text, _) = site.run("imsimta qm summarize");
    assert_eq!(words(&text, "tcp_local"), ["tcp_local", "1", "2", "01-Mar-2007", "13:00:05", "-"]);
    assert!(words(&text, "hold").is_empty());
    assert_eq!(words(&text, "Totals"), ["Totals", "1", "2", "01-Mar-2007", "13:00:05", "-"]);
    let (_, text, _) = site.run("imsimta qm summarize -held -noheading");
    assert_eq!(words(&text, "hold"), ["hold", "0", "0", "-", "1"]);
    assert!(!text.contains("Channel"));
}

/// F1.3-06
#[test]
fn jobs_name_the_files_under_way() {
    let mut site = Site::store();
    site.answer = no_answer;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    let (_, text, _) = site.run("imsimta qm jobs");
    let name = site.names(Channel::ImsMs).remove(0);
    assert!(text.starts_with("channel ims-ms\n") && text.contains(&format!("message {name}\n")));
    assert!(text.ends_with("1 JOBS ACTIVE FOR CHANNEL ims-ms\n1 ACTIVE CHANNELS\n"));
}

/// F5.2-01
#[test]
fn the_tree_shows_a_file_a_message_below_its_channel() {
    let mut site = Site::with(|host| host.clock.offset = Span::secs(90));
    site.add_held(Channel::Hold, "@hold-daemon:joe@sesta.com", "joe@sesta.com");
    let name = site.names(Channel::Hold).remove(0);
    let tree = QueueFiles::new(&site.mta.queue, &site.host.clock);
    let path = format!("/opt/SUNWmsgsr/data/queue/hold/{name}");
    let stat = tree.stat(&path).expect("the file");
    assert_eq!((stat.size_bytes, stat.modified), (1500, START + Span::secs(90)));
    assert_eq!(tree.list("/opt/SUNWmsgsr/data/queue/hold").map(|l| l.len()), Some(1));
    let channels = tree.list("/opt/SUNWmsgsr/data/queue").expect("the root");
    assert!(channels.iter().any(|(n, _)| &**n == "tcp_lmtpcs"));
    assert!(tree.md5(&path).is_some());
    assert!(tree.stat("/opt/SUNWmsgsr/data/queue/hold/other").is_none() && tree.list("/var").is_none());
}

#[test]
fn a_hundred_thousand_files_are_one_text() {
    let mut site = Site::store();
    for _ in 0..100_000 {
        site.add_held(Channel::Hold, "@hold-daemon:joe@sesta.com", "joe@sesta.com");
    }
    let (_, text, _) = site.run("imsimta qm held hold");
    assert_eq!(text.lines().filter(|l| l.contains(".HELD ")).count(), 100_000);
    assert!(text.contains("\n100000 ZZ"));
    let mut names = site.names(Channel::Hold);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 100_000, "every name differs");
    assert_eq!(site.wakes, 0, "held files ask for nothing");
}

/// F1.3-01
#[test]
fn clean_holds_or_deletes_what_contains_the_texts() {
    let mut site = Site::store();
    site.answer = all_later;
    site.mail("spam@example.net", &["joe@sesta.com"]);
    site.mail("bob@example.net", &["ann@sesta.com"]);
    assert_eq!(site.run("imsimta qm clean -from=SPAM -to=ann").1, "%QM-I-CLEANED, 0 messages held\n", "both must fit");
    assert_eq!(site.run("imsimta qm clean -ignore_zz -from=spam tcp_local").1, "%QM-I-CLEANED, 0 messages held\n");
    let (_, text, _) = site.run("imsimta qm clean -from=spam -verbose");
    assert!(text.starts_with("%QM-I-HELD, held the message file ims-ms/ZY") && text.ends_with("1 messages held\n"));
    assert_eq!(site.mta.queue.held(), 1);
    assert_eq!(site.run("imsimta qm clean -delete -domain_to=ims-ms-daemon").1, "%QM-I-CLEANED, 1 messages deleted\n");
    assert_eq!(site.mta.queue.len(), 1, "what is held is left alone");
    assert_eq!(site.run("imsimta qm clean").0, 1);
}

/// F1.3-09
#[test]
fn a_stopped_channel_starts_nothing_until_it_is_started() {
    let mut site = Site::store();
    assert_eq!(site.run("imsimta qm stop ims-ms"), (0, String::new(), String::new()));
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.pass(Span::hours(1));
    assert!(site.attempts.is_empty() && site.names(Channel::ImsMs)[0].starts_with("ZZ"));
    site.run("imsimta qm start ims-ms");
    assert_eq!(site.attempts.len(), 1);
}
