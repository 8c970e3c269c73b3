//! The calls that come to a region's places: counted by action, and held back while somebody wants to see what others do
//! meanwhile. For tests, which so need no clock: a place is slow until they say otherwise.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::fault::{ActionPattern, FaultError, Where};

/// How many calls of an action came to a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All whose signature was right, those that are held back among them.
    pub came: u64,
    /// Of these, answered with an error.
    pub refused: u64,
}

/// A place as a count knows it: account and region; and an action.
type Counted = (String, String, String);

/// What a region's places have counted, and what is held back.
pub(super) struct Traffic {
    counts: Mutex<HashMap<Counted, Count>>,
    held: watch::Sender<Vec<Held>>,
}

struct Held {
    number: u64,
    action: ActionPattern,
    place: Option<Where>,
    /// How many calls it holds or held.
    came: usize,
}

impl Held {
    fn holds(&self, [account, alias, region]: [&str; 3], action: &str) -> bool {
        self.action.matches(action)
            && self.place.as_ref().is_none_or(|place| place.names(account, alias, region))
    }
}

/// Calls are held back until this is dropped.
pub struct Hold {
    traffic: Arc<Traffic>,
    number: u64,
}

impl Hold {
    /// Returns when so many calls were held back; at once if they were already.
    pub async fn came(&self, calls: usize) {
        let mut held = self.traffic.held.subscribe();
        let enough = |all: &Vec<Held>| all.iter().any(|one| one.number == self.number && one.came >= calls);
        // The sender lives as long as `self`.
        let _ = held.wait_for(enough).await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.traffic.held.send_modify(|held| held.retain(|one| one.number != self.number));
    }
}

impl Traffic {
    pub(super) fn new() -> Traffic {
        Traffic { counts: Mutex::default(), held: watch::Sender::default() }
    }

    /// Holds back what `spec` names: an action, and, behind `@`, a place, both as faults name them.
    pub(super) fn hold(self: &Arc<Self>, spec: &str) -> Result<Hold, FaultError> {
        let (action, place) = super::fault::calls(spec)?;
        let mut number = 0;
        self.held.send_modify(|held| {
            number = held.last().map_or(1, |last| last.number + 1);
            held.push(Held { number, action, place, came: 0 });
        });
        Ok(Hold { traffic: Arc::clone(self), number })
    }

    /// Counts a call that came, and waits while it is held back.
    pub(super) async fn pass(&self, place: [&str; 3], action: &str) {
        self.count(place, action, |count| count.came += 1);
        self.held.send_if_modified(|held| {
            let holding = held.iter_mut().filter(|one| one.holds(place, action));
            holding.map(|one| one.came += 1).count() > 0
        });
        let free = |held: &Vec<Held>| !held.iter().any(|one| one.holds(place, action));
        // The sender lives as long as `self`.
        let _ = self.held.subscribe().wait_for(free).await;
    }

    /// Counts a refusal.
    pub(super) fn refused(&self, place: [&str; 3], action: &str) {
        self.count(place, action, |count| count.refused += 1);
    }

    /// What came to a place.
    pub(super) fn counted(&self, account: &str, region: &str, action: &str) -> Count {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.to_owned(), region.to_owned(), action.to_owned());
        counts.get(&key).copied().unwrap_or_default()
    }

    /// How often each action was asked for in a place.
    pub(super) fn calls(&self, account: &str, region: &str) -> BTreeMap<String, u64> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let here = counts.iter().filter(|((one, other, _), _)| one == account && other == region);
        here.map(|((_, _, action), count)| (action.clone(), count.came)).collect()
    }

    fn count(&self, [account, _, region]: [&str; 3], action: &str, change: impl FnOnce(&mut Count)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        change(counts.entry((account.to_owned(), region.to_owned(), action.to_owned())).or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    const DATA: [&str; 3] = ["345678901234", "shop-data", "us-east-1"];
    const PROD: [&str; 3] = ["123456789012", "shop-prod", "eu-west-1"];

    #[tokio::test]
    async fn what_is_held_waits_until_it_is_let_go_and_the_rest_passes() {
        let traffic = Arc::new(Traffic::new());
        let hold = traffic.hold("ec2:*@data").unwrap();
        let other = traffic.hold("ec2:DescribeInstances@*/us-east-1").unwrap();
        traffic.pass(PROD, "ec2:DescribeInstances").await;
        traffic.pass(DATA, "ssm:StartSession").await;
        let mut held = pin!(traffic.pass(DATA, "ec2:DescribeInstances"));
        assert!(held.as_mut().now_or_never().is_none());
        hold.came(1).await;
        drop(hold);
        assert!(held.as_mut().now_or_never().is_none(), "another holds it still");
        drop(other);
        held.await;
        traffic.refused(DATA, "ec2:DescribeInstances");
        let counted = traffic.counted(DATA[0], DATA[2], "ec2:DescribeInstances");
        assert_eq!(counted, Count { came: 1, refused: 1 });
        let calls = traffic.calls(DATA[0], DATA[2]);
        assert_eq!(
            calls,
            [("ec2:DescribeInstances", 1), ("ssm:StartSession", 1)].map(|(a, n)| (a.to_owned(), n)).into()
        );
        assert_eq!(traffic.counted(DATA[0], "eu-west-1", "ec2:DescribeInstances"), Count::default());
    }

    #[test]
    fn a_hold_is_spelled_like_a_fault() {
        let traffic = Arc::new(Traffic::new());
        for wrong in ["", "nonsense", "ec2:Describe!", "ec2:*@", "ec2:*@data/"] {
            assert!(traffic.hold(wrong).is_err(), "{wrong}");
        }
    }
}
