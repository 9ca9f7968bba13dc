//! Owns the one form of filter that entries of such sites carry (mailSieveRuleSource: file by List-Id, or discard). It
//! must not know the sieve language beyond it: a filter of another form keeps the message.

use mock_host::lookup::Entry;
use mock_host::mail::{Mail, Name};

/// What a user's filter does with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// Into INBOX, or where the address says.
    Keep,
    /// Into this folder.
    FileInto(Name),
    /// Nowhere.
    Discard,
}

/// Applies the filters of an entry: rules `if header :contains "list-id" "TEXT" { fileinto "FOLDER"; }` (or `discard;`),
/// the first that matches decides.
pub fn filter(entry: &Entry, mail: &Mail) -> Filtered {
    let Some(list_id) = &mail.list_id else { return Filtered::Keep };
    let list_id = list_id.to_ascii_lowercase();
    for script in entry.values("mailSieveRuleSource").iter().filter_map(|v| v.text()) {
        for rule in script.split("if ").skip(1) {
            let Some(rest) = rule.trim_start().strip_prefix("header :contains") else { continue };
            let mut quoted = rest.split('"').skip(1).step_by(2);
            let (Some(header), Some(text)) = (quoted.next(), quoted.next()) else { continue };
            if !header.eq_ignore_ascii_case("list-id") || !list_id.contains(&text.to_ascii_lowercase()) {
                continue;
            }
            let Some((_, action)) = rest.split_once('{') else { continue };
            let action = action.trim_start();
            if action.starts_with("discard") {
                return Filtered::Discard;
            }
            if let (true, Some(folder)) = (action.starts_with("fileinto"), quoted.next()) {
                return Filtered::FileInto(folder.into());
            }
        }
    }
    Filtered::Keep
}

#[cfg(test)]
mod tests {
    use super::*;
    use mock_host::lookup::Attribute;
    use mock_host::mail::{Body, MailId};
    use mock_host::time::Time;

    fn filtered(script: &str, list_id: Option<&str>) -> Filtered {
        let attribute = Attribute { name: "mailSieveRuleSource".into(), values: vec![script.into()] };
        let mail = Mail {
            id: MailId(1),
            from: "a@b".into(),
            body: Body { id: 1, size_bytes: 1000 },
            sent: Time(0),
            list_id: list_id.map(Name::from),
            automatic: false,
            subject: "".into(),
        };
        filter(&Entry { dn: "x".into(), attributes: vec![attribute] }, &mail)
    }

    #[test]
    fn list_mail_is_filed_by_its_list_id_and_other_mail_is_kept() {
        let script = r#"require ["fileinto"]; if header :contains "list-id" "dev" { fileinto "Lists/dev"; }"#;
        assert_eq!(filtered(script, Some("Dev.sesta.com")), Filtered::FileInto("Lists/dev".into()));
        assert_eq!(filtered(script, Some("sales.sesta.com")), Filtered::Keep);
        assert_eq!(filtered(script, None), Filtered::Keep);
        assert_eq!(filtered(r#"if header :contains "List-Id" "ads" { discard; }"#, Some("ads")), Filtered::Discard);
        assert_eq!(filtered("if size :over 1M { discard; }", Some("ads")), Filtered::Keep);
    }
}
