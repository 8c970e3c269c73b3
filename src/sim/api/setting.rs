//! Systems Manager's service settings: default host management, the tier of hybrid nodes, and the rest.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::{
    Context,
    error::{ApiError, Wire},
    input::{Input, Text},
    inventory::seconds,
};
use crate::sim::world::setting::{SettingError, Settings};

const ID: Text = Text { required: true, min: 1, max: 1000, pattern: None, one_of: &[] };
const VALUE: Text = Text { max: 4096, ..ID };
/// What AWS's own values were set by.
const SYSTEM: &str = "System";

/// A setting by its name or its ARN, and the right to it.
fn find<'a>(context: &Context<'_>, operation: &str, id: &'a str) -> Result<&'a str, ApiError> {
    let (region, account) = (&context.api.options.region, &context.api.account);
    let prefix = format!("arn:aws:ssm:{region}:{account}:servicesetting");
    let name = id.strip_prefix(&prefix).unwrap_or(id);
    context.permit(Wire::Json, &format!("ssm:{operation}"), Some(&format!("{prefix}{name}")))?;
    Settings::known(name).map(|_| name).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::modelled(
        "ServiceSettingNotFound",
        "The specified service setting was not found. Either the service name or the setting has not been provisioned by the AWS service team.",
    )
}

fn show(context: &Context<'_>, settings: &Settings, name: &str) -> Value {
    let (region, account) = (&context.api.options.region, &context.api.account);
    let custom = settings.custom(name);
    let long_ago = context.api.started - SignedDuration::from_hours(1000 * 24);
    json!({
        "SettingId": name,
        "SettingValue": settings.value(name),
        "LastModifiedDate": seconds(custom.map_or(long_ago, |setting| setting.modified)),
        "LastModifiedUser": custom.map_or(SYSTEM, |setting| &setting.by),
        "ARN": format!("arn:aws:ssm:{region}:{account}:servicesetting{name}"),
        "Status": if custom.is_some() { "Customized" } else { "Default" },
    })
}

/// GetServiceSetting.
pub(super) fn get_service_setting(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let id = input.text("SettingId", ID)?;
    input.done()?;
    let name = find(context, "GetServiceSetting", id.unwrap_or_default())?;
    Ok(json!({ "ServiceSetting": show(context, &context.world.settings, name) }))
}

/// UpdateServiceSetting.
pub(super) fn update_service_setting(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let id = input.text("SettingId", ID)?;
    let value = input.text("SettingValue", VALUE)?.unwrap_or_default();
    input.done()?;
    let name = find(context, "UpdateServiceSetting", id.unwrap_or_default())?;
    let by = context.caller.arn.as_str();
    context.api.change(context.now, |world| {
        world.settings.set(name, value, context.now, by).map_err(|error| match error {
            SettingError::Unknown => not_found(),
            SettingError::Value => {
                let text = format!("Invalid value {value} for the setting {name}.");
                ApiError::common("ValidationException", text)
            }
        })
    })?;
    Ok(json!({}))
}

/// ResetServiceSetting: AWS's own value holds again.
pub(super) fn reset_service_setting(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let id = input.text("SettingId", ID)?;
    input.done()?;
    let name = find(context, "ResetServiceSetting", id.unwrap_or_default())?;
    let settings = context.api.change(context.now, |world| {
        world.settings.reset(name);
        Ok(world.settings.clone())
    })?;
    Ok(json!({ "ServiceSetting": show(context, &settings, name) }))
}
