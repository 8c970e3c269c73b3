//! The rows of one request, prepared for many queries.
//!
//! Names, ids and addresses differ from row to row and are matched row by row. Platforms, states and
//! tags repeat: each text is matched once per query, and rows that share all of them share one *kin*,
//! so that most of a row's work is one look-up.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::text::Texts;
use crate::fleet::instance::{Instance, State};
use crate::fleet::order::{self, Column, Direction};
use crate::fleet::query::tag_text;

/// How long states that were judged once may be shown before they are judged anew.
const STATES_HOLD: SignedDuration = SignedDuration::from_secs(10);

/// Rows prepared for searching, in the order in which ties are shown.
pub(super) struct Snapshot {
    pub(super) rows: Arc<[Arc<Instance>]>,
    order: Option<(Column, Direction)>,
    pub(super) now: Timestamp,
    /// Index into `rows` by place; all that follows is by place.
    pub(super) places: Vec<u32>,
    pub(super) names: Texts,
    pub(super) ids: Texts,
    /// Private addresses.
    pub(super) addresses: Texts,
    pub(super) kin: Vec<u32>,
    pub(super) kins: Kins,
}

/// What rows share.
#[derive(Default)]
pub(super) struct Kins {
    /// Each distinct text once.
    pub(super) texts: Texts,
    /// For each kin, the texts that it has: the platform, the state and the tags.
    members: Vec<u32>,
    ends: Vec<u32>,
    /// A place of each kin, to ask filters of.
    pub(super) example: Vec<u32>,
    pub(super) is_gone: Vec<bool>,
}

impl Kins {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn members(&self, kin: usize) -> &[u32] {
        let start = kin.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.members[start..self.ends[kin] as usize]
    }
}

impl Snapshot {
    /// Prepares the rows. `before` gives its order as a start, since rows seldom change places.
    pub(super) fn new(
        rows: Arc<[Arc<Instance>]>,
        order: Option<(Column, Direction)>,
        now: Timestamp,
        before: Option<&Self>,
    ) -> Self {
        let mut places: Vec<u32> = Vec::with_capacity(rows.len());
        let known = before.filter(|before| before.order == order).map_or(0, |before| {
            places.extend(before.places.iter().filter(|row| (**row as usize) < rows.len()));
            before.rows.len().min(rows.len())
        });
        places.extend(known as u32..rows.len() as u32);
        let (column, direction) = order.unwrap_or((Column::Name, Direction::Ascending));
        order::order(&mut places, &rows, column, direction, now);
        let mut snapshot = Self {
            order,
            now,
            names: Texts::default(),
            ids: Texts::default(),
            addresses: Texts::default(),
            kin: Vec::with_capacity(rows.len()),
            kins: Kins::default(),
            places: Vec::new(),
            rows,
        };
        let mut index = Index::default();
        for (place, &row) in places.iter().enumerate() {
            let instance = &snapshot.rows[row as usize];
            snapshot.names.push(instance.name().unwrap_or_default());
            snapshot.ids.push(instance.id.as_str());
            snapshot.addresses.push(instance.private_ip().unwrap_or_default());
            snapshot.kin.push(index.kin(instance, place, now, &mut snapshot.kins));
        }
        snapshot.places = places;
        snapshot
    }

    /// Whether it answers for the same rows, order and time.
    pub(super) fn serves(
        &self,
        rows: &Arc<[Arc<Instance>]>,
        order: Option<(Column, Direction)>,
        now: Timestamp,
    ) -> bool {
        Arc::ptr_eq(&self.rows, rows)
            && self.order == order
            && now.duration_since(self.now).abs() <= STATES_HOLD
    }

    /// Whether matches are shown best first.
    pub(super) fn is_ranked(&self) -> bool {
        self.order.is_none()
    }
}

/// What was met while preparing.
#[derive(Default)]
struct Index {
    texts: HashMap<Box<str>, u32>,
    /// Interned tags are found by address, which spares putting the text together.
    tags: HashMap<(*const u8, *const u8), u32>,
    kins: HashMap<Box<[u32]>, u32>,
    members: Vec<u32>,
}

impl Index {
    fn kin(&mut self, instance: &Instance, place: usize, now: Timestamp, kins: &mut Kins) -> u32 {
        let mut members = std::mem::take(&mut self.members);
        members.clear();
        let state = instance.state(now);
        members.push(self.text(state.word(), kins));
        if let Some(words) = instance.platform_words() {
            members.push(self.text(&words, kins));
        }
        // The platform's kind isn't searched, but `platform:` asks for it.
        let kind = instance.platform().map_or(u32::MAX, |platform| u32::MAX - 1 - platform as u32);
        if instance.target() != &instance.id {
            members.push(self.text(instance.target().as_str(), kins));
        }
        for tag in instance.tags().iter().filter(|tag| &*tag.key != "Name") {
            let key = (tag.key.as_ptr(), tag.value.as_ptr());
            let known = self.tags.get(&key).copied();
            let text = known.unwrap_or_else(|| {
                let text = self.text(&tag_text(tag), kins);
                self.tags.insert(key, text);
                text
            });
            members.push(text);
        }
        members.push(kind);
        let kin = self.kins.get(members.as_slice()).copied().unwrap_or_else(|| {
            let kin = kins.len() as u32;
            kins.members.extend(&members[..members.len() - 1]);
            kins.ends.push(kins.members.len() as u32);
            kins.example.push(place as u32);
            kins.is_gone.push(state == State::Gone);
            self.kins.insert(members.as_slice().into(), kin);
            kin
        });
        self.members = members;
        kin
    }

    fn text(&mut self, text: &str, kins: &mut Kins) -> u32 {
        if let Some(&known) = self.texts.get(text) {
            return known;
        }
        let index = kins.texts.len() as u32;
        kins.texts.push(text);
        self.texts.insert(text.into(), index);
        index
    }
}
