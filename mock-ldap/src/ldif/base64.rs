//! Owns base64 (RFC 4648 §4, padding required). It must not know LDIF.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn digit(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Reads a text; an error is the offset of the character that does not belong there, or the length when some are missing.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    let digits = &text[..text.len() - padding];
    if let Some(foreign) = digits.iter().position(|b| digit(*b).is_none()) {
        return Err(foreign);
    }
    if padding > 2 || !text.len().is_multiple_of(4) || digits.len() % 4 == 1 {
        return Err(text.len());
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, byte| bits << 6 | digit(*byte).unwrap_or(0)) << (6 * (4 - group.len()));
        let [_, bytes @ ..] = u32::to_be_bytes(bits);
        let (kept, dropped) = bytes.split_at(group.len() - 1);
        if dropped.iter().any(|b| *b != 0) {
            return Err(digits.len() - 1);
        }
        out.extend_from_slice(kept);
    }
    Ok(out)
}

/// Appends bytes as base64.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    for group in bytes.chunks(3) {
        let mut bits = 0u32;
        for n in 0..3 {
            bits = bits << 8 | u32::from(group.get(n).copied().unwrap_or(0));
        }
        for n in 0..4 {
            match n <= group.len() {
                true => out.push(ALPHABET[(bits >> (18 - 6 * n) & 63) as usize] as char),
                false => out.push('='),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_hold_both_ways() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            let mut out = String::new();
            encode(plain.as_bytes(), &mut out);
            assert_eq!(out, coded);
            assert_eq!(decode(coded.as_bytes()).as_deref(), Ok(plain.as_bytes()));
        }
    }

    #[test]
    fn what_is_torn_or_foreign_is_refused_at_its_place() {
        for (text, at) in [("Zm9", 3), ("Zm9vY", 5), ("Zm!v", 2), ("Zg=", 3), ("Z===", 4), ("Zh==", 1), ("=Zg=", 0)] {
            assert_eq!(decode(text.as_bytes()), Err(at), "{text}");
        }
    }
}
