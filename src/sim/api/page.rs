//! Pages: opaque tokens that hold a place, and the walk from that place on.

use aws_lc_rs::constant_time;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::sigv4::hmac_sha256;

/// How many entries one page looks at, at most: with a choosy filter a page may come out short, or empty with a token, as
/// AWS's do.
const LOOK: usize = 5000;

/// Makes and reads tokens of one region; those of another, or of another question, are not taken.
pub(crate) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    pub(crate) fn new(key: [u8; 32]) -> Tokens {
        Tokens { key }
    }

    /// A token for a place in the answer to a question.
    pub(crate) fn seal(&self, question: &str, place: u64) -> String {
        let mut token = place.to_be_bytes().to_vec();
        token.extend(self.tag(question, place));
        STANDARD.encode(token)
    }

    /// The place that a token holds, if it belongs to this question.
    pub(crate) fn open(&self, question: &str, token: &str) -> Option<u64> {
        let bytes = STANDARD.decode(token).ok()?;
        let (place, tag) = bytes.split_first_chunk::<8>()?;
        let place = u64::from_be_bytes(*place);
        constant_time::verify_slices_are_equal(tag, &self.tag(question, place)).ok()?;
        Some(place)
    }

    fn tag(&self, question: &str, place: u64) -> Vec<u8> {
        let text = [&place.to_be_bytes()[..], question.as_bytes()].concat();
        hmac_sha256(&self.key, &text)
    }
}

/// Takes up to `size` of what `choose` makes of the entries from `from` on, and the place to go on at; `None` at the end.
pub(crate) fn walk<E, T>(
    entries: &[E],
    from: u64,
    size: usize,
    choose: impl Fn(&E) -> Option<T>,
) -> (Vec<T>, Option<u64>) {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(entries.len());
    let mut chosen = Vec::new();
    for (place, entry) in entries.iter().enumerate().skip(from) {
        if chosen.len() == size || place - from == LOOK {
            return (chosen, Some(place as u64));
        }
        chosen.extend(choose(entry));
    }
    (chosen, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u64, size: usize, choose: impl Fn(u64) -> bool) -> Vec<Vec<u64>> {
        let entries: Vec<u64> = (0..count).collect();
        let mut pages = Vec::new();
        let mut place = Some(0);
        while let Some(from) = place {
            let (page, next) = walk(&entries, from, size, |&n| choose(n).then_some(n));
            pages.push(page);
            place = next;
        }
        pages
    }

    #[test]
    fn pages_hold_every_entry_once() {
        let pages = numbers(137, 50, |_| true);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 37]);
        assert_eq!(pages.concat(), (0..137).collect::<Vec<_>>());
        assert_eq!(numbers(100, 50, |_| true).len(), 2, "no token after the last full page");
        assert_eq!(numbers(0, 50, |_| true), [Vec::<u64>::new()]);
    }

    #[test]
    fn a_choosy_filter_makes_empty_pages_and_loses_nothing() {
        let pages = numbers(12_000, 50, |n| n == 11_999);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(pages.concat(), [11_999]);
    }

    #[test]
    fn a_token_is_good_for_its_own_question_alone() {
        let tokens = Tokens::new([1; 32]);
        let token = tokens.seal("list", 50);
        assert_eq!(tokens.open("list", &token), Some(50));
        assert_eq!(tokens.open("other", &token), None);
        assert_eq!(Tokens::new([2; 32]).open("list", &token), None);
        for bad in ["", "x", "AAAA", &token[1..], "!!!"] {
            assert_eq!(tokens.open("list", bad), None, "{bad}");
        }
        let (first, second) = (tokens.seal("list", 1), tokens.seal("list", 2));
        assert_eq!(tokens.open("list", &format!("{}{}", &first[..12], &second[12..])), None);
    }
}
