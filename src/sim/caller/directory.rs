//! All principals of all accounts, and all keys that are good for something.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    Caller, CallerKind, Device, Document, Grants, Held, Temporary,
    sample::{self, Sample},
};
use crate::sim::{
    api::{Credentials, random},
    options::Options,
    policy::Policy,
    world,
};

/// How many temporary keys are remembered; the oldest go first.
const MOST_TEMPORARY: usize = 10_000;
/// The longest session of a role that another role assumed (STS: role chaining).
const CHAINED: Duration = Duration::from_secs(3600);

/// An account and who is in it.
pub(crate) struct Account {
    pub(crate) facts: world::Account,
    /// The first one is the user of whoever starts the region.
    pub(crate) users: Vec<User>,
    pub(crate) roles: Vec<Role>,
    documents: Vec<Arc<Document>>,
}

/// An IAM user.
pub(crate) struct User {
    pub(crate) caller: Arc<Caller>,
    pub(crate) keys: Credentials,
    pub(crate) device: Option<Device>,
}

/// A role that callers may be.
pub(crate) struct Role {
    pub(crate) arn: String,
    /// `AROA…`.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) trust: Policy,
    pub(crate) grants: Grants,
    pub(crate) longest: Duration,
    /// The permission set that it was made from, if IAM Identity Center made it.
    pub(crate) permission_set: Option<String>,
    /// What its profile is called behind the account's, and the user behind whose profile it stands.
    pub(crate) profile: String,
    pub(crate) source: Option<String>,
    /// What its trust asks for.
    pub(crate) external_id: Option<String>,
}

/// All callers that the places know.
pub(crate) struct Directory {
    pub(crate) accounts: Vec<Account>,
    /// How long temporary keys last, whatever was asked for.
    lifetime: Option<Duration>,
    temporary: Mutex<Issued>,
}

#[derive(Default)]
struct Issued {
    by_key: HashMap<String, Held>,
    order: VecDeque<String>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({} accounts, keys [redacted])", self.accounts.len())
    }
}

impl Directory {
    /// New keys for everybody.
    pub(crate) fn new(accounts: Vec<world::Account>, options: &Options) -> Directory {
        let sample = sample::load();
        Directory {
            accounts: accounts.into_iter().map(|facts| Account::new(facts, &sample, options)).collect(),
            lifetime: options.credentials,
            temporary: Mutex::default(),
        }
    }

    /// The keys with this id, good or expired.
    pub(crate) fn find(&self, access_key_id: &str) -> Option<Held> {
        if let Some(held) = self.issued().by_key.get(access_key_id) {
            return Some(held.clone());
        }
        let mut users = self.accounts.iter().flat_map(|account| &account.users);
        let user = users.find(|user| user.keys.access_key_id == access_key_id)?;
        let caller = Arc::clone(&user.caller);
        Some(Held { credentials: user.keys.clone(), temporary: None, caller })
    }

