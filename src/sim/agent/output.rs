//! How the official agent cuts a terminal's output into payloads (`shell.go`, `processStdoutData`): whole characters only.
//!
//! Up to three bytes at the end that are no whole character wait for the next read, and are lost if there is none. Other
//! invalid bytes pass one by one. A real U+FFFD cannot be told from an invalid byte there, so it arrives as its first
//! byte alone.

use bytes::Bytes;

/// How much the agent reads at once.
pub(super) const READ: usize = 1024;
/// The longest character.
const LONGEST: usize = 4;

/// The cutter of one stream.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// At most three bytes.
    waiting: Vec<u8>,
}

impl Cutter {
    /// What is to be sent after this was read; may be empty, and up to three bytes longer than what was read.
    pub(super) fn cut(&mut self, read: &[u8]) -> Bytes {
        let mut bytes = std::mem::take(&mut self.waiting);
        bytes.extend_from_slice(read);
        let mut cut = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match character(rest) {
                Some(length) => {
                    cut.extend_from_slice(&rest[..length]);
                    at += length;
                }
                None if rest.len() < LONGEST => break,
                None => {
                    cut.push(rest[0]);
                    at += if rest.starts_with(REPLACEMENT) { REPLACEMENT.len() } else { 1 };
                }
            }
        }
        self.waiting = bytes.split_off(at);
        cut.into()
    }
}

/// U+FFFD in UTF-8.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// The length of the character at the start; `None` if there is none, or if it is the one that stands for that.
fn character(bytes: &[u8]) -> Option<usize> {
    let length = match bytes.first()? {
        0x00..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let bytes = bytes.get(..length)?;
    (std::str::from_utf8(bytes).is_ok() && bytes != REPLACEMENT).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(reads: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::default();
        reads.iter().map(|read| cutter.cut(read).to_vec()).collect()
    }

    #[test]
    fn a_character_is_never_cut_in_two() {
        let whole = "aä€𝄞".as_bytes();
        for split in 0..whole.len() {
            let mut cutter = Cutter::default();
            let first = cutter.cut(&whole[..split]);
            assert!(std::str::from_utf8(&first).is_ok(), "cut at {split}: {first:?}");
            let second = cutter.cut(&whole[split..]);
            assert_eq!([first, second].concat(), whole, "cut at {split}");
        }
    }

    #[test]
    fn invalid_bytes_pass_one_by_one_except_the_last_three() {
        assert_eq!(cut(&[b"\xff\xfeabcd", b""]), [b"\xff\xfeabcd".to_vec(), vec![]]);
        assert_eq!(cut(&[b"abc\xff", b"defg"]), [b"abc".to_vec(), b"\xffdefg".to_vec()]);
        assert_eq!(cut(&[b"\xffbc"]), [b"".to_vec()], "lost if nothing follows");
    }

    #[test]
    fn a_real_replacement_character_arrives_as_its_first_byte() {
        assert_eq!(cut(&["\u{fffd}abcd".as_bytes()]), [b"\xefabcd".to_vec()]);
    }
}
