//! CloudWatch Logs, 2014-03-28, as far as it takes to see and mend the log groups that sessions are recorded in.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::{
    Context,
    error::{ApiError, Wire},
    input::{Input, Text},
};
use crate::sim::world::{World, recording::LogGroup};

const NAME: Text =
    Text { required: true, min: 1, max: 512, pattern: Some((r"[\.\-_/#A-Za-z0-9]+", is_name)), one_of: &[] };
const KEY: Text = Text { required: false, min: 0, max: 256, pattern: None, one_of: &[] };

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte))
}

impl Context<'_> {
    fn group_arn(&self, name: &str) -> String {
        format!("arn:aws:logs:{}:{}:log-group:{name}", self.api.options.region, self.api.account)
    }

    fn permit_on_group(&self, operation: &str, name: &str) -> Result<(), ApiError> {
        let resource = format!("{}:log-stream:", self.group_arn(name));
        self.permit(Wire::Json, &format!("logs:{operation}"), Some(&resource))
    }

    /// A key of KMS that a log group can have, by its ARN.
    fn key_of_group(&self, key: &str) -> Result<String, ApiError> {
        let ring = &self.api.ring;
        let usable = |held| ring.usable(held).is_ok();
        match ring.find(key).ok().filter(|&held| key.starts_with("arn:") && usable(held)) {
            Some(held) => Ok(ring.arn(held)),
            None => Err(ApiError::common(
                "InvalidParameterException",
                "The specified KMS Key Id could not be found.",
            )),
        }
    }
}

fn group<'a>(world: &'a mut World, name: &str) -> Result<&'a mut LogGroup, ApiError> {
    world.log_groups.iter_mut().find(|group| group.name == name).ok_or_else(|| {
        ApiError::common("ResourceNotFoundException", "The specified log group does not exist.")
    })
}

/// DescribeLogGroups. The few that there are come on one page.
pub(super) fn describe_log_groups(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let prefix = input.text("logGroupNamePrefix", Text { required: false, ..NAME })?;
    let pattern = input.text("logGroupNamePattern", Text { required: false, ..NAME })?;
    input.number("limit", 1, 50)?;
    input.done()?;
    if prefix.is_some() && pattern.is_some() {
        let text = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
        return Err(ApiError::common("InvalidParameterException", text));
    }
    context.permit_on_group("DescribeLogGroups", "")?;
    let created = context.api.started - SignedDuration::from_hours(100 * 24);
    let shown = |group: &&LogGroup| {
        prefix.is_none_or(|prefix| group.name.starts_with(prefix))
            && pattern.is_none_or(|part| group.name.contains(part))
    };
    let show = |group: &LogGroup| {
        let arn = context.group_arn(&group.name);
        let mut row = json!({
            "logGroupName": group.name,
            "creationTime": created.as_millisecond(),
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "storedBytes": 0,
            "logGroupClass": "STANDARD",
        });
        if let Some(key) = &group.key {
            row["kmsKeyId"] = Value::from(key.as_str());
        }
        row
    };
    let rows: Vec<Value> = context.world.log_groups.iter().filter(shown).map(show).collect();
    Ok(json!({ "logGroups": rows }))
}

/// CreateLogGroup.
pub(super) fn create_log_group(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let name = input.text("logGroupName", NAME)?.unwrap_or_default();
    let key = input.text("kmsKeyId", KEY)?;
    input.done()?;
    context.permit_on_group("CreateLogGroup", name)?;
    let key = key.map(|key| context.key_of_group(key)).transpose()?;
    context.api.change(context.now, |world| {
        if group(world, name).is_ok() {
            let text = "The specified log group already exists";
            return Err(ApiError::common("ResourceAlreadyExistsException", text));
        }
        world.log_groups.push(LogGroup { name: name.to_owned(), key });
        Ok(())
    })?;
    Ok(Value::Null)
}

/// AssociateKmsKey: what is recorded from now on is encrypted with it.
pub(super) fn associate_kms_key(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let name = input.text("logGroupName", NAME)?.unwrap_or_default();
    let key = input.text("kmsKeyId", Text { required: true, ..KEY })?.unwrap_or_default();
    input.done()?;
    context.permit_on_group("AssociateKmsKey", name)?;
    let key = context.key_of_group(key)?;
    context.api.change(context.now, |world| {
        group(world, name)?.key = Some(key);
        Ok(())
    })?;
    Ok(Value::Null)
}
