//! Words of a verdict: commands that can be pasted, who was asked, what was not visible, and how a
//! machine came to stop.

use jiff::Timestamp;

use super::Context;
use crate::fleet::instance::{Instance, Part, State};
use crate::fleet::phrase;
use crate::fleet::record::{Fact, MachineRecord};

/// A command with the row's profile and region.
pub(super) fn command(context: &Context, command: &str) -> String {
    let mut line = command.to_owned();
    for (flag, value) in [("--profile", &context.profile), ("--region", &context.region)] {
        if let Some(value) = value {
            line.push_str(&format!(" {flag} {}", quoted(value)));
        }
    }
    line
}

/// Text as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@,+".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// The identity, as a user knows it.
pub(super) fn who(context: &Context) -> &str {
    context.who.as_deref().unwrap_or("you")
}

/// When a machine stopped and on whose account, from StateTransitionReason and StateReason.
pub(super) fn stopped(machine: &MachineRecord, word: &str, now: Timestamp) -> String {
    let reason = machine.state_transition_reason.as_deref().unwrap_or_default();
    let code = machine.state_reason.as_deref().unwrap_or_default();
    let since = reason.split_once('(').and_then(|(_, rest)| {
        let text = rest.split(')').next()?.trim_end_matches("GMT").trim_end_matches("UTC").trim();
        format!("{}Z", text.replacen(' ', "T", 1)).parse::<Timestamp>().ok()
    });
    let by = if code.contains("Spot") || reason.contains("Spot") {
        "by EC2, for its spot capacity"
    } else if code.contains("InstanceInitiated") {
        "by a shutdown from inside"
    } else if reason.starts_with("User initiated") || code.contains("UserInitiated") {
        "by user request"
    } else if reason.starts_with("Service initiated") || code.starts_with("Server.") {
        "by AWS"
    } else {
        reason.split('(').next().unwrap_or_default().trim()
    };
    let mut words = format!("EC2: {word}");
    if let Some(since) = since {
        words.push_str(&format!(" since {}", phrase::moment(since, now)));
    }
    if !by.is_empty() {
        words.push_str(&format!(", {by}"));
    }
    words
}

/// What this identity could not see of this instance, and what nobody looked at.
pub(super) fn not_visible(instance: &Instance, state: State, context: &Context) -> Vec<String> {
    let who = who(context);
    let mut lines = Vec::new();
    if matches!(instance.agent, Part::Unknown) && !context.lists.agents.is_complete() {
        let agents = &context.lists.agents;
        lines.push(match (agents.denied(), agents.failure()) {
            (Some(action), _) => format!("SSM's side (agent, heartbeat): {action} is denied to {who}"),
            (None, Some(failure)) => format!("SSM's side (agent, heartbeat): {failure}"),
            (None, None) => "SSM's side (agent, heartbeat): the list isn't read to its end yet".to_owned(),
        });
    }
    if matches!(instance.machine, Part::Unknown)
        && !instance.is_hybrid()
        && !context.lists.machines.is_complete()
    {
        let machines = &context.lists.machines;
        let what = "EC2's side (state, profile, network)";
        lines.push(match (machines.denied(), machines.failure()) {
            (Some(action), _) => format!("{what}: {action} is denied to {who}"),
            (None, Some(failure)) => format!("{what}: {failure}"),
            (None, None) => format!("{what}: the list isn't read to its end yet"),
        });
    }
    let is_settled = matches!(state, State::Stopped | State::Gone | State::Starting);
    match &instance.connection {
        _ if is_settled => {}
        Fact::Denied { action } => lines.push(format!("its session channel: {action} is denied to {who}")),
        Fact::Failed(why) => lines.push(format!("its session channel: {why}")),
        Fact::NotAsked if state == State::Online => {
            lines.push("its session channel: not asked yet".to_owned())
        }
        _ => {}
    }
    if matches!(state, State::NoChannel | State::Lost | State::NotConfigured) {
        lines.push("not checked: what its role may do, its way to the endpoints".to_owned());
    }
    lines
}
