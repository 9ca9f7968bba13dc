//! Owns the ids of a listing as an administrator writes them: `1,3,20-22`. It must not know what they stand for.

/// The ids that words name, in their order.
///
/// # Errors
/// The word that is no list of ids.
pub(super) fn ids<'a>(words: &[&'a str]) -> Result<Vec<usize>, &'a str> {
    let mut ids = Vec::new();
    for word in words {
        for part in word.split(',').filter(|p| !p.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
                (Ok(first), Ok(last)) if first <= last && last - first < 10_000_000 => ids.extend(first..=last),
                _ => return Err(word),
            }
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_taken_in_order() {
        assert_eq!(ids(&["1,3,20-22", "7"]), Ok(vec![1, 3, 20, 21, 22, 7]));
        assert_eq!(ids(&["5-3"]), Err("5-3"));
        assert_eq!(ids(&["one"]), Err("one"));
        assert_eq!(ids(&[]), Ok(vec![]));
    }
}
