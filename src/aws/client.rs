//! From a profile and a region to clients, and the calls that are about the caller alone.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, identity::IdentityCache, timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{SharedCredentialsProvider, error::CredentialsError},
};
use aws_sdk_ssm::config::retry::{ClientRateLimiter, RetryConfig, RetryPartition};
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::{
    os_shim_internal::{Env, Fs},
    request_id::RequestId,
    service_config::ServiceConfigKey,
};
use tokio::sync::Semaphore;

use super::{
    Error, Kind,
    clock::Clock,
    dial::Dial,
    error::{Facts, Failure, Place, Task, classify},
    evidence::Answers,
    keys::{self, Keys, Source},
    list::Denials,
    login::{MfaCode, SsoSession},
    profile::{self, ProfileSummary, Resolved},
    role::MfaNeeded,
};
use crate::{
    fleet::{cache::Key, denial::Principal},
    session::proxy::Proxies,
};

/// Nobody waits longer for a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For one try of one call; EC2 takes several seconds for a page of 1,000.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The metadata service answers at once or not at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a page of a list is asked for before its reading counts as broken off. A list of 100,000 has 2,000 pages: where every
/// second call is throttled, five tries would break off one page in thirty.
const LIST_ATTEMPTS: u32 = 8;
/// The longest pause before a page is asked for again.
const LIST_BACKOFF: Duration = Duration::from_secs(10);
/// How many calls a second the lists of a place are taken to make until that is measured; the first measurement, which the SDK
/// counts from 1970, leaves a fifth of it. By itself the SDK takes half a call, and what it asks for again costs five: one
/// refusal at the start would stop a list for ten seconds.
const LIST_RATE: f64 = 50.0;
/// Sessions started at once; more are queued, or AWS throttles them (diagnosis G11).
const STARTS_AT_ONCE: usize = 3;

/// The variables that decide which account and region are meant, and at which endpoint.
const SAID: [&str; 9] = [
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_CONFIG_FILE",
];

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

/// Whose AWS is asked: what makes a [`Connector`] of a [`Scope`].
#[derive(Debug, Clone)]
pub enum Ground {
    /// The user's own.
    Environment,
    /// Simulated regions, by the name of a profile and the region; the first is what is meant where nothing is named.
    Simulated(Vec<(String, Simulated)>),
}

impl Ground {
    /// The way to an account and region. A simulated one that does not exist is looked for like one of the user's own, and
    /// so refused in the same words.
    pub fn connector(&self, scope: Scope) -> Connector {
        match self.simulated(&scope) {
            Some((_, simulated)) => Connector::Simulated(simulated.clone()),
            None => Connector::Environment(scope),
        }
    }

    /// What the user left open, as far as it is known before anything is asked.
    #[must_use]
    pub fn named(&self, scope: Scope) -> Scope {
        match self.simulated(&scope) {
            Some((profile, simulated)) => {
                Scope { profile: Some(profile.clone()), region: Some(simulated.region.clone()) }
            }
            None => scope,
        }
    }

    fn simulated(&self, scope: &Scope) -> Option<&(String, Simulated)> {
        let Self::Simulated(all) = self else { return None };
        all.iter().find(|(profile, simulated)| {
            scope.profile.as_ref().is_none_or(|wanted| wanted == profile)
                && scope.region.as_ref().is_none_or(|wanted| *wanted == simulated.region)
        })
    }

    /// The profiles there are, each with a few words about it.
    ///
    /// # Errors
    /// The AWS files cannot be read.
    pub async fn profiles(&self) -> Result<Vec<(String, String)>, Error> {
        let about = |profile: ProfileSummary| {
            let account = profile.account.map(|account| format!("account {account}"));
            let words = [Some(profile.kind.to_string()), account, profile.region].into_iter().flatten();
            (profile.name, words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", "))
        };
        match self {
            Self::Environment => Ok(profile::profiles().await?.into_iter().map(about).collect()),
            Self::Simulated(all) => {
                let mut names: Vec<_> = all.iter().map(|(name, _)| (name.clone(), String::new())).collect();
                names.sort_unstable();
                names.dedup();
                Ok(names)
            }
        }
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
    /// What leads to the list of the last time on the disk: everything that the user said of where to look and with whose keys,
    /// and nothing that has to be resolved first. A simulated region is new each time.
    pub fn cache_key(&self) -> Option<Key> {
        let Self::Environment(scope) = self else { return None };
        let set = SAID.map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        let said = [scope.profile.as_deref(), scope.region.as_deref()];
        Some(Key::new(said.into_iter().chain(set.iter().map(Option::as_deref))))
    }

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

