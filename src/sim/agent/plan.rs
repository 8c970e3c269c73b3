//! What a session is for: the document's part of it, its parameters filled in already.

use std::{collections::BTreeMap, fmt, sync::Arc};

/// What the agent of one session runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A shell in a terminal (`Standard_Stream`).
    Shell {
        /// Typed into it right after its start; may be empty.
        profile: String,
        /// The user that the preferences want; `None`: the agent's own choice.
        run_as: Option<String>,
    },
    /// `sh -c` in a terminal (`InteractiveCommands`).
    Interactive {
        /// What is run.
        commands: String,
        /// The user that the preferences want.
        run_as: Option<String>,
    },
    /// A program without a terminal (`NonInteractiveCommands`).
    NonInteractive {
        /// Split as a shell would, and run without one.
        commands: String,
        /// Whether output, errors and the exit code are told apart (`separateOutputStream`).
        separate_output: bool,
        /// Stands before the output's lines.
        stdout_prefix: String,
        /// Stands before the lines of errors.
        stderr_prefix: String,
    },
    /// Connections (`Port`), with the document's properties as they are told to the client: `portNumber`, `type`, `host`,
    /// `localPortNumber` and whatever else the document has.
    Port(BTreeMap<String, String>),
}

impl Plan {
    /// A plain shell.
    pub fn shell() -> Self {
        Self::Shell { profile: String::new(), run_as: None }
    }

    /// The session type as a document and a handshake spell it.
    pub fn session_type(&self) -> &'static str {
        match self {
            Self::Shell { .. } => "Standard_Stream",
            Self::Interactive { .. } => "InteractiveCommands",
            Self::NonInteractive { .. } => "NonInteractiveCommands",
            Self::Port(_) => "Port",
        }
    }

    /// Whether the agent asks for a handshake even if nothing is encrypted (`RequireHandshake` of the official plugins).
    pub(super) fn requires_handshake(&self) -> bool {
        matches!(self, Self::NonInteractive { .. } | Self::Port(_))
    }
}

/// How a session is encrypted. Port sessions never are, whatever this says.
#[derive(Clone)]
pub struct KmsSetup {
    /// The key's ARN, as the client is told.
    pub key_id: String,
    /// Where the agent has the client's data key decrypted.
    pub keys: Arc<dyn Keys>,
    /// Whether the request carries a random challenge for the encryption context, as newer agents do.
    pub challenge: bool,
    /// Whether a client that does not take the challenge up is refused (`RequireKMSChallengeResponse`, false by default).
    pub require_challenge: bool,
}

impl fmt::Debug for KmsSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsSetup")
            .field("key_id", &self.key_id)
            .field("challenge", &self.challenge)
            .field("require_challenge", &self.require_challenge)
            .finish_non_exhaustive()
    }
}

/// Where a session is recorded, and what the services say to the node that asks them. Port sessions never are, whatever this says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// A bucket of S3.
    pub bucket: Option<RecordingBucket>,
    /// A group of CloudWatch Logs.
    pub log_group: Option<RecordingGroup>,
}

/// The bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingBucket {
    /// Where the agent looks for it: `logs.s3.eu-west-1.amazonaws.com`.
    pub host: String,
    /// Without encryption no session starts.
    pub must_be_encrypted: bool,
    /// What it is encrypted with (GetBucketEncryption).
    pub encryption: Reply<String>,
}

/// The log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingGroup {
    /// Without a key of KMS no session starts.
    pub must_be_encrypted: bool,
    /// Whether it has a key of KMS (DescribeLogGroups); nothing where it is not there.
    pub has_key: Reply<Option<bool>>,
}

/// What comes of an agent's call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// There is no way to the service: no packet is answered.
    NoWay,
    /// An error, in the words of the agent's SDK.
    Refused(String),
    /// An answer.
    Said(T),
}

/// The part of KMS that an agent calls.
pub trait Keys: Send + Sync {
    /// The data key in `ciphertext`; the error is in KMS's words.
    fn decrypt(
        &self,
        ciphertext: &[u8],
        key_id: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, String>;
}
