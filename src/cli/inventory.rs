//! The fleet read once, for commands that want it whole.

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::{
    aws::Client,
    fleet::{Completeness, Connection, Context, Fact, Fleet, InstanceId, State, Update},
};

/// GetConnectionStatus calls under way at once.
const AT_ONCE: usize = 8;

/// Reads both lists to their end, or as far as they go.
pub(super) async fn read(client: &Client) -> Fleet {
    let (sender, mut updates) = mpsc::channel(16);
    let mut fleet = Fleet::new();
    let apply = async {
        while let Some(update) = updates.recv().await {
            fleet.apply(update, Timestamp::now());
        }
    };
    futures_util::future::join(client.list(1, sender), apply).await;
    fleet
}

/// Asks which of the nodes that say they are online have their channel open. A denial ends the asking.
pub(super) async fn verify(client: &Client, fleet: &mut Fleet, ids: Vec<(InstanceId, InstanceId)>) {
    let mut waiting = ids.into_iter();
    let ask = |(id, target): (InstanceId, InstanceId)| async move { (id, client.connection(&target).await) };
    let mut asked: FuturesUnordered<_> = waiting.by_ref().take(AT_ONCE).map(ask).collect();
    while let Some((id, status)) = asked.next().await {
        let denied = matches!(status, Fact::Denied { .. });
        fleet.apply(Update::Connection { id, status }, Timestamp::now());
        if denied {
            return;
        }
        asked.extend(waiting.next().map(ask));
    }
}

/// Row and target of every node that may be ready.
pub(super) fn online(fleet: &Fleet, now: Timestamp) -> Vec<(InstanceId, InstanceId)> {
    let online = fleet.instances().iter().filter(|instance| instance.state(now) == State::Online);
    online.map(|instance| (instance.id.clone(), instance.target().clone())).collect()
}

/// What a verdict rests on besides the row.
pub(super) fn context(client: &Client, lists: Completeness) -> Context {
    Context {
        profile: client.profile().map(str::to_owned),
        region: Some(client.region().to_owned()),
        who: None,
        lists,
        ..Context::default()
    }
}

/// AWS said that the node is not connected: the row knows it, too.
pub(super) fn not_connected(fleet: &mut Fleet, id: &InstanceId) {
    let now = Timestamp::now();
    let status = Fact::Known { value: Connection::NotConnected, at: now };
    fleet.apply(Update::Connection { id: id.clone(), status }, now);
}

/// What is missing in the list, a sentence each; empty where it is complete.
pub(super) fn gaps(lists: &Completeness) -> Vec<String> {
    let sources = [("SSM", "managed nodes", &lists.agents), ("EC2", "instances", &lists.machines)];
    let mut gaps = Vec::new();
    for (service, rows, source) in sources {
        if let Some(action) = source.denied() {
            gaps.push(format!("{service}'s list of {rows} is missing: {action} is denied to you"));
        } else if let Some(failure) = source.failure() {
            gaps.push(format!("{service}'s list of {rows} is not complete: {failure}"));
        }
    }
    gaps
}
