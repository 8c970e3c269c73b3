//! Texts prepared for matching: folded bytes, their bonuses, and a mask of the letters in each.

use std::collections::HashMap;

use super::scorer;

/// Many texts in one arena.
#[derive(Default)]
pub(super) struct Texts {
    folded: Vec<u8>,
    bonus: Vec<u8>,
    ends: Vec<u32>,
    pub(super) masks: Vec<u64>,
    /// Those that bytes can't stand for.
    odd: HashMap<u32, Box<str>>,
}

/// Longest text that is matched over bytes.
const LONGEST: usize = 2_000;

impl Texts {
    /// Takes one text in; its index is the number of those before it.
    pub(super) fn push(&mut self, text: &str) {
        let index = self.masks.len() as u32;
        if text.is_ascii() && text.len() <= LONGEST {
            self.masks.push(mask(text.as_bytes()));
            self.folded.extend(text.bytes().map(|byte| byte.to_ascii_lowercase()));
            scorer::bonuses(text.as_bytes(), &mut self.bonus);
        } else {
            self.masks.push(u64::MAX);
            self.odd.insert(index, text.into());
        }
        self.ends.push(u32::try_from(self.folded.len()).expect("the texts of one fleet fit in 4 GiB"));
    }

    pub(super) fn len(&self) -> usize {
        self.masks.len()
    }

    /// The text in full, if it is one that bytes can't stand for.
    pub(super) fn odd(&self, index: usize) -> Option<&str> {
        // A mask of all ones is cheap to see; real texts hardly ever have every letter.
        (self.masks[index] == u64::MAX).then(|| self.odd.get(&(index as u32)).map(|text| &**text)).flatten()
    }

    /// The text in lower case.
    pub(super) fn original(&self, index: usize) -> Option<&str> {
        std::str::from_utf8(self.bytes(index).0).ok()
    }

    /// Folded bytes, and their bonuses.
    pub(super) fn bytes(&self, index: usize) -> (&[u8], &[u8]) {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let end = self.ends[index] as usize;
        (&self.folded[start..end], &self.bonus[start..end])
    }

    /// Whether the text contains the word, case aside.
    pub(super) fn contains(&self, index: usize, word: &scorer::Word<'_>) -> Option<usize> {
        if self.masks[index] & word.mask != word.mask {
            return None;
        }
        if let Some(odd) = self.odd(index) {
            return find_folded(odd, word.text);
        }
        find(self.bytes(index).0, word.text.as_bytes())
    }

    /// Whether the text is the word, case aside.
    pub(super) fn is(&self, index: usize, word: &scorer::Word<'_>) -> bool {
        match self.odd(index) {
            Some(odd) => odd.to_lowercase() == word.text,
            None => self.bytes(index).0 == word.text.as_bytes(),
        }
    }

    /// Whether the text starts with the word, case aside.
    pub(super) fn starts_with(&self, index: usize, word: &str) -> bool {
        match self.odd(index) {
            Some(odd) => odd.to_lowercase().starts_with(word),
            None => self.bytes(index).0.starts_with(word.as_bytes()),
        }
    }
}

/// Where `word`, in lower case, begins in `text`, in bytes of the lower-case text.
pub(super) fn find_folded(text: &str, word: &str) -> Option<usize> {
    text.to_lowercase().find(word)
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    let (&first, rest) = word.split_first()?;
    let room = text.len().checked_sub(rest.len())?;
    (0..room).find(|&start| text[start] == first && text[start + 1..].starts_with(rest))
}

/// One bit for each letter, digit and common mark in the text, case aside; other bytes share the rest.
pub(super) fn mask(text: &[u8]) -> u64 {
    text.iter().fold(0, |mask, &byte| mask | 1 << BITS[usize::from(byte)])
}

/// The bit of each byte.
static BITS: [u8; 256] = {
    let mut bits = [0_u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        bits[byte] = match letter {
            b'a'..=b'z' => letter - b'a',
            b'A'..=b'Z' => letter - b'A',
            b'0'..=b'9' => 26 + letter - b'0',
            b'-' => 36,
            b'.' => 37,
            b'_' => 38,
            b'=' => 39,
            b' ' => 40,
            b':' => 41,
            b'/' => 42,
            _ => 43 + letter % 20,
        };
        byte += 1;
    }
    bits
};
