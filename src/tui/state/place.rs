//! The accounts and regions that are read side by side, each with its own access, rows and progress: one that fails, is
//! slow or is denied holds up no other.

use std::{collections::HashSet, sync::Arc, time::Instant};

use jiff::Timestamp;

use super::{Known, document::Documents};
use crate::{
    fleet::{Completeness, Counts, Fleet, Instance, InstanceId, Place, Preferences, phrase},
    tui::event::{Ask, Failure, PlaceId, Who},
};

/// One account and region, read with one profile.
#[derive(Debug)]
pub struct PlaceView {
    /// Which.
    pub id: PlaceId,
    /// Whether AWS can be asked there at all.
    pub access: Access,
    /// What it needs of its user although it could be asked before: its keys have ended.
    pub missing: Option<Failure>,
    /// Who we are there.
    pub who: Option<Who>,
    /// Its instances; [`Fleet::place`] says where it is.
    pub fleet: Fleet,
    /// Whether the list of the last time was looked for.
    pub sought: bool,
    /// When its list was kept last.
    pub stored: Option<Instant>,
    /// Whether its list is all there is, since the last change.
    pub completeness: Completeness,
    /// The reading of its lists.
    pub reading: Reading,
    /// What the account's preferences there say of sessions.
    pub preferences: Known<Preferences>,
    /// The session documents there.
    pub documents: Documents,
}

/// Whether AWS can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Not known yet.
    Connecting,
    /// Yes.
    Ready,
    /// No: this is in the way.
    Failed(Failure),
}

/// Where the reading of the lists stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The number of the latest reading.
    pub generation: u64,
    /// It is going on.
    pub running: bool,
    /// When the next begins by itself.
    pub due: Option<Instant>,
    /// When the last one ended.
    pub ended: Option<Timestamp>,
    /// After one that failed it was read again at once, with new keys.
    pub again: bool,
}

impl PlaceView {
    fn new(id: PlaceId, place: Place) -> Self {
        let mut fleet = Fleet::new();
        fleet.set_place(place);
        Self {
            id,
            access: Access::Connecting,
            missing: None,
            who: None,
            fleet,
            sought: false,
            stored: None,
            completeness: Completeness::default(),
            reading: Reading::default(),
            preferences: Known::Unasked,
            documents: Documents::default(),
        }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        self.fleet.place()
    }

    /// The identity there as a user knows it, "role ops-read".
    pub fn principal(&self) -> Option<&str> {
        self.who.as_ref().map(|who| who.principal.as_str())
    }

    /// Why it waits for its user, if it does.
    pub fn needs(&self) -> Option<&Failure> {
        match &self.access {
            Access::Failed(failure) => Some(failure).filter(|failure| failure.ask.is_some()),
            Access::Ready => self.missing.as_ref(),
            Access::Connecting => None,
        }
    }

    /// What it waits for.
    pub fn ask(&self) -> Option<&Ask> {
        self.needs()?.ask.as_deref()
    }

    /// Why rows of it are missing, if some are: a failure or a denial, in a few words.
    pub fn trouble(&self) -> Option<String> {
        if let Some(ask) = self.ask() {
            return Some(ask.words());
        }
        match &self.access {
            Access::Failed(failure) => Some(failure.what.clone()),
            Access::Connecting => None,
            Access::Ready => {
                let lists = [&self.completeness.agents, &self.completeness.machines];
                let denied = lists.iter().find_map(|list| list.denied());
                let failed = lists.iter().find_map(|list| list.failure());
                failed.map(str::to_owned).or_else(|| denied.map(|action| format!("{action} is denied")))
            }
        }
    }

    /// Its line of status.
    pub fn words(&self, now: Timestamp) -> String {
        match &self.access {
            _ if self.ask().is_some() => self.trouble().unwrap_or_default(),
            Access::Connecting => "looking for credentials…".to_owned(),
            Access::Failed(failure) => failure.what.clone(),
            Access::Ready => {
                let words = self.completeness.words(self.principal(), now);
                match self.reading.running {
                    true if self.completeness.rows == 0 => match self.completeness.throttled(now) {
                        Some(throttled) => format!("listing… · {throttled}"),
                        None => "listing…".to_owned(),
                    },
                    // First: where there is trouble its words are long.
                    true => format!("refreshing… · {words}"),
                    false => words,
                }
            }
        }
    }
}

