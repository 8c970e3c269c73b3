//! `ssmtui ls --watch`: what changed between two readings, a line or a JSON object for each change. A heartbeat that came
//! is no change. Knows nothing of how the rows are read.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::clean;
use crate::fleet::{Instance, InstanceId};

/// Members of a row that differ all the time, or follow from others.
const RESTLESS: [&str; 2] = ["last_seen", "reason"];

/// The rows that were shown last, and when.
pub(super) struct Watch {
    rows: HashMap<InstanceId, Arc<Instance>>,
    at: Timestamp,
}

/// What happened to one row.
pub(super) struct Change {
    what: What,
    row: Arc<Instance>,
    /// Of one that is not shown any more: whether it is still listed, but does not match.
    is_listed: bool,
    /// The members that differ, with both values.
    differing: Vec<(String, Value, Value)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Added,
    Changed,
    Removed,
}

/// A line of `--json --watch`. Members are added, never renamed or removed.
#[derive(Serialize)]
struct Line<'a> {
    event: What,
    at: String,
    /// The members of `instance` that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<&'a str>,
    /// Of these, the values before.
    #[serde(skip_serializing_if = "Map::is_empty")]
    before: Map<String, Value>,
    /// Of one that was removed: whether it is still listed, but does not match the query any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    listed: Option<bool>,
    instance: Value,
}

impl Watch {
    /// Nothing was shown yet.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { rows: HashMap::new(), at: now }
    }

    /// What is different now: what comes and what changed in the order of the rows, then what went. `row` makes a row's
    /// JSON form, `known` tells which of all rows has an id, whether it matches or not.
    pub(super) fn changes(
        &mut self,
        rows: &[Arc<Instance>],
        now: Timestamp,
        row: &dyn Fn(&Instance, Timestamp) -> Value,
        known: &dyn Fn(&InstanceId) -> Option<Arc<Instance>>,
    ) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.rows);
        let mut changes = Vec::new();
        for instance in rows {
            let (what, old) = match before.remove(&instance.id) {
                None => (What::Added, None),
                Some(old) => (What::Changed, Some(old)),
            };
            let differing = match &old {
                // The same record may still have become another state with time.
                Some(old) if Arc::ptr_eq(old, instance) && old.state(self.at) == instance.state(now) => {
                    continue;
                }
                Some(old) => differing(&row(old, self.at), &row(instance, now)),
                None => Vec::new(),
            };
            if what == What::Added || !differing.is_empty() {
                let row = Arc::clone(instance);
                changes.push(Change { what, row, is_listed: true, differing });
            }
        }
        let mut gone: Vec<_> = before.into_values().collect();
        gone.sort_by(|one, two| one.label().cmp(two.label()).then_with(|| one.id.cmp(&two.id)));
        changes.extend(gone.into_iter().map(|old| {
            let listed = known(&old.id);
            let row = listed.clone().unwrap_or_else(|| Arc::clone(&old));
            Change { what: What::Removed, row, is_listed: listed.is_some(), differing: Vec::new() }
        }));
        self.rows = rows.iter().map(|row| (row.id.clone(), Arc::clone(row))).collect();
        self.at = now;
        changes
    }
}

/// The members that differ, with both values; of tags, those that differ.
fn differing(before: &Value, after: &Value) -> Vec<(String, Value, Value)> {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return Vec::new() };
    let pairs = after.iter().filter(|(name, _)| !RESTLESS.contains(&name.as_str()));
    pairs
        .filter_map(|(name, now)| {
            let then = before.get(name).unwrap_or(&Value::Null);
            (then != now).then(|| (name.clone(), then.clone(), now.clone()))
        })
        .collect()
}

impl Change {
    /// "web-7: lost -> ready".
    pub(super) fn words(&self, now: Timestamp) -> String {
        let row = &self.row;
        let label = match row.name() {
            Some(name) => format!("{} ({})", clean(name), clean(row.id.as_str())),
            None => clean(row.id.as_str()),
        };
        let state = row.state(now).word();
        match self.what {
            What::Added => format!("+ {label}: {state}"),
            What::Removed if self.is_listed => format!("- {label}: {state}, does not match any more"),
            What::Removed => format!("- {label}: not listed any more"),
            What::Changed => {
                let said: Vec<_> =
                    self.differing.iter().flat_map(|(name, then, now)| said(name, then, now)).collect();
                format!("{label}: {}", said.join(", "))
            }
        }
    }

