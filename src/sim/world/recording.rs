//! Where sessions are recorded: buckets of S3 and groups of CloudWatch Logs, as far as an agent asks about them.

use serde::Deserialize;

/// A bucket; its name is one in all the world, so each account and region has its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) encryption: Encryption,
}

/// What a bucket encrypts with. Since January 2023 there is none that doesn't (S3 user guide, default encryption).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) enum Encryption {
    #[default]
    #[serde(rename = "AES256")]
    Aes256,
    #[serde(rename = "aws:kms")]
    Kms,
    /// In two layers.
    #[serde(rename = "aws:kms:dsse")]
    KmsTwice,
}

impl Encryption {
    /// As S3 spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Encryption::Aes256 => "AES256",
            Encryption::Kms => "aws:kms",
            Encryption::KmsTwice => "aws:kms:dsse",
        }
    }

    /// From S3's word.
    pub(crate) fn parse(word: &str) -> Option<Encryption> {
        [Encryption::Aes256, Encryption::Kms, Encryption::KmsTwice]
            .into_iter()
            .find(|one| one.as_str() == word)
    }
}

/// A group of CloudWatch Logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogGroup {
    pub(crate) name: String,
    /// The ARN of the key of KMS that it is encrypted with; without one it has a key of the service's.
    pub(crate) key: Option<String>,
}