/// All of them, in the order in which they were asked for.
#[derive(Debug, Default)]
pub struct Places {
    list: Vec<PlaceView>,
    next: u16,
    /// They are those of the simulated region.
    pub demo: bool,
}

impl Places {
    /// Takes one in.
    pub fn add(&mut self, place: Place) -> PlaceId {
        let id = PlaceId(self.next);
        self.next += 1;
        self.list.push(PlaceView::new(id, place));
        id
    }

    /// Lets one go, with its rows.
    pub fn remove(&mut self, id: PlaceId) {
        self.list.retain(|view| view.id != id);
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &PlaceView> {
        self.list.iter()
    }

    /// All of them, to change.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut PlaceView> {
        self.list.iter_mut()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One of them.
    pub fn get(&self, id: PlaceId) -> Option<&PlaceView> {
        self.list.iter().find(|view| view.id == id)
    }

    /// One of them, to change.
    pub fn get_mut(&mut self, id: PlaceId) -> Option<&mut PlaceView> {
        self.list.iter_mut().find(|view| view.id == id)
    }

    /// The only one, if there is just one.
    pub fn only(&self) -> Option<&PlaceView> {
        match self.list.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The one whose list has this instance.
    pub fn of(&self, id: &InstanceId) -> Option<&PlaceView> {
        self.list.iter().find(|view| view.fleet.get(id).is_some())
    }

    /// The one for an instance that no list has: the first that can be asked.
    pub fn first_ready(&self) -> Option<&PlaceView> {
        self.list.iter().find(|view| view.access == Access::Ready)
    }

    /// An instance by its id, or by the `mi-…` under which its agent registered.
    pub fn find(&self, id: &InstanceId) -> Option<&Arc<Instance>> {
        self.list.iter().find_map(|view| view.fleet.get(id))
    }

    /// Whether AWS can be asked: yes if anywhere; no only when nowhere.
    pub fn access(&self) -> &Access {
        let by = |wanted: fn(&Access) -> bool| self.list.iter().map(|view| &view.access).find(|a| wanted(a));
        by(|access| *access == Access::Ready)
            .or_else(|| by(|access| *access == Access::Connecting))
            .or_else(|| by(|_| true))
            .unwrap_or(&Access::Connecting)
    }

    /// Whether AWS can be asked anywhere.
    pub fn is_ready(&self) -> bool {
        *self.access() == Access::Ready
    }

    /// Whether lists are being read anywhere.
    pub fn is_reading(&self) -> bool {
        self.list.iter().any(|view| view.reading.running)
    }

    /// Whether each is being read or looked for: asking again would change nothing.
    pub fn are_busy(&self) -> bool {
        self.list.iter().all(|view| view.reading.running || view.access == Access::Connecting)
    }

    /// Whether rows of the last time are shown.
    pub fn have_cached(&self) -> bool {
        self.list.iter().any(|view| view.completeness.cached.is_some())
    }

    /// When a row was read that is known from the last time alone.
    pub fn cached_at(&self, id: &InstanceId) -> Option<Timestamp> {
        self.of(id)?.fleet.cached_at(id)
    }

    /// Whether each has been read once, as far as it goes.
    pub fn are_settled(&self) -> bool {
        self.list.iter().all(|view| view.reading.ended.is_some() || matches!(view.access, Access::Failed(_)))
    }

    /// Whether every list was read to its last page.
    pub fn are_complete(&self) -> bool {
        self.list.iter().all(|view| view.access == Access::Ready && view.completeness.is_complete())
    }

    /// When the next reading begins by itself.
    pub fn due(&self) -> Option<Instant> {
        self.list.iter().filter_map(|view| view.reading.due).min()
    }

    /// Rows by state.
    pub fn counts(&self) -> Counts {
        self.list.iter().map(|view| view.fleet.counts()).sum()
    }

    /// The rows of all. Two profiles may see the same account and region: an instance is then one row, of the place that
    /// was asked for first.
    pub fn rows(&self) -> Arc<[Arc<Instance>]> {
        if let Some(only) = self.only() {
            return Arc::from(only.fleet.instances());
        }
        let all = || self.list.iter().flat_map(|view| view.fleet.instances());
        if !self.have_twins() {
            return all().cloned().collect();
        }
        let mut seen = HashSet::new();
        all().filter(|row| seen.insert(&row.id)).cloned().collect()
    }

    /// Whether two of them are the same account and region, or may be.
    fn have_twins(&self) -> bool {
        let spot = |view: &PlaceView| (view.place().region.clone(), view.place().account.clone());
        self.list.iter().enumerate().any(|(at, view)| {
            let (region, account) = spot(view);
            self.list[..at].iter().map(spot).any(|(other_region, other_account)| {
                region == other_region
                    && (account == other_account || account.is_none() || other_account.is_none())
            })
        })
    }

    /// What differs among them, so that the list has a column for it.
    pub fn spread(&self) -> Spread {
        let differ = |value: fn(&Place) -> Option<&str>| {
            let mut values = self.list.iter().map(|view| value(view.place()));
            values.next().is_some_and(|first| values.any(|other| other != first))
        };
        let accounts = differ(|place| place.account.as_deref());
        Spread {
            account: accounts && self.list.iter().any(|view| view.place().account.is_some()),
            region: differ(|place| place.region.as_deref()),
            profile: !accounts && differ(|place| place.profile.as_deref()),
        }
    }

    /// "prod/eu-west-1", "prod/2 regions", "3 profiles/eu-west-1", "6 places".
    pub fn words(&self) -> String {
        let demo = |words: String| match (self.demo, words.is_empty()) {
            (true, true) => "demo".to_owned(),
            (true, false) => format!("demo/{words}"),
            (false, _) => words,
        };
        if let Some(only) = self.only() {
            return demo(only.place().words());
        }
        let distinct = |mut values: Vec<Option<&str>>| {
            values.sort_unstable();
            values.dedup();
            match values.as_slice() {
                [only] => only.map(str::to_owned),
                values => (!values.is_empty()).then(|| values.len().to_string()),
            }
        };
        let each = || self.list.iter().map(PlaceView::place);
        let profiles = distinct(each().map(|place| place.profile.as_deref()).collect());
        // A region that was left open and is not known yet may be any of the others.
        let regions = distinct(each().map(|place| place.region.as_deref()).filter(Option::is_some).collect());
        let named = |count: &str, what: &str| match count.parse::<usize>() {
            Ok(count) => format!("{} {what}", phrase::count(count)),
            Err(_) => count.to_owned(),
        };
        let words: Vec<String> = [(profiles, "profiles"), (regions, "regions")]
            .into_iter()
            .filter_map(|(count, what)| Some(named(&count?, what)))
            .collect();
        demo(words.join("/"))
    }

    /// The footer's words about all lists together.
    pub fn status(&self, now: Timestamp) -> String {
        if let Some(only) = self.only() {
            return only.completeness.words(only.principal(), now);
        }
        let rows: usize = self.list.iter().map(|view| view.completeness.rows).sum();
        let read = self.list.iter().filter(|view| view.completeness.is_complete()).count();
        let mut words = format!("{} · {read} of {} places", phrase::count(rows), self.list.len());
        let mut troubles = self.list.iter().filter_map(|view| Some((view.place().words(), view.trouble()?)));
        match (troubles.next(), troubles.count()) {
            (Some((place, trouble)), 0) => words.push_str(&format!(" · {place}: {trouble}")),
            (Some((place, _)), more) => words.push_str(&format!(" · {place} and {more} more in trouble")),
            (None, _) => {}
        }
        words
    }
}

/// What differs among the places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// There are several accounts.
    pub account: bool,
    /// There are several regions.
    pub region: bool,
    /// There are several profiles, and they do not go with the accounts.
    pub profile: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{MachineRecord, MachineState, Outcome, Source, Update};

    fn place(profile: &str, region: &str, account: &str) -> Place {
        let text = |text: &str| (!text.is_empty()).then(|| text.into());
        Place { profile: text(profile), region: text(region), account: text(account), alias: None }
    }

    fn places(all: &[(&str, &str, &str)]) -> Places {
        let mut places = Places::default();
        for (profile, region, account) in all {
            places.add(place(profile, region, account));
        }
        places
    }

    fn lists(view: &mut PlaceView, ids: &[&str]) {
        let now = Timestamp::UNIX_EPOCH;
        let records = ids.iter().map(|id| MachineRecord::new(*id, MachineState::Running)).collect();
        view.fleet.apply(Update::Machines { generation: 1, records }, now);
        for source in [Source::AgentList, Source::MachineList] {
            view.fleet.apply(Update::Done { generation: 1, source, outcome: Outcome::Complete }, now);
        }
        view.completeness = view.fleet.completeness();
        view.access = Access::Ready;
    }

    #[test]
    fn several_places_are_told_by_what_they_share() {
        for (all, words) in [
            (&[("prod", "eu-west-1", "1")][..], "prod/eu-west-1"),
            (&[("", "eu-west-1", "1")], "eu-west-1"),
            (&[("prod", "eu-west-1", "1"), ("prod", "us-east-1", "1")], "prod/2 regions"),
            (&[("prod", "eu-west-1", "1"), ("dev", "eu-west-1", "2")], "2 profiles/eu-west-1"),
            (&[("prod", "eu-west-1", "1"), ("dev", "us-east-1", "2")], "2 profiles/2 regions"),
        ] {
            assert_eq!(places(all).words(), words);
        }
    }

    #[test]
    fn a_column_stands_for_what_differs() {
        let spread = places(&[("a", "eu-west-1", "1"), ("b", "eu-west-1", "2")]).spread();
        assert_eq!(spread, Spread { account: true, region: false, profile: false });
        let spread = places(&[("a", "eu-west-1", "1"), ("b", "us-east-1", "1")]).spread();
        assert_eq!(spread, Spread { account: false, region: true, profile: true });
        assert_eq!(places(&[("a", "eu-west-1", "1")]).spread(), Spread::default());
    }

    #[test]
    fn an_instance_that_two_profiles_see_is_one_row_of_the_first() {
        let mut both = places(&[("admin", "eu-west-1", "1"), ("reader", "eu-west-1", "1")]);
        for view in both.iter_mut() {
            lists(view, &["i-1", "i-2"]);
        }
        let rows = both.rows();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.place.profile.as_deref() == Some("admin")));
        assert_eq!(both.find(&InstanceId::new("i-2")).unwrap().place.profile.as_deref(), Some("admin"));
    }

    #[test]
    fn one_that_fails_is_named_and_the_others_count() {
        let mut three = places(&[("a", "r1", "1"), ("b", "r1", "2"), ("c", "r1", "3")]);
        lists(three.get_mut(PlaceId(0)).unwrap(), &["i-1", "i-2"]);
        lists(three.get_mut(PlaceId(2)).unwrap(), &["i-3"]);
        let failure = Failure {
            what: "cannot list instances (b/r1): access denied".to_owned(),
            why: String::new(),
            next: String::new(),
            detail: None,
            ask: None,
        };
        three.get_mut(PlaceId(1)).unwrap().access = Access::Failed(failure);
        assert!(three.is_ready() && !three.are_complete());
        assert_eq!(
            three.status(Timestamp::UNIX_EPOCH),
            "3 · 2 of 3 places · b/r1: cannot list instances (b/r1): access denied"
        );
        three.remove(PlaceId(1));
        assert_eq!(three.status(Timestamp::UNIX_EPOCH), "3 · 2 of 2 places");
        assert_eq!(three.add(place("d", "r1", "4")), PlaceId(3), "an id is never used again");
    }
}
