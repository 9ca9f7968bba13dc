//! Owns the reading of a scenario file: every mistake is told with its place, the reason and what is allowed. It must not know
//! how a world is made, beyond asking for it.

use super::Scenario;
use crate::bad_input::{BadInput, nearest};
use crate::fault::FAULTS;
use crate::topology::{self, Site, SiteError, generate};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// Where every key is described.
const README: &str = "scenarios/README.md describes every key";
/// How a scenario can end.
const ENDS: [&str; 4] = ["", "done", "stopped", "rolled-back"];

/// A scenario with the text it was read from, so that what turns out later can still be told with its place.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file as it was named.
    pub file: String,
    /// Its text.
    pub text: Arc<str>,
    /// What it says.
    pub scenario: Scenario,
}

/// Reads a scenario file.
///
/// # Errors
/// When it cannot be read, is no TOML, has an unknown or misspelt key, a value of the wrong type or out of its range, or names
/// what is not there.
pub fn load(path: &Path) -> Result<Loaded, BadInput> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| {
        BadInput::whole(
            &file,
            format!("the scenario cannot be read: {e}"),
            "name a scenario file, as scenarios/first-move.toml",
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let good: Arc<str> = String::from_utf8_lossy(&e.as_bytes()[..at]).into();
        BadInput::at(&file, &good, at..at, "a byte that is not UTF-8 follows here", "save the file as UTF-8")
    })?;
    parse(&file, &text)
}

/// Reads a scenario from its text; `file` is the name that mistakes are told with.
///
/// # Errors
/// As [`load`].
pub fn parse(file: &str, text: &str) -> Result<Loaded, BadInput> {
    let text: Arc<str> = text.into();
    let tree = DeTable::parse(&text).map_err(|e| {
        let span = e.span().unwrap_or(0..0);
        BadInput::at(file, &text, span, format!("this is no TOML: {}", one_line(e.message())), "mend the line")
    })?;
    let scenario = toml::from_str::<Scenario>(&text).map_err(|e| of_type(file, &text, &e))?;
    let check = Check { file, text: &text, tree: tree.get_ref() };
    check.everything(&scenario)?;
    Ok(Loaded { file: file.to_owned(), text: text.clone(), scenario })
}

impl Loaded {
    /// Makes the scenario ready.
    ///
    /// # Errors
    /// When no world can be made of its site, or it names a user that is not there.
    pub fn make(&self) -> Result<Site, BadInput> {
        match topology::make(&self.scenario) {
            Ok(site) => self.users_are_there(&site).map(|()| site),
            Err(error) => Err(self.of_site(&error)),
        }
    }

    fn bad(&self, path: &[&str], reason: impl Into<String>, advice: impl Into<String>) -> BadInput {
        match DeTable::parse(&self.text) {
            Ok(tree) => Check { file: &self.file, text: &self.text, tree: tree.get_ref() }.bad(path, reason, advice),
            Err(_) => BadInput::whole(&self.file, reason, advice),
        }
    }

    fn users_are_there(&self, site: &Site) -> Result<(), BadInput> {
        let users = &site.world.ledger.books.users;
        let is_there = |user: &str| users.contains_key(user);
        let missing = |path: &[&str], user: &str| {
            let near = nearest(user, users.keys().map(|u| &**u))
                .map_or_else(String::new, |near| format!("did you mean {near}? "));
            self.bad(
                path,
                format!("there is no user {user}"),
                format!("{near}A user is named as in the store: UID, or UID@DOMAIN outside the default domain"),
            )
        };
        for (n, user) in self.scenario.move_.users.iter().enumerate() {
            if !is_there(user) {
                return Err(missing(&["move", "users", &n.to_string()], user));
            }
        }
        for (n, fault) in self.scenario.faults.iter().enumerate() {
            if let Some(user) = fault.user.as_deref().filter(|u| !is_there(u)) {
                return Err(missing(&["fault", &n.to_string(), "user"], user));
            }
        }
        for (n, user) in self.scenario.expect.not_moved.iter().enumerate() {
            if !is_there(user) {
                return Err(missing(&["expect", "not_moved", &n.to_string()], user));
            }
        }
        Ok(())
    }

