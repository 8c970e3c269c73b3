//! TARGET of every command: found once, never guessed; and what its row knows for words, versions and users.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Failure, inventory};
use crate::{
    aws::{Client, Connector, Error, Kind},
    fleet::{
        self, AgentVersion, Completeness, Context, Feature, Fleet, Instance, InstanceId, Platform, Query,
        Target, Update, Usage, feature, login, reach, search,
    },
};

/// Names that a failure suggests.
const SUGGESTED: usize = 5;
/// Rows that a failure lists.
const LISTED: usize = 10;

/// What TARGET turned out to be.
pub(super) struct Found {
    /// For StartSession.
    pub(super) target: String,
    /// The row; an id is taken as it is, without asking for any list.
    row: Option<Arc<Instance>>,
    /// All that was read, where it was the whole fleet.
    fleet: Option<Fleet>,
}

impl Found {
    /// "web-7f3a (i-0a1b)", or the id alone.
    pub(super) fn label(&self) -> String {
        match self.name() {
            Some(name) => format!("{} ({})", super::clean(name), self.target),
            None => self.target.clone(),
        }
    }

    /// The row's id, which a hybrid registration may be another than the target.
    pub(super) fn id(&self) -> &str {
        self.row.as_ref().map_or(&self.target, |row| row.id.as_str())
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.row.as_ref().and_then(|row| row.name())
    }

    pub(super) fn platform(&self) -> Option<Platform> {
        self.row.as_ref().and_then(|row| row.platform())
    }

    pub(super) fn version(&self) -> Option<AgentVersion> {
        self.row.as_ref().and_then(|row| row.agent_version()).and_then(|version| version.parse().ok())
    }

    /// Whom the platform's images log in.
    pub(super) fn default_user(&self) -> Option<&'static str> {
        self.row.as_ref().and_then(|row| login::default_user(row))
    }

    /// Asks for the row of an id, one call for one node; without it all goes on, the agent will refuse what it must.
    pub(super) async fn learn(&mut self, client: &Client) {
        if self.row.is_some() {
            return;
        }
        let id = InstanceId::from(self.target.as_str());
        match client.agent(&id).await {
            Ok(Some(record)) => {
                let mut fleet = Fleet::new();
                fleet.apply(Update::Agents { generation: 1, records: vec![record] }, Timestamp::now());
                self.row = fleet.get(&id).cloned();
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "nothing is known of the target"),
        }
    }

    /// Refuses before the start what the agent is too old for.
    pub(super) fn require(&self, task: &str, feature: Feature) -> Result<(), Failure> {
        feature::check(self.version(), feature).map_err(|why| {
            let update = format!(
                "update it: aws ssm send-command --document-name AWS-UpdateSSMAgent --targets Key=InstanceIds,Values={}",
                self.target
            );
            Failure::told(format!("cannot {task} {}", self.label()), why, update)
        })
    }
}

