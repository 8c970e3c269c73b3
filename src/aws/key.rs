//! Keys of two kinds: the data key of an encrypted session (KMS), and an SSH key for a minute (EC2 Instance Connect).

use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;

use super::{
    Client, Error, Kind,
    error::{Task, made},
};
use crate::{
    fleet::InstanceId,
    session::{DataKey, DataKeyRequest},
};

/// Two halves of 32 bytes (protocol.md 6.1).
const DATA_KEY_BYTES: i32 = 64;
/// The agent waits 15 s for the answer to its handshake.
const HANDSHAKE_WAITS: Duration = Duration::from_secs(13);
const GENERATE: &str = "kms:GenerateDataKey";
const PUSH: &str = "ec2-instance-connect:SendSSHPublicKey";

impl Client {
    /// A data key for an encrypted session, from the key that the agent named.
    ///
    /// # Errors
    /// The key is not there, not usable, or not for the caller: the error names it and the right.
    pub(super) async fn generate_data_key(&self, request: &DataKeyRequest<'_>) -> Result<DataKey, Error> {
        let key = request.key_id;
        let verb = format!("encrypt the session with KMS key {key}");
        let task = Task { verb: verb.clone(), action: GENERATE, target: None };
        let timeouts = TimeoutConfig::builder().operation_timeout(HANDSHAKE_WAITS).build();
        let mut call = self.0.kms.generate_data_key().key_id(key).number_of_bytes(DATA_KEY_BYTES);
        // protocol.md 6.1: the agent decrypts with the very same context.
        call = call.encryption_context("aws:ssm:SessionId", request.session_id.as_str());
        call = call.encryption_context("aws:ssm:TargetId", request.target);
        if let Some(challenge) = request.challenge {
            call = call.encryption_context("aws:ssm:RandomChallenge", challenge);
        }
        let config = aws_sdk_kms::Config::builder().timeout_config(timeouts);
        let answer = match call.customize().config_override(config).send().await {
            Ok(answer) => answer,
            Err(error) => return Err(about_kms(self.failed(&task, &error).await, key)),
        };
        let halves = answer.plaintext.zip(answer.ciphertext_blob);
        halves.and_then(|(plain, cipher)| DataKey::new(plain.into_inner(), cipher.into_inner())).ok_or_else(
            || {
                made(
                    Kind::Service,
                    format!("cannot {verb}: the answer is incomplete"),
                    "KMS answered without a data key of 64 bytes",
                    "try again; if it stays, something between here and AWS changes answers",
                )
            },
        )
    }

    /// Puts a public key on an instance for a user, for 60 seconds (EC2 Instance Connect).
    ///
    /// # Errors
    /// The right is missing, the instance is stopped or none of EC2's, and everything that can befall a call.
    pub async fn push_key(&self, instance: &InstanceId, user: &str, public_key: &str) -> Result<(), Error> {
        let verb = format!("put an SSH key for `{user}` on {instance}");
        if instance.is_hybrid() {
            return Err(made(
                Kind::Invalid,
                format!("cannot {verb}: it is a hybrid node"),
                "EC2 Instance Connect knows EC2 instances only",
                "leave out --push-key and use a key that the node knows",
            ));
        }
        let task = Task { verb, action: PUSH, target: Some(instance.as_str()) };
        let call = self.0.instance_connect.send_ssh_public_key();
        let call = call.instance_id(instance.as_str()).instance_os_user(user).ssh_public_key(public_key);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(about_instance_connect(self.failed(&task, &error).await, user)),
        }
    }
}

