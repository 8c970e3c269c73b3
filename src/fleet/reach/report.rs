//! The report: all that is known of one instance, to paste into a ticket, and the same as JSON for `ssmtui why --json`.
//!
//! The JSON is stable: fields may be added, and none is renamed or removed within one `version`.

use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;

use super::{Certainty, Context, Finding, checklist, examine};
use crate::fleet::evidence::Evidence;
use crate::fleet::instance::Instance;

/// All that is known of one instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Of this form; 1.
    pub version: u32,
    /// When it was made.
    pub at: String,
    /// The row's id.
    pub id: String,
    /// What StartSession takes; another than `id` for a hybrid registration of an EC2 instance.
    pub target: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The account's number.
    pub account: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Profile that asked.
    pub profile: Option<String>,
    /// Who asked: "role dev-ro".
    pub who: Option<String>,
    /// The state's word, as in the list.
    pub state: &'static str,
    /// The console's own sentence, where the instance can't be reached.
    pub flag: Option<&'static str>,
    /// The verdict in one sentence.
    pub headline: String,
    /// What stands in the way, the first to mend first.
    pub findings: Vec<FindingReport>,
    /// The checks, in their order.
    pub checks: Vec<CheckReport>,
    /// What this identity could not see.
    pub not_visible: Vec<String>,
    /// Actions that would settle what is open, each once.
    pub settled_by: Vec<SettledBy>,
    /// The smallest policy statement that lets the caller open this instance.
    pub statement: String,
    /// AWS's ids of the requests that it refused, with its words.
    pub refused: Vec<RefusedReport>,
}

/// One finding of a [`Report`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingReport {
    /// The cause's stable name.
    pub cause: &'static str,
    /// `proves`, `suggests` or `unknown`.
    pub certainty: &'static str,
    /// What it is.
    pub what: String,
    /// What was seen.
    pub evidence: Vec<String>,
    /// What mends it; may be empty.
    pub fix: String,
    /// A command to paste.
    pub command: Option<String>,
    /// Who can do it.
    pub owner: &'static str,
    /// How long it takes to show, in words.
    pub then: Option<&'static str>,
    /// The same in seconds, at most.
    pub then_seconds: Option<u64>,
}

/// One check of a [`Report`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckReport {
    /// What is checked.
    pub title: &'static str,
    /// `passed`, `failed`, `suspected`, `not visible`, `not needed`, `waiting` or `asking`.
    pub state: &'static str,
    /// One line of evidence; may be empty.
    pub says: String,
    /// The action that is denied, for `not visible`.
    pub missing: Option<String>,
}

/// A call that would settle something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettledBy {
    /// Its action.
    pub action: &'static str,
    /// Whether this program makes it, given the right.
    pub is_made_here: bool,
}

/// A call that AWS refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedReport {
    /// Its action.
    pub action: &'static str,
    /// AWS's words.
    pub message: String,
    /// AWS's id.
    pub request_id: Option<String>,
}

/// Makes the report of one instance.
pub fn report(instance: &Instance, evidence: &Evidence, context: &Context, now: Timestamp) -> Report {
    let verdict = examine(instance, evidence, context, now);
    let row = evidence.applied_to(instance);
    let checks = checklist(instance, evidence, context, now);
    let account = row
        .place
        .account
        .as_deref()
        .or(row.machine.seen().and_then(|machine| machine.account.as_deref()))
        .or(context.account.as_deref());
    let mut settled_by: Vec<SettledBy> = Vec::new();
    for call in verdict.findings.iter().flat_map(|finding| &finding.settled_by) {
        let one = SettledBy { action: call.action(), is_made_here: call.is_made_here() };
        if !settled_by.contains(&one) {
            settled_by.push(one);
        }
    }
    Report {
        version: 1,
        at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        id: row.id.to_string(),
        target: row.target().to_string(),
        name: row.name().map(str::to_owned),
        account: account.map(str::to_owned),
        region: context.region.clone(),
        profile: context.profile.clone(),
        who: context.who.clone(),
        state: verdict.state.word(),
        flag: verdict.flag,
        statement: context.site(account).start(row.target().as_str(), None),
        headline: verdict.headline,
        findings: verdict.findings.iter().map(FindingReport::from).collect(),
        checks: checks
            .into_iter()
            .map(|check| CheckReport {
                title: check.title,
                state: check.state.word(),
                says: check.says,
                missing: match check.state {
                    super::CheckState::Hidden(action) => action,
                    _ => None,
                },
            })
            .collect(),
        not_visible: verdict.not_visible,
        settled_by,
        refused: evidence
            .refused
            .iter()
            .map(|refused| RefusedReport {
                action: refused.call.action(),
                message: refused.message.clone(),
                request_id: refused.request_id.clone(),
            })
            .collect(),
    }
}

