//! Words of a verdict: commands that can be pasted, who was asked, and how a machine came to stop.

use jiff::Timestamp;

use super::Context;
use crate::fleet::phrase;
use crate::fleet::record::MachineRecord;

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
