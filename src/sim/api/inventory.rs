//! Systems Manager's lists of nodes: DescribeInstanceInformation, DescribeInstanceProperties, and GetConnectionStatus.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Context,
    error::{ApiError, Wire},
    input::{Input, Text},
    page,
};
use crate::sim::world::{self, Node, PlatformKind, Registration};

/// The keys that both lists know, in the old form of their filters.
const LEGACY_KEYS: [&str; 8] = [
    "InstanceIds",
    "AgentVersion",
    "PingStatus",
    "PlatformTypes",
    "ActivationIds",
    "IamRole",
    "ResourceType",
    "AssociationStatus",
];
/// Those that the new form knows besides.
const NEW_KEYS: [&str; 2] = ["SourceIds", "SourceTypes"];
/// The old form of DescribeInstanceProperties has one more.
const LEGACY_PROPERTY_KEYS: [&str; 9] = [
    "InstanceIds",
    "AgentVersion",
    "PingStatus",
    "PlatformTypes",
    "DocumentName",
    "ActivationIds",
    "IamRole",
    "ResourceType",
    "AssociationStatus",
];
const OPERATORS: [&str; 5] = ["Equal", "NotEqual", "BeginWith", "LessThan", "GreaterThan"];
const NAMED: Text = Text { required: true, min: 1, max: 0, pattern: None, one_of: &[] };

/// One condition: the key's values, compared by the operator.
struct Filter<'a> {
    key: &'a str,
    values: Vec<&'a str>,
    operator: &'a str,
}

/// DescribeInstanceInformation.
pub(super) fn describe_instance_information(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let size = input.number("MaxResults", 5, 50)?.unwrap_or(10);
    let token = input.text("NextToken", Text::default())?;
    let mut filters = input.structures("Filters", (0, usize::MAX), |input| {
        let key = input.text("Key", NAMED)?.unwrap_or_default();
        Ok(Filter { key, values: input.strings("Values", (1, 100))?, operator: "Equal" })
    })?;
    let legacy = input.structures("InstanceInformationFilterList", (0, usize::MAX), |input| {
        let key = input.text("key", Text { one_of: &LEGACY_KEYS, ..NAMED })?.unwrap_or_default();
        Ok(Filter { key, values: input.strings("valueSet", (1, 100))?, operator: "Equal" })
    })?;
    input.done()?;
    if !filters.is_empty() && !legacy.is_empty() {
        return Err(ApiError::common(
            "ValidationException",
            "Filters and InstanceInformationFilterList cannot both be specified.",
        ));
    }
    filters.extend(legacy);
    check(&filters, |text| ApiError::common("InvalidInstanceInformationFilterValue", text))?;
    let (list, next) = list(context, "DescribeInstanceInformation", &filters, size, token, information)?;
    Ok(answer("InstanceInformationList", list, next))
}

/// DescribeInstanceProperties.
pub(super) fn describe_instance_properties(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let size = input.number("MaxResults", 5, 1000)?.unwrap_or(10);
    let token = input.text("NextToken", Text::default())?;
    let limits = |name| if input.has(name) { (1, 40) } else { (0, 40) };
    let (new_limits, legacy_limits) = (limits("FiltersWithOperator"), limits("InstancePropertyFilterList"));
    let mut filters = input.structures("FiltersWithOperator", new_limits, |input| {
        let key = input.text("Key", Text { max: 100_000, ..NAMED })?.unwrap_or_default();
        let values = input.strings("Values", (1, 40))?;
        let operator = input.text("Operator", Text { one_of: &OPERATORS, ..Text::default() })?;
        Ok(Filter { key, values, operator: operator.unwrap_or("Equal") })
    })?;
    let legacy = input.structures("InstancePropertyFilterList", legacy_limits, |input| {
        let key = input.text("key", Text { one_of: &LEGACY_PROPERTY_KEYS, ..NAMED })?.unwrap_or_default();
        Ok(Filter { key, values: input.strings("valueSet", (1, 40))?, operator: "Equal" })
    })?;
    input.done()?;
    if !filters.is_empty() && !legacy.is_empty() {
        return Err(ApiError::common(
            "ValidationException",
            "FiltersWithOperator and InstancePropertyFilterList cannot both be specified.",
        ));
    }
    filters.extend(legacy);
    check(&filters, |text| ApiError::common("InvalidInstancePropertyFilterValue", text))?;
    let (list, next) = list(context, "DescribeInstanceProperties", &filters, size, token, properties)?;
    Ok(answer("InstanceProperties", list, next))
}

/// GetConnectionStatus: the one true answer to whether a session can be opened.
pub(super) fn get_connection_status(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let target = input.text("Target", Text { required: true, min: 1, max: 400, ..Text::default() })?;
    input.done()?;
    let target = target.unwrap_or_default();
    context.permit(Wire::Json, "ssm:GetConnectionStatus", Some(&context.api.instance_arn(target)))?;
    let world = context.world;
    let connected = context.api.container(target).is_some()
        || target_node(context, target).is_some_and(|node| world.connected(node, context.now));
    Ok(json!({ "Target": target, "Status": if connected { "connected" } else { "notconnected" } }))
}