    /// One line of JSON.
    pub(super) fn json(&self, now: Timestamp, row: &dyn Fn(&Instance, Timestamp) -> Value) -> String {
        let line = Line {
            event: self.what,
            at: now.to_string(),
            changed: self.differing.iter().map(|(name, ..)| name.as_str()).collect(),
            before: self.differing.iter().map(|(name, then, _)| (name.clone(), then.clone())).collect(),
            listed: (self.what == What::Removed).then_some(self.is_listed),
            instance: row(&self.row, now),
        };
        serde_json::to_string(&line).expect("plain data has a JSON form")
    }
}

/// One member's change in words: the state's alone, others with their name, tags one by one.
fn said(name: &str, then: &Value, now: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => clean(text),
        Value::Null | Value::String(_) => "-".to_owned(),
        other => clean(&other.to_string()),
    };
    if let (Value::Object(then), Value::Object(now)) = (then, now) {
        let mut keys: Vec<_> = then.keys().chain(now.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let of = |side: &Map<String, Value>, key: &str| side.get(key).cloned().unwrap_or_default();
        let pairs = keys.into_iter().map(|key| (key, of(then, key), of(now, key)));
        let changed = pairs.filter(|(_, then, now)| then != now);
        return changed
            .map(|(key, then, now)| format!("tag {} {} -> {}", clean(key), text(&then), text(&now)))
            .collect();
    }
    let name = if name == "state" { String::new() } else { format!("{} ", name.replace('_', " ")) };
    vec![format!("{name}{} -> {}", text(then), text(now))]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fleet::{MachineRecord, MachineState, Part, Tag};

    fn machine(id: &str, state: MachineState, env: &str) -> Arc<Instance> {
        let tags = Box::new([Tag::new("Name", format!("{id}\u{1b}")), Tag::new("env", env)]);
        let machine = MachineRecord { tags, ..MachineRecord::new(id, state) };
        Arc::new(Instance { machine: Part::Seen(Arc::new(machine)), ..Instance::new(id) })
    }

    fn row(instance: &Instance, now: Timestamp) -> Value {
        let tags: Map<String, Value> =
            instance.tags().iter().map(|tag| (tag.key.to_string(), tag.value.to_string().into())).collect();
        json!({ "state": instance.state(now).word(), "last_seen": now.to_string(), "tags": tags })
    }

    fn said(watch: &mut Watch, rows: &[Arc<Instance>], all: &[Arc<Instance>]) -> Vec<String> {
        let now = watch.at + jiff::SignedDuration::from_secs(30);
        let known = |id: &InstanceId| all.iter().find(|row| row.id == *id).cloned();
        watch.changes(rows, now, &row, &known).iter().map(|change| change.words(now)).collect()
    }

    #[test]
    fn each_change_is_told_once_and_a_heartbeat_is_none() {
        let mut watch = Watch::new(Timestamp::UNIX_EPOCH);
        let stopped =
            [machine("i-1", MachineState::Stopped, "dev"), machine("i-2", MachineState::Stopped, "dev")];
        assert_eq!(said(&mut watch, &stopped, &stopped).len(), 2);
        assert_eq!(said(&mut watch, &stopped, &stopped), [""; 0], "time alone is no change");
        let again =
            [machine("i-1", MachineState::Stopped, "dev"), machine("i-2", MachineState::Stopped, "dev")];
        assert_eq!(said(&mut watch, &again, &again), [""; 0], "nor is a record that says the same");
        let other =
            [machine("i-1", MachineState::Pending, "prod"), machine("i-2", MachineState::Stopped, "dev")];
        assert_eq!(
            said(&mut watch, &other, &other),
            ["i-1\u{fffd} (i-1): stopped -> starting, tag env dev -> prod"]
        );
        assert_eq!(
            said(&mut watch, &other[..1], &other),
            ["- i-2\u{fffd} (i-2): stopped, does not match any more"]
        );
        assert_eq!(said(&mut watch, &[], &[]), ["- i-1\u{fffd} (i-1): not listed any more"]);
    }

    #[test]
    fn the_lines_of_json_keep_their_form() {
        let mut watch = Watch::new(Timestamp::UNIX_EPOCH);
        let known = |_: &InstanceId| None;
        let mut lines = Vec::new();
        for rows in [
            vec![machine("i-1", MachineState::Stopped, "dev")],
            vec![machine("i-1", MachineState::Pending, "dev")],
            vec![],
        ] {
            let now = watch.at + jiff::SignedDuration::from_secs(30);
            lines.extend(watch.changes(&rows, now, &row, &known).iter().map(|change| change.json(now, &row)));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }
}