    /// An account by its number.
    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.facts.id == id)
    }

    /// A role by its ARN.
    pub(crate) fn role(&self, arn: &str) -> Option<&Role> {
        self.accounts.iter().flat_map(|account| &account.roles).find(|role| role.arn == arn)
    }

    /// A user or a role by its ARN, with its own policies and no session's.
    pub(crate) fn principal(&self, arn: &str) -> Option<Caller> {
        let mut users = self.accounts.iter().flat_map(|account| &account.users);
        let user = users.find(|user| user.caller.arn == arn).map(|user| Caller::clone(&user.caller));
        user.or_else(|| self.role(arn).map(|role| role.session("simulated", Vec::new(), None)))
    }

    /// A managed policy by its ARN.
    pub(crate) fn policy(&self, arn: &str) -> Option<Arc<Document>> {
        let mut documents = self.accounts.iter().flat_map(|account| &account.documents);
        documents.find(|document| document.arn == arn).cloned()
    }

    /// The device of a user, by the user's caller.
    pub(crate) fn device(&self, caller: &Caller) -> Option<&Device> {
        let users = &self.account(&caller.account)?.users;
        users.iter().find(|user| user.caller.arn == caller.arn)?.device.as_ref()
    }

    /// New temporary keys, for the time that is asked for or that the region was started with.
    pub(crate) fn issue(&self, caller: Caller, lifetime: Duration, now: Timestamp) -> Held {
        let lifetime = self.lifetime.unwrap_or(lifetime);
        let held = Held {
            credentials: Credentials {
                access_key_id: random::temporary_key_id(),
                secret_access_key: random::secret_access_key(),
            },
            temporary: Some(Temporary {
                token: random::session_token(),
                // STS tells whole seconds.
                expires: Timestamp::from_second(now.as_second()).unwrap_or(now)
                    + SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::from_hours(1)),
            }),
            caller: Arc::new(caller),
        };
        let mut issued = self.issued();
        if issued.order.len() == MOST_TEMPORARY
            && let Some(oldest) = issued.order.pop_front()
        {
            issued.by_key.remove(&oldest);
        }
        issued.order.push_back(held.credentials.access_key_id.clone());
        issued.by_key.insert(held.credentials.access_key_id.clone(), held.clone());
        held
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.temporary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn new(facts: world::Account, sample: &Sample, options: &Options) -> Account {
        const SOUND: &str = "the policies in the file are well-formed; a test reads it";
        let id = &facts.id;
        let parse = |text: &str| Policy::parse(&text.trim().replace("{account}", id)).expect(SOUND);
        let documents: HashMap<&str, Arc<Document>> = (sample.policy.iter())
            .map(|(name, text)| {
                let arn = format!("arn:aws:iam::{id}:policy/{name}");
                (name.as_str(), Arc::new(Document { arn, policy: parse(text) }))
            })
            .collect();
        let document = |name: &String| Arc::clone(documents.get(name.as_str()).expect(SOUND));
        let grants = |policies: &[String], boundary: Option<&String>| Grants {
            policies: policies.iter().map(document).collect(),
            boundary: boundary.map(document),
            session: Vec::new(),
        };
        let user = |name: &str, grants: Grants, mfa: bool| User {
            caller: Arc::new(Caller {
                account: id.clone(),
                arn: format!("arn:aws:iam::{id}:user/{name}"),
                principal: format!("arn:aws:iam::{id}:user/{name}"),
                user_id: random::user_id(),
                name: name.to_owned(),
                kind: CallerKind::User,
                grants,
                mfa: None,
            }),
            keys: Credentials {
                access_key_id: random::access_key_id(),
                secret_access_key: random::secret_access_key(),
            },
            device: mfa.then(|| Device::new(id, name, options.mfa_code.as_deref())),
        };
        let starter = user(&options.user, grants(sample.rights(options.rights), None), false);
        let others = (sample.user.iter())
            .filter(|entry| entry.name != options.user)
            .map(|entry| user(&entry.name, grants(&entry.policies, entry.boundary.as_ref()), entry.mfa));
        let roles = sample.role.iter().map(|entry| Role {
            arn: format!("arn:aws:iam::{id}:role/{}", entry.name),
            id: random::role_id(),
            name: entry.name.clone(),
            trust: parse(&entry.trust()),
            grants: grants(&entry.policies, None),
            longest: entry.longest,
            permission_set: None,
            profile: entry.profile.clone(),
            source: entry.source.clone(),
            external_id: entry.external_id.clone(),
        });
        let of_sso = sample.permission_set.iter().map(|set| {
            let name = format!("AWSReservedSSO_{}_{}", set.name, random::hexadecimal());
            Role {
                arn: format!("arn:aws:iam::{id}:role/aws-reserved/sso.amazonaws.com/eu-west-1/{name}"),
                id: random::role_id(),
                name,
                trust: parse(SSO_TRUST),
                grants: grants(&set.policies, None),
                longest: Duration::from_secs(12 * 3600),
                permission_set: Some(set.name.clone()),
                profile: set.profile.clone(),
                source: None,
                external_id: None,
            }
        });
        let (users, roles) =
            (std::iter::once(starter).chain(others).collect(), roles.chain(of_sso).collect());
        Account { users, roles, documents: documents.into_values().collect(), facts }
    }

    /// The user of whoever starts the region.
    pub(crate) fn starter(&self) -> &User {
        &self.users[0]
    }

    /// A user by its name.
    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.caller.name == name)
    }
}

/// Who may be the role of a permission set: Identity Center alone.
const SSO_TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sso.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;

impl Role {
    /// A session of it.
    pub(crate) fn session(&self, name: &str, policies: Vec<Arc<Document>>, mfa: Option<Timestamp>) -> Caller {
        let account = self.account();
        Caller {
            account: account.to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{}/{name}", self.name),
            principal: self.arn.clone(),
            user_id: format!("{}:{name}", self.id),
            name: name.to_owned(),
            kind: CallerKind::RoleSession,
            grants: Grants { session: policies, ..self.grants.clone() },
            mfa,
        }
    }

    /// The account that it is in.
    pub(crate) fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// The longest session that somebody may have of it.
    pub(crate) fn longest_for(&self, caller: &Caller) -> Duration {
        if caller.kind == CallerKind::RoleSession { self.longest.min(CHAINED) } else { self.longest }
    }
}
