//! Owns what is said of a campaign, on stdout: as text, or as one JSON object. It must not know how it was run.

use sim::campaign::{Blocked, Report};
use sim::scenario::load::Loaded;
use sim::site_defects::defects;
use sim::topology::Site;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

/// What a campaign comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing broken; every stop was due to a fault that was drawn.
    Held,
    /// An invariant broke, or a run stopped without need.
    Broken,
    /// Nothing broken, but a run stopped on a defect of the site.
    SiteDefect,
}

/// What a stop can be laid to.
#[derive(Clone, Debug, Default)]
pub struct Causes {
    /// Defects of the site: blocker and, where there is one, host.
    defects: Vec<(String, Option<String>)>,
    /// The scenario has faults that may be drawn.
    faults: bool,
}

impl Causes {
    /// Those of a scenario and its site.
    pub fn of(loaded: &Loaded, site: &Site) -> Causes {
        let defects = defects(site).into_iter().map(|d| (d.blocker.to_string(), d.host.map(|h| h.to_string())));
        Causes { defects: defects.collect(), faults: !loaded.scenario.faults.is_empty() }
    }

    /// Whether the site accounts for a stop, rather than a fault that was drawn.
    fn site(&self, blocked: &Blocked) -> bool {
        let same = |host: &Option<String>| host.is_none() || blocked.host.is_none() || *host == blocked.host;
        !self.faults || self.defects.iter().any(|(blocker, host)| *blocker == blocked.blocker && same(host))
    }
}

/// What a report comes to.
fn verdict(report: &Report, causes: &Causes) -> Verdict {
    if !report.broken.is_empty() || report.blocked.iter().any(|b| !b.due) {
        Verdict::Broken
    } else if report.blocked.iter().any(|b| causes.site(b)) {
        Verdict::SiteDefect
    } else {
        Verdict::Held
    }
}

/// Prints the report, as text or as one JSON object; the exit status.
pub fn tell(report: &Report, causes: &Causes, json: bool) -> ExitCode {
    if json {
        println!("{}", serde_json::json!(report));
    } else {
        print!("{}", text(report, causes));
    }
    ExitCode::from(match verdict(report, causes) {
        Verdict::Held => 0,
        Verdict::Broken => 1,
        Verdict::SiteDefect => 3,
    })
}

/// The report as text.
fn text(report: &Report, causes: &Causes) -> String {
    let mut out = String::new();
    let o = &mut out;
    let _ = writeln!(
        o,
        "{}: {}, {} and {} each",
        report.scenario,
        count(report.seeds, "seed"),
        count(report.users, "user"),
        count(report.messages, "message")
    );
    for broken in &report.broken {
        let _ = writeln!(o, "\nBROKEN {} in seed {}, {}", broken.invariant, broken.seed, broken.at);
        for line in &broken.chain {
            let _ = writeln!(o, "  {line}");
        }
    }
    stops(o, report, causes);
    excuses(o, report);
    let _ = writeln!(o, "\nheld: {}", list(report.held.iter().map(String::as_str)));
    if !report.faults.is_empty() {
        let faults: Vec<String> = report.faults.iter().map(|(id, n)| format!("{id} {}", thousands(*n))).collect();
        let _ = writeln!(o, "faults, how often each did something: {}", faults.join(", "));
    }
    let w = report.window_s;
    let _ = writeln!(
        o,
        "without access: median {}, 95 % {}, 99 % {}, longest {}",
        span(w.p50),
        span(w.p95),
        span(w.p99),
        span(w.max)
    );
    let g = report.grades;
    let _ = writeln!(
        o,
        "grades: {} perfect, {} good, {} to be looked at, {} not moved",
        thousands(g.perfect),
        thousands(g.good),
        thousands(g.look),
        thousands(g.not_moved)
    );
    let _ = writeln!(
        o,
        "{}, {}, {} of virtual time in {:.1} s",
        count(report.events, "event"),
        count(report.commands, "command"),
        span(report.virtual_s),
        report.wall_s
    );
    let _ = writeln!(o, "\n{}", sentence(report, causes));
    out
}

