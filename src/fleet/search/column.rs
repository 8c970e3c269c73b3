//! The texts of one field by place, made when a query first asks for that field. Rows share most of them,
//! so that a filter looks at each distinct text once and at each row with one look-up.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

use jiff::Timestamp;

use crate::fleet::instance::Instance;
use crate::fleet::query::{FIELDS, Field};
use crate::fleet::record::Text;

/// One text of a field for each place.
pub(super) struct Column {
    /// For each place the number of its text; 0 stands for none.
    of: Vec<u32>,
    /// The texts from number 1 on. Equal texts that aren't shared in memory stand here more than once.
    texts: Vec<Text>,
}

impl Column {
    /// From the rows in the order of places. `side` is the index in [`Field::texts`].
    pub(super) fn new<'a>(rows: impl Iterator<Item = &'a Instance>, field: Field, side: usize) -> Self {
        let mut known: HashMap<usize, u32, BuildHasherDefault<Address>> = HashMap::default();
        let mut texts = Vec::new();
        let of = rows
            .map(|row| {
                let Some(text) = &field.texts(row)[side] else { return 0 };
                *known.entry(text.as_ptr().addr()).or_insert_with(|| {
                    texts.push(Text::from(&**text));
                    texts.len() as u32
                })
            })
            .collect();
        Self { of, texts }
    }

    /// For each text, and first for having none, whether it holds.
    pub(super) fn judge(&self, holds: impl Fn(&str) -> bool) -> Vec<bool> {
        std::iter::once(false).chain(self.texts.iter().map(|text| holds(text))).collect()
    }

    /// The number of a place's text.
    pub(super) fn number(&self, place: usize) -> usize {
        self.of[place] as usize
    }

    /// All texts.
    pub(super) fn texts(&self) -> &[Text] {
        &self.texts
    }
}

/// The age of one of a row's moments in seconds, for each place; [`Ages::NONE`] for a moment that isn't known.
pub(super) struct Ages(Vec<u32>);

impl Ages {
    const NONE: u32 = u32::MAX;

    /// From the rows in the order of places.
    pub(super) fn new<'a>(rows: impl Iterator<Item = &'a Instance>, field: Field, now: Timestamp) -> Self {
        // 136 years are as good as more.
        let short = |age: i64| u32::try_from(age).unwrap_or(Self::NONE - 1).min(Self::NONE - 1);
        Self(rows.map(|row| field.age(row, now).map_or(Self::NONE, short)).collect())
    }

    /// The age at a place.
    pub(super) fn of(&self, place: usize) -> Option<i64> {
        Some(self.0[place]).filter(|age| *age != Self::NONE).map(i64::from)
    }
}

/// The columns of a snapshot.
pub(super) struct Columns([[OnceLock<Column>; 2]; FIELDS.len()]);

impl Default for Columns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| [OnceLock::new(), OnceLock::new()]))
    }
}

impl Columns {
    /// One column, made if it isn't yet.
    pub(super) fn get(&self, field: Field, side: usize, make: impl FnOnce() -> Column) -> &Column {
        self.0[field as usize][side].get_or_init(make)
    }
}

/// A hasher of addresses, whose low bits are all alike.
#[derive(Default)]
struct Address(u64);

impl Hasher for Address {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, address: usize) {
        // Fibonacci hashing; the map takes its bits from both ends.
        let mixed = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
