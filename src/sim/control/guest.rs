//! What the region knows of one foreign agent: how it registered, its keys, what it said of itself and when. Pure.

use std::{borrow::Cow, collections::VecDeque, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::sim::{
    api::{Credentials, random},
    world::{Able, Agent, Hybrid, Life, MachineState, Metadata, Node, Platform, PlatformKind, Site, Told},
};

/// How long role credentials are good; the official agent fetches new ones at half the time.
const ROLE_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// How many of them are remembered beside the expired: the official agent may get its own for each session.
const MOST_ROLE_KEYS: usize = 4096;
/// How long the token for a control channel may be used.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(1);
/// More unused ones are not kept.
const MOST_TOKENS: usize = 16;

/// The role of hybrid nodes, as the console makes it.
pub(crate) const ROLE: &str = "service-role/AmazonEC2RunCommandRoleForManagedInstances";

/// A registered agent.
pub(super) struct Guest {
    pub(super) id: String,
    pub(super) fingerprint: String,
    /// Its RSA key, as X.509 has it (SubjectPublicKeyInfo).
    pub(super) public_key: Vec<u8>,
    activation: String,
    registered: Timestamp,
    /// Of UpdateInstanceInformation; `None`: it was never called.
    facts: Option<(Facts, Timestamp)>,
    role_keys: VecDeque<RoleKey>,
    tokens: VecDeque<(String, Timestamp)>,
}

/// What an agent tells of its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) agent_version: String,
    /// `Linux`, `Windows`, `MacOS`.
    pub(crate) platform_type: String,
    pub(crate) platform_name: String,
    pub(crate) platform_version: String,
    pub(crate) address: String,
    pub(crate) computer_name: String,
}

/// Temporary credentials of a node's role.
#[derive(Clone)]
pub(crate) struct RoleKey {
    pub(crate) credentials: Credentials,
    pub(crate) token: String,
    pub(crate) expires: Timestamp,
}

impl Guest {
    pub(super) fn new(
        id: String,
        activation: String,
        fingerprint: String,
        public_key: Vec<u8>,
        now: Timestamp,
    ) -> Guest {
        Guest {
            id,
            fingerprint,
            public_key,
            activation,
            registered: now,
            facts: None,
            role_keys: VecDeque::new(),
            tokens: VecDeque::new(),
        }
    }

    /// New credentials; the earlier ones stay good for their time.
    pub(super) fn issue_role_key(&mut self, now: Timestamp) -> RoleKey {
        let key = RoleKey {
            credentials: Credentials {
                access_key_id: random::temporary_key_id(),
                secret_access_key: random::secret_access_key(),
            },
            token: random::session_token(),
            expires: now.checked_add(ROLE_LIFETIME).unwrap_or(Timestamp::MAX),
        };
        self.role_keys.retain(|key| key.expires > now);
        keep(&mut self.role_keys, MOST_ROLE_KEYS, key.clone());
        key
    }

    /// Credentials by their id; they may have expired.
    pub(super) fn role_key(&self, access_key_id: &str) -> Option<&RoleKey> {
        self.role_keys.iter().find(|key| key.credentials.access_key_id == access_key_id)
    }

    /// A token for a control channel.
    pub(super) fn issue_token(&mut self, now: Timestamp) -> String {
        let token = random::session_token();
        let expires = now.checked_add(TOKEN_LIFETIME).unwrap_or(Timestamp::MAX);
        keep(&mut self.tokens, MOST_TOKENS, (token.clone(), expires));
        token
    }

    /// Whether a token opens its control channel. It does so once.
    pub(super) fn redeem(&mut self, token: &str, now: Timestamp) -> bool {
        self.tokens.retain(|(_, expires)| *expires > now);
        let known = self.tokens.iter().position(|(known, _)| known == token);
        known.inspect(|&at| drop(self.tokens.remove(at))).is_some()
    }

    /// A heartbeat. The official agent sends a short one too, which leaves most facts out: what is not told stays.
    pub(super) fn hear(&mut self, facts: Facts, now: Timestamp) {
        let mut known = self.facts.take().map(|(facts, _)| facts).unwrap_or_default();
        let pairs = [
            (&mut known.agent_version, facts.agent_version),
            (&mut known.platform_type, facts.platform_type),
            (&mut known.platform_name, facts.platform_name),
            (&mut known.platform_version, facts.platform_version),
            (&mut known.address, facts.address),
            (&mut known.computer_name, facts.computer_name),
        ];
        for (known, told) in pairs {
            if !told.is_empty() {
                *known = told;
            }
        }
        self.facts = Some((known, now));
    }

