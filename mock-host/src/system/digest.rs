//! Owns `digest -a md5`: the digests of files, whoever keeps them. It must not know what a file is for.

use super::{Said, md5, usage};
use crate::files::FileView;
use crate::host::Host;
use crate::mail::Name;
use crate::time::Span;

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Host {
    /// `digest -a md5 FILE…`: one file: its digits; several: `md5 (FILE) = DIGITS` each.
    pub(super) fn digest(&self, words: &[Name], rest: &dyn FileView) -> Said {
        let [option, algorithm, files @ ..] = words else { return usage(USAGE) };
        if &**option != "-a" || files.is_empty() {
            return usage(USAGE);
        }
        if &**algorithm != "md5" {
            return Said::failed(1, format!("digest: unknown algorithm: {algorithm}\n"));
        }
        let mut said = Said::new(0);
        said.took = Span::millis(15) + Span::millis(files.len() as i64);
        let several = files.len() > 1;
        said.stdout.reserve(files.iter().map(|f| f.len() + 42).sum());
        for file in files {
            let digits = self.files.get(file).map(|f| md5::digest(&f.bytes)).or_else(|| rest.md5(file));
            let Some(digits) = digits else {
                said.stderr.push_str(&format!("digest: {file}: No such file or directory\n"));
                said.status = 1;
                continue;
            };
            if several {
                said.stdout.push_str("md5 (");
                said.stdout.push_str(file);
                said.stdout.push_str(") = ");
            }
            let mut line = [b'\n'; 33];
            for (pair, byte) in line.chunks_exact_mut(2).zip(digits) {
                pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            said.stdout.push_str(std::str::from_utf8(&line).unwrap_or_default());
        }
        said
    }
}

const USAGE: &str = "usage: digest -a md5 file ...\n";
