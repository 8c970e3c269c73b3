//! Nodes outside of EC2: the activations by which they register, their roles, their leaving.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    Context,
    error::{ApiError, Wire},
    input::{Input, Text},
    inventory::seconds,
    page, random,
};
use crate::sim::world::Activation;

const NONE: Text = Text { required: false, min: 0, max: 0, pattern: None, one_of: &[] };
const FILTERS: [&str; 3] = ["ActivationIds", "DefaultInstanceName", "IamRole"];
const MANAGED: Text = Text {
    required: true,
    min: 20,
    max: 124,
    pattern: Some((r"(^mi-[0-9a-f]{17}$)|(^eks_c:[0-9A-Za-z][A-Za-z0-9\-_]{0,99}_\w{17}$)", is_managed)),
    ..NONE
};
const SSM: &str = "ssm.amazonaws.com";

fn is_managed(id: &str) -> bool {
    let hex = id.strip_prefix("mi-").unwrap_or_default();
    hex.len() == 17 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// DescribeActivations.
pub(super) fn describe_activations(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let size = input.number("MaxResults", 1, 50)?.unwrap_or(50);
    let token = input.text("NextToken", NONE)?;
    let filters = input.structures("Filters", (0, usize::MAX), |input| {
        let key = input.text("FilterKey", Text { one_of: &FILTERS, ..NONE })?.unwrap_or_default();
        let values = if input.has("FilterValues") {
            input.strings("FilterValues", (0, usize::MAX))?
        } else {
            Vec::new()
        };
        Ok((key, values))
    })?;
    input.done()?;
    context.permit(Wire::Json, "ssm:DescribeActivations", Some(&api.service_arn("ssm")))?;
    let question = format!("DescribeActivations\n{filters:?}");
    let from = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => (api.tokens.open(&question, token))
            .ok_or_else(|| ApiError::modelled("InvalidNextToken", "The specified token is not valid."))?,
    };
    let chosen = |activation: &Activation| {
        let matches = |(key, values): &(&str, Vec<&str>)| {
            let actual = match *key {
                "ActivationIds" => Some(activation.id.as_str()),
                "IamRole" => Some(activation.role.as_str()),
                _ => activation.instance_name.as_deref(),
            };
            actual.is_some_and(|actual| values.contains(&actual))
        };
        filters.iter().all(matches).then(|| show(context, activation))
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let (list, next) = page::walk(&context.world.activations, from, size, chosen);
    let mut answer = json!({ "ActivationList": list });
    if let Some(place) = next {
        answer["NextToken"] = json!(api.tokens.seal(&question, place));
    }
    Ok(answer)
}

fn show(context: &Context<'_>, activation: &Activation) -> Value {
    let mut row = json!({
        "ActivationId": activation.id,
        "IamRole": activation.role,
        "RegistrationLimit": activation.limit,
        "RegistrationsCount": activation.count,
        "ExpirationDate": seconds(activation.expires),
        "Expired": activation.expires <= context.now,
        "CreatedDate": seconds(activation.created),
        "Tags": [],
    });
    if let Some(name) = &activation.instance_name {
        row["DefaultInstanceName"] = json!(name);
    }
    if let Some(description) = &activation.description {
        row["Description"] = json!(description);
    }
    row
}

/// CreateActivation. Foreign agents register by the region's own activation, not by these.
pub(super) fn create_activation(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let description = input.text("Description", Text { max: 256, ..NONE })?.map(str::to_owned);
    let instance_name = input.text("DefaultInstanceName", Text { max: 256, ..NONE })?.map(str::to_owned);
    let role = input.text("IamRole", Text { required: true, max: 64, ..NONE })?.unwrap_or_default();
    let limit = input.number("RegistrationLimit", 1, 1000)?.unwrap_or(1);
    let expires = input.seconds("ExpirationDate")?;
    input.structures("Tags", (0, 1000), |input| {
        input.text("Key", Text { required: true, min: 1, max: 128, ..NONE })?;
        input.text("Value", Text { required: true, max: 256, ..NONE }).map(drop)
    })?;
    input.done()?;
    context.permit(Wire::Json, "ssm:CreateActivation", Some("*"))?;
    check_role(context, role)?;
    let expires = match expires {
        None => context.now + SignedDuration::from_hours(24),
        Some(time) => Timestamp::from_millisecond((time * 1000.0) as i64).unwrap_or(Timestamp::MAX),
    };
    if expires <= context.now || expires.duration_since(context.now) > SignedDuration::from_hours(30 * 24) {
        let text = "The expiration date must be in the future, and not more than 30 days away.";
        return Err(ApiError::common("ValidationException", text));
    }
    let activation = Activation {
        id: uuid::Uuid::new_v4().to_string(),
        description,
        instance_name,
        role: role.to_owned(),
        limit: u32::try_from(limit).unwrap_or(1),
        count: 0,
        created: context.now,
        expires,
    };
    let answer =
        json!({ "ActivationId": activation.id, "ActivationCode": random::secret_access_key()[..20] });
    api.change(context.now, |world| {
        world.activations.push(activation);
        Ok(())
    })?;
    Ok(answer)
}

/// A role that Systems Manager may hand to a node.
fn check_role(context: &Context<'_>, name: &str) -> Result<(), ApiError> {
    let identity = &context.world.identity;
    if identity.role(name).is_some_and(|role| identity.trusts(role, SSM)) {
        return Ok(());
    }
    let arn = format!("arn:aws:iam::{}:role/{name}", context.api.account);
    let text = format!("Nonexistent role or missing ssm service principal in trust policy: {arn}");
    Err(ApiError::common("ValidationException", text))
}

/// UpdateManagedInstanceRole.
pub(super) fn update_managed_instance_role(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let id = input.text("InstanceId", MANAGED)?.unwrap_or_default();
    let role = input.text("IamRole", Text { required: true, max: 64, ..NONE })?.unwrap_or_default();
    input.done()?;
    context.permit(Wire::Json, "ssm:UpdateManagedInstanceRole", Some(&api.instance_arn(id)))?;
    let node = find(context, id)?;
    check_role(context, role)?;
    api.change(context.now, |world| {
        world.set_hybrid_role(node, role);
        Ok(())
    })?;
    Ok(json!({}))
}

/// The place of a hybrid node of the sample fleet.
fn find(context: &Context<'_>, id: &str) -> Result<usize, ApiError> {
    let found = context.world.find(id).filter(|node| node.managed_id() == id && !node.deregistered);
    let found = found.filter(|node| node.hybrid.is_some()).map(|node| node.index);
    found.ok_or_else(|| {
        ApiError::modelled("InvalidInstanceId", format!("The managed node {id} is not registered here."))
    })
}

/// DeregisterManagedInstance.
pub(super) fn deregister_managed_instance(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let id = input.text("InstanceId", MANAGED)?.unwrap_or_default();
    input.done()?;
    let api = context.api;
    context.permit(Wire::Json, "ssm:DeregisterManagedInstance", Some(&api.instance_arn(id)))?;
    if api.control.as_ref().is_some_and(|control| control.deregister(id)) {
        return Ok(json!({}));
    }
    let node = find(context, id)?;
    api.change(context.now, |world| {
        world.deregister(node);
        Ok(())
    })?;
    Ok(json!({}))
}