    /// As the region lists it; `None` before its first heartbeat, when nobody knows what it is.
    pub(super) fn node(&self, index: usize, connected: bool) -> Option<Node> {
        let (facts, last_ping) = self.facts.as_ref()?;
        let kind = match facts.platform_type.as_str() {
            "Windows" => PlatformKind::Windows,
            "MacOS" => PlatformKind::MacOS,
            _ => PlatformKind::Linux,
        };
        let platform = Platform {
            kind,
            name: facts.platform_name.clone(),
            version: facts.platform_version.clone(),
            image: String::new(),
            details: None,
            instance_type: None,
            architecture: String::new(),
        };
        let hybrid = Hybrid { role: ROLE.to_owned(), activation: self.activation.clone(), id: None };
        Some(Node {
            index,
            reservation: index,
            id: Cow::Owned(self.id.clone()),
            name: Cow::Owned(facts.computer_name.clone()),
            platform: Arc::new(platform),
            profile: None,
            site: Arc::new(Site::default()),
            agent: Some(Agent {
                version: Cow::Owned(facts.agent_version.clone()),
                began: self.registered,
                starts: self.registered,
                channel: self.registered,
                stopped: None,
            }),
            launched: self.registered,
            life: Life::settled(MachineState::Running, self.registered),
            reason: Cow::Borrowed(""),
            instance_type: Cow::Borrowed(""),
            metadata: Metadata::Disabled,
            hybrid: Some(hybrid),
            tags: Vec::new(),
            preferences: None,
            impaired: false,
            twin: None,
            elastic: None,
            deregistered: false,
            heard: None,
            able: Able::default(),
            told: Some(Told {
                last_ping: *last_ping,
                connected,
                address: facts.address.clone(),
                computer_name: facts.computer_name.clone(),
            }),
        })
    }
}

fn keep<T>(kept: &mut VecDeque<T>, most: usize, new: T) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-01-01T{text}Z").parse().unwrap()
    }

    fn guest() -> Guest {
        Guest::new("mi-0123456789abcdef0".into(), "activation".into(), "f".into(), vec![1], at("00:00:00"))
    }

    #[test]
    fn a_guest_is_a_node_from_its_first_heartbeat_on() {
        let mut guest = guest();
        assert!(guest.node(9, true).is_none());
        let facts = Facts {
            agent_version: "3.3.1142.0".into(),
            platform_type: "Linux".into(),
            platform_name: "Ubuntu".into(),
            computer_name: "box".into(),
            ..Facts::default()
        };
        guest.hear(facts, at("00:01:00"));
        // The short heartbeat.
        guest.hear(Facts { agent_version: "3.3.1200.0".into(), ..Facts::default() }, at("00:06:00"));
        let node = guest.node(9, true).unwrap();
        assert_eq!(node.name, "box");
        assert_eq!(node.platform.name, "Ubuntu");
        assert_eq!(node.agent.unwrap().version, "3.3.1200.0");
        assert_eq!(node.told.unwrap().last_ping, at("00:06:00"));
    }

    #[test]
    fn a_token_opens_once_and_not_for_long() {
        let mut guest = guest();
        let (first, late) = (guest.issue_token(at("00:00:00")), guest.issue_token(at("00:00:00")));
        assert!(!guest.redeem("", at("00:00:01")));
        assert!(guest.redeem(&first, at("00:00:01")));
        assert!(!guest.redeem(&first, at("00:00:01")), "twice");
        assert!(!guest.redeem(&late, at("00:01:00")), "too late");
    }

    #[test]
    fn credentials_overlap_so_that_workers_keep_theirs() {
        let mut guest = guest();
        let first = guest.issue_role_key(at("00:00:00"));
        let second = guest.issue_role_key(at("00:30:00"));
        assert!(first.credentials.access_key_id.starts_with("ASIA"));
        let known = |key: &RoleKey| guest.role_key(&key.credentials.access_key_id).map(|key| key.expires);
        assert_eq!((known(&first), known(&second)), (Some(at("01:00:00")), Some(at("01:30:00"))));
        assert!(guest.role_key("ASIAUNKNOWN").is_none());
        // One for each of a hundred sessions: the agent's own stay.
        for _ in 0..100 {
            guest.issue_role_key(at("00:40:00"));
        }
        assert_eq!(
            guest.role_key(&first.credentials.access_key_id).map(|key| key.expires),
            Some(at("01:00:00"))
        );
        guest.issue_role_key(at("01:00:00"));
        assert!(guest.role_key(&first.credentials.access_key_id).is_none(), "expired and forgotten");
    }
}
