//! Counts events by kind.
use sim::run::{Rehearsal, begin};
use std::collections::BTreeMap;
fn main() {
    let text = std::fs::read_to_string(std::env::args().nth(1).expect("a scenario")).expect("readable");
    let scenario: sim::scenario::Scenario = toml::from_str(&text).expect("a scenario");
    let site = sim::topology::make(&scenario).expect("a site");
    let mut world = begin(&site, &scenario, &Rehearsal::default());
    world.traffic.until = Some(world.now + mock_host::time::Span::hours(2));
    let until = world.now + mock_host::time::Span::days(15);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(event) = world.queue.peek() {
        let mut text = format!("{event:?}");
        text.truncate(text.find("ticket").unwrap_or(44).min(44));
        text.retain(|c| !c.is_ascii_digit());
        *kinds.entry(text).or_default() += 1;
        if !world.step(until) {
            break;
        }
    }
    let mut list: Vec<_> = kinds.into_iter().collect();
    list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    for (kind, n) in list.iter().take(25) {
        println!("{n:8} {kind}");
    }
}