/// What KMS's own codes mean for a session; the key is told every time.
fn about_kms(mut error: Error, key: &str) -> Error {
    let code = error.code().unwrap_or_default().to_owned();
    let (cause, why, next) = match code.as_str() {
        "NotFoundException" => (
            "there is no such key",
            format!(
                "the session preferences or the document name {key}, which is not in this region and account"
            ),
            "an administrator must name an existing key in the preferences (Session Manager, Preferences, KMS)",
        ),
        "DisabledException" | "KMSInvalidStateException" | "KeyUnavailableException" => (
            "the key cannot be used now",
            format!("{key} is disabled, waits for its deletion, or its key store is away ({code})"),
            "an administrator must enable it, or name another key in the session preferences",
        ),
        "InvalidKeyUsageException" => (
            "the key is of the wrong kind",
            format!("{key} does not encrypt and decrypt with one symmetric key"),
            "an administrator must name a symmetric key in the session preferences",
        ),
        _ if error.kind == Kind::Denied => {
            if !error.next.contains(GENERATE) {
                error.next =
                    format!("ask for the right `{GENERATE}` on {key}: in your policy and in the key's own");
            } else if error.next.starts_with("ask whoever manages") {
                error.next.push_str("; the key's own policy must allow it, too");
            }
            return error;
        }
        _ => return error,
    };
    error.kind = Kind::Invalid;
    error.what = replace_cause(&error.what, cause);
    error.why = why + &request(&error);
    error.next = next.to_owned();
    error
}

/// Instance Connect's own codes.
fn about_instance_connect(mut error: Error, user: &str) -> Error {
    let (cause, why, next) = match error.code().unwrap_or_default() {
        "EC2InstanceStateInvalidException" => (
            "the instance does not run",
            "EC2 Instance Connect puts keys on running instances only".to_owned(),
            "start it, then try again".to_owned(),
        ),
        "EC2InstanceNotFoundException" => (
            "EC2 knows no such instance",
            "it is not in this region and account, or it is gone".to_owned(),
            "check region and profile".to_owned(),
        ),
        "EC2InstanceUnavailableException" => (
            "the instance cannot take a key now",
            "EC2 Instance Connect could not reach it".to_owned(),
            "try again in a moment".to_owned(),
        ),
        "InvalidArgsException" => (
            "the request is refused",
            format!("AWS does not take the user name `{user}`, or the key"),
            "name another user with --user".to_owned(),
        ),
        _ => return error,
    };
    error.kind = Kind::Invalid;
    error.what = replace_cause(&error.what, cause);
    error.why = why + &request(&error);
    error.next = next;
    error
}

/// The cause is what stands behind the last colon of the first line.
fn replace_cause(what: &str, cause: &str) -> String {
    let task = what.rsplit_once(": ").map_or(what, |(task, _)| task);
    format!("{task}: {cause}")
}

fn request(error: &Error) -> String {
    error.request_id().map(|id| format!(" (request {id})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, kind: Kind) -> Error {
        let mut error = made(
            kind,
            "cannot encrypt the session with KMS key arn:aws:kms:eu-west-1:1:key/k (eu-west-1): AWS failed",
            "why",
            "next",
        );
        error.said = Some(Box::new(crate::aws::Said {
            code: code.into(),
            request_id: Some("7f3c".into()),
            ..Default::default()
        }));
        error
    }

    #[test]
    fn a_key_that_is_not_there_is_named() {
        let told = about_kms(error("NotFoundException", Kind::Service), "alias/x");
        assert_eq!(
            told.what,
            "cannot encrypt the session with KMS key arn:aws:kms:eu-west-1:1:key/k (eu-west-1): there is no such key"
        );
        assert!(told.why.contains("alias/x") && told.why.ends_with("(request 7f3c)"), "{}", told.why);
        assert_eq!(told.kind, Kind::Invalid, "asking again does not help");
    }

    #[test]
    fn a_denied_key_says_which_right_on_which_key() {
        let told = about_kms(error("AccessDeniedException", Kind::Denied), "alias/x");
        assert!(told.next.contains("kms:GenerateDataKey") && told.next.contains("alias/x"), "{}", told.next);
        let passing = about_kms(error("ThrottlingException", Kind::Throttled), "alias/x");
        assert_eq!(passing.next, "next");
    }

    #[test]
    fn a_stopped_instance_takes_no_key() {
        let told = about_instance_connect(error("EC2InstanceStateInvalidException", Kind::Service), "ubuntu");
        assert!(told.what.ends_with("the instance does not run"), "{}", told.what);
    }
}
