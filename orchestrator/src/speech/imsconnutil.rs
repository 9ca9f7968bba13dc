//! Owns the conversation with `imsconnutil`: who is connected, when last, and out with them. It must not know why.
//!
//! POP is never shown (F1.8-02); webmail is shown as `http`, at the host whose mshttpd it is.

use super::when::slashed;
use super::{Argv, Listing, argv};

/// `imsconnutil -c`.
pub fn connected() -> Argv {
    argv(&["imsconnutil", "-c"])
}

/// `imsconnutil -k -u UID`.
pub fn disconnect(user: &str) -> Argv {
    argv(&["imsconnutil", "-k", "-u", user])
}

/// `imsconnutil -k -f FILE`, a user a line.
pub fn disconnect_file(path: &str) -> Argv {
    argv(&["imsconnutil", "-k", "-f", path])
}

/// `imsconnutil -a`, with `-f FILE` of the users whose names it holds (F1.8-01).
pub fn last_access(path: Option<&str>) -> Argv {
    match path {
        Some(path) => argv(&["imsconnutil", "-a", "-f", path]),
        None => argv(&["imsconnutil", "-a"]),
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session<'a> {
    /// Store user id.
    pub user: &'a str,
    /// `imap` or `http`.
    pub service: &'a str,
    /// How the user logged in.
    pub auth: &'a str,
    /// Client's address and port.
    pub client: &'a str,
    /// Server's address and port.
    pub server: &'a str,
}

impl Session<'_> {
    /// The client's address without its port.
    pub fn client_address(&self) -> &str {
        self.client.rsplit_once(':').map_or(self.client, |(address, _)| address)
    }
}

/// Reads `imsconnutil -c` in whichever layout its heading announces (coin `C02b`).
pub fn sessions(stdout: &str) -> Listing<Session<'_>> {
    let mut listing = Listing::default();
    let mut uid_first = None;
    for (i, line) in stdout.lines().enumerate() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match (words.as_slice(), uid_first) {
            ([], _) => {}
            (["UID", "Service", ..], _) => uid_first = Some(true),
            (["Service", "Client", ..], _) => uid_first = Some(false),
            (_, None) => listing.unread.push(line.to_owned()),
            (&[user, service, auth, client, server], Some(true)) if client.contains(':') => {
                listing.rows.push(Session { user, service, auth, client, server })
            }
            (&[service, client, server, auth, user], Some(false)) if client.contains(':') => {
                listing.rows.push(Session { user, service, auth, client, server })
            }
            ([first, ..], Some(false)) if matches!(*first, "imap" | "http") => {
                listing.spoilt("imsconnutil", i, line, "a row of five fields was expected")
            }
            ([_, second, ..], Some(true)) if matches!(*second, "imap" | "http") => {
                listing.spoilt("imsconnutil", i, line, "a row of five fields was expected")
            }
            ([_], Some(true)) if !line.contains(':') => {
                listing.spoilt("imsconnutil", i, line, "the row ends too early")
            }
            _ => listing.unread.push(line.to_owned()),
        }
    }
    listing
}

/// When a user was last seen, seconds since 1970 UTC by the host's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAccess<'a> {
    /// Store user id.
    pub user: &'a str,
    /// By IMAP.
    pub imap_s: Option<i64>,
    /// By webmail.
    pub http_s: Option<i64>,
    /// By POP.
    pub pop_s: Option<i64>,
}

/// Reads `imsconnutil -a` (F1.8-04).
pub fn last_accesses(stdout: &str, offset_s: i32) -> Listing<LastAccess<'_>> {
    let mut listing = Listing::default();
    let mut headed = false;
    for (i, line) in stdout.lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        let Some(user) = words.next() else { continue };
        if !headed {
            if user == "UID" && line.contains("last access") {
                headed = true;
            } else {
                listing.unread.push(line.to_owned());
            }
            continue;
        }
        let mut time = || match words.next() {
            Some("-") => Ok(None),
            Some(date) => slashed(date, words.next().unwrap_or(""), offset_s).map(Some).ok_or("no such time"),
            None => Err("the row ends too early"),
        };
        match (time(), time(), time()) {
            (Ok(imap_s), Ok(http_s), Ok(pop_s)) => listing.rows.push(LastAccess { user, imap_s, http_s, pop_s }),
            (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => listing.spoilt("imsconnutil", i, line, why),
        }
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F1.8-03
    #[test]
    fn both_layouts_say_the_same() {
        let a = sessions("UID  Service  Auth  Client  Server\njoe  imap  plain  198.51.100.7:40312  192.0.2.12:143\n");
        let b = sessions("Service  Client  Server  Auth  UID\nimap  198.51.100.7:40312  192.0.2.12:143  plain  joe\n");
        assert_eq!(a.rows, b.rows);
        assert_eq!((a.rows[0].user, a.rows[0].client_address()), ("joe", "198.51.100.7"));
        assert!(sessions("UID  Service  Auth  Client  Server\n").whole().unwrap().is_empty());
    }

    #[test]
    fn a_cut_row_is_an_error() {
        let listing = sessions("UID  Service  Auth  Client  Server\njoe  imap  pla\nann\n");
        assert_eq!(listing.garbled.len(), 2);
    }

    /// F1.8-04
    #[test]
    fn last_access_times_are_read_by_protocol() {
        let listing = last_accesses(
            "UID     IMAP last access    HTTP last access    POP last access\njoe  2007/03/01 12:00  -  2007/02/28 09:30\n",
            0,
        );
        assert_eq!(listing.rows[0].http_s, None);
        assert_eq!(listing.rows[0].imap_s, Some(1_172_750_400));
    }
}