    /// Where it leads, as far as that was said.
    pub fn place(&self) -> crate::fleet::Place {
        let (profile, region) = match self {
            Self::Environment(scope) => (scope.profile.as_deref(), scope.region.as_deref()),
            Self::Simulated(simulated) => (None, Some(simulated.region.as_str())),
        };
        let (profile, region) = (profile.map(Into::into), region.map(Into::into));
        crate::fleet::Place { profile, region, ..Default::default() }
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
    /// The same two for the long lists, which are patient where AWS throttles.
    pub(super) lists: (aws_sdk_ssm::Client, aws_sdk_ec2::Client),
    sts: aws_sdk_sts::Client,
    pub(super) kms: aws_sdk_kms::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) instance_connect: aws_sdk_ec2instanceconnect::Client,
    pub(super) keys: Keys,
    pub(super) clock: Clock,
    pub(super) dial: Dial,
    pub(super) proxies: Proxies,
    pub(super) starts: Semaphore,
    pub(super) denials: Denials,
    pub(super) answers: Answers,
    pub(super) shared: SdkConfig,
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
    /// `aws:userid` of policies.
    pub user_id: String,
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
        let Resolved { profile, explicit, region, home, sso, mfa, environment_keys } =
            profile::resolve(scope, &Fs::real(), &Env::real()).await?;
        let region = match region {
            Some(region) => region,
            None => metadata_region().await.ok_or_else(|| profile::no_region(profile.as_deref()))?,
        };
        let home = home.unwrap_or_else(|| region.clone());
        let keys = Keys::of_profile(profile.clone(), explicit, home);
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
        let proxies = Proxies::read(|name| std::env::var(name).ok());
        Ok(Self::build(&shared, ssm, keys, proxies, Place { region, profile, sso, mfa, environment_keys }))
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
            // It is in this very process: no proxy of the user's knows the way there.
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let region = simulated.region.clone();
        Self::build(&shared, None, keys, Proxies::default(), Place { region, ..Place::default() })
    }

    fn build(shared: &SdkConfig, ssm: Option<&str>, keys: Keys, proxies: Proxies, place: Place) -> Client {
        let clock = Clock::new();
        let endpoint = ssm.map(str::to_owned).or_else(|| configured_endpoint(shared, "SSM"));
        let mut ssm_config = aws_sdk_ssm::config::Builder::from(shared).interceptor(clock.clone());
        if let Some(endpoint) = ssm {
            ssm_config = ssm_config.endpoint_url(endpoint);
        }
        let ssm = ssm_config.build();
        let ec2 = aws_sdk_ec2::config::Builder::from(shared).interceptor(clock.clone()).build();
        let sts = aws_sdk_sts::config::Builder::from(shared).interceptor(clock.clone()).build();
        let kms = aws_sdk_kms::config::Builder::from(shared).interceptor(clock.clone()).build();
        let iam = aws_sdk_iam::config::Builder::from(shared).interceptor(clock.clone()).build();
        let connect =
            aws_sdk_ec2instanceconnect::config::Builder::from(shared).interceptor(clock.clone()).build();
        let (retry, share) = patience(&place);
        let ssm_lists = ssm.to_builder().retry_config(retry.clone()).retry_partition(share.clone()).build();
        let ec2_lists = ec2.to_builder().retry_config(retry).retry_partition(share).build();
        Client(Arc::new(Inner {
            ssm: aws_sdk_ssm::Client::from_conf(ssm),
            ec2: aws_sdk_ec2::Client::from_conf(ec2),
            lists: (aws_sdk_ssm::Client::from_conf(ssm_lists), aws_sdk_ec2::Client::from_conf(ec2_lists)),
            sts: aws_sdk_sts::Client::from_conf(sts),
            kms: aws_sdk_kms::Client::from_conf(kms),
            iam: aws_sdk_iam::Client::from_conf(iam),
            instance_connect: aws_sdk_ec2instanceconnect::Client::from_conf(connect),
            dial: Dial::new(&place.region, endpoint.as_deref()),
            proxies,
            keys,
            clock,
            starts: Semaphore::new(STARTS_AT_ONCE),
            denials: Denials::default(),
            answers: Answers::default(),
            shared: shared.clone(),
            place,
        }))
    }

    /// The region that calls go to.
    pub fn region(&self) -> &str {
        &self.0.place.region
    }

    /// The proxies by which calls and sessions go.
    pub fn proxies(&self) -> &Proxies {
        &self.0.proxies
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

    /// Where the profile signs in, if at IAM Identity Center.
    pub fn sso(&self) -> Option<&SsoSession> {
        self.0.place.sso.as_ref()
    }

    /// Whether a role on the profile's way to keys asks for an MFA code.
    pub fn needs_mfa(&self) -> bool {
        self.0.place.mfa
    }

    /// Gets keys with the user's MFA code, for all clients of the profile; says until when they are good.
    ///
    /// # Errors
    /// The code is refused ([`Kind::MfaNeeded`] again), or anything that can befall a look for keys.
    pub async fn answer_mfa(&self, code: &MfaCode) -> Result<Option<SystemTime>, Error> {
        let task = Task { verb: "assume the role".to_owned(), action: "sts:AssumeRole", target: None };
        self.0.keys.answer(code).await.map_err(|error| self.without_keys(&task, &error))
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
            user_id: answer.user_id.unwrap_or_default(),
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
            self.0.keys.forget(is_expired(error.code())).await;
        }
        tracing::debug!(task = task.action, kind = ?error.kind, reference = error.reference(), "call failed");
        error
    }

    /// Puts a failure to find credentials into our words.
    pub(super) fn without_keys(&self, task: &Task<'_>, error: &CredentialsError) -> Error {
        classify(task, &self.0.place, Facts { failure: no_keys(error), ..Facts::default() })
    }
}

