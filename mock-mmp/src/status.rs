//! Owns the question whether an entry's statuses let a user in. It must not know where the entry came from.

use mock_host::coin::HoldWording;
use mock_host::lookup::Entry;

/// How a user stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Let in.
    In,
    /// The first status that is not active is `hold`.
    Held,
    /// The first status that is not active is another that closes the mailbox.
    Closed,
}

/// The statuses in the order in which they count: the first that does not let in decides. Active, overquota and absent
/// let in (F4-06); an unknown word does not.
pub fn standing(user: &Entry, domain: Option<&Entry>) -> Standing {
    let statuses = [
        domain.and_then(|d| d.first("inetDomainStatus")),
        domain.and_then(|d| d.first("mailDomainStatus")),
        user.first("inetUserStatus"),
        user.first("mailUserStatus"),
    ];
    let lets_in = |status: &str| {
        let status = status.trim();
        status.is_empty() || status.eq_ignore_ascii_case("active") || status.eq_ignore_ascii_case("overquota")
    };
    match statuses.into_iter().flatten().find(|s| !lets_in(s)) {
        None => Standing::In,
        Some(status) if status.trim().eq_ignore_ascii_case("hold") => Standing::Held,
        Some(_) => Standing::Closed,
    }
}

/// What a client hears who is not let in; coin `C09b`.
pub fn refusal(standing: Standing, wording: HoldWording) -> &'static str {
    match (wording, standing) {
        (HoldWording::Denied, _) => "Mailbox access denied",
        (HoldWording::OnHold, Standing::Closed) => "User account is not active",
        (HoldWording::OnHold, _) => "User account is on hold",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mock_host::lookup::Attribute;

    fn entry(attributes: &[(&str, &str)]) -> Entry {
        let attributes = attributes
            .iter()
            .map(|(name, value)| Attribute { name: (*name).into(), values: vec![(*value).into()] })
            .collect();
        Entry { dn: "uid=joe".into(), attributes }
    }

    /// F4-06, F3.1-07
    #[test]
    fn only_active_overquota_and_empty_are_let_in() {
        for (status, want) in [
            ("active", Standing::In),
            ("Active", Standing::In),
            ("overquota", Standing::In),
            ("", Standing::In),
            ("hold", Standing::Held),
            ("inactive", Standing::Closed),
            ("disabled", Standing::Closed),
            ("deleted", Standing::Closed),
            ("removed", Standing::Closed),
            ("whatever", Standing::Closed),
        ] {
            assert_eq!(standing(&entry(&[("mailUserStatus", status)]), None), want, "{status}");
        }
        assert_eq!(standing(&entry(&[]), None), Standing::In);
    }

    /// F3.1-09, F3.1-06
    #[test]
    fn the_domain_counts_before_the_user() {
        let held_domain = entry(&[("mailDomainStatus", "hold")]);
        assert_eq!(standing(&entry(&[("mailUserStatus", "inactive")]), Some(&held_domain)), Standing::Held);
        let closed_domain = entry(&[("inetDomainStatus", "inactive"), ("mailDomainStatus", "hold")]);
        assert_eq!(standing(&entry(&[]), Some(&closed_domain)), Standing::Closed);
        let user = entry(&[("inetUserStatus", "inactive"), ("mailUserStatus", "hold")]);
        assert_eq!(standing(&user, Some(&entry(&[]))), Standing::Closed);
    }

    /// F7-05
    #[test]
    fn the_wording_is_a_coin() {
        assert_eq!(refusal(Standing::Held, HoldWording::OnHold), "User account is on hold");
        assert_eq!(refusal(Standing::Held, HoldWording::Denied), "Mailbox access denied");
        assert_eq!(refusal(Standing::Closed, HoldWording::OnHold), "User account is not active");
    }
}