/// Stops of one kind together, the first seed's advice.
fn stops(o: &mut String, report: &Report, causes: &Causes) {
    let mut kinds: BTreeMap<(&str, Option<&str>, bool), Vec<&Blocked>> = BTreeMap::new();
    for b in &report.blocked {
        kinds.entry((&b.blocker, b.host.as_deref(), b.due)).or_default().push(b);
    }
    for ((blocker, host, due), seeds) in kinds {
        let on = host.map_or_else(String::new, |h| format!(" on {h}"));
        let why = match (due, causes.site(seeds[0])) {
            (false, _) => "not due",
            (true, false) => "due to a fault that was drawn",
            (true, true) => "a defect of the site",
        };
        let first: Vec<String> = seeds.iter().take(5).map(|b| b.seed.to_string()).collect();
        let more = if seeds.len() > 5 { format!(" and {} more", seeds.len() - 5) } else { String::new() };
        let _ =
            writeln!(o, "\nSTOPPED at {blocker}{on}, {why} (seed {}{more})\n  {}", first.join(", "), seeds[0].advice);
    }
}

fn excuses(o: &mut String, report: &Report) {
    let mut kinds: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for e in &report.excused {
        *kinds.entry((&e.invariant, &e.fault)).or_default() += 1;
    }
    for ((invariant, fault), times) in kinds {
        let _ = writeln!(o, "\nexcused: {invariant} by {fault}, {}", count(times, "time"));
    }
}

fn sentence(report: &Report, causes: &Causes) -> String {
    match verdict(report, causes) {
        Verdict::Held if report.blocked.is_empty() => {
            format!("Nothing is broken in {}.", count(report.seeds, "seed"))
        }
        Verdict::Held => format!("Nothing is broken in {}, and every stop was due.", count(report.seeds, "seed")),
        Verdict::Broken if report.broken.is_empty() => "A run stopped without need: that is broken too.".into(),
        Verdict::Broken => {
            let seed = report.broken[0].seed;
            format!(
                "Something is broken; `rehost replay SCENARIO --seed {seed} --trace FILE` writes down the whole run."
            )
        }
        Verdict::SiteDefect => {
            "Nothing is broken, but the site is not ready: mend what is named above, then rehearse again.".into()
        }
    }
}

fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

/// `1 seed`, `2,270 seeds`.
pub fn count(n: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// `2,270`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A length of time in the unit that suits it.
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(
            [thousands(0), thousands(999), thousands(1000), thousands(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([count(1, "seed"), count(2, "seed")], ["1 seed", "2 seeds"]);
        assert_eq!([span(59.6), span(600.0), span(9000.0), span(864_000.0)], ["60 s", "10 min", "2.5 h", "10 days"]);
    }

    fn stopped(due: bool) -> Report {
        let blocked = Blocked {
            seed: 3,
            blocker: "destination-not-ready".into(),
            host: Some("newstore.siroe.com".into()),
            due,
            advice: "Uncomment the service.".into(),
        };
        Report { scenario: "T".into(), seeds: 4, blocked: vec![blocked], ..Report::default() }
    }

    #[test]
    fn a_stop_without_need_is_broken_and_one_on_the_site_is_its_defect() {
        let stop = "destination-not-ready".to_owned();
        let on = |host: &str| Causes { defects: vec![(stop.clone(), Some(host.into()))], faults: true };
        let drawn = Causes { defects: Vec::new(), faults: true };
        assert_eq!(verdict(&Report::default(), &Causes::default()), Verdict::Held);
        assert_eq!(verdict(&stopped(false), &drawn), Verdict::Broken);
        assert_eq!(verdict(&stopped(true), &drawn), Verdict::Held);
        assert_eq!(verdict(&stopped(true), &Causes::default()), Verdict::SiteDefect);
        assert_eq!(verdict(&stopped(true), &on("newstore.siroe.com")), Verdict::SiteDefect);
        assert_eq!(verdict(&stopped(true), &on("store3.siroe.com")), Verdict::Held);
        let text = text(&stopped(true), &on("newstore.siroe.com"));
        let said = "STOPPED at destination-not-ready on newstore.siroe.com, a defect of the site (seed 3)\n  Uncomment";
        assert!(text.contains(said), "{text}");
    }
}
