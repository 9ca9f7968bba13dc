//! Owns the spelling of `dispatcher.cnf`: which services the dispatcher starts. It must not know who connects to them.

/// The names of the services that are not commented out, `[SERVICE=NAME]` a section (F5.5-01: LMTP is commented out by default).
pub fn services(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            let inner = line.trim().strip_prefix('[')?.split_once(']')?.0;
            let (key, name) = inner.split_once('=')?;
            key.trim().eq_ignore_ascii_case("SERVICE").then(|| name.trim())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F5.5-01
    #[test]
    fn a_service_that_is_commented_out_is_not_started() {
        assert_eq!(
            services("[SERVICE=SMTP]\nPORT=25\n![SERVICE=LMTPSS]\n!PORT=225\n[service=LMTPSN]\n"),
            ["SMTP", "LMTPSN"]
        );
    }
}
