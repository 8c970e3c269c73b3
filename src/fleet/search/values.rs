//! The values that the rows' fields hold, for completion: read off the prepared rows, each list once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::snapshot::{Origin, Snapshot};
use crate::fleet::order::Natural;
use crate::fleet::query::{FIELDS, Field, Kind, Known};
use crate::fleet::record::Text;

/// What the fields of prepared rows hold. Each list is made when it is first looked at, or by the
/// search's thread when it has nothing else to do.
#[derive(Clone, Default)]
pub struct Values(Option<Arc<Snapshot>>);

/// The lists that were made.
#[derive(Default)]
pub(super) struct Lists {
    fields: [OnceLock<Vec<Text>>; FIELDS.len()],
    tags: OnceLock<Tags>,
}

#[derive(Default)]
struct Tags {
    keys: Vec<Text>,
    /// By key in lower case.
    values: BTreeMap<String, Vec<Text>>,
}

impl Values {
    pub(super) fn new(snapshot: &Arc<Snapshot>) -> Self {
        Self(Some(Arc::clone(snapshot)))
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").finish_non_exhaustive()
    }
}

impl Known for Values {
    fn values(&self, field: Field) -> &[Text] {
        self.0.as_ref().map_or(&[], |snapshot| snapshot.values(field))
    }

    fn tag_keys(&self) -> &[Text] {
        self.0.as_ref().map_or(&[], |snapshot| &snapshot.tags().keys)
    }

    fn tag_values(&self, key: &str) -> &[Text] {
        self.0.as_ref().and_then(|snapshot| snapshot.tags().values.get(key)).map_or(&[], Vec::as_slice)
    }
}

impl Snapshot {
    /// Makes all lists, as long as nobody wants anything else.
    pub(super) fn warm(&self, is_wanted_elsewhere: impl Fn() -> bool) {
        for entry in FIELDS.iter().filter(|entry| is_listed(entry.field)) {
            if is_wanted_elsewhere() {
                return;
            }
            self.values(entry.field);
        }
        self.tags();
    }

    fn values(&self, field: Field) -> &[Text] {
        self.lists.fields[field as usize].get_or_init(|| match field {
            Field::Platform => {
                let texts = self.kins.platform_texts.iter().flatten();
                let mut numbers: Vec<u32> = texts.copied().collect();
                numbers.sort_unstable();
                numbers.dedup();
                let words = numbers.iter().filter_map(|number| self.kins.platform_words.get(number));
                sorted(words.cloned().collect())
            }
            field if is_listed(field) => {
                let sides = if field == Field::Account { 2 } else { 1 };
                sorted((0..sides).flat_map(|side| self.column(field, side).texts().to_vec()).collect())
            }
            _ => Vec::new(),
        })
    }

    fn tags(&self) -> &Tags {
        self.lists.tags.get_or_init(|| {
            let mut tags = Tags::default();
            for origin in &self.kins.origins {
                if let Origin::Tag(tag) = origin {
                    tags.keys.push(Text::clone(&tag.key));
                    let values = tags.values.entry(tag.key.to_lowercase()).or_default();
                    values.push(Text::clone(&tag.value));
                }
            }
            tags.keys = sorted(tags.keys);
            for values in tags.values.values_mut() {
                *values = sorted(std::mem::take(values));
            }
            tags
        })
    }
}

/// Whether the values of a field are worth a list: not where nearly each row has its own.
fn is_listed(field: Field) -> bool {
    matches!(field.entry().kind, Kind::Text | Kind::Version)
        && !matches!(field, Field::Name | Field::Id | Field::Ip)
}

fn sorted(mut texts: Vec<Text>) -> Vec<Text> {
    texts.retain(|text| !text.is_empty());
    texts.sort_unstable_by(|one, two| Natural(one).cmp(&Natural(two)));
    texts.dedup();
    texts
}
