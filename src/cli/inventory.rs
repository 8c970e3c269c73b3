//! The fleet read once, for commands that want it whole.

use std::{
    collections::HashSet,
    future,
    io::{self, IsTerminal},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::{
    aws::{Client, Connector, Error, Kind},
    fleet::{
        Completeness, Connection, Context, Fact, Fleet, Instance, InstanceId, Place, State, Text, Update,
    },
};

/// Accounts and regions that are read at once.
const PLACES_AT_ONCE: usize = 16;
/// How long nothing is said of what is waited for.
const QUIET: Duration = Duration::from_secs(3);
/// GetConnectionStatus calls under way at once.
const AT_ONCE: usize = 8;

/// An account and region that was asked for, as far as it could be read.
#[derive(Clone)]
pub(super) struct Part {
    connector: Connector,
    /// Or why it could not even be asked.
    pub(super) read: Result<(Client, Fleet), Error>,
}

impl Part {
    async fn new(connector: Connector) -> Self {
        let read = Self::open(&connector).await;
        Self { connector, read }
    }

    async fn open(connector: &Connector) -> Result<(Client, Fleet), Error> {
        let client = connector.connect().await?;
        let (mut fleet, who) = futures_util::future::join(read(&client), client.identity()).await;
        let account = who.ok().map(|who| who.account.into());
        fleet.set_place(Place { account, ..Place::clone(fleet.place()) });
        Ok((client, fleet))
    }

    /// Reads it once more: what a list does not give this time stays as it was. One that could not be asked is tried anew.
    pub(super) async fn read_again(&mut self) {
        match &mut self.read {
            Ok((client, fleet)) => read_into(client, fleet).await,
            Err(_) => self.read = Self::open(&self.connector).await,
        }
    }

    /// Where it is, as far as that is known.
    pub(super) fn place(&self) -> Place {
        match &self.read {
            Ok((_, fleet)) => Place::clone(fleet.place()),
            Err(_) => self.connector.place(),
        }
    }

    /// What is missing, a sentence each; empty where all is complete.
    pub(super) fn gaps(&self) -> Vec<String> {
        match &self.read {
            Ok((_, fleet)) => fleet.completeness().gaps(None),
            Err(error) => vec![format!("{}: {}", error.what, error.why)],
        }
    }

    /// Whether every list was read to its last page.
    pub(super) fn is_complete(&self) -> bool {
        self.read.as_ref().is_ok_and(|(_, fleet)| fleet.completeness().is_complete())
    }

    /// Whether a list broke off, or it could not be asked.
    fn has_failed(&self) -> bool {
        self.read.as_ref().map_or(true, |(_, fleet)| {
            let lists = fleet.completeness();
            lists.agents.failure().or(lists.machines.failure()).is_some()
        })
    }
}

/// All accounts and regions that were asked for, in that order.
pub(super) struct Estate {
    pub(super) parts: Vec<Part>,
}

/// How long what is slow is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Until it answers.
    Endless,
    /// Until the user has enough of it.
    UntilInterrupt,
}

impl Patience {
    /// Returns when it has come to its end.
    pub(super) async fn ends(self) {
        if self == Self::Endless || tokio::signal::ctrl_c().await.is_err() {
            future::pending().await
        }
    }
}

/// Reads them side by side; one that fails holds up no other. Who looks on is told what is waited for.
///
/// # Errors
/// None could be asked at all: the first one's reason.
pub(super) async fn read_all(connectors: &[Connector], patience: Patience) -> Result<Estate, Error> {
    let read = |(at, connector)| async move { (at, Part::new(connector).await) };
    let mut reading =
        stream::iter(connectors.to_vec()).enumerate().map(read).buffer_unordered(PLACES_AT_ONCE);
    let mut parts: Vec<Option<Part>> = vec![None; connectors.len()];
    let (mut quiet, mut enough) = (pin!(tokio::time::sleep(QUIET)), pin!(patience.ends()));
    let mut is_told = !io::stderr().is_terminal();
    loop {
        tokio::select! {
            next = reading.next() => match next {
                Some((at, part)) => parts[at] = Some(part),
                None => break,
            },
            () = &mut quiet, if !is_told => {
                is_told = true;
                let waiting = connectors.iter().zip(&parts).filter(|(_, part)| part.is_none());
                let places: Vec<String> = waiting.map(|(connector, _)| connector.place().words()).collect();
                let hint = if patience == Patience::Endless { "" } else { "; ctrl-c shows what is there" };
                eprintln!("ssmtui: waiting for {}{hint}", places.join(", "));
            }
            () = &mut enough => break,
        }
    }
    let parts = connectors.iter().zip(parts).map(|(connector, part)| {
        part.unwrap_or_else(|| Part {
            connector: connector.clone(),
            read: Err(unanswered(&connector.place())),
        })
    });
    let estate = Estate { parts: parts.collect() };
    match estate.parts.first().map(|part| &part.read) {
        Some(Err(error)) if estate.reads().next().is_none() => Err(error.clone()),
        _ => Ok(estate),
    }
}

/// Who looks on while something about a place takes long is told so.
pub(super) async fn not_in_silence<T>(client: &Client, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(QUIET, &mut work).await {
        return done;
    }
    if io::stderr().is_terminal() {
        eprintln!("ssmtui: reading the list of {}", words(client));
    }
    work.await
}