    /// A site's mistake with its place in the file.
    fn of_site(&self, error: &SiteError) -> BadInput {
        match error {
            SiteError::NoHost { key, name, known } => {
                let path: Vec<&str> = key.split('.').collect();
                self.bad(&path, format!("{key}: there is no host {name}"), format!("hosts are {known}"))
            }
            SiteError::Nobody { from } => self.bad(
                &["move", "from"],
                format!("nobody is to be moved: no user has mailHost {from}"),
                "name users, or another old home",
            ),
            SiteError::Bad { key, line, why } => {
                let path: Vec<&str> = key.split('.').collect();
                match self.line_within(&path, *line) {
                    Some(at) => BadInput::at_line(
                        &self.file,
                        &self.text,
                        at,
                        1,
                        format!("{key}, its line {line}: {why}"),
                        "mend that line",
                    ),
                    None => self.bad(&path, format!("{key}, line {line}: {why}"), README),
                }
            }
        }
    }

    /// The line of the file that is the n-th line of a multi-line string.
    fn line_within(&self, path: &[&str], line: usize) -> Option<usize> {
        let tree = DeTable::parse(&self.text).ok()?;
        let span = find(tree.get_ref(), path)?;
        let value = self.text.get(span.clone())?;
        if !(value.starts_with("'''\n") || value.starts_with("\"\"\"\n")) {
            return None;
        }
        Some(self.text[..span.start].matches('\n').count() + 1 + line)
    }
}

/// A mistake of form: an unknown key, a missing one, a value of another type.
fn of_type(file: &str, text: &Arc<str>, error: &toml::de::Error) -> BadInput {
    let span = error.span().unwrap_or(0..0);
    let message = one_line(error.message());
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let mut words = rest.split('`').skip(1).step_by(2);
        let written = words.next().unwrap_or("");
        let allowed: Vec<&str> = words.collect();
        let near = nearest(written, allowed.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        let advice = format!("{near}Keys here are {}; {README}", allowed.join(", "));
        return BadInput::at(file, text, span, format!("there is no key `{written}` here"), advice);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let mut words = rest.split('`').skip(1).step_by(2);
        let written = words.next().unwrap_or("");
        let allowed: Vec<&str> = words.collect();
        let near = nearest(written, allowed.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean {near:?}? "));
        let advice = format!("{near}Values here are {}", allowed.join(", "));
        return BadInput::at(file, text, span, format!("{written:?} is not a value of this key"), advice);
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return BadInput::at(file, text, span, format!("the key {key} is missing"), format!("add it; {README}"));
    }
    if let Some(types) = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: ")) {
        let (found, wanted) = types.rsplit_once(", expected ").unwrap_or((types, "another"));
        let reason = format!("the type is wrong: {found}, where {wanted} is expected");
        return BadInput::at(file, text, span, reason, README);
    }
    BadInput::at(file, text, span, message, README)
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// The bytes of a value; of the nearest thing around it when the file does not have it.
fn find(tree: &DeTable<'_>, path: &[&str]) -> Option<Range<usize>> {
    let (first, rest) = path.split_first()?;
    let mut value = tree.get(*first)?;
    for step in rest {
        let next = match value.get_ref() {
            DeValue::Table(table) => table.get(*step),
            DeValue::Array(array) => step.parse::<usize>().ok().and_then(|n| array.get(n)),
            _ => None,
        };
        value = match next {
            Some(next) => next,
            None => break,
        };
    }
    Some(value.span())
}

/// Checks of meaning, each told with the place of the offending value.
struct Check<'t> {
    file: &'t str,
    text: &'t Arc<str>,
    tree: &'t DeTable<'t>,
}

