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
use crate::fleet::query::{self, Ask, tag_text};
use crate::fleet::record::{Platform, Tag};

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
    /// The tag that a text stands for.
    pub(super) tags: Vec<Option<Tag>>,
    /// For each kin, the texts that it has: the platform, the state and the tags.
    members: Vec<u32>,
    ends: Vec<u32>,
    pub(super) states: Vec<State>,
    pub(super) platforms: Vec<Option<Platform>>,
    /// The text of each kin's platform in words.
    pub(super) platform_texts: Vec<Option<u32>>,
}

impl Kins {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn members(&self, kin: usize) -> &[u32] {
        let start = kin.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.members[start..self.ends[kin] as usize]
    }

    /// Which kins have what is asked for, each text looked at once; `None` when it isn't a matter of what
    /// rows share.
    pub(super) fn holds(&self, ask: &Ask) -> Option<Vec<bool>> {
        let all = 0..self.len();
        Some(match ask {
            Ask::Word(_) | Ask::Field(..) => return None,
            // The Name tag is each row's own.
            Ask::TagKey(start) if "name".starts_with(start.as_str()) => return None,
            Ask::Tag { key, .. } if key == "name" => return None,
            Ask::State(states) => self.states.iter().map(|state| states.contains(state)).collect(),
            Ask::Platform(wanted) => {
                let word = super::scorer::Word::new(wanted);
                all.map(|kin| {
                    self.platforms[kin].is_some_and(|platform| query::contains(platform.word(), wanted))
                        || self.platform_texts[kin]
                            .is_some_and(|text| self.texts.contains(text as usize, &word).is_some())
                })
                .collect()
            }
            Ask::TagKey(_) | Ask::Tag { .. } => {
                let has: Vec<bool> =
                    self.tags.iter().map(|tag| tag.as_ref().is_some_and(|tag| ask.fits(tag))).collect();
                all.map(|kin| self.members(kin).iter().any(|text| has[*text as usize])).collect()
            }
        })
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
        for &row in &places {
            let instance = &snapshot.rows[row as usize];
            snapshot.names.push(instance.name().unwrap_or_default());
            snapshot.ids.push(instance.id.as_str());
            snapshot.addresses.push(instance.private_ip().unwrap_or_default());
            snapshot.kin.push(index.kin(instance, now, &mut snapshot.kins));
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
    tag_texts: HashMap<Tag, u32>,
    /// Interned tags are found by address, which spares putting the text together.
    tags: HashMap<(*const u8, *const u8), u32>,
    kins: HashMap<Box<[u32]>, u32>,
    members: Vec<u32>,
}

impl Index {
    fn kin(&mut self, instance: &Instance, now: Timestamp, kins: &mut Kins) -> u32 {
        let mut members = std::mem::take(&mut self.members);
        members.clear();
        let state = instance.state(now);
        let platform = instance.platform();
        members.push(self.text(state.word(), None, kins));
        let platform_text = instance.platform_words().map(|words| self.text(&words, None, kins));
        members.extend(platform_text);
        if instance.target() != &instance.id {
            members.push(self.text(instance.target().as_str(), None, kins));
        }
        for tag in instance.tags().iter().filter(|tag| &*tag.key != "Name") {
            let key = (tag.key.as_ptr(), tag.value.as_ptr());
            let known = self.tags.get(&key).copied();
            let text = known.unwrap_or_else(|| {
                let text = self.text(&tag_text(tag), Some(tag), kins);
                self.tags.insert(key, text);
                text
            });
            members.push(text);
        }
        // The platform's kind isn't searched, but `platform:` asks for it.
        members.push(platform.map_or(u32::MAX, |platform| u32::MAX - 1 - platform as u32));
        let kin = self.kins.get(members.as_slice()).copied().unwrap_or_else(|| {
            let kin = kins.len() as u32;
            kins.members.extend(&members[..members.len() - 1]);
            kins.ends.push(kins.members.len() as u32);
            kins.states.push(state);
            kins.platforms.push(platform);
            kins.platform_texts.push(platform_text);
            self.kins.insert(members.as_slice().into(), kin);
            kin
        });
        self.members = members;
        kin
    }

    /// The index of a text. A tag's text has one of its own, though something else may read the same.
    fn text(&mut self, text: &str, tag: Option<&Tag>, kins: &mut Kins) -> u32 {
        let known = match tag {
            Some(tag) => self.tag_texts.get(tag).copied(),
            None => self.texts.get(text).copied(),
        };
        known.unwrap_or_else(|| {
            let index = kins.texts.len() as u32;
            kins.texts.push(text);
            kins.tags.push(tag.cloned());
            match tag {
                Some(tag) => self.tag_texts.insert(tag.clone(), index),
                None => self.texts.insert(text.into(), index),
            };
            index
        })
    }
}