impl From<&Finding> for FindingReport {
    fn from(finding: &Finding) -> Self {
        let then = finding.then();
        Self {
            cause: finding.cause.name(),
            certainty: match finding.certainty {
                Certainty::Proves => "proves",
                Certainty::Suggests => "suggests",
                Certainty::Unknown => "unknown",
            },
            what: finding.what.clone(),
            evidence: finding.evidence.clone(),
            fix: finding.fix.clone(),
            command: finding.command.clone(),
            owner: finding.owner.word(),
            then: then.map(|then| then.words),
            then_seconds: then.map(|then| then.at_most.as_secs()),
        }
    }
}

impl Report {
    /// As text for a ticket: plain, and Markdown where a tracker reads that.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let name = self.name.as_deref().filter(|name| *name != self.id);
        let subject = name.map_or_else(|| self.id.clone(), |name| format!("{name} ({})", self.id));
        // Writing to a String can't fail.
        let _ = writeln!(text, "## {subject}: {}\n\n{}.", self.state, self.headline);
        if let Some(flag) = self.flag {
            let _ = writeln!(text, "\nThe console says: {flag}.");
        }
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                let _ = writeln!(text, "\nAlso: {}.", finding.what);
            }
            let _ = writeln!(text);
            for seen in &finding.evidence {
                let _ = writeln!(text, "- {seen}");
            }
            if !finding.fix.is_empty() {
                let _ = writeln!(text, "\nTo mend it ({}): {}.", finding.owner, finding.fix);
            }
            if let Some(command) = &finding.command {
                let _ = writeln!(text, "\n    {command}");
            }
            if let Some(then) = finding.then {
                let _ = writeln!(text, "\nThen: {then}.");
            }
        }
        section(
            &mut text,
            "Checked",
            self.checks.iter().filter(|check| check.state != "not needed").map(|check| {
                let says = if check.says.is_empty() { String::new() } else { format!(" ({})", check.says) };
                format!("{}: {}{says}", check.state, check.title)
            }),
        );
        section(&mut text, "Not visible to whoever asked", self.not_visible.iter().cloned());
        section(&mut text, "Would settle it", self.settled_by.iter().map(|call| call.action.to_owned()));
        section(
            &mut text,
            "Refused by AWS",
            self.refused.iter().map(|refused| {
                let id =
                    refused.request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default();
                format!("{}{id}: {}", refused.action, refused.message)
            }),
        );
        let _ = writeln!(text, "\nThe smallest statement that lets me open it:\n\n    {}", self.statement);
        let place = [
            ("target", Some(&self.target)),
            ("account", self.account.as_ref()),
            ("region", self.region.as_ref()),
            ("profile", self.profile.as_ref()),
            ("asked as", self.who.as_ref()),
            ("at", Some(&self.at)),
        ];
        let _ = writeln!(text);
        for (name, value) in place {
            if let Some(value) = value {
                let _ = writeln!(text, "- {name}: {value}");
            }
        }
        text
    }

    /// As JSON, one object.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n{title}:\n");
        for line in lines {
            let _ = writeln!(text, "- {line}");
        }
    }
}
