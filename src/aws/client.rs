//! From a profile and a region to clients, and the calls that are about the caller alone.

use std::{sync::Arc, time::Duration};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, identity::IdentityCache, timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::{
    os_shim_internal::{Env, Fs},
    request_id::RequestId,
    service_config::ServiceConfigKey,
};
use tokio::sync::Semaphore;

use super::{
    Error, Kind, Principal,
    clock::Clock,
    dial::Dial,
    error::{Facts, Failure, Place, Task, classify},
    keys::{self, Keys, Source},
    list::Denials,
    profile::{self, Resolved},
};

/// Nobody waits longer for a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For one try of one call; EC2 takes several seconds for a page of 1,000.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The metadata service answers at once or not at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);
/// Sessions started at once; more are queued, or AWS throttles them (diagnosis G11).
const STARTS_AT_ONCE: usize = 3;

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

impl Connector {
    /// The same in another region; a simulated one stays where it is.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        match self {
            Self::Environment(scope) => {
                Self::Environment(Scope { region: Some(region.to_owned()), ..scope.clone() })
            }
            Self::Simulated(_) => self.clone(),
        }
    }

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

/// Clients of one account and region; cheap to clone.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) ssm: aws_sdk_ssm::Client,
    pub(super) ec2: aws_sdk_ec2::Client,
    sts: aws_sdk_sts::Client,
    pub(super) kms: aws_sdk_kms::Client,
    pub(super) instance_connect: aws_sdk_ec2instanceconnect::Client,
    pub(super) keys: Keys,
    pub(super) clock: Clock,
    pub(super) dial: Dial,
    pub(super) starts: Semaphore,
    pub(super) denials: Denials,
    place: Place,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({:?} in {})", self.0.place.profile, self.0.place.region)
    }
}

/// Who AWS says we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Account number.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
    /// In words: "role `ops-read` in account 1234", "user `alice` in account 1234".
    pub principal: String,
}

