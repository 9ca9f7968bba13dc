//! Owns `mboxutil-l-x.txt`: a mailbox a row, as `mboxutil -l -x` lists them. It must not know who owns them in the directory.

use super::lines::Export;
use crate::bad_input::BadInput;

/// A mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line of the file.
    pub line: usize,
    /// Messages.
    pub messages: u64,
    /// Kilobytes, rounded up.
    pub kilobytes: u64,
    /// Last delivery, `YYYY/MM/DD hh:mm`, or `-`.
    pub last: String,
    /// Partition.
    pub partition: String,
    /// Quota in kilobytes, or `-`.
    pub quota: String,
    /// Store user id of the owner.
    pub user: String,
    /// Folder, `INBOX` or below.
    pub folder: String,
    /// Who has which rights, the owner included.
    pub acl: Vec<(String, String)>,
}

/// What a row is made of.
const SHAPE: &str =
    "a row is msgs Kbytes last-msg partition quotaroot mailbox, then path and acl after tabs; export the file again";

/// Reads the file.
///
/// # Errors
/// A row that was torn, a figure or date that is none, a mailbox that is not `user/UID/FOLDER`, a mailbox listed twice.
pub fn read(export: &Export) -> Result<Vec<Row>, BadInput> {
    export.ends_whole()?;
    let mut rows = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (n, line) in export.lines() {
        if line.trim().is_empty() || (n == 1 && line.trim_start().starts_with("msgs")) {
            continue;
        }
        let row = row(export, n, line)?;
        if !seen.insert((row.user.clone(), row.folder.clone())) {
            let reason = format!("user/{}/{} is listed twice", row.user, row.folder);
            return Err(export.bad(n, 1, reason, "keep one of the rows"));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(export: &Export, n: usize, line: &str) -> Result<Row, BadInput> {
    let torn = |at: usize, what: &str| export.bad(n, at, format!("the row is torn: {what}"), SHAPE);
    let mut tabs = line.split('\t');
    let (head, path, acl) = (tabs.next().unwrap_or(""), tabs.next(), tabs.next());
    let (Some(path), Some(acl)) = (path, acl) else {
        return Err(torn(1 + line.len(), "path and acl are missing after the mailbox"));
    };
    if tabs.next().is_some() {
        return Err(torn(1, "there are more than three parts between tabs"));
    }
    let mut rest = head;
    let mut word = |what: &str| {
        let trimmed = rest.trim_start();
        let end = trimmed.find(' ').unwrap_or(trimmed.len());
        let (word, after) = trimmed.split_at(end);
        rest = after;
        if word.is_empty() { Err(torn(1 + head.len(), what)) } else { Ok(word) }
    };
    let messages = word("the number of messages is missing")?;
    let kilobytes = word("the kilobytes are missing")?;
    let day = word("the last delivery is missing")?;
    let last = if day == "-" { day.to_owned() } else { format!("{day} {}", word("the last delivery has no time")?) };
    let partition = word("the partition is missing")?;
    let quota = word("the quota is missing")?;
    let name = rest.trim_start();
    let number = |field: &str| {
        field.parse::<u64>().map_err(|_| export.bad_part(n, line, field, format!("{field:?} is no number"), SHAPE))
    };
    let (messages, kilobytes) = (number(messages)?, number(kilobytes)?);
    if last != "-" && !is_date(&last) {
        return Err(export.bad_part(
            n,
            line,
            day,
            format!("{last:?} is no date"),
            "dates are YYYY/MM/DD hh:mm, or - for none",
        ));
    }
    if quota != "-" {
        number(quota)?;
    }
    let owned =
        name.strip_prefix("user/").and_then(|r| r.split_once('/')).filter(|(u, f)| !u.is_empty() && !f.is_empty());
    let (user, folder) = owned.ok_or_else(|| {
        export.bad_part(n, line, name, format!("{name:?} is no mailbox"), "mailboxes are user/UID/FOLDER")
    })?;
    if !path.starts_with('/') {
        return Err(export.bad_part(n, line, path, format!("{path:?} is no path"), SHAPE));
    }
    let words: Vec<&str> = acl.split_ascii_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return Err(export.bad_part(n, line, acl, "the acl is torn", "an acl is pairs of an id and its rights"));
    }
    let acl = words.chunks_exact(2).map(|p| (p[0].to_owned(), p[1].to_owned())).collect();
    Ok(Row {
        line: n,
        messages,
        kilobytes,
        last,
        partition: partition.to_owned(),
        quota: quota.to_owned(),
        user: user.to_owned(),
        folder: folder.to_owned(),
        acl,
    })
}

/// `2007/02/23 08:36`.
fn is_date(text: &str) -> bool {
    let digits = |part: &str, n: usize, most: u32| {
        part.len() == n && part.parse::<u32>().is_ok_and(|v| v <= most) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let parts: Vec<&str> = text.split(['/', ' ', ':']).collect();
    let [y, m, d, h, min] = parts[..] else { return false };
    digits(y, 4, 9999) && digits(m, 2, 12) && digits(d, 2, 31) && digits(h, 2, 23) && digits(min, 2, 59)
}
