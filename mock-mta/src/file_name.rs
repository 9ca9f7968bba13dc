//! Owns the names of queue files: attempts in complemented base 36, a unique string, the suffix. It must not know what is
//! in a file.

use mock_host::mail::Name;
use mock_host::time::Time;

/// The complemented base-36 prefix after `attempts` failed attempts (F5.2-02): ZZ none, ZY one, ZA 25, Z0 35, YZ 36.
/// It ends at 00.
pub fn prefix(attempts: u32) -> String {
    let mut text = String::with_capacity(2);
    push_prefix(attempts, &mut text);
    text
}

pub(crate) fn push_prefix(attempts: u32, text: &mut String) {
    text.push_str(base36::<2>(u64::from(1295 - attempts.min(1295)), &mut [0; 2]));
}

/// The attempts that a file name tells; `None` when it is no queue file's name.
pub fn attempts_of(name: &str) -> Option<u32> {
    let mut digits = name.chars().map(|c| c.to_digit(36).filter(|_| !c.is_ascii_lowercase()));
    let high = digits.next()??;
    let low = digits.next()??;
    Some(1295 - (high * 36 + low))
}

/// The name of a new file: nothing tried yet, then a string that no other file has, of the host clock's seconds, the
/// file's number and the host.
pub(crate) fn new_name(clock: Time, serial: u64, host: u16, suffix: &str) -> Name {
    let mut name = String::with_capacity(20);
    name.push_str("ZZ0");
    name.push_str(base36::<6>(clock.unix().max(0) as u64, &mut [0; 6]));
    name.push_str(base36::<4>(serial, &mut [0; 4]));
    name.push_str(base36::<2>(u64::from(host), &mut [0; 2]));
    name.push_str(suffix);
    name.into()
}

pub(crate) fn unique_part(name: &str) -> &str {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    stem.get(2..).unwrap_or(stem)
}

/// The last digits of a number, as many as there is room for.
fn base36<const WIDTH: usize>(value: u64, room: &mut [u8; WIDTH]) -> &str {
    let mut rest = value;
    for place in room.iter_mut().rev() {
        *place = DIGITS[(rest % 36) as usize];
        rest /= 36;
    }
    std::str::from_utf8(room).unwrap_or_default()
}

const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

#[cfg(test)]
mod tests {
    use super::*;

    /// F5.2-02
    #[test]
    fn the_prefix_counts_down_in_base_36() {
        for (attempts, text) in [(0, "ZZ"), (1, "ZY"), (25, "ZA"), (35, "Z0"), (36, "YZ"), (1295, "00"), (5000, "00")] {
            assert_eq!(prefix(attempts), text);
            assert_eq!(attempts_of(text), Some(attempts.min(1295)));
        }
        assert_eq!(attempts_of("$tmp"), None);
        assert_eq!(attempts_of("Z"), None);
    }

    /// F5.2-02
    #[test]
    fn a_new_name_has_nothing_tried_and_is_told_apart_by_number_and_host() {
        let at = Time::from_unix(1_172_782_805);
        let name = new_name(at, 7, 3, ".00");
        assert_eq!(&name[..2], "ZZ");
        assert!(name.ends_with(".00"));
        assert_ne!(name, new_name(at, 8, 3, ".00"));
        assert_ne!(name, new_name(at, 7, 4, ".00"));
        assert!(new_name(at, 7, 3, ".HELD").ends_with(".HELD"));
    }
}