impl Client {
    /// Clients for the user's own AWS, found as the AWS CLI finds it.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub async fn connect(scope: &Scope) -> Result<Client, Error> {
        Self::connect_at(scope, None).await
    }

    /// As [`Client::connect`], with SSM at this endpoint whatever files and variables say.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub async fn connect_at(scope: &Scope, ssm: Option<&str>) -> Result<Client, Error> {
        let Resolved { profile, explicit, region, sso, environment_keys } =
            profile::resolve(scope, &Fs::real(), &Env::real()).await?;
        let region = match region {
            Some(region) => region,
            None => metadata_region().await.ok_or_else(|| profile::no_region(profile.as_deref()))?,
        };
        let keys = Keys::new(Source::Chain { profile: profile.clone(), explicit, region: region.clone() });
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .credentials_provider(keys.clone())
            .identity_cache(IdentityCache::no_cache())
            .timeout_config(timeouts());
        if let Some(profile) = &profile {
            loader = loader.profile_name(profile);
        }
        if let Ok(name) = AppName::new("ssmtui") {
            loader = loader.app_name(name);
        }
        let shared = loader.load().await;
        Ok(Self::build(&shared, ssm, keys, Place { region, profile, sso, environment_keys }))
    }

    /// Clients for a simulated region.
    pub fn simulated(simulated: &Simulated) -> Client {
        let secret = simulated.secret_access_key.clone();
        let keys = Credentials::new(simulated.access_key_id.clone(), secret, None, None, "simulated region");
        let keys = Keys::new(Source::Fixed(keys));
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(simulated.region.clone()))
            .endpoint_url(&simulated.endpoint)
            .credentials_provider(SharedCredentialsProvider::new(keys.clone()))
            .identity_cache(IdentityCache::no_cache())
            .timeout_config(timeouts())
            .build();
        let region = simulated.region.clone();
        Self::build(&shared, None, keys, Place { region, profile: None, sso: false, environment_keys: false })
    }

    fn build(shared: &SdkConfig, ssm: Option<&str>, keys: Keys, place: Place) -> Client {
        let clock = Clock::new();
        let endpoint = ssm.map(str::to_owned).or_else(|| ssm_endpoint(shared));
        let mut ssm_config = aws_sdk_ssm::config::Builder::from(shared).interceptor(clock.clone());
        if let Some(endpoint) = ssm {
            ssm_config = ssm_config.endpoint_url(endpoint);
        }
        let ssm = ssm_config.build();
        let ec2 = aws_sdk_ec2::config::Builder::from(shared).interceptor(clock.clone()).build();
        let sts = aws_sdk_sts::config::Builder::from(shared).interceptor(clock.clone()).build();
        let kms = aws_sdk_kms::config::Builder::from(shared).interceptor(clock.clone()).build();
        let connect =
            aws_sdk_ec2instanceconnect::config::Builder::from(shared).interceptor(clock.clone()).build();
        Client(Arc::new(Inner {
            ssm: aws_sdk_ssm::Client::from_conf(ssm),
            ec2: aws_sdk_ec2::Client::from_conf(ec2),
            sts: aws_sdk_sts::Client::from_conf(sts),
            kms: aws_sdk_kms::Client::from_conf(kms),
            instance_connect: aws_sdk_ec2instanceconnect::Client::from_conf(connect),
            dial: Dial::new(&place.region, endpoint.as_deref()),
            keys,
            clock,
            starts: Semaphore::new(STARTS_AT_ONCE),
            denials: Denials::default(),
            place,
        }))
    }

    /// The region that calls go to.
    pub fn region(&self) -> &str {
        &self.0.place.region
    }

    /// The profile, if one was named by flag or environment.
    pub fn profile(&self) -> Option<&str> {
        self.0.place.profile.as_deref()
    }

    /// Looks whether there are keys at all; calls AWS only where getting keys needs it.
    ///
    /// # Errors
    /// There are none, or the login has ended.
    pub async fn find_keys(&self) -> Result<(), Error> {
        let task = Task { verb: "list instances".to_owned(), action: "", target: None };
        self.0.keys.get().await.map(drop).map_err(|error| self.without_keys(&task, &error))
    }

    /// Asks STS who we are; needs no permission.
    ///
    /// # Errors
    /// Keys missing, expired or unknown; no network.
    pub async fn identity(&self) -> Result<Identity, Error> {
        self.caller("ask AWS who you are").await
    }

    /// Whether the caller's own set-up (keys, network, clock) is what kept us from something, told as the reason why we
    /// cannot `verb`.
    pub async fn trouble(&self, verb: &str) -> Option<Error> {
        self.caller(verb).await.err().filter(|error| error.kind != Kind::Denied)
    }

    async fn caller(&self, verb: &str) -> Result<Identity, Error> {
        let task = Task { verb: verb.to_owned(), action: "sts:GetCallerIdentity", target: None };
        let answer = match self.0.sts.get_caller_identity().send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.failed(&task, &error).await),
        };
        let arn = answer.arn.unwrap_or_default();
        Ok(Identity {
            account: answer.account.unwrap_or_default(),
            principal: Principal::from_arn(&arn).to_string(),
            arn,
        })
    }

    /// Puts an SDK error into our words; keys that AWS refused are looked up anew at the next call.
    pub(super) async fn failed<E>(&self, task: &Task<'_>, error: &SdkError<E, Response>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let error = classify(task, &self.0.place, facts(error, self.0.clock.skew()));
        if matches!(error.kind, Kind::Expired | Kind::SsoExpired | Kind::Rejected | Kind::NoCredentials) {
            self.0.keys.forget().await;
        }
        tracing::debug!(task = task.action, kind = ?error.kind, reference = error.reference(), "call failed");
        error
    }

    /// Puts a failure to find credentials into our words.
    pub(super) fn without_keys(
        &self,
        task: &Task<'_>,
        error: &aws_credential_types::provider::error::CredentialsError,
    ) -> Error {
        let facts = Facts { failure: Failure::Credentials(keys::chain(error)), ..Facts::default() };
        classify(task, &self.0.place, facts)
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}

/// The region of the instance we run on, if we do; the AWS CLI asks there last, too.
async fn metadata_region() -> Option<String> {
    let client = aws_config::imds::Client::builder().max_attempts(1).build();
    let provider = aws_config::imds::region::ImdsRegionProvider::builder().imds_client(client).build();
    let found = tokio::time::timeout(METADATA_TIMEOUT, provider.region()).await.ok()?;
    found.map(|region| region.to_string())
}

/// The endpoint that the user configured for SSM, by variable or file.
fn ssm_endpoint(shared: &SdkConfig) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id("SSM").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let own = shared.service_config().zip(key.ok()).and_then(|(config, key)| config.load_config(key));
    own.or_else(|| shared.endpoint_url().map(str::to_owned))
}

/// An SDK error in plain values.
fn facts<E>(error: &SdkError<E, Response>, skew: Option<i64>) -> Facts
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let failure = match error {
        SdkError::ServiceError(_) => Failure::Answered,
        SdkError::TimeoutError(_) => Failure::TimedOut,
        other => match (keys::beneath(other), other) {
            (Some(credentials), _) => Failure::Credentials(keys::chain(credentials)),
            (None, SdkError::DispatchFailure(failure)) if failure.is_timeout() => Failure::TimedOut,
            (None, SdkError::DispatchFailure(_)) => Failure::Connect(keys::chain(other)),
            (None, _) => Failure::Other(keys::chain(other)),
        },
    };
    let service = error.as_service_error();
    Facts {
        failure,
        code: service.and_then(|e| e.code()).map(str::to_owned),
        message: service.and_then(|e| e.message()).map(str::to_owned),
        request_id: error.request_id().map(str::to_owned),
        skew,
    }
}
