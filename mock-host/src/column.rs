//! Owns numbers in columns of text. It must not know what they count.

/// The numbers below 100, two digits each.
const PAIRS: &str = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
                     5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/// Appends the last two digits of a number.
pub fn push_pair(to: &mut String, value: u8) {
    let at = usize::from(value % 100) * 2;
    to.push_str(&PAIRS[at..at + 2]);
}

/// Appends a number at the right end of a column, `fill` before it; a number that is wider takes the room that it needs.
pub fn push_number(to: &mut String, value: u64, width: usize, fill: char) {
    let below_first = value.checked_ilog10().unwrap_or(0);
    (below_first as usize + 1..width).for_each(|_| to.push(fill));
    let mut place = 10u64.pow(below_first);
    while place > 0 {
        to.push(char::from(b'0' + (value / place % 10) as u8));
        place /= 10;
    }
}

/// Appends a text at the left end of a column, blanks behind it; a wider one takes the room that it needs.
pub fn push_left(to: &mut String, text: &str, width: usize) {
    to.push_str(text);
    (text.chars().count()..width).for_each(|_| to.push(' '));
}

/// Appends a text at the right end of a column, blanks before it; a wider one takes the room that it needs.
pub fn push_right(to: &mut String, text: &str, width: usize) {
    (text.chars().count()..width).for_each(|_| to.push(' '));
    to.push_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_what_a_formatter_makes_of_them() {
        for value in [0, 7, 10, 12_345, u64::MAX] {
            let mut text = String::new();
            push_number(&mut text, value, 4, ' ');
            push_number(&mut text, value, 2, '0');
            push_number(&mut text, value, 0, ' ');
            assert_eq!(text, format!("{value:>4}{value:02}{value}"));
        }
        for value in 0..=255 {
            let mut text = String::new();
            push_pair(&mut text, value);
            assert_eq!(text, format!("{:02}", value % 100));
        }
        let mut text = String::new();
        push_left(&mut text, "tcp_local", 12);
        push_right(&mut text, "mailsrv", 8);
        push_right(&mut text, "mailsrv", 3);
        assert_eq!(text, format!("{:<12}{:>8}{:>3}", "tcp_local", "mailsrv", "mailsrv"));
    }
}