fn unanswered(place: &Place) -> Error {
    Error {
        kind: Kind::Unreachable,
        what: format!("{} is left out", place.words()),
        why: "it had not answered when ctrl-c came".to_owned(),
        next: "`ssmtui doctor` says whether it can be reached".to_owned(),
        said: None,
        ask: None,
    }
}

impl Estate {
    /// Those that could be asked, by their place among all.
    pub(super) fn reads(&self) -> impl Iterator<Item = (usize, &Client, &Fleet)> {
        self.parts.iter().enumerate().filter_map(|(at, part)| {
            let (client, fleet) = part.read.as_ref().ok()?;
            Some((at, client, fleet))
        })
    }

    /// What was read of each.
    pub(super) fn fleets(&self) -> Vec<&Fleet> {
        self.reads().map(|(_, _, fleet)| fleet).collect()
    }

    /// The rows of all.
    pub(super) fn rows(&self) -> Arc<[Arc<Instance>]> {
        rows(self.reads().map(|(_, _, fleet)| fleet))
    }

    /// The place among all of the one that lists an instance.
    pub(super) fn place_of(&self, id: &InstanceId) -> usize {
        self.reads().find(|(_, _, fleet)| fleet.get(id).is_some()).map_or(0, |(at, ..)| at)
    }

    /// The row with this id, unless it is gone.
    pub(super) fn get(&self, id: &InstanceId, now: Timestamp) -> Option<Arc<Instance>> {
        let row = self.reads().find_map(|(_, _, fleet)| fleet.get(id))?;
        (row.state(now) != State::Gone).then(|| Arc::clone(row))
    }

    /// What is missing, a sentence each; empty where all is complete.
    pub(super) fn gaps(&self) -> Vec<String> {
        let of = |part: &Part| {
            // An error about a place names it itself.
            let place = match &part.read {
                Ok((client, _)) if self.parts.len() > 1 => format!("{}: ", words(client)),
                _ => String::new(),
            };
            part.gaps().into_iter().map(move |gap| format!("{place}{gap}"))
        };
        self.parts.iter().flat_map(of).collect()
    }

    /// Whether every list was read to its last page.
    pub(super) fn is_complete(&self) -> bool {
        self.parts.iter().all(Part::is_complete)
    }

    /// Whether a list broke off, or a place could not be asked.
    pub(super) fn has_failed(&self) -> bool {
        self.parts.iter().any(Part::has_failed)
    }

    /// "prod/eu-west-1", "3 places".
    pub(super) fn words(&self) -> String {
        match self.parts.as_slice() {
            [only] => only.place().words(),
            several => format!("{} places", several.len()),
        }
    }
}

/// The rows of all; an instance that two profiles see is one row.
pub(super) fn rows<'a>(fleets: impl Iterator<Item = &'a Fleet>) -> Arc<[Arc<Instance>]> {
    let mut seen = HashSet::new();
    fleets.flat_map(Fleet::instances).filter(|row| seen.insert(row.id.clone())).cloned().collect()
}

/// "prod/eu-west-1".
pub(super) fn words(client: &Client) -> String {
    place(client).words()
}

fn place(client: &Client) -> Place {
    Place {
        profile: client.profile().map(Into::into),
        region: Some(client.region().into()),
        ..Place::default()
    }
}

/// Reads both lists to their end, or as far as they go.
pub(super) async fn read(client: &Client) -> Fleet {
    let mut fleet = Fleet::new();
    fleet.set_place(place(client));
    read_into(client, &mut fleet).await;
    fleet
}

/// Reads what the lists say of one instance.
pub(super) async fn read_one(client: &Client, id: &InstanceId) -> Fleet {
    let mut fleet = Fleet::new();
    fleet.set_place(place(client));
    let (sender, mut updates) = mpsc::channel(16);
    let apply = async {
        while let Some(update) = updates.recv().await {
            fleet.apply(update, Timestamp::now());
        }
    };
    futures_util::future::join(client.list_one(id, 1, sender), apply).await;
    fleet
}

/// Reads them once more into the same rows: what a source does not give this time stays as it was.
async fn read_into(client: &Client, fleet: &mut Fleet) {
    let (sender, mut updates) = mpsc::channel(16);
    let generation = fleet.generation() + 1;
    let apply = async {
        while let Some(update) = updates.recv().await {
            fleet.apply(update, Timestamp::now());
        }
    };
    futures_util::future::join(client.list(generation, sender), apply).await;
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

/// Row and target of every node that is in one of these states.
pub(super) fn in_states(fleet: &Fleet, states: &[State], now: Timestamp) -> Vec<(InstanceId, InstanceId)> {
    let asked = fleet.instances().iter().filter(|instance| states.contains(&instance.state(now)));
    asked.map(|instance| (instance.id.clone(), instance.target().clone())).collect()
}

/// What a verdict rests on besides the row.
pub(super) fn context(client: &Client, lists: Completeness) -> Context {
    context_at(&place(client), lists)
}

/// The same of a place that is not asked.
pub(super) fn context_at(Place { profile, region, .. }: &Place, lists: Completeness) -> Context {
    let text = |text: &Option<Text>| text.as_deref().map(str::to_owned);
    Context { profile: text(profile), region: text(region), lists, ..Context::default() }
}

/// AWS said that the node is not connected: the row knows it, too.
pub(super) fn not_connected(fleet: &mut Fleet, id: &InstanceId) {
    let now = Timestamp::now();
    let status = Fact::Known { value: Connection::NotConnected, at: now };
    fleet.apply(Update::Connection { id: id.clone(), status }, now);
}