impl Check<'_> {
    fn bad(&self, path: &[&str], reason: impl Into<String>, advice: impl Into<String>) -> BadInput {
        let mut span = find(self.tree, path).unwrap_or(0..0);
        // A table's span may be its whole text: its first line is enough to find it.
        if let Some(end) = self.text.get(span.clone()).and_then(|t| t.find('\n')) {
            span.end = span.start + end;
        }
        BadInput::at(self.file, self.text, span, reason, advice)
    }

    fn everything(&self, scenario: &Scenario) -> Result<(), BadInput> {
        let hosts = self.site(scenario)?;
        self.move_(scenario, &hosts)?;
        self.traffic(scenario)?;
        self.faults(scenario, &hosts)?;
        if !ENDS.contains(&scenario.expect.end.as_str()) {
            let advice = "done, stopped or rolled-back; leave it out for: done, or a stop that is due";
            return Err(self.bad(&["expect", "end"], format!("there is no end {:?}", scenario.expect.end), advice));
        }
        Ok(())
    }

    /// Checks the site; the names of its hosts.
    fn site(&self, scenario: &Scenario) -> Result<Vec<String>, BadInput> {
        let site = &scenario.site;
        if site.generate.is_none() {
            if site.hosts.is_empty() {
                return Err(self.bad(
                    &["site"],
                    "the site has no hosts",
                    "add [site.generate], or [[site.host]] tables",
                ));
            }
            for (key, value) in [
                ("default_domain", &site.default_domain),
                ("user_base", &site.user_base),
                ("domain_base", &site.domain_base),
            ] {
                if value.is_empty() {
                    let reason = format!("site.{key} is missing, and a site that is written out needs it");
                    return Err(self.bad(&["site", key], reason, README));
                }
            }
        }
        if site.zone_offset_s.abs() > 14 * 3600 {
            let reason = format!("no time zone is {} seconds from UTC", site.zone_offset_s);
            return Err(self.bad(&["site", "zone_offset_s"], reason, "-28800 is PST; at most 50400 either way"));
        }
        for (n, host) in site.hosts.iter().enumerate() {
            let n = n.to_string();
            if host.roles.is_empty() {
                let reason = format!("{} has no role", host.name);
                return Err(self.bad(
                    &["site", "host", &n, "roles"],
                    reason,
                    "give it one of ldap-master, ldap-replica, store, mta, lmtp-client, mmp, webmail",
                ));
            }
            if site.hosts.iter().filter(|h| h.name.eq_ignore_ascii_case(&host.name)).count() > 1 {
                let reason = format!("there are two hosts {}", host.name);
                return Err(self.bad(&["site", "host", &n, "name"], reason, "give one of them another name"));
            }
            if !host.address.is_empty() && host.address.parse::<std::net::IpAddr>().is_err() {
                let reason = format!("{:?} is no IP address", host.address);
                return Err(self.bad(
                    &["site", "host", &n, "address"],
                    reason,
                    "write it as 192.0.2.12, or leave it out",
                ));
            }
        }
        let hosts = host_names(scenario);
        for (n, name) in site.names.iter().enumerate() {
            self.host(&["site", "name", &n.to_string(), "host"], &name.host, &hosts)?;
        }
        for (domain, exchangers) in &site.mx {
            for (n, name) in exchangers.iter().enumerate() {
                self.host(&["site", "mx", domain, &n.to_string()], name, &hosts)?;
            }
        }
        for store in site.probes.keys() {
            self.host(&["site", "probes", store], store, &hosts)?;
        }
        for (n, host) in site.hosts.iter().enumerate() {
            if let Some(server) = host.settings.get("local.ugldaphost") {
                self.host(&["site", "host", &n.to_string(), "settings", "local.ugldaphost"], server, &hosts)?;
            }
        }
        Ok(hosts)
    }

    fn move_(&self, scenario: &Scenario, hosts: &[String]) -> Result<(), BadInput> {
        let m = &scenario.move_;
        for (key, name) in [("from", &m.from), ("to", &m.to)] {
            if name.is_empty() {
                return Err(self.bad(
                    &["move"],
                    format!("move.{key} is missing"),
                    format!("name a host: {}", hosts.join(", ")),
                ));
            }
            self.host(&["move", key], name, hosts)?;
        }
        if m.from.eq_ignore_ascii_case(&m.to) {
            return Err(self.bad(&["move", "to"], "the old home and the new home are one host", "name another host"));
        }
        Ok(())
    }

    fn host(&self, path: &[&str], name: &str, hosts: &[String]) -> Result<(), BadInput> {
        if hosts.iter().any(|h| h.eq_ignore_ascii_case(name)) {
            return Ok(());
        }
        let near = nearest(name, hosts.iter().map(String::as_str))
            .map_or_else(String::new, |near| format!("did you mean {near}? "));
        Err(self.bad(path, format!("there is no host {name}"), format!("{near}Hosts are {}", hosts.join(", "))))
    }

    fn traffic(&self, scenario: &Scenario) -> Result<(), BadInput> {
        let t = &scenario.traffic;
        let shares = [
            ("list_share", t.list_share),
            ("large_share", t.large_share),
            ("burst_share", t.burst_share),
            ("pop_share", t.pop_share),
            ("webmail_share", t.webmail_share),
            ("idle_share", t.idle_share),
            ("service_share", t.service_share),
        ];
        for (key, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(self.bad(&["traffic", key], format!("{share} is no share"), "a share is between 0 and 1"));
            }
        }
        if t.pop_share + t.webmail_share > 1.0 {
            let reason = "the shares by POP and by webmail are more than all logins";
            return Err(self.bad(&["traffic", "webmail_share"], reason, "together they are at most 1"));
        }
        let rates = [
            ("mails_per_user_hour", t.mails_per_user_hour),
            ("logins_per_user_hour", t.logins_per_user_hour),
            ("new_users_per_hour", t.new_users_per_hour),
        ];
        for (key, rate) in rates {
            if !(0.0..=100_000.0).contains(&rate) {
                return Err(self.bad(
                    &["traffic", key],
                    format!("{rate} is no rate"),
                    "a rate is between 0 and 100000 an hour",
                ));
            }
        }
        Ok(())
    }

    fn faults(&self, scenario: &Scenario, hosts: &[String]) -> Result<(), BadInput> {
        for (n, fault) in scenario.faults.iter().enumerate() {
            let n = n.to_string();
            if !FAULTS.iter().any(|f| f.id == fault.id) {
                let known = || FAULTS.iter().map(|f| f.id);
                let near =
                    nearest(&fault.id, known()).map_or_else(String::new, |near| format!("did you mean {near}? "));
                let advice = format!("{near}Faults are {}", known().collect::<Vec<_>>().join(", "));
                return Err(self.bad(&["fault", &n, "id"], format!("there is no fault {:?}", fault.id), advice));
            }
            let info = FAULTS.iter().find(|f| f.id == fault.id);
            if let (Some(info), Some(form)) = (info, &fault.form)
                && !info.forms.contains(&form.as_str())
            {
                let advice = match info.forms {
                    [] => "it has one form only: leave form out".to_owned(),
                    forms => format!("its forms are {}", forms.join(", ")),
                };
                return Err(self.bad(&["fault", &n, "form"], format!("{} has no form {form:?}", fault.id), advice));
            }
            if info.is_some_and(|f| f.from_the_start) && fault.when != crate::scenario::When::default() {
                let reason = format!("{} is there when the world begins", fault.id);
                return Err(self.bad(&["fault", &n, "when"], reason, "leave when out"));
            }
            if let Some(host) = &fault.host {
                self.host(&["fault", &n, "host"], host, hosts)?;
            }
            if !(0.0..=1.0).contains(&fault.probability) {
                let reason = format!("{} is no probability", fault.probability);
                return Err(self.bad(&["fault", &n, "probability"], reason, "a probability is between 0 and 1"));
            }
            let when = &fault.when;
            if let Some(step) = when.step.filter(|s| !(1..=16).contains(s)) {
                return Err(self.bad(
                    &["fault", &n, "when", "step"],
                    format!("there is no step {step}"),
                    "steps are 1 to 16",
                ));
            }
            let ways = [when.at_s.is_some(), when.step.is_some(), when.command.is_some()];
            if ways.iter().filter(|w| **w).count() > 1 {
                let reason = "a fault begins at one moment, and more than one is given";
                return Err(self.bad(&["fault", &n, "when"], reason, "keep one of at_s, step and command"));
            }
            if when.nth.is_some() && when.command.is_none() {
                let reason = "nth counts commands, and no command is given";
                return Err(self.bad(
                    &["fault", &n, "when", "nth"],
                    reason,
                    "add command, a part of its line, or leave nth out",
                ));
            }
            if when.nth == Some(0) {
                return Err(self.bad(
                    &["fault", &n, "when", "nth"],
                    "there is no command number 0",
                    "commands are counted from 1",
                ));
            }
        }
        Ok(())
    }
}