/// The node that a session's target names: by the id that Systems Manager knows, and no other.
pub(super) fn target_node<'a>(context: &Context<'a>, target: &str) -> Option<&'a Node> {
    let found = context.world.find(target).filter(|node| node.managed_id() == target);
    found.or_else(|| context.guests.iter().find(|node| node.id == target))
}

fn list(
    context: &Context<'_>,
    operation: &str,
    filters: &[Filter<'_>],
    size: u64,
    token: Option<&str>,
    show: fn(&Context<'_>, &Node, Registration) -> Map<String, Value>,
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let api = context.api;
    context.permit(Wire::Json, &format!("ssm:{operation}"), Some(&api.service_arn("ssm")))?;
    let mut question = operation.to_owned();
    for filter in filters {
        question.push_str(&format!("\n{}\t{}\t{}", filter.key, filter.operator, filter.values.join("\t")));
    }
    let from = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => (api.tokens.open(&question, token))
            .ok_or_else(|| ApiError::modelled("InvalidNextToken", "The specified token is not valid."))?,
    };
    let chosen = |node: &Node| -> Option<Value> {
        let registration = context.world.registration(node, context.now)?;
        let row = show(context, node, registration);
        filters.iter().all(|filter| matches(filter, node, &row)).then_some(Value::Object(row))
    };
    // A question for certain nodes needs no walk.
    if let Some(ids) = filters.iter().find(|filter| filter.key == "InstanceIds" && filter.operator == "Equal")
    {
        let mut nodes: Vec<&Node> = ids.values.iter().filter_map(|id| target_node(context, id)).collect();
        nodes.sort_unstable_by_key(|node| node.index);
        nodes.dedup_by_key(|node| node.index);
        let (rows, next) = page::walk(&nodes, from, page_size(size), |node| chosen(node));
        return Ok((rows, next.map(|place| api.tokens.seal(&question, place))));
    }
    let (rows, next) = match context.guests {
        [] => page::walk(context.world.nodes(), from, page_size(size), |node| chosen(node)),
        guests => {
            let own = context.world.nodes().iter().map(|node| &**node);
            let nodes: Vec<&Node> = own.chain(guests).collect();
            page::walk(&nodes, from, page_size(size), |node| chosen(node))
        }
    };
    Ok((rows, next.map(|place| api.tokens.seal(&question, place))))
}

fn page_size(size: u64) -> usize {
    usize::try_from(size).expect("checked against the model's limits")
}

fn answer(name: &str, list: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert(name.to_owned(), Value::Array(list));
    if let Some(next) = next {
        answer.insert("NextToken".to_owned(), Value::String(next));
    }
    Value::Object(answer)
}

/// Refuses what AWS refuses of filters, beyond the model.
fn check(filters: &[Filter<'_>], bad_value: fn(String) -> ApiError) -> Result<(), ApiError> {
    let is_tag = |filter: &Filter<'_>| filter.key == "tag-key" || filter.key.starts_with("tag:");
    if filters.len() > 1 && filters.iter().any(is_tag) {
        return Err(ApiError::common(
            "ValidationException",
            "Cannot mix tag or inventory filter with any other filter.",
        ));
    }
    for filter in filters {
        let known: &[&str] = match filter.key {
            "PingStatus" => &["Online", "ConnectionLost", "Inactive"],
            "PlatformTypes" => &["Windows", "Linux", "MacOS"],
            "ResourceType" => &["EC2Instance", "ManagedInstance"],
            "SourceTypes" => &["AWS::EC2::Instance", "AWS::SSM::ManagedInstance", "AWS::IoT::Thing"],
            "InstanceIds" => {
                if let Some(bad) =
                    filter.values.iter().find(|id| filter.operator == "Equal" && !is_node_id(id))
                {
                    return Err(ApiError::modelled(
                        "InvalidInstanceId",
                        format!("The instance ID '{bad}' is not valid."),
                    ));
                }
                continue;
            }
            key if LEGACY_KEYS.contains(&key) || NEW_KEYS.contains(&key) || is_tag(filter) => continue,
            _ => return Err(ApiError::bare("InvalidFilterKey")),
        };
        if filter.key == "ResourceType" && filter.values.len() > 1 {
            return Err(bad_value("ResourceType filter may contain only one value.".to_owned()));
        }
        if filter.values.iter().any(|value| !known.contains(value)) {
            return Err(bad_value(format!(
                "{} filter is invalid, valid values are {}",
                filter.key,
                known.join(", ")
            )));
        }
    }
    Ok(())
}

/// `i-` and 8 or 17, `mi-` and 17 letters or digits, as the model has it.
fn is_node_id(id: &str) -> bool {
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match (id.strip_prefix("mi-"), id.strip_prefix("i-")) {
        (Some(rest), _) => rest.len() == 17 && word(rest),
        (None, Some(rest)) => [8, 17].contains(&rest.len()) && word(rest),
        _ => false,
    }
}

fn matches(filter: &Filter<'_>, node: &Node, row: &Map<String, Value>) -> bool {
    if filter.key == "tag-key" {
        return filter.values.iter().any(|key| node.tag(key).is_some());
    }
    let member = match filter.key {
        "InstanceIds" => "InstanceId",
        "PlatformTypes" => "PlatformType",
        "ActivationIds" => "ActivationId",
        "SourceIds" => "SourceId",
        "SourceTypes" => "SourceType",
        key => key,
    };
    let actual = match filter.key.strip_prefix("tag:") {
        Some(key) => node.tag(key),
        None => row.get(member).and_then(Value::as_str),
    };
    let Some(actual) = actual else { return filter.operator == "NotEqual" };
    let any = |test: &dyn Fn(&str) -> bool| filter.values.iter().any(|value| test(value));
    let order = |value: &str| match filter.key {
        "AgentVersion" => world::compare_versions(actual, value),
        _ => actual.cmp(value),
    };
    match filter.operator {
        "NotEqual" => !any(&|value| value == actual),
        "BeginWith" => any(&|value| actual.starts_with(value)),
        "LessThan" => any(&|value| order(value) == Ordering::Less),
        "GreaterThan" => any(&|value| order(value) == Ordering::Greater),
        _ => any(&|value| value == actual),
    }
}

/// A time as JSON 1.1 has it: seconds, with a fraction.
pub(super) fn seconds(time: Timestamp) -> Value {
    json!(time.as_millisecond() as f64 / 1000.0)
}

/// A row of DescribeInstanceInformation.
fn information(context: &Context<'_>, node: &Node, registration: Registration) -> Map<String, Value> {
    let mut row = shared(context, node, registration);
    let agent = node.agent.as_ref().map_or("", |agent| agent.version.as_ref());
    // "This field only applies to Linux" (the model).
    if node.platform.kind == PlatformKind::Linux {
        row.insert("IsLatestVersion".to_owned(), json!(agent == context.world.latest_agent));
    }
    // The name of an EC2 instance is a tag of EC2's.
    if node.managed_id().starts_with("mi-") {
        row.insert("Name".to_owned(), json!(node.name));
    }
    row
}

/// A row of DescribeInstanceProperties.
fn properties(context: &Context<'_>, node: &Node, registration: Registration) -> Map<String, Value> {
    let mut row = shared(context, node, registration);
    row.insert("Name".to_owned(), json!(node.name));
    if let Some((_, state)) = node.machine(context.now) {
        row.insert("InstanceType".to_owned(), json!(node.instance_type));
        row.insert("InstanceState".to_owned(), json!(state));
        row.insert("Architecture".to_owned(), json!(node.platform.architecture));
        row.insert("LaunchTime".to_owned(), seconds(node.launched));
        row.insert("KeyName".to_owned(), json!(super::ec2::KEY_NAME));
        if let Some(role) = context.world.profile_role(node) {
            row.insert("InstanceRole".to_owned(), json!(role));
        }
    }
    row
}

fn shared(context: &Context<'_>, node: &Node, registration: Registration) -> Map<String, Value> {
    let world = context.world;
    let managed = node.managed_id().starts_with("mi-");
    let on_ec2 = node.machine(context.now).is_some() || !managed;
    let mut row = Map::new();
    let mut put = |name: &str, value: Value| drop(row.insert(name.to_owned(), value));
    put("InstanceId", json!(node.managed_id()));
    put("PingStatus", json!(registration.ping.as_str()));
    put("LastPingDateTime", seconds(registration.last_ping));
    if let Some(agent) = &node.agent {
        put("AgentVersion", json!(agent.version));
    }
    put("PlatformType", json!(node.platform.kind.as_str()));
    put("PlatformName", json!(node.platform.name));
    put("PlatformVersion", json!(node.platform.version));
    if let Some(hybrid) = &node.hybrid {
        put("ActivationId", json!(hybrid.activation));
        put("RegistrationDate", seconds(registration.since));
    }
    if let Some(role) = world.shown_role(node) {
        put("IamRole", json!(role));
    }
    put("ResourceType", json!(if managed { "ManagedInstance" } else { "EC2Instance" }));
    let (mut address, mut name) = (node.address(), node.host_name(&context.api.options.region));
    if let Some(twin) = node.twin.as_ref().filter(|_| world.is_twins_turn(registration)) {
        // The same machine on another desk.
        address = format!("{}.251.{}", node.site.prefix, node.index % 250 + 4);
        name = format!("{twin}.office.example");
    }
    put("IPAddress", json!(address));
    put("ComputerName", json!(name));
    put("AssociationStatus", json!("Success"));
    put("LastAssociationExecutionDate", seconds(registration.last_ping));
    put("LastSuccessfulAssociationExecutionDate", seconds(registration.last_ping));
    put(
        "AssociationOverview",
        json!({ "DetailedStatus": "Success", "InstanceAssociationStatusAggregatedCount": { "Success": 1 } }),
    );
    put("SourceId", json!(if on_ec2 { node.id.as_ref() } else { node.managed_id() }));
    put("SourceType", json!(if on_ec2 { "AWS::EC2::Instance" } else { "AWS::SSM::ManagedInstance" }));
    row
}
