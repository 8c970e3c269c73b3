//! Whether the list is all there is: where each source stands, in the footer's words, and how many rows
//! are in which state.

use jiff::{SignedDuration, Timestamp};

use crate::fleet::instance::State;
use crate::fleet::phrase;
use crate::fleet::record::Outcome;

/// For so long after its last refusal a list is called throttled; the SDK's longest pause between two tries is shorter.
const THROTTLING_LASTS: SignedDuration = SignedDuration::from_secs(15);

/// Where the reading of one source stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Never asked.
    #[default]
    NotAsked,
    /// Pages are coming in.
    Reading {
        /// Since when.
        since: Timestamp,
    },
    /// It ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
}

/// One source: where its reading stands, and what it gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceStatus {
    /// Where the reading stands.
    pub phase: Phase,
    /// Rows that came in the latest reading.
    pub rows: usize,
    /// When it was last read to its end.
    pub complete_at: Option<Timestamp>,
    /// When AWS last refused a page of the reading under way for now.
    pub throttled_at: Option<Timestamp>,
    /// How the reading before the one under way ended, so that a refresh doesn't hide a denial.
    pub before: Option<Outcome>,
}

impl SourceStatus {
    /// The latest outcome: while reading, that of the reading before.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Ended { outcome, .. } => Some(outcome),
            _ => self.before.as_ref(),
        }
    }

    /// The action that is denied, if this source is.
    pub fn denied(&self) -> Option<&str> {
        match self.outcome() {
            Some(Outcome::Denied { action, .. }) => Some(action),
            _ => None,
        }
    }

    /// Why the latest reading broke off, if it did.
    pub fn failure(&self) -> Option<&str> {
        match self.outcome() {
            Some(Outcome::Failed { message }) => Some(message),
            _ => None,
        }
    }

    /// Whether pages are coming in.
    pub fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Reading { .. })
    }

    /// Whether pages come in more slowly since AWS refuses some for now.
    fn is_throttled(&self, now: Timestamp) -> bool {
        let recent = |at| now.duration_since(at) < THROTTLING_LASTS;
        self.is_reading() && self.throttled_at.is_some_and(recent)
    }

    /// Whether the latest outcome is a reading to the last page.
    pub fn is_complete(&self) -> bool {
        self.outcome() == Some(&Outcome::Complete)
    }
}

/// Whether the list is all there is, and what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// The SSM list.
    pub agents: SourceStatus,
    /// The EC2 list.
    pub machines: SourceStatus,
    /// Rows in the list, without those that are gone.
    pub rows: usize,
    /// Those of them that the latest reading brought again.
    pub refreshed: usize,
    /// When the list of the last time was read, as long as it has rows that no reading has brought since.
    pub cached: Option<Timestamp>,
    /// The action that would tell whether channels are open, if it is denied.
    pub unverified: Option<String>,
}

impl Completeness {
    /// Both lists read to their last page.
    pub fn is_complete(&self) -> bool {
        self.agents.is_complete() && self.machines.is_complete()
    }

    /// Whether pages are coming in.
    pub fn is_reading(&self) -> bool {
        self.agents.is_reading() || self.machines.is_reading()
    }