/// The hosts of a scenario, generated ones included.
fn host_names(scenario: &Scenario) -> Vec<String> {
    let site = match &scenario.site.generate {
        Some(g) => {
            let mut few = g.clone();
            (few.users, few.others, few.lists) = (0, 0, 0);
            generate::expand(&scenario.site, &few)
        }
        None => scenario.site.clone(),
    };
    site.hosts.into_iter().map(|h| h.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../../scenarios/first-move.toml");

    fn mistake(text: &str) -> BadInput {
        parse("case.toml", text).and_then(|l| l.make()).err().expect("a mistake is found")
    }

    /// The example with a line replaced or, after it, more lines.
    fn with(line: &str, instead: &str) -> String {
        assert!(GOOD.contains(line), "the example has no line {line}");
        GOOD.replacen(line, instead, 1)
    }

    #[track_caller]
    fn is(text: &str, at: &str, reason: &str, advice: &str) {
        let bad = mistake(text);
        let line = text.lines().position(|l| l.contains(at)).expect("the place is in the text") + 1;
        assert_eq!(bad.line, line, "{bad}");
        assert!(bad.reason.contains(reason), "{bad}");
        assert!(bad.advice.contains(advice), "{bad}");
        assert!(bad.column >= 1);
    }

    #[test]
    fn the_example_is_read_and_made() {
        let loaded = parse("first-move.toml", GOOD).expect("it is a scenario");
        assert!(loaded.make().is_ok());
    }

    #[test]
    fn a_misspelt_key_is_told_with_the_nearest_one() {
        is(&with("groups = 2", "gruops = 2"), "gruops", "no key `gruops`", "did you mean `groups`?");
        is(&with("users = 20", "user = 20"), "user = 20", "no key `user`", "did you mean `users`?");
        is(&with("[traffic]", "[trafic]"), "[trafic]", "no key `trafic`", "did you mean `traffic`?");
    }

    #[test]
    fn a_missing_key_is_told() {
        let bad = mistake(&with("title = \"First move\"", ""));
        assert!(bad.reason.contains("`title` is missing"), "{bad}");
        let bad = mistake(&with("to = \"newstore.siroe.com\"", ""));
        assert!(bad.reason.contains("move.to is missing"), "{bad}");
    }

    #[test]
    fn a_wrong_type_is_told_at_its_value() {
        let bad = mistake(&with("groups = 2", "groups = \"two\""));
        assert!(bad.reason.contains("string \"two\", where usize is expected"), "{bad}");
        assert_eq!(bad.column, 10, "{bad}");
    }

    #[test]
    fn a_line_that_is_no_toml_is_told() {
        is(&with("groups = 2", "groups = = 2"), "groups = =", "no TOML", "mend");
    }

    #[test]
    fn a_host_that_is_not_there_is_told_with_those_that_are() {
        let text = with("to = \"newstore.siroe.com\"", "to = \"newstor.siroe.com\"");
        is(&text, "newstor.siroe", "no host newstor.siroe.com", "did you mean newstore.siroe.com? Hosts are ");
        let text = with("[move]", "[site.mx]\n\"sesta.com\" = [\"relay1.siroe.com\", \"relay7.siroe.com\"]\n\n[move]");
        is(&text, "relay7", "no host relay7.siroe.com", "relay2.siroe.com");
    }

    #[test]
    fn a_user_who_is_not_there_is_told() {
        let text = with("groups = 2", "groups = 2\nusers = [\"ann0\", \"an0\"]");
        is(&text, "an0", "no user an0", "did you mean ann0?");
    }

    #[test]
    fn nobody_to_move_is_told() {
        let text = with("from = \"oldstore.siroe.com\"", "from = \"relay1.siroe.com\"");
        is(&text, "from =", "nobody is to be moved", "name users");
    }

    #[test]
    fn shares_rates_and_ends_have_their_range() {
        let text = with("[traffic]", "[traffic]\nlarge_share = 1.5");
        is(&text, "large_share", "1.5 is no share", "between 0 and 1");
        let text = with("[traffic]", "[traffic]\nnew_users_per_hour = -1.0");
        is(&text, "new_users", "-1 is no rate", "between 0");
        let text = format!("{GOOD}\n[expect]\nend = \"dnoe\"\n");
        is(&text, "dnoe", "no end \"dnoe\"", "rolled-back");
    }

    #[test]
    fn a_coin_has_its_words() {
        let text = format!("{GOOD}\n[coins]\nC03 = \"totls\"\n");
        is(&text, "totls", "\"totls\" is not a value", "did you mean \"totals\"?");
        let text = format!("{GOOD}\n[coins]\nC03x = \"totals\"\n");
        is(&text, "C03x", "no key `C03x`", "`C03`");
    }

    fn with_fault(lines: &str) -> String {
        let id = FAULTS.first().map_or("queue-stuck", |f| f.id);
        format!("{GOOD}\n[[fault]]\n{}\n", lines.replace("ID", id))
    }

    #[test]
    fn a_fault_is_one_of_the_catalogue() {
        is(&with_fault("id = \"queue-stuk\""), "queue-stuk", "no fault \"queue-stuk\"", "Faults are");
    }

    #[test]
    fn what_a_fault_says_is_within_its_range() {
        if FAULTS.is_empty() {
            return;
        }
        is(&with_fault("id = \"ID\"\nwhen = { step = 17 }"), "step = 17", "no step 17", "1 to 16");
        is(&with_fault("id = \"ID\"\nwhen = { step = 0 }"), "step = 0", "no step 0", "1 to 16");
        is(
            &with_fault("id = \"ID\"\nprobability = 1.5"),
            "probability = 1.5",
            "1.5 is no probability",
            "between 0 and 1",
        );
        is(&with_fault("id = \"ID\"\nhost = \"relay9.siroe.com\""), "relay9", "no host", "relay2");
        is(&with_fault("id = \"ID\"\nwhen = { nth = 2 }"), "nth = 2", "no command is given", "leave nth out");
        is(&with_fault("id = \"ID\"\nwhen = { at_s = 2, step = 4 }"), "at_s = 2", "one moment", "keep one");
        is(&with_fault("id = \"ID\"\nuser = \"no-one\""), "no-one", "no user no-one", "UID");
        is(&with_fault("id = \"ID\"\nform = \"odd\""), "form = \"odd\"", "no form \"odd\"", "one form only");
        is(
            &with_fault("id = \"forgotten-relay\"\nform = \"odd\""),
            "form = \"odd\"",
            "no form \"odd\"",
            "trace, no-trace",
        );
        is(
            &with_fault("id = \"held-before\"\nwhen = { at_s = 2 }"),
            "at_s = 2",
            "when the world begins",
            "leave when out",
        );
    }

    #[test]
    fn a_mistake_within_a_long_text_has_the_line_of_the_file() {
        let mut scenario: Scenario = toml::from_str(GOOD).expect("it is well formed");
        let generate = scenario.site.generate.take().expect("the example is generated");
        scenario.site = generate::expand(&scenario.site, &generate);
        scenario.site.mailboxes = scenario.site.mailboxes.replacen("\tprimary\t", "\tprimary\tmany", 3);
        let text = super::super::write::to_toml(&scenario).expect("it can be written");
        is(&text, "primary\tmany", "is not a number of messages", "mend that line");
    }
}
