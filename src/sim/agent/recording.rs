//! What the official agent finds out about where a session is recorded, before it starts a shell or a command (agent
//! session/shell/shell.go `initializeLogger`, `validate`).
//!
//! ```text
//!  bucket named? ─▶ its region is looked for, whether or not encryption is asked for: without a way to S3 that takes minutes
//!  log group named? ─▶ DescribeLogGroups; its errors count as "there is none"
//!                      asked for and no key (or no group, or no answer) ─▶ refused
//!  bucket with encryption asked for? ─▶ GetBucketEncryption: error ─▶ refused, "unable to validate"
//!                      neither AES256 nor aws:kms ─▶ refused
//! ```
//!
//! What is only missing, without encryption asked for, is a line in the agent's log: the session starts.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    plan::{Recording, RecordingBucket, RecordingGroup, Reply},
    version,
};

/// How long Go's default transport tries to connect.
const DIAL: Duration = Duration::from_secs(30);
/// HeadBucket with a signature: one try and three more (aws-sdk-go's default).
const SIGNED_LOOKS: u32 = 4;
/// HEAD without one: of the region's and one other endpoint, over https and http (agent s3util/crossregion.go `getBucketRegion`); a
/// try that took so long is the last (backoffconfig).
const PLAIN_LOOKS: u32 = 4;
/// DescribeLogGroups: one try and five more (cloudwatchlogspublisher `maxRetries`).
const GROUP_LOOKS: u32 = 6;
/// GetBucketEncryption: one try and three more, 1, 2 and 4 times 1 to 1.5 s apart (sdkutil `newRetryer`).
const ENCRYPTION_LOOKS: u32 = 4;
const ENCRYPTION_PAUSES: Duration = Duration::from_millis(7 * 1250);

const GROUP_NOT_ENCRYPTED: &str = "We couldn't start the session because encryption is not set up on the selected CloudWatch Logs log group. \
                                   Either encrypt the log group or choose an option to enable logging without encryption.";
const BUCKET_NOT_ENCRYPTED: &str = "We couldn't start the session because encryption is not set up on the selected Amazon S3 bucket. Either \
                                    encrypt the bucket or choose an option to enable logging without encryption.";
const BUCKET_NOT_VALIDATED: &str =
    "Couldn't start the session because we are unable to validate encryption on Amazon S3 bucket. Error: ";
/// An address of S3, which no packet comes to.
const ADDRESS: &str = "52.218.0.1:443";

/// Looks at the places, in the agent's order and for as long as it takes; the error is what the session ends with.
pub(super) async fn check(recording: &Recording, agent: &str, unpaced: bool) -> Result<(), String> {
    let takes = takes(recording, agent);
    if !unpaced && !takes.is_zero() {
        sleep(takes).await;
    }
    judge(recording)
}

/// How long the calls take that nothing answers.
fn takes(recording: &Recording, agent: &str) -> Duration {
    let mut all = Duration::ZERO;
    if let Some(bucket) = &recording.bucket
        && bucket.encryption == Reply::NoWay
    {
        let signed = if version::signs_bucket_lookup(agent) { SIGNED_LOOKS } else { 0 };
        all += DIAL * (signed + PLAIN_LOOKS);
        if bucket.must_be_encrypted {
            all += DIAL * ENCRYPTION_LOOKS + ENCRYPTION_PAUSES;
        }
    }
    match &recording.log_group {
        Some(group) if group.has_key == Reply::NoWay => all + DIAL * GROUP_LOOKS,
        _ => all,
    }
}