/// How the lists meet throttling: by AWS's own back-off, at a rate that falls when AWS refuses and rises again when it answers
/// ("adaptive"). Each account and region has a rate of its own, so that one that is throttled slows down no other.
fn patience(place: &Place) -> (RetryConfig, RetryPartition) {
    let whose = format!("lists {} {}", place.profile.as_deref().unwrap_or_default(), place.region);
    let retry = RetryConfig::adaptive().with_max_attempts(LIST_ATTEMPTS).with_max_backoff(LIST_BACKOFF);
    let rate = ClientRateLimiter::builder().tokens_retrieved_per_second(LIST_RATE).build();
    (retry, RetryPartition::custom(whose).client_rate_limiter(rate).build())
}

fn no_keys(error: &CredentialsError) -> Failure {
    match keys::beneath::<MfaNeeded>(error) {
        Some(needed) => Failure::Mfa(needed.clone()),
        None => Failure::Credentials(keys::chain(error)),
    }
}

/// AWS answered that the keys' time is over.
fn is_expired(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.starts_with("ExpiredToken") || code == "RequestExpired")
}

pub(super) fn timeouts() -> TimeoutConfig {
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

/// The endpoint that the user configured for a service, by variable or file.
pub(super) fn configured_endpoint(shared: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = shared.service_config().zip(key.ok()).and_then(|(config, key)| config.load_config(key));
    own.or_else(|| shared.endpoint_url().map(str::to_owned))
}

/// An SDK error in plain values.
pub(super) fn facts<E>(error: &SdkError<E, Response>, skew: Option<i64>) -> Facts
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let failure = match error {
        SdkError::ServiceError(answer)
            if answer.err().code().is_none() && answer.err().message().is_none() =>
        {
            Failure::Unreadable(answer.raw().status().as_u16())
        }
        SdkError::ServiceError(_) => Failure::Answered,
        SdkError::TimeoutError(_) => Failure::TimedOut,
        SdkError::ResponseError(answer) => Failure::Unreadable(answer.raw().status().as_u16()),
        other => match (keys::beneath::<CredentialsError>(other), other) {
            (Some(credentials), _) => no_keys(credentials),
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
