//! Owns how transaction logs pile up and what msprobe does about them. It must not know restores.

use super::*;
use mock_host::coin::MaxlogDefault;
use mock_host::command::CommandId;

fn restarts(stand: &Stand) -> usize {
    stand.out.iter().filter(|output| matches!(output, Output::RestartServices)).count()
}

fn long_write(stand: &mut Stand) {
    let Stand { store, host, now, out, .. } = stand;
    store.begin_long_write(*now, host, CommandId(1), out);
}

fn with_autorestart() -> Stand {
    let mut stand = Stand::new();
    stand.set("local.autorestart", "yes");
    stand
}

/// F6-12
#[test]
fn logs_stay_at_two_or_three_in_normal_traffic_and_grow_with_a_long_write() {
    let mut stand = Stand::new();
    assert_eq!(stand.store.stored.logs(stand.now), 2);
    stand.store.stored.wrote(stand.now, 25_000);
    assert_eq!(stand.store.stored.logs(stand.now), 3);
    assert_eq!(stand.store.stored.logs(stand.now + Span::mins(5)), 2, "cleaned up");
    long_write(&mut stand);
    assert_eq!(stand.store.stored.logs(stand.now + Span::mins(9)), 11);
    stand.pass(Span::mins(9));
    stand.store.end_long_write(stand.now, CommandId(1));
    assert_eq!(stand.store.stored.logs(stand.now), 11, "until the next cleanup");
    assert_eq!(stand.store.stored.logs(stand.now + Span::mins(5)), 2);
}

/// F6-13, F1.1-09, F1.1-10, F1.1-13, F8-08
#[test]
fn msprobe_restarts_the_store_in_the_middle_of_a_long_write() {
    let mut stand = with_autorestart();
    long_write(&mut stand);
    let begun = stand.now;
    stand.run_until(begun + Span::mins(5));
    assert_eq!(restarts(&stand), 0, "13:05: seven logs are below the limit");
    stand.run_until(begun + Span::mins(15));
    assert_eq!(restarts(&stand), 1);
    let probed: Vec<u32> = stand
        .facts()
        .into_iter()
        .filter_map(|f| if let Fact::MsprobeRestarted { logs, .. } = f { Some(logs) } else { None })
        .collect();
    assert_eq!(probed, [17]);
}

/// F1.1-11
#[test]
fn msprobe_does_nothing_once_the_running_scheduler_has_it_switched_off() {
    for (restarted, expected) in [(true, 0), (false, 1)] {
        let mut stand = with_autorestart();
        stand.set("local.schedule.msprobe.enable", "NO");
        if restarted {
            stand.restart(&[Daemon::Imsched]);
        }
        long_write(&mut stand);
        let begun = stand.now;
        stand.run_until(begun + Span::mins(15));
        assert_eq!(restarts(&stand), expected, "imsched restarted: {restarted}");
    }
}

/// F1.1-13
#[test]
fn without_autorestart_msprobe_only_looks() {
    let mut stand = Stand::new();
    long_write(&mut stand);
    let begun = stand.now;
    stand.run_until(begun + Span::hours(2));
    assert_eq!(restarts(&stand), 0);
}

/// F1.1-14, F6-13
#[test]
fn the_third_restart_within_the_timeout_is_not_made() {
    let mut stand = with_autorestart();
    stand.set("local.autorestart.timeout", "1800");
    let Stand { store, host, now, out, .. } = &mut stand;
    store.pile_up_logs(*now, host, 50, out);
    let begun = stand.now;
    stand.run_until(begun + Span::mins(30));
    assert_eq!(restarts(&stand), 2, "13:05, 13:15, not 13:25");
    stand.run_until(begun + Span::mins(40));
    assert_eq!(restarts(&stand), 3, "13:35: the first is long enough ago");
    stand.restart(&[Daemon::Stored]);
    stand.run_until(begun + Span::hours(3));
    assert_eq!((restarts(&stand), stand.store.stored.logs(stand.now)), (3, 2), "recovery leaves a clean set");
}

/// F1.1-09
#[test]
fn the_limit_is_the_option_or_the_coin() {
    let mut stand = with_autorestart();
    let probe = |stand: &mut Stand| {
        let Stand { store, host, now, out, .. } = stand;
        store.msprobe(*now, host, out);
        let n = restarts(stand);
        stand.out.clear();
        n
    };
    let Stand { store, host, now, out, .. } = &mut stand;
    store.pile_up_logs(*now, host, 5, out);
    assert_eq!(probe(&mut stand), 0, "seven of ten");
    stand.set("local.store.maxlog", "6");
    assert_eq!(probe(&mut stand), 1);
    stand.set("local.store.maxlog", "7");
    stand.host.coins.maxlog_default = MaxlogDefault::Five;
    assert_eq!(probe(&mut stand), 0, "the option goes before the coin");
    stand.host.settings.remove("local.store.maxlog");
    assert_eq!(probe(&mut stand), 1);
}

#[test]
fn a_store_without_a_long_write_asks_for_no_timer() {
    let mut stand = Stand::new();
    stand.deliver("joe", 100);
    assert!(!stand.out.iter().any(|output| matches!(output, Output::Wake(..))));
}
