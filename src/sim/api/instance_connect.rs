//! EC2 Instance Connect, 2018-04-02: SendSSHPublicKey, by which a key holds for a minute.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    Context,
    error::{ApiError, Wire},
    input::{Input, Text},
};
use crate::sim::world::MachineState;

const NONE: Text = Text { required: false, min: 0, max: 0, pattern: None, one_of: &[] };
const INSTANCE: Text =
    Text { required: true, min: 10, max: 32, pattern: Some(("^i-[a-f0-9]+$", is_instance)), ..NONE };
const USER: Text = Text {
    required: true,
    min: 1,
    max: 32,
    pattern: Some((
        r"(^[A-Za-z_][A-Za-z0-9\@\._-]{0,30}[A-Za-z0-9\$_-]?$)|(^(?=.{2,32}$)[0-9]{1,32}[A-Za-z\@\._-][A-Za-z0-9\@\._-]*[A-Za-z0-9\$_-]?$)",
        is_user,
    )),
    ..NONE
};
const ZONE: Text = Text {
    min: 6,
    max: 32,
    pattern: Some((r"^(\w+-){2,3}\d+\w+$", |zone| zone.matches('-').count() >= 2)),
    ..NONE
};
/// The types of key that the service takes; for the rest of the text any base64 must do.
const KEY_TYPES: [&str; 2] = ["ssh-rsa", "ssh-ed25519"];

fn is_instance(text: &str) -> bool {
    let hex = text.strip_prefix("i-").unwrap_or_default();
    !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_user(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"@._-".contains(&byte);
    let Some((last, rest)) = text.as_bytes().split_last() else { return false };
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    starts && !all_digits && rest.iter().all(|&byte| inner(byte)) && (inner(*last) || *last == b'$')
}

/// The key as one line of an `authorized_keys` file, without what follows its base64.
fn public_key(text: &str) -> Option<String> {
    let mut words = text.split_ascii_whitespace();
    let (kind, encoded) = (words.next()?, words.next()?);
    let blob = STANDARD.decode(encoded).ok()?;
    // The blob repeats its type behind a length (RFC 4253, 6.6).
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let inner = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    (KEY_TYPES.contains(&kind) && inner == kind.as_bytes()).then(|| format!("{kind} {encoded}"))
}

/// SendSSHPublicKey.
pub(super) fn send_ssh_public_key(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let id = input.text("InstanceId", INSTANCE)?;
    input.text("InstanceOSUser", USER)?;
    let key = input.text("SSHPublicKey", Text { required: true, min: 80, max: 4096, ..NONE })?;
    let zone = input.text("AvailabilityZone", ZONE)?;
    input.done()?;
    let id = id.unwrap_or_default();
    context.permit(Wire::Json, "ec2-instance-connect:SendSSHPublicKey", Some(&api.instance_arn(id)))?;
    let key = public_key(key.unwrap_or_default())
        .ok_or_else(|| ApiError::modelled("InvalidArgsException", "Invalid SSH public key provided."))?;
    let node =
        context.world.find(id).filter(|node| node.machine(context.now).is_some()).ok_or_else(|| {
            let text = format!("Instance {id} not found. Specify a valid instance ID.");
            ApiError::modelled("EC2InstanceNotFoundException", text)
        })?;
    if zone.is_some_and(|zone| zone != super::ec2::zone(api, node)) {
        let text = "The instance is not in the availability zone that was specified.";
        return Err(ApiError::modelled("InvalidArgsException", text));
    }
    if node.state(context.now) != MachineState::Running {
        let text = "Instance is not in valid state. Instance must be in the 'running' state.";
        return Err(ApiError::modelled("EC2InstanceStateInvalidException", text));
    }
    api.gateway.push_ssh_key(node.managed_id(), &key);
    Ok(json!({ "RequestId": context.request_id, "Success": true }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_apart_and_anything_else_is_refused() {
        let blob = [&11_u32.to_be_bytes()[..], b"ssh-ed25519", &32_u32.to_be_bytes(), &[7; 32]].concat();
        let encoded = STANDARD.encode(blob);
        let line = format!("ssh-ed25519 {encoded}");
        assert_eq!(public_key(&format!("{line} me@here\n")), Some(line.clone()));
        assert_eq!(public_key(&line.replace("ssh-ed25519 ", "ssh-rsa ")), None);
        assert_eq!(public_key(&format!("from=\"*\" {line}")), None);
        assert_eq!(public_key("ssh-rsa"), None);
        assert_eq!(public_key("ssh-rsa !!!!"), None);
        assert_eq!(public_key(&format!("ssh-rsa {}", STANDARD.encode([0xff; 80]))), None);
        for user in ["ec2-user", "Administrator", "a", "_x", "1a", "me$"] {
            assert!(is_user(user), "{user}");
        }
        for user in ["", "-x", "123", "a b", "a$b", "ä"] {
            assert!(!is_user(user), "{user}");
        }
    }
}
