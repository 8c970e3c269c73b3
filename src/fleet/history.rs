//! What was opened when, and which nodes are favourites. Pure: `history_file` does the I/O.
//!
//! **Frecency.** Each opening weighs 1 when it happens and half as much a week later, and so on; a node's weight is the sum of its
//! openings' weights: `Σ 2^(-age / 7 d)`. So a node opened daily weighs about 10, one opened once yesterday 0.9, one opened
//! ten times two months ago 0.02. Among rows that match equally well, the heavier come first.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::record::{InstanceId, Text};

/// Events that are kept; older ones are forgotten.
pub const KEPT: usize = 2_000;
/// How long until an opening weighs half.
pub const HALF_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A shell.
    Shell,
    /// A command, by a session document.
    Command,
    /// A forward of ports.
    Forward,
    /// An SSH connection.
    Ssh,
}

impl Kind {
    /// The word on the screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Command => "command",
            Self::Forward => "forward",
            Self::Ssh => "ssh",
        }
    }
}

/// Where it was, as the history names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Where {
    /// Profile, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Text>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Text>,
    /// Account number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Text>,
}

impl From<&Place> for Where {
    fn from(place: &Place) -> Self {
        Self { profile: place.profile.clone(), region: place.region.clone(), account: place.account.clone() }
    }
}

impl Where {
    /// "prod/eu-west-1", as far as it is known.
    pub fn words(&self) -> String {
        let place = Place { profile: self.profile.clone(), region: self.region.clone(), ..Place::default() };
        place.words()
    }
}

/// A session was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// When.
    pub at: Timestamp,
    /// The row.
    pub id: InstanceId,
    /// Its name at that time.
    pub name: Text,
    /// What.
    pub kind: Kind,
    /// Where.
    #[serde(flatten)]
    pub place: Where,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A session was opened.
    Opened(Opening),
    /// A node became a favourite, or is none any more.
    Favourite {
        /// The row.
        id: InstanceId,
        /// It is one.
        on: bool,
    },
}

/// All that is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The oldest first.
    openings: VecDeque<Opening>,
    favourites: HashSet<InstanceId>,
}

impl History {
    /// What a file's lines say. Lines that cannot be read are skipped: another version may have written them.
    pub fn read(text: &str) -> Self {
        let mut history = Self::default();
        for event in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            history.take(event);
        }
        history
    }

    /// The lines of a file that says all of this, and no more.
    pub fn write(&self) -> String {
        let favourites =
            self.favourite_ids().into_iter().map(|id| Event::Favourite { id: id.into(), on: true });
        favourites.chain(self.openings.iter().cloned().map(Event::Opened)).map(|event| event.line()).collect()
    }

    /// Takes in one event.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Opened(opening) => {
                // Several programs write one file, so an event may come a little late.
                let place = self.openings.partition_point(|other| other.at <= opening.at);
                self.openings.insert(place, opening);
                if self.openings.len() > KEPT {
                    self.openings.pop_front();
                }
            }
            Event::Favourite { id, on: true } => drop(self.favourites.insert(id)),
            Event::Favourite { id, on: false } => drop(self.favourites.remove(&id)),
        }
    }

    /// What was opened, the newest first.
    pub fn newest(&self) -> impl DoubleEndedIterator<Item = &Opening> {
        self.openings.iter().rev()
    }

    /// The openings of one node, the newest first.
    pub fn of<'a>(&'a self, id: &'a InstanceId) -> impl Iterator<Item = &'a Opening> {
        self.newest().filter(move |opening| opening.id == *id)
    }

    /// The ids of the favourites, in the order of the alphabet.
    pub fn favourite_ids(&self) -> Vec<&str> {
        let mut ids: Vec<_> = self.favourites.iter().map(InstanceId::as_str).collect();
        ids.sort_unstable();
        ids
    }

    /// The favourites.
    pub fn favourites(&self) -> &HashSet<InstanceId> {
        &self.favourites
    }

    /// How much each node weighs at `now`, in thousandths; those never opened are left out.
    pub fn weights(&self, now: Timestamp) -> HashMap<InstanceId, u32> {
        let mut weights: HashMap<&InstanceId, f64> = HashMap::new();
        for opening in &self.openings {
            *weights.entry(&opening.id).or_default() += weight(opening.at, now);
        }
        weights.into_iter().map(|(id, weight)| (id.clone(), (weight * 1e3).ceil() as u32)).collect()
    }
}

