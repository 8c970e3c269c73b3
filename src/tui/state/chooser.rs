//! The choice of accounts and regions: those that are read now, and the groups, profiles and regions there are.
//!
//! What is wanted is a set of pairs of profile and region. A profile that is ticked comes in every region that is ticked, and a
//! region for every profile.

use std::collections::BTreeSet;

use super::{line::Line, place::Places};
use crate::{
    fleet::search::{Scorer, Skim},
    tui::event::{Choice, Choices, PlaceId},
};

/// A profile and a region; none is what the environment or the profile itself says.
pub type Pair = (Option<String>, Option<String>);

/// Several accounts and regions under one name, from the config file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub pairs: Vec<Pair>,
}

/// The choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chooser {
    /// What is searched for.
    pub line: Line,
    /// The item under the cursor, among those that match.
    pub selected: usize,
    /// What there is; none until it is read.
    pub choices: Option<Choices>,
    /// What is wanted so far.
    pub wanted: BTreeSet<Pair>,
    /// The user has changed it.
    pub touched: bool,
    groups: Vec<Group>,
    /// Those read when the choice was opened, so that one that is unticked can be ticked again.
    current: Vec<(PlaceId, Pair)>,
}

/// One line of the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An account and region that is read now.
    Place(PlaceId, Pair),
    /// A group.
    Group(Group),
    /// A profile.
    Profile(Choice),
    /// A region.
    Region(Choice),
}

impl Item {
    /// What it is filed under.
    pub fn heading(&self) -> &'static str {
        match self {
            Self::Place(..) => "read now",
            Self::Group(_) => "groups",
            Self::Profile(_) => "profiles",
            Self::Region(_) => "regions",
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Self::Place(_, (profile, region)) => match (profile, region) {
                (Some(profile), Some(region)) => format!("{profile}/{region}"),
                (one, other) => one.clone().or(other.clone()).unwrap_or_else(|| "default".to_owned()),
            },
            Self::Group(group) => group.name.clone(),
            Self::Profile(choice) | Self::Region(choice) => choice.name.clone(),
        }
    }
}

impl Chooser {
    /// Opened: what is read now is what is wanted.
    pub fn new(places: &Places, groups: Vec<Group>) -> Self {
        let text = |text: &Option<crate::fleet::Text>| text.as_deref().map(str::to_owned);
        let current: Vec<(PlaceId, Pair)> = places
            .iter()
            .map(|view| (view.id, (text(&view.place().profile), text(&view.place().region))))
            .collect();
        Self {
            line: Line::default(),
            selected: 0,
            choices: None,
            wanted: current.iter().map(|(_, pair)| pair.clone()).collect(),
            touched: false,
            groups,
            current,
        }
    }

    /// The lines that match what is typed, in the order of their headings.
    pub fn items(&self) -> Vec<Item> {
        let (profiles, regions) = match &self.choices {
            Some(choices) => (choices.profiles.as_slice(), choices.regions.as_slice()),
            None => Default::default(),
        };
        let all = self
            .current
            .iter()
            .map(|(id, pair)| Item::Place(*id, pair.clone()))
            .chain(self.groups.iter().cloned().map(Item::Group))
            .chain(profiles.iter().cloned().map(Item::Profile))
            .chain(regions.iter().cloned().map(Item::Region));
        let words: Vec<String> = self.line.text().split_whitespace().map(str::to_lowercase).collect();
        all.filter(|item| {
            let about = match item {
                Item::Profile(choice) | Item::Region(choice) => choice.about.as_str(),
                _ => "",
            };
            let text = format!("{} {about}", item.name());
            words.iter().all(|word| Skim.score(&text, word).is_some())
        })
        .collect()
    }

    /// The item under the cursor.
    pub fn item(&self) -> Option<Item> {
        self.items().into_iter().nth(self.selected)
    }

    /// Whether an item is wanted.
    pub fn is_ticked(&self, item: &Item) -> bool {
        match item {
            Item::Place(_, pair) => self.wanted.contains(pair),
            Item::Group(group) => {
                !group.pairs.is_empty() && group.pairs.iter().all(|pair| self.wanted.contains(pair))
            }
            Item::Profile(choice) => self.wanted.iter().any(|(profile, _)| is(profile, &choice.name)),
            Item::Region(choice) => self.wanted.iter().any(|(_, region)| is(region, &choice.name)),
        }
    }

    /// Ticks the item under the cursor, or takes its tick away.
    pub fn toggle(&mut self) {
        let Some(item) = self.item() else { return };
        self.touched = true;
        let ticked = self.is_ticked(&item);
        match &item {
            Item::Place(_, pair) if ticked => self.wanted.retain(|wanted| wanted != pair),
            Item::Place(_, pair) => self.wanted.extend([pair.clone()]),
            Item::Group(group) if ticked => self.wanted.retain(|pair| !group.pairs.contains(pair)),
            Item::Group(group) => self.wanted.extend(group.pairs.iter().cloned()),
            Item::Profile(choice) if ticked => self.wanted.retain(|(profile, _)| !is(profile, &choice.name)),
            Item::Region(choice) if ticked => self.wanted.retain(|(_, region)| !is(region, &choice.name)),
            Item::Profile(_) | Item::Region(_) => self.wanted.extend(self.pairs(&item)),
        }
    }

