//! Deep checks: what was read of an instance beyond the lists, as it comes in. Made when the user asks why, and kept, so that its
//! verdict stays the better one. Beside them what came of trying: a start that was refused, a session that ended by itself.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::fleet::{Evidence, InstanceId, evidence::Piece};

/// How long a deep check counts; after that asking why makes a new one.
const HOLDS: SignedDuration = SignedDuration::from_mins(1);

/// The deep checks of this run, and what came of trying.
#[derive(Debug, Default)]
pub struct Examinations(HashMap<InstanceId, Examination>);

/// What is known of one instance.
#[derive(Debug, Default)]
struct Examination {
    evidence: Evidence,
    check: Check,
}

/// Where its deep check stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Check {
    /// Nobody asked why.
    #[default]
    None,
    /// Answers come in.
    Running,
    /// It was over then.
    Ended(Timestamp),
}

impl Examinations {
    /// What was read of an instance, or came of trying.
    pub fn of(&self, id: &InstanceId) -> Option<&Evidence> {
        self.0.get(id).map(|examination| &examination.evidence)
    }

    /// Whether anybody asked why.
    pub fn asked(&self, id: &InstanceId) -> bool {
        self.0.get(id).is_some_and(|examination| examination.check != Check::None)
    }

    /// Begins one; false where one runs or is fresh enough. What came of trying stays: no call would give it again.
    pub fn begin(&mut self, id: &InstanceId, now: Timestamp) -> bool {
        match self.0.get(id).map(|before| before.check) {
            Some(Check::Running) => return false,
            Some(Check::Ended(at)) if now.duration_since(at) < HOLDS => return false,
            _ => {}
        }
        let Evidence { attempt, ending, .. } = self.0.remove(id).unwrap_or_default().evidence;
        let evidence = Evidence { attempt, ending, ..Evidence::default() };
        self.0.insert(id.clone(), Examination { evidence, check: Check::Running });
        true
    }

    /// Takes in an answer, if anybody waits for it, or what came of trying.
    pub fn take(&mut self, id: &InstanceId, piece: Piece) {
        if matches!(piece, Piece::Attempt(_) | Piece::Ending(_)) {
            self.0.entry(id.clone()).or_default().evidence.take(piece);
        } else if let Some(examination) = self.0.get_mut(id) {
            examination.evidence.take(piece);
        }
    }

    /// No answer comes any more. What is still under way then was broken off.
    pub fn end(&mut self, id: &InstanceId, now: Timestamp) {
        if let Some(examination) = self.0.get_mut(id) {
            examination.evidence.asking.clear();
            examination.check = Check::Ended(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{
        Call, Connection, Fact,
        evidence::{Answer, Attempt},
    };

    #[test]
    fn a_check_is_made_anew_only_when_it_is_over_and_old() {
        let now: Timestamp = "2026-05-03T12:00:00Z".parse().unwrap();
        let id = InstanceId::from("i-1");
        let mut checks = Examinations::default();
        assert!(checks.of(&id).is_none());
        assert!(checks.begin(&id, now));
        checks.take(&id, Piece::Asking(Call::Role));
        assert!(!checks.begin(&id, now + HOLDS), "it runs");
        checks.take(&id, Piece::Connection(Fact::Known { value: Connection::Connected, at: now }));
        checks.end(&id, now);
        assert!(checks.of(&id).unwrap().asking.is_empty());
        assert!(!checks.begin(&id, now), "it is fresh");
        assert!(checks.of(&id).unwrap().connection.value().is_some());
        assert!(checks.begin(&id, now + HOLDS));
        assert_eq!(checks.of(&id), Some(&Evidence::default()));
    }

    #[test]
    fn what_came_of_trying_is_kept_without_a_check_and_through_the_next_ones() {
        let now: Timestamp = "2026-05-03T12:00:00Z".parse().unwrap();
        let (id, mut checks) = (InstanceId::from("i-1"), Examinations::default());
        let answer = Answer::DeniedWithoutWords;
        checks.take(&id, Piece::Attempt(Attempt { at: now, document: None, answer, request_id: None }));
        assert!(checks.of(&id).is_some() && !checks.asked(&id));
        assert!(checks.begin(&id, now) && checks.asked(&id));
        assert!(checks.of(&id).unwrap().attempt.is_some());
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_dropped() {
        let mut checks = Examinations::default();
        checks.take(&"i-1".into(), Piece::Asking(Call::Role));
        assert!(checks.of(&"i-1".into()).is_none());
    }
}
