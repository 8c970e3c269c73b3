//! The rows of one request, prepared for many queries.
//!
//! Names, ids and addresses differ from row to row and are matched row by row. Platforms, states and
//! tags repeat: each text is matched once per query, and rows that share all of them share one *kin*,
//! so that most of a row's work is one look-up.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};

use super::Field;
use super::column::{Ages, Column, Columns};
use super::rank::place_fields;
use super::text::Texts;
use super::values::Lists;
use crate::fleet::instance::{Instance, State};
use crate::fleet::order::{self, Column as Key, Direction};
use crate::fleet::place::Place;
use crate::fleet::query::{self, Ask, tag_text};
use crate::fleet::record::{Platform, Tag, Text};

/// How long states that were judged once may be shown before they are judged anew.
const STATES_HOLD: SignedDuration = SignedDuration::from_secs(10);

/// Rows prepared for searching, in the order in which ties are shown.
pub(super) struct Snapshot {
    pub(super) rows: Arc<[Arc<Instance>]>,
    order: Option<(Key, Direction)>,
    pub(super) now: Timestamp,
    /// Index into `rows` by place; all that follows is by place.
    pub(super) places: Vec<u32>,
    pub(super) names: Texts,
    pub(super) ids: Texts,
    /// Private addresses.
    pub(super) addresses: Texts,
    /// Places of the rows whose target isn't their id, ascending.
    pub(super) hybrids: Vec<u32>,
    pub(super) kin: Vec<u32>,
    pub(super) kins: Kins,
    /// Whether the rows are in more than one place.
    pub(super) is_mixed: bool,
    pub(super) columns: Columns,
    /// By field, once they are asked for.
    ages: [OnceLock<Ages>; query::FIELDS.len()],
    /// Public addresses, likewise.
    publics: OnceLock<Texts>,
    pub(super) lists: Lists,
}

/// What rows share.
#[derive(Default)]
pub(super) struct Kins {
    /// Each distinct text once.
    pub(super) texts: Texts,
    /// What each text is.
    pub(super) origins: Vec<Origin>,
    /// For each kin, the texts that it has: the platform, the state, the tags and the place.
    members: Vec<u32>,
    ends: Vec<u32>,
    pub(super) states: Vec<State>,
    pub(super) platforms: Vec<Option<Platform>>,
    /// The text of each kin's platform in words.
    pub(super) platform_texts: Vec<Option<u32>>,
    /// Those texts as they came.
    pub(super) platform_words: HashMap<u32, Text>,
}

/// What a shared text is.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A platform, a state or a target.
    Plain,
    /// A tag.
    Tag(Tag),
    /// A word of a place.
    Place(Field),
}

impl Kins {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn push(&mut self, text: &str, origin: Origin) -> u32 {
        let index = self.texts.len() as u32;
        self.texts.push(text);
        self.origins.push(origin);
        index
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
            // The Name tag is each row's own.
            Ask::TagKey(start) if "name".starts_with(start.as_str()) => return None,
            Ask::Tag { key, .. } if key == "name" => return None,
            Ask::State(states) => self.states.iter().map(|state| states.contains(state)).collect(),
            Ask::Field { field: query::Field::Platform, value, is_whole } => {
                let word = super::scorer::Word::new(value);
                let is = |text: u32| match is_whole {
                    true => self.texts.is(text as usize, &word),
                    false => self.texts.contains(text as usize, &word).is_some(),
                };
                all.map(|kin| {
                    self.platforms[kin].is_some_and(|platform| query::is(platform.word(), value, *is_whole))
                        || self.platform_texts[kin].is_some_and(is)
                })
                .collect()
            }
            Ask::TagKey(_) | Ask::Tag { .. } => {
                let fits = |origin: &Origin| matches!(origin, Origin::Tag(tag) if ask.fits(tag));
                let has: Vec<bool> = self.origins.iter().map(fits).collect();
                all.map(|kin| self.members(kin).iter().any(|text| has[*text as usize])).collect()
            }
            _ => return None,
        })
    }
}