/// An id of EC2, of a hybrid node or of a container: taken as it is.
pub(super) fn is_id(text: &str) -> bool {
    if text.strip_prefix("ecs:").is_some_and(|rest| rest.matches('_').count() >= 2) {
        return true;
    }
    let hex = text.strip_prefix("mi-").or_else(|| text.strip_prefix("i-"));
    hex.is_some_and(|hex| matches!(hex.len(), 8 | 17) && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The account and region of TARGET, where several are asked.
pub(super) async fn choose(
    mut connectors: Vec<Connector>,
    target: Option<&str>,
) -> Result<Connector, Failure> {
    let Some(target) = target.filter(|_| connectors.len() != 1) else {
        if connectors.len() > 1 {
            let why = "this command is about one account and region";
            return Err(Failure::told(
                "several accounts or regions are named",
                why,
                "name one profile and one region",
            ));
        }
        return Ok(connectors.remove(0));
    };
    let estate = inventory::read_all(&connectors, inventory::Patience::Endless).await?;
    match fleet::resolve_target(&estate.rows(), target) {
        Target::One(row) => {
            let at = estate.place_of(&row.id);
            Ok(connectors.swap_remove(at))
        }
        Target::Several(rows) => Err(several(target, &rows)),
        Target::None => {
            let mut why = format!(
                "none of {} instances in {} has that id, name, private IP or DNS name",
                fleet::phrase::count(estate.rows().len()),
                estate.words()
            );
            for gap in estate.gaps() {
                why.push_str(&format!("; {gap}"));
            }
            let next = format!("`ssmtui ls {target}` looks for what is like it");
            Err(Failure::told(format!("there is no instance `{target}`"), why, next))
        }
    }
}

pub(super) async fn find(client: &Client, target: &str) -> Result<Found, Failure> {
    if is_id(target) {
        return Ok(Found { target: target.to_owned(), row: None, fleet: None });
    }
    let fleet = inventory::not_in_silence(client, inventory::read(client)).await;
    match fleet::resolve_target(fleet.instances(), target) {
        Target::One(row) => {
            Ok(Found { target: row.target().to_string(), row: Some(row), fleet: Some(fleet) })
        }
        Target::Several(rows) => Err(several(target, &rows)),
        Target::None => Err(none(client, target, &fleet).await),
    }
}

/// The row of TARGET beside how far the lists were read, and what the other nodes have in common; an id is asked for alone, and
/// one that no list has is a row of which nothing is known.
pub(super) async fn row(
    client: &Client,
    target: &str,
) -> Result<(Arc<Instance>, Completeness, Usage), Failure> {
    let fleet = match is_id(target) && !target.starts_with("ecs:") {
        true => inventory::read_one(client, &target.into()).await,
        false => inventory::read(client).await,
    };
    let lists = fleet.completeness();
    match fleet::resolve_target(fleet.instances(), target) {
        Target::One(row) => Ok((row, lists, fleet.usage().clone())),
        Target::Several(rows) => Err(several(target, &rows)),
        Target::None if is_id(target) => {
            // Nothing was read: the caller's own trouble is the answer.
            if lists.rows == 0
                && let Some(error) = client.trouble(&format!("look at {target}")).await
            {
                return Err(error.into());
            }
            Ok((Arc::new(Instance::new(target)), lists, Usage::default()))
        }
        Target::None => Err(none(client, target, &fleet).await),
    }
}

/// As [`find`], and what is known of an id is asked for, too.
pub(super) async fn find_known(client: &Client, target: &str) -> Result<Found, Failure> {
    let mut found = find(client, target).await?;
    found.learn(client).await;
    Ok(found)
}

fn listed(rows: &[Arc<Instance>], most: usize) -> String {
    let now = Timestamp::now();
    let line = |row: &Arc<Instance>| match row.name() {
        Some(name) => format!("{} {} ({})", super::clean(name), row.id, row.state(now).word()),
        None => format!("{} ({})", row.id, row.state(now).word()),
    };
    let mut list = rows.iter().take(most).map(line).collect::<Vec<_>>().join(", ");
    if rows.len() > most {
        list.push_str(&format!(" and {} more", rows.len() - most));
    }
    list
}

fn several(target: &str, rows: &[Arc<Instance>]) -> Failure {
    Failure::told(
        format!("`{target}` is {} instances", rows.len()),
        listed(rows, LISTED),
        "name one by its id",
    )
}

async fn none(client: &Client, target: &str, fleet: &Fleet) -> Failure {
    let lists = fleet.completeness();
    // Nothing was read: the caller's own trouble is the answer.
    if lists.rows == 0
        && let Some(error) = client.trouble(&format!("look for `{target}`")).await
    {
        return error.into();
    }
    let place =
        client.profile().map_or_else(|| client.region().to_owned(), |p| format!("{p}/{}", client.region()));
    let mut why = format!(
        "none of {} instances in {place} has that id, name, private IP or DNS name",
        fleet::phrase::count(lists.rows)
    );
    for gap in lists.gaps(None) {
        why.push_str(&format!("; {gap}"));
    }
    let similar = similar(fleet, target);
    let next = if similar.is_empty() {
        format!("`ssmtui ls {target}` looks for what is like it; else check --region and --profile")
    } else {
        format!("perhaps you mean {}; `ssmtui ls {target}` shows more", listed(&similar, similar.len()))
    };
    Failure::told(format!("there is no instance `{target}`"), why, next)
}

/// What the search box would show for it, the best first.
fn similar(fleet: &Fleet, target: &str) -> Vec<Arc<Instance>> {
    let rows: Arc<[Arc<Instance>]> = fleet.instances().into();
    let found = search::search(&search::Request::new(rows, Query::words_of(target), Timestamp::now()));
    found.hits.iter().take(SUGGESTED).map(|hit| Arc::clone(&found.rows[*hit as usize])).collect()
}

/// Puts the label in the place of the id, and tells why a node is not connected: TargetNotConnected says nothing by
/// itself, the fleet does (peers 39).
pub(super) async fn explain(client: &Client, found: &mut Found, mut error: Error) -> Failure {
    error.what = error.what.replacen(&found.target, &found.label(), 1);
    if error.kind != Kind::NotConnected {
        return error.into();
    }
    let (row, mut fleet) = match found.fleet.take() {
        Some(fleet) => (found.row.clone(), fleet),
        None => {
            let fleet = inventory::read(client).await;
            (fleet.get(&InstanceId::from(found.target.as_str())).cloned(), fleet)
        }
    };
    let id = row.as_ref().map(|row| row.id.clone());
    if let Some(id) = &id {
        inventory::not_connected(&mut fleet, id);
    }
    let row = id.and_then(|id| fleet.get(&id).cloned());
    let context =
        Context { usage: fleet.usage().clone(), ..inventory::context(client, fleet.completeness()) };
    let now = Timestamp::now();
    let reference = format!("AWS says {}", error.reference());
    let Some(row) = row else {
        let why = reach::explain_not_connected(&found.target, None, &context, now);
        return Failure::told(error.what, format!("{why} ({reference})"), error.next);
    };
    let verdict = fleet::diagnose(&row, &context, now);
    let Some(first) = verdict.findings.first().filter(|_| verdict.explains_refusal().is_some()) else {
        let why = reach::explain_not_connected(&found.target, Some(&row), &context, now);
        return Failure::told(error.what, format!("{why} ({reference})"), error.next);
    };
    let flag = verdict.flag.map(|flag| format!("{flag}: ")).unwrap_or_default();
    let evidence = first.evidence.iter().map(|seen| format!("; {seen}")).collect::<String>();
    let command = first.command.as_ref().map(|line| format!("\n        {line}")).unwrap_or_default();
    Failure::told(
        error.what,
        format!("{flag}{}{evidence} ({reference})", verdict.headline),
        format!("{}{command}", first.fix),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_as_it_is() {
        for id in ["i-0a1b2c3d", "i-0a1b2c3d4e5f60718", "mi-0a1b2c3d4e5f60718", "ecs:c_0123_0123-1"] {
            assert!(is_id(id), "{id}");
        }
        for name in ["web-1", "i-web", "mi-", "i-0a1b2c3d4", "10.1.2.3", "ecs:web"] {
            assert!(!is_id(name), "{name}");
        }
    }
}
