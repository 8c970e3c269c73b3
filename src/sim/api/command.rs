//! Run Command, as far as it mends agents: SendCommand with AWS-UpdateSSMAgent.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::{
    Context,
    error::{ApiError, Wire},
    input::{Input, Text},
    inventory::{seconds, target_node},
};
use crate::sim::world::{Node, Ping};

const NONE: Text = Text { required: false, min: 0, max: 0, pattern: None, one_of: &[] };
/// The one document that is run.
const UPDATE: &str = "AWS-UpdateSSMAgent";
/// How long a command may wait for its node, where nothing is said.
const TIMEOUT: u64 = 3600;

/// SendCommand.
pub(super) fn send_command(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let document = input.text("DocumentName", Text { required: true, ..NONE })?.unwrap_or_default();
    let ids = if input.has("InstanceIds") { input.strings("InstanceIds", (0, 50))? } else { Vec::new() };
    let targets = input.structures("Targets", (0, 5), |input| {
        let key = input.text("Key", Text { min: 1, max: 163, ..NONE })?.unwrap_or_default();
        Ok((key, if input.has("Values") { input.strings("Values", (0, 50))? } else { Vec::new() }))
    })?;
    let parameters = input.lists_by_name("Parameters", 65_535)?;
    let comment = input.text("Comment", Text { max: 100, ..NONE })?.unwrap_or_default();
    let timeout = input.number("TimeoutSeconds", 30, 2_592_000)?.unwrap_or(TIMEOUT);
    let concurrency = input.text("MaxConcurrency", Text { min: 1, max: 7, ..NONE })?.unwrap_or("50");
    let errors = input.text("MaxErrors", Text { min: 1, max: 7, ..NONE })?.unwrap_or("0");
    input.done()?;
    context.permit(Wire::Json, "ssm:SendCommand", Some(&api.document_arn(document)))?;
    if document != UPDATE {
        let text = format!("The simulated region runs {UPDATE} alone, and not {document}.");
        return Err(ApiError::modelled("InvalidDocument", text));
    }
    let version = version(context, &parameters)?;
    let nodes = nodes(context, &ids, &targets)?;
    for node in &nodes {
        context.permit(Wire::Json, "ssm:SendCommand", Some(&api.instance_arn(node.managed_id())))?;
    }
    api.change(context.now, |world| {
        for node in nodes.iter().filter(|node| node.told.is_none()) {
            // What cannot fetch its messages never hears of it.
            if context.world.takes_commands(node) {
                world.update_agent(node.index, &version, context.now);
            }
        }
        Ok(())
    })?;
    let targets: Vec<Value> =
        targets.iter().map(|(key, values)| json!({ "Key": key, "Values": values })).collect();
    let parameters: Map<String, Value> =
        parameters.into_iter().map(|(name, values)| (name.to_owned(), json!(values))).collect();
    let expires = context.now + SignedDuration::from_secs(timeout.cast_signed());
    Ok(json!({ "Command": {
        "CommandId": uuid::Uuid::new_v4().to_string(),
        "DocumentName": document,
        "DocumentVersion": "$DEFAULT",
        "Comment": comment,
        "ExpiresAfter": seconds(expires),
        "Parameters": parameters,
        "InstanceIds": ids,
        "Targets": targets,
        "RequestedDateTime": seconds(context.now),
        "Status": "Pending",
        "StatusDetails": "Pending",
        "MaxConcurrency": concurrency,
        "MaxErrors": errors,
        "TargetCount": nodes.len(),
        "CompletedCount": 0,
        "ErrorCount": 0,
        "DeliveryTimedOutCount": 0,
        "ServiceRole": "",
        "TimeoutSeconds": timeout,
    } }))
}

/// The version that the agents shall have: the newest, where nothing else is said.
fn version(context: &Context<'_>, parameters: &[(&str, Vec<&str>)]) -> Result<String, ApiError> {
    let mut version = context.world.latest_agent.as_str();
    for (name, values) in parameters {
        match (*name, &values[..]) {
            ("version", ["" | "latest"]) => {}
            ("version", [wanted]) => version = wanted,
            ("allowDowngrade", ["true" | "false"]) => {}
            _ => {
                let text = format!("{name} is no parameter of {UPDATE}, or has no such value.");
                return Err(ApiError::modelled("InvalidParameters", text));
            }
        }
    }
    Ok(version.to_owned())
}

/// The nodes that are meant: named ones must be online, and of others those that are.
fn nodes<'a>(
    context: &Context<'a>,
    ids: &[&str],
    targets: &[(&str, Vec<&str>)],
) -> Result<Vec<&'a Node>, ApiError> {
    let online = |node: &&Node| {
        let registration = context.world.registration(node, context.now);
        registration.is_some_and(|registration| registration.ping == Ping::Online)
    };
    if ids.is_empty() && targets.is_empty() {
        return Err(ApiError::bare("InvalidInstanceId"));
    }
    let mut nodes = Vec::new();
    for id in ids {
        nodes.push(target_node(context, id).filter(online).ok_or_else(|| {
            let text = format!("Instances [[{id}]] not in a valid state for account {}", context.api.account);
            ApiError::modelled("InvalidInstanceId", text)
        })?);
    }
    let meant = |node: &&Node| {
        !targets.is_empty()
            && targets.iter().all(|(key, values)| match key.strip_prefix("tag:") {
                Some(key) => node.tag(key).is_some_and(|value| values.contains(&value)),
                None => {
                    key.eq_ignore_ascii_case("InstanceIds")
                        && values.iter().any(|id| *id == node.managed_id() || *id == "*")
                }
            })
    };
    let own = context.world.nodes().iter().map(|node| &**node);
    nodes.extend(own.filter(meant).filter(online));
    Ok(nodes)
}
