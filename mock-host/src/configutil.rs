//! Owns `configutil`: overrides of the product's options, kept in msg.conf. It must not know who reads an option.

use crate::command::{CommandId, Output, fail, finish};
use crate::fact::{Fact, Setting};
use crate::host::{Host, MSG_CONF};
use crate::mail::Name;
use crate::option_table::{self, OPTIONS};
use crate::settings_file;
use crate::time::{Span, Time};
use std::collections::BTreeSet;
use std::fmt::Write;

const USAGE: &str = "Usage: configutil [-h] [-f configfile] [-o option[;language] [-v value]]\n       configutil [-f configfile] [-p pattern] [-H] [-m] [-V]\n       configutil -i inputfile\n";
const TAKES: Span = Span::millis(300);

#[derive(Default)]
struct Request<'a> {
    option: Option<&'a str>,
    value: Option<&'a str>,
    pattern: Option<&'a str>,
    import: Option<&'a str>,
    other_file: Option<&'a str>,
    marks: bool,
    descriptions: bool,
    help: bool,
}

impl<'a> Request<'a> {
    /// `None` when the command line is not one that configutil takes.
    fn read(argv: &'a [Name]) -> Option<Request<'a>> {
        let mut request = Request::default();
        let mut words = argv.iter().skip(1).map(|w| &**w);
        while let Some(word) = words.next() {
            match word {
                "-o" => request.option = Some(words.next()?.split(';').next().unwrap_or_default()),
                "-v" => request.value = Some(words.next()?),
                "-p" => request.pattern = Some(words.next()?),
                "-i" => request.import = Some(words.next()?),
                "-f" => request.other_file = Some(words.next()?),
                "-m" => request.marks = true,
                "-H" => request.descriptions = true,
                "-V" => {}
                "-h" => request.help = true,
                _ => return None,
            }
        }
        (request.value.is_none() || request.option.is_some()).then_some(request)
    }
}

impl Host {
    /// `configutil` as F1.1-01 and F1.1-02 have it.
    pub(crate) fn configutil(&mut self, now: Time, command: CommandId, argv: &[Name], out: &mut Vec<Output>) {
        let Some(request) = Request::read(argv) else {
            return out.push(fail(command, TAKES, self.status(1), USAGE));
        };
        if request.help {
            return out.push(finish(command, TAKES, 0, USAGE));
        }
        if let Some(path) = request.import {
            return self.import(now, command, path, out);
        }
        if let (Some(name), Some(value)) = (request.option, request.value) {
            if request.other_file.is_some_and(|f| f != MSG_CONF) {
                return out.push(fail(command, TAKES, self.status(2), "configutil: only msg.conf can be written\n"));
            }
            self.configure(now, name, Some(value).filter(|v| !v.is_empty()), out);
            return out.push(finish(command, TAKES, 0, "OK SET\n"));
        }
        let text = match request.other_file {
            None => self.show(&request, |name| self.settings.get(name).map(|v| &**v), self.settings.keys()),
            Some(path) => {
                let Some(text) = self.files.text(path) else {
                    let text = format!("configutil: {path}: No such file or directory\n");
                    return out.push(fail(command, TAKES, self.status(2), text));
                };
                let read: Vec<(Name, &str)> = settings_file::msg_conf(text).map(|(n, v)| (n.into(), v)).collect();
                self.show(&request, |name| settings_file::last(&read, name), read.iter().map(|(n, _)| n))
            }
        };
        out.push(finish(command, TAKES, 0, text));
    }

    /// What one option or a list of options prints; overrides by `value`, names of all overrides in `names`.
    fn show<'a, 'n>(
        &self,
        request: &Request<'_>,
        value: impl Fn(&str) -> Option<&'a str>,
        names: impl Iterator<Item = &'n Name>,
    ) -> String {
        let effective = |name: &str| value(name).or_else(|| option_table::info(name).and_then(|o| o.default));
        let mut text = String::new();
        if let Some(name) = request.option {
            if let Some(value) = effective(name) {
                let _ = writeln!(text, "{value}");
            }
            return text;
        }
        let prefix = request.pattern.unwrap_or_default().trim_end_matches('*');
        let listed: BTreeSet<&str> = names
            .map(|n| &**n)
            .chain(OPTIONS.iter().map(|o| o.name))
            .filter(|n| n.starts_with(prefix) && effective(n).is_some())
            .collect();
        for name in listed {
            push_line(&mut text, name, effective(name).unwrap_or_default());
            let info = option_table::info(name);
            if request.marks {
                let refreshable = info.is_some_and(|o| o.refreshable);
                text.push_str(if refreshable { " [REFRESHABLE]" } else { " [NOT REFRESHABLE]" });
            }
            text.push('\n');
            if request.descriptions {
                let default = info.and_then(|o| o.default).unwrap_or_default();
                let about = info.map_or("", |o| o.description);
                let _ = writeln!(text, "    {about}\n    Default: {default}");
            }
        }
        text
    }

    fn import(&mut self, now: Time, command: CommandId, path: &str, out: &mut Vec<Output>) {
        let Some(text) = self.files.text(path) else {
            let text = format!("configutil: {path}: No such file or directory\n");
            return out.push(fail(command, TAKES, self.status(2), text));
        };
        let lines: Vec<(Name, Name)> = settings_file::msg_conf(text).map(|(n, v)| (n.into(), v.into())).collect();
        for (name, value) in &lines {
            self.configure(now, name, Some(&**value).filter(|v| !v.is_empty()), out);
        }
        out.push(finish(command, TAKES, 0, "OK SET\n"));
    }

    /// Sets an option's override, or clears it with `None`; keeps msg.conf written and reports what was written. Running
    /// processes keep what they read (F1.1-04).
    pub fn configure(&mut self, now: Time, name: &str, value: Option<&str>, out: &mut Vec<Output>) {
        let name = Name::from(name);
        let value = value.map(Name::from);
        match &value {
            Some(value) => self.settings.insert(name.clone(), value.clone()),
            None => self.settings.remove(&name),
        };
        self.write_msg_conf(now);
        out.push(Output::Fact(Fact::SettingWritten { host: self.id, setting: Setting::Configutil(name), value }));
    }

    /// Writes msg.conf from the overrides.
    pub(crate) fn write_msg_conf(&mut self, now: Time) {
        let mut text = String::new();
        for (name, value) in &self.settings {
            push_line(&mut text, name, value);
            text.push('\n');
        }
        self.files.write(MSG_CONF, text.into_bytes(), self.clock.read(now));
    }
}

/// `name = value`, in quotes where blanks or commas need them (F1.1-05).
fn push_line(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str(" = ");
    if value.is_empty() || value.contains([' ', '\t', ',']) {
        let _ = write!(text, "\"{value}\"");
    } else {
        text.push_str(value);
    }
}