    /// What is wanted when the choice is taken: what was ticked; where nothing was, the item under the cursor alone.
    pub fn taken(&self) -> BTreeSet<Pair> {
        match self.item() {
            Some(item) if !self.touched => match &item {
                Item::Place(..) => self.wanted.clone(),
                Item::Group(group) => group.pairs.iter().cloned().collect(),
                Item::Profile(_) | Item::Region(_) => self.pairs(&item),
            },
            _ => self.wanted.clone(),
        }
    }

    /// A profile in every region that is wanted, or a region for every profile that is.
    fn pairs(&self, item: &Item) -> BTreeSet<Pair> {
        let mut pairs: BTreeSet<Pair> = match item {
            Item::Profile(choice) => {
                self.wanted.iter().map(|(_, region)| (Some(choice.name.clone()), region.clone())).collect()
            }
            Item::Region(choice) => {
                self.wanted.iter().map(|(profile, _)| (profile.clone(), Some(choice.name.clone()))).collect()
            }
            Item::Place(..) | Item::Group(_) => BTreeSet::new(),
        };
        if pairs.is_empty() {
            pairs.extend(match item {
                Item::Profile(choice) => Some((Some(choice.name.clone()), None)),
                Item::Region(choice) => Some((None, Some(choice.name.clone()))),
                Item::Place(..) | Item::Group(_) => None,
            });
        }
        pairs
    }

    /// Moves the cursor.
    pub fn by(&mut self, lines: isize) {
        let last = self.items().len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(lines).min(last);
    }

    /// Those read when the choice was opened.
    pub fn current(&self) -> &[(PlaceId, Pair)] {
        &self.current
    }
}

fn is(value: &Option<String>, name: &str) -> bool {
    value.as_deref() == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Place;

    fn choice(name: &str) -> Choice {
        Choice { name: name.to_owned(), about: String::new() }
    }

    fn chooser() -> Chooser {
        let mut places = Places::default();
        places.add(Place {
            profile: Some("prod".into()),
            region: Some("eu-west-1".into()),
            ..Place::default()
        });
        let group = Group {
            name: "all".to_owned(),
            pairs: vec![pair("prod", "eu-west-1"), pair("data", "us-east-1")],
        };
        let choices = Choices {
            profiles: ["prod", "staging"].map(choice).into(),
            regions: ["eu-west-1", "us-east-1"].map(choice).into(),
        };
        Chooser { choices: Some(choices), ..Chooser::new(&places, vec![group]) }
    }

    fn pair(profile: &str, region: &str) -> Pair {
        (Some(profile.to_owned()), Some(region.to_owned()))
    }

    fn select(chooser: &mut Chooser, name: &str) {
        chooser.selected = chooser.items().iter().position(|item| item.name() == name).unwrap();
    }

    #[test]
    fn a_profile_comes_in_every_region_that_is_ticked() {
        let mut chooser = chooser();
        for name in ["us-east-1", "staging"] {
            select(&mut chooser, name);
            chooser.toggle();
        }
        let expected = [
            pair("prod", "eu-west-1"),
            pair("prod", "us-east-1"),
            pair("staging", "eu-west-1"),
            pair("staging", "us-east-1"),
        ];
        assert_eq!(chooser.taken(), expected.clone().into());
        select(&mut chooser, "prod");
        chooser.toggle();
        assert_eq!(chooser.taken(), expected[2..].iter().cloned().collect());
    }

    #[test]
    fn without_a_tick_the_item_under_the_cursor_is_taken_alone() {
        let mut chooser = chooser();
        select(&mut chooser, "staging");
        assert_eq!(chooser.taken(), [pair("staging", "eu-west-1")].into());
        select(&mut chooser, "all");
        assert_eq!(chooser.taken(), [pair("prod", "eu-west-1"), pair("data", "us-east-1")].into());
    }

    #[test]
    fn one_that_is_read_can_be_unticked_and_ticked_again() {
        let mut chooser = chooser();
        select(&mut chooser, "prod/eu-west-1");
        chooser.toggle();
        assert_eq!(chooser.taken(), BTreeSet::new());
        chooser.toggle();
        assert_eq!(chooser.taken(), [pair("prod", "eu-west-1")].into());
    }

    #[test]
    fn letters_filter_all_headings() {
        let mut chooser = chooser();
        chooser.line.insert_text("us-e");
        assert_eq!(chooser.items().iter().map(Item::name).collect::<Vec<_>>(), ["us-east-1"]);
    }
}