/// What one opening weighs; what lies ahead counts as now.
fn weight(at: Timestamp, now: Timestamp) -> f64 {
    let age = now.duration_since(at).max(SignedDuration::ZERO);
    (-age.as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2()
}

impl Event {
    /// Its line in the file, with the line's end.
    pub fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("plain data has a JSON form");
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hours_ago: i64) -> Timestamp {
        now() - SignedDuration::from_hours(hours_ago)
    }

    fn now() -> Timestamp {
        "2026-05-03T12:00:00Z".parse().unwrap()
    }

    fn opened(id: &str, hours_ago: i64) -> Event {
        let place = Where { profile: Some("prod".into()), region: Some("eu-west-1".into()), account: None };
        Event::Opened(Opening {
            at: at(hours_ago),
            id: id.into(),
            name: "web-1".into(),
            kind: Kind::Shell,
            place,
        })
    }

    fn history(events: impl IntoIterator<Item = Event>) -> History {
        let mut history = History::default();
        events.into_iter().for_each(|event| history.take(event));
        history
    }

    #[test]
    fn a_line_is_plain_json() {
        assert_eq!(
            opened("i-1", 0).line(),
            "{\"opened\":{\"at\":\"2026-05-03T12:00:00Z\",\"id\":\"i-1\",\"name\":\"web-1\",\"kind\":\"shell\",\
             \"profile\":\"prod\",\"region\":\"eu-west-1\"}}\n"
        );
    }

    #[test]
    fn weights_halve_with_every_week() {
        let weights =
            history([opened("i-1", 0), opened("i-2", 7 * 24), opened("i-2", 14 * 24)]).weights(now());
        let expected = [("i-1".into(), 1_000), ("i-2".into(), 750)];
        assert_eq!(weights, expected.into());
    }

    #[test]
    fn often_and_lately_beats_once_just_now_and_often_long_ago() {
        let daily = (1..=7).map(|day| opened("daily", day * 24));
        let long_ago = (0..20).map(|hour| opened("long-ago", 60 * 24 + hour));
        let weights = history(daily.chain(long_ago).chain([opened("once", 0)])).weights(now());
        let mut order: Vec<_> = weights.iter().collect();
        order.sort_by_key(|(_, weight)| std::cmp::Reverse(**weight));
        let order: Vec<_> = order.into_iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(order, ["daily", "once", "long-ago"]);
    }

    #[test]
    fn the_oldest_is_forgotten_and_favourites_stay() {
        let mut history = history([Event::Favourite { id: "i-0".into(), on: true }]);
        for number in 0..KEPT as i64 + 5 {
            history.take(opened("i-1", 10_000 - number));
        }
        assert_eq!(history.newest().count(), KEPT);
        assert_eq!(history.newest().next_back().unwrap().at, at(10_000 - 5));
        assert!(history.favourites().contains("i-0"));
        history.take(Event::Favourite { id: "i-0".into(), on: false });
        assert!(history.favourites().is_empty());
    }

    #[test]
    fn lines_of_another_version_are_skipped() {
        let text =
            format!("{}{{\"dreamt\":{{}}}}\nnot json\n{}", opened("i-1", 2).line(), opened("i-2", 1).line());
        let history = History::read(&text);
        assert_eq!(history.newest().map(|opening| opening.id.as_str()).collect::<Vec<_>>(), ["i-2", "i-1"]);
    }

    fn event() -> impl Strategy<Value = Event> {
        let id = (0..5_u8).prop_map(|number| format!("i-{number}"));
        prop_oneof![
            (id.clone(), 0..5_000_i64).prop_map(|(id, hours)| opened(&id, hours)),
            (id, any::<bool>()).prop_map(|(id, on)| Event::Favourite { id: id.into(), on }),
        ]
    }

    proptest! {
        #[test]
        fn any_history_comes_back_as_it_was(events in proptest::collection::vec(event(), 0..60)) {
            let history = history(events);
            prop_assert_eq!(History::read(&history.write()), history);
        }

        #[test]
        fn the_order_by_weight_is_that_of_the_formula(
            events in proptest::collection::vec(event(), 0..60),
            later in 0..1_000_i64,
        ) {
            let history = history(events.clone());
            let now = now() + SignedDuration::from_hours(later);
            let weights = history.weights(now);
            for number in 0..5 {
                let id = InstanceId::from(format!("i-{number}"));
                let mut expected = 0.0_f64;
                for event in &events {
                    if let Event::Opened(opening) = event && opening.id == id {
                        let days = now.duration_since(opening.at).as_secs_f64() / 86_400.0;
                        expected += 0.5_f64.powf(days / 7.0);
                    }
                }
                let got = f64::from(weights.get(&id).copied().unwrap_or(0));
                prop_assert!((got - 1e3 * expected).abs() <= 1.001, "{got} for {expected}");
            }
        }

        #[test]
        fn time_alone_never_changes_the_order(
            events in proptest::collection::vec(event(), 0..40),
            later in 0..500_i64,
        ) {
            let history = history(events);
            let (first, then) = (history.weights(now()), history.weights(now() + SignedDuration::from_hours(later)));
            for (one, weight_one) in &first {
                for (two, weight_two) in &first {
                    if weight_one > weight_two {
                        prop_assert!(then[one] >= then[two], "{one} and {two}");
                    }
                }
            }
        }
    }
}
