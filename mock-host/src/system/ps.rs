//! Owns `ps`: the process table as text. It must not know what a daemon does.

use super::{Said, usage};
use crate::column::{push_number, push_right};
use crate::host::Host;
use crate::mail::Name;
use crate::stamp::push_ctime;

const USAGE: &str = "usage: ps -e -o column[,column...] [-p pid[,pid...]]\n  columns: user pid ppid lstart args comm\n";

#[derive(Clone, Copy)]
enum Column {
    User,
    Pid,
    Ppid,
    Lstart,
    Args,
}

impl Column {
    fn of(word: &str) -> Option<Column> {
        Some(match word {
            "user" => Column::User,
            "pid" => Column::Pid,
            "ppid" => Column::Ppid,
            "lstart" => Column::Lstart,
            "args" | "comm" => Column::Args,
            _ => return None,
        })
    }
    fn heading(self) -> &'static str {
        match self {
            Column::User => "    USER",
            Column::Pid => "  PID",
            Column::Ppid => " PPID",
            Column::Lstart => "                 STARTED",
            Column::Args => "COMMAND",
        }
    }
}

impl Host {
    /// `ps -eo user,pid,lstart,args`; `-p` selects by number. Times by the host's clock and zone (to the second).
    pub(super) fn ps(&self, words: &[Name]) -> Said {
        let mut columns: Vec<Column> = Vec::new();
        let mut only: Option<Vec<u32>> = None;
        let mut words = words.iter().map(|w| &**w);
        while let Some(word) = words.next() {
            match word {
                "-e" | "-A" => {}
                "-eo" | "-o" | "-Ao" => {
                    let Some(list) = words.next() else { return usage(USAGE) };
                    for name in list.split(',') {
                        let Some(column) = Column::of(name.trim()) else {
                            return Said::failed(1, format!("ps: unknown output format: -o {name}\n{USAGE}"));
                        };
                        columns.push(column);
                    }
                }
                "-ef" => columns = vec![Column::User, Column::Pid, Column::Ppid, Column::Lstart, Column::Args],
                "-p" => {
                    let Some(list) = words.next() else { return usage(USAGE) };
                    only = Some(list.split(',').filter_map(|p| p.trim().parse().ok()).collect());
                }
                _ => return usage(USAGE),
            }
        }
        if columns.is_empty() {
            columns = vec![Column::Pid, Column::Args];
        }
        let mut said = Said::new(60);
        let text = &mut said.stdout;
        let line_end = |text: &mut String, i: usize| text.push(if i + 1 == columns.len() { '\n' } else { ' ' });
        for (i, column) in columns.iter().enumerate() {
            text.push_str(column.heading());
            line_end(text, i);
        }
        let mut any = false;
        for process in self.processes.iter().filter(|p| only.as_ref().is_none_or(|o| o.contains(&p.pid.0))) {
            any = true;
            for (i, column) in columns.iter().enumerate() {
                match column {
                    Column::User => push_right(text, &process.user, 8),
                    Column::Pid => push_number(text, process.pid.0.into(), 5, ' '),
                    Column::Ppid => push_number(text, process.parent.map_or(1, |p| p.0).into(), 5, ' '),
                    Column::Lstart => push_ctime(text, &self.clock.civil_of_own(self.start_shown(process))),
                    Column::Args => text.push_str(&process.args),
                }
                line_end(text, i);
            }
        }
        if only.is_some() && !any {
            said.status = 1;
        }
        said
    }
}