impl Snapshot {
    /// Prepares the rows. `before` gives its order as a start, since rows seldom change places.
    pub(super) fn new(
        rows: Arc<[Arc<Instance>]>,
        order: Option<(Key, Direction)>,
        now: Timestamp,
        before: Option<&Self>,
    ) -> Self {
        let mut places: Vec<u32> = Vec::with_capacity(rows.len());
        let known = before.filter(|before| before.order == order).map_or(0, |before| {
            places.extend(before.places.iter().filter(|row| (**row as usize) < rows.len()));
            before.rows.len().min(rows.len())
        });
        places.extend(known as u32..rows.len() as u32);
        let (column, direction) = order.unwrap_or((Key::Name, Direction::Ascending));
        order::order(&mut places, &rows, column, direction, now);
        let first = rows.first().map(|row| &row.place);
        let is_mixed = rows
            .iter()
            .zip(first.iter().cycle())
            .any(|(row, first)| !Arc::ptr_eq(&row.place, first) && row.place != **first);
        let mut snapshot = Self {
            order,
            now,
            names: Texts::default(),
            ids: Texts::default(),
            addresses: Texts::default(),
            hybrids: Vec::new(),
            is_mixed,
            columns: Columns::default(),
            ages: std::array::from_fn(|_| OnceLock::new()),
            publics: OnceLock::new(),
            lists: Lists::default(),
            kin: Vec::with_capacity(rows.len()),
            kins: Kins::default(),
            places: Vec::new(),
            rows,
        };
        let mut index = Index { is_mixed, ..Index::default() };
        for (place, &row) in places.iter().enumerate() {
            let instance = &snapshot.rows[row as usize];
            snapshot.names.push(instance.name().unwrap_or_default());
            snapshot.ids.push(instance.id.as_str());
            snapshot.addresses.push(instance.private_ip().unwrap_or_default());
            snapshot.hybrids.extend((instance.target() != &instance.id).then_some(place as u32));
            snapshot.kin.push(index.kin(instance, now, &mut snapshot.kins));
        }
        snapshot.places = places;
        snapshot
    }

    /// Whether it answers for the same rows, order and time.
    pub(super) fn serves(
        &self,
        rows: &Arc<[Arc<Instance>]>,
        order: Option<(Key, Direction)>,
        now: Timestamp,
    ) -> bool {
        Arc::ptr_eq(&self.rows, rows)
            && self.order == order
            && now.duration_since(self.now).abs() <= STATES_HOLD
    }

    /// The row at a place.
    pub(super) fn row(&self, place: usize) -> &Arc<Instance> {
        &self.rows[self.places[place] as usize]
    }

    /// One text of a field, by place.
    pub(super) fn column(&self, field: query::Field, side: usize) -> &Column {
        self.columns.get(field, side, || {
            Column::new(self.places.iter().map(|row| &*self.rows[*row as usize]), field, side)
        })
    }

    /// How long ago a field's moment was, by place.
    pub(super) fn ages(&self, field: query::Field) -> &Ages {
        self.ages[field as usize].get_or_init(|| {
            Ages::new(self.places.iter().map(|row| &*self.rows[*row as usize]), field, self.now)
        })
    }

    /// Public addresses, by place.
    pub(super) fn publics(&self) -> &Texts {
        self.publics.get_or_init(|| {
            let mut texts = Texts::default();
            for place in 0..self.places.len() {
                let [_, public] = query::Field::Ip.texts(self.row(place));
                texts.push(public.as_deref().unwrap_or_default());
            }
            texts
        })
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
    place_texts: HashMap<(Field, Text), u32>,
    /// The texts of each place that was met.
    places: HashMap<*const Place, Box<[u32]>>,
    is_mixed: bool,
    kins: HashMap<Box<[u32]>, u32>,
    members: Vec<u32>,
}

impl Index {
    fn kin(&mut self, instance: &Instance, now: Timestamp, kins: &mut Kins) -> u32 {
        let mut members = std::mem::take(&mut self.members);
        members.clear();
        let state = instance.state(now);
        let platform = instance.platform();
        members.push(self.text(state.word(), kins));
        let platform_text = instance.platform_words().map(|words| {
            let text = self.text(&words, kins);
            kins.platform_words.entry(text).or_insert_with(|| words.as_ref().into());
            text
        });
        members.extend(platform_text);
        if instance.target() != &instance.id {
            members.push(self.text(instance.target().as_str(), kins));
        }
        for tag in instance.tags().iter().filter(|tag| &*tag.key != "Name") {
            let key = (tag.key.as_ptr(), tag.value.as_ptr());
            let known = self.tags.get(&key).copied();
            let text = known.unwrap_or_else(|| {
                let text = *self
                    .tag_texts
                    .entry(tag.clone())
                    .or_insert_with(|| kins.push(&tag_text(tag), Origin::Tag(tag.clone())));
                self.tags.insert(key, text);
                text
            });
            members.push(text);
        }
        if self.is_mixed {
            let known = self.places.entry(Arc::as_ptr(&instance.place)).or_insert_with(|| {
                let text = |(field, text): (Field, &Text)| {
                    let known = self.place_texts.entry((field, Text::clone(text)));
                    *known.or_insert_with(|| kins.push(text, Origin::Place(field)))
                };
                place_fields(&instance.place).map(text).collect()
            });
            members.extend_from_slice(known);
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

    /// The index of a text that is neither a tag's nor a place's: those have their own.
    fn text(&mut self, text: &str, kins: &mut Kins) -> u32 {
        let known = self.texts.get(text).copied();
        known.unwrap_or_else(|| {
            let index = kins.push(text, Origin::Plain);
            self.texts.insert(text.into(), index);
            index
        })
    }
}