fn judge(recording: &Recording) -> Result<(), String> {
    if let Some(RecordingGroup { must_be_encrypted: true, has_key }) = &recording.log_group
        && *has_key != Reply::Said(Some(true))
    {
        return Err(GROUP_NOT_ENCRYPTED.to_owned());
    }
    let Some(RecordingBucket { must_be_encrypted: true, encryption, host }) = &recording.bucket else {
        return Ok(());
    };
    match encryption {
        Reply::NoWay => Err(format!(
            "{BUCKET_NOT_VALIDATED}RequestError: send request failed\ncaused by: Get \"https://{host}/?encryption=\": dial tcp {ADDRESS}: i/o \
             timeout"
        )),
        Reply::Refused(words) => Err(format!("{BUCKET_NOT_VALIDATED}{words}")),
        Reply::Said(algorithm) if algorithm == "AES256" || algorithm == "aws:kms" => Ok(()),
        Reply::Said(_) => Err(BUCKET_NOT_ENCRYPTED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn bucket(must_be_encrypted: bool, encryption: Reply<String>) -> Recording {
        let host = "logs.s3.eu-west-1.amazonaws.com".to_owned();
        Recording {
            bucket: Some(RecordingBucket { host, must_be_encrypted, encryption }),
            ..Recording::default()
        }
    }

    fn group(must_be_encrypted: bool, has_key: Reply<Option<bool>>) -> Recording {
        Recording { log_group: Some(RecordingGroup { must_be_encrypted, has_key }), ..Recording::default() }
    }

    fn said(algorithm: &str) -> Reply<String> {
        Reply::Said(algorithm.to_owned())
    }

    #[test]
    fn a_bucket_is_asked_about_only_where_encryption_is_demanded() {
        for encryption in [Reply::NoWay, Reply::Refused("AccessDenied: no".into()), said("aws:kms:dsse")] {
            assert_eq!(judge(&bucket(false, encryption.clone())), Ok(()), "{encryption:?}");
            assert!(judge(&bucket(true, encryption.clone())).is_err(), "{encryption:?}");
        }
        assert_eq!(judge(&Recording::default()), Ok(()));
    }

    #[test]
    fn the_agent_knows_two_kinds_of_encryption() {
        assert_eq!(judge(&bucket(true, said("AES256"))), Ok(()));
        assert_eq!(judge(&bucket(true, said("aws:kms"))), Ok(()));
        let refused = judge(&bucket(true, said("aws:kms:dsse"))).unwrap_err();
        assert!(refused.contains("encryption is not set up on the selected Amazon S3 bucket"), "{refused}");
        let refused = judge(&bucket(true, Reply::Refused("NoSuchBucket: gone".into()))).unwrap_err();
        assert!(
            refused.ends_with("validate encryption on Amazon S3 bucket. Error: NoSuchBucket: gone"),
            "{refused}"
        );
        let refused = judge(&bucket(true, Reply::NoWay)).unwrap_err();
        assert!(
            refused.contains("\"https://logs.s3.eu-west-1.amazonaws.com/?encryption=\": dial tcp"),
            "{refused}"
        );
    }

    /// The agent swallows the error of DescribeLogGroups: what it can't see is not encrypted.
    #[test]
    fn a_log_group_that_cannot_be_seen_counts_as_not_encrypted() {
        for has_key in [
            Reply::NoWay,
            Reply::Refused("AccessDeniedException: no".into()),
            Reply::Said(None),
            Reply::Said(Some(false)),
        ] {
            let refused = judge(&group(true, has_key.clone())).unwrap_err();
            assert!(refused.contains("not set up on the selected CloudWatch Logs log group"), "{refused}");
            assert_eq!(judge(&group(false, has_key)), Ok(()));
        }
        assert_eq!(judge(&group(true, Reply::Said(Some(true)))), Ok(()));
        // The group comes first.
        let both = Recording { log_group: group(true, Reply::NoWay).log_group, ..bucket(true, Reply::NoWay) };
        assert_eq!(judge(&both).unwrap_err(), GROUP_NOT_ENCRYPTED);
    }

    #[test]
    fn without_a_way_nothing_comes_for_minutes() {
        let seconds = |recording: &Recording, agent| takes(recording, agent).as_secs();
        assert_eq!(seconds(&bucket(false, Reply::NoWay), "3.3.987.0"), 240);
        assert_eq!(seconds(&bucket(false, Reply::NoWay), "3.1.1732.0"), 120, "no signed request yet");
        assert_eq!(seconds(&bucket(true, Reply::NoWay), "3.3.987.0"), 368);
        assert_eq!(seconds(&group(false, Reply::NoWay), "3.3.987.0"), 180);
        assert_eq!(seconds(&bucket(true, said("AES256")), "3.3.987.0"), 0);
    }

    #[test]
    fn where_nothing_is_paced_it_is_told_at_once() {
        let told = check(&bucket(true, Reply::NoWay), "3.3.987.0", true).now_or_never();
        assert!(told.unwrap().is_err());
        assert_eq!(check(&Recording::default(), "3.3.987.0", false).now_or_never(), Some(Ok(())));
    }
}