    /// Whether AWS throttles the reading under way, in words.
    pub fn throttled(&self, now: Timestamp) -> Option<&'static str> {
        let throttled = self.agents.is_throttled(now) || self.machines.is_throttled(now);
        throttled.then_some("AWS throttles the list; it goes on by itself")
    }

    /// The footer's words. `who` is the identity as a user knows it, "role dev-ro".
    pub fn words(&self, who: Option<&str>, now: Timestamp) -> String {
        let who = who.unwrap_or("you");
        let rows = phrase::count(self.rows);
        if let Some(failure) = self.agents.failure().or(self.machines.failure()) {
            return self.partial(failure, now);
        }
        if let Some(at) = self.cached {
            return self.words_of_last_time(at, now);
        }
        match (self.agents.denied(), self.machines.denied()) {
            (Some(_), Some(_)) => {
                "you may not list instances here; type an id, or pick a recent one".to_owned()
            }
            (None, Some(action)) => format!("{rows} · managed nodes only: {action} is denied to {who}"),
            (Some(action), None) => {
                format!("{rows} · session status asked row by row: {action} is denied to {who}")
            }
            (None, None) if self.is_complete() => match &self.unverified {
                Some(action) => {
                    format!("{rows} of {rows} · online is not verified: {action} is denied to {who}")
                }
                None => format!("{rows} of {rows}"),
            },
            (None, None) if self.is_reading() => match self.throttled(now) {
                Some(words) => format!("{rows} so far · {words}"),
                None => format!("{rows} so far"),
            },
            (None, None) => "not listed yet".to_owned(),
        }
    }

    /// What is missing, a sentence each: the columns that are poorer for it, and the right that would bring them back.
    pub fn gaps(&self, who: Option<&str>) -> Vec<String> {
        let who = who.unwrap_or("you");
        let sources = [
            (
                &self.agents,
                "SSM's list of managed nodes",
                "agent, last seen, the platform's version, and all hybrid nodes",
            ),
            (
                &self.machines,
                "EC2's list of instances",
                "instances that are not managed, and zone, type, network, profile and tags of all",
            ),
        ];
        let mut gaps = Vec::new();
        for (source, list, lost) in sources {
            match (source.denied(), source.failure()) {
                (Some(action), _) => gaps.push(format!(
                    "{list} is missing: {action} is denied to {who}; that right would show {lost}"
                )),
                (None, Some(failure)) => gaps.push(format!("{list} is not complete: {failure}")),
                (None, None) => {}
            }
        }
        gaps.extend(self.unverified.as_ref().map(|action| {
            format!(
                "whether nodes are ready is not known: {action} is denied to {who}; that right would tell `ready` from `online`"
            )
        }));
        gaps
    }

    /// Words for a list of which rows are known from the last time alone.
    fn words_of_last_time(&self, at: Timestamp, now: Timestamp) -> String {
        let (rows, age) = (phrase::count(self.rows), phrase::age(at, now));
        let denied = self.agents.denied().or(self.machines.denied());
        match denied {
            Some(action) => {
                format!(
                    "{} of {rows} now, the rest from {age} ago: {action} is denied",
                    phrase::count(self.refreshed)
                )
            }
            None if self.refreshed == 0 => format!("{rows} from {age} ago"),
            None => {
                format!("{} of {rows} refreshed; the rest are from {age} ago", phrase::count(self.refreshed))
            }
        }
    }

    /// Words for a reading that broke off.
    fn partial(&self, failure: &str, now: Timestamp) -> String {
        let rows = phrase::count(self.rows);
        let broken = if self.agents.failure().is_some() { &self.agents } else { &self.machines };
        match broken.complete_at {
            Some(at) if self.refreshed < self.rows => format!(
                "{} of {rows} refreshed; the rest are {} old: {failure}",
                phrase::count(self.refreshed),
                phrase::age(at, now)
            ),
            Some(at) => format!("{rows}, last complete {} ago: {failure}", phrase::age(at, now)),
            None => format!("{rows}, not complete: {failure}"),
        }
    }
}

/// How many rows are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub(super) [usize; State::ALL.len()]);

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, counts| {
            for (one, other) in sum.0.iter_mut().zip(counts.0) {
                *one += other;
            }
            sum
        })
    }
}

impl Counts {
    /// Rows in this state.
    pub fn of(&self, state: State) -> usize {
        self.0[state as usize]
    }

    /// Rows that aren't gone.
    pub fn total(&self) -> usize {
        self.0.iter().sum::<usize>() - self.of(State::Gone)
    }

    /// Rows on which a session opens, as far as is known: ready, or online and not verified.
    pub fn reachable(&self) -> usize {
        self.of(State::Ready) + self.of(State::Online)
    }
}
