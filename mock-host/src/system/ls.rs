//! Owns `ls`: names, sizes and modification times of files. It must not know who keeps a file.

use super::{Said, usage};
use crate::column::push_number;
use crate::files::{FileView, Stat};
use crate::host::Host;
use crate::mail::Name;
use crate::stamp::push_ls_time;
use crate::time::Time;
use std::fmt::Write;

impl Host {
    /// `ls [-l] PATH…`.
    pub(super) fn ls(&self, now: Time, words: &[Name], rest: &dyn FileView) -> Said {
        let mut long = false;
        let mut said = Said::new(30);
        let shown_now = self.clock.read(now);
        let paths = words.iter().filter(|w| !w.starts_with('-')).count();
        for word in words {
            if let Some(options) = word.strip_prefix('-') {
                if options.chars().any(|c| !matches!(c, 'l' | 'a' | '1' | 't' | 'd')) {
                    return usage("usage: ls [-l] [file ...]\n");
                }
                long |= options.contains('l');
                continue;
            }
            if let Some(stat) = self.stat(word, rest) {
                self.push_file(&mut said.stdout, word, stat, long, shown_now);
            } else if let Some(files) = self.list(word, rest) {
                if paths > 1 {
                    let _ = writeln!(said.stdout, "{word}:");
                }
                if long {
                    let blocks: u64 = files.iter().map(|(_, s)| s.size_bytes.div_ceil(512)).sum();
                    let _ = writeln!(said.stdout, "total {blocks}");
                }
                for (name, stat) in &files {
                    self.push_file(&mut said.stdout, name, *stat, long, shown_now);
                }
            } else {
                let _ = writeln!(said.stderr, "{word}: No such file or directory");
                said.status = 2;
            }
        }
        said
    }

    fn push_file(&self, text: &mut String, name: &str, stat: Stat, long: bool, shown_now: Time) {
        if long {
            text.push_str("-rw-r-----   1 mailsrv  mail    ");
            push_number(text, stat.size_bytes, 8, ' ');
            text.push(' ');
            push_ls_time(text, &self.clock, stat.modified, shown_now);
            text.push(' ');
        }
        text.push_str(name);
        text.push('\n');
    }
}
