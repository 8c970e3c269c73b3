//! What a session is to do: the document that was meant, the values for its parameters, and what the preferences add.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{Api, Context, document::unknown, error::ApiError, kms::NodeKeys};
use crate::sim::{
    control::Task,
    gateway::{KmsSetup, NewSession, Plan, Platform},
    world::{
        self, Node, PlatformKind,
        document::{Document, PREFERENCES, Resolved, SessionType},
    },
};

/// The first agent that adds a random challenge to the encryption context (protocol 6.1).
const CHALLENGE: &str = "3.3.808.0";

/// What a session runs on.
pub(super) struct Machine {
    pub(super) target: String,
    pub(super) name: String,
    pub(super) platform: PlatformKind,
    pub(super) agent_version: String,
    /// The document that stands for the region's preferences here.
    pub(super) preferences: Option<String>,
    /// Its role, as an ARN.
    pub(super) principal: String,
}

/// A session's document with its values.
pub(super) struct Chosen {
    /// As DescribeSessions shows it.
    pub(super) name: String,
    /// The document's content as it was written, and the values that were given, as plain strings: what an agent that fills
    /// them in itself is told.
    content: Value,
    values: Map<String, Value>,
    pub(super) resolved: Resolved,
    /// What ends the session: a silence so long, a life so long.
    pub(super) idle: Option<Duration>,
    pub(super) max: Option<Duration>,
}

impl Machine {
    pub(super) fn of(context: &Context<'_>, node: &Node) -> Machine {
        let role = node.hybrid.as_ref().map(|hybrid| hybrid.role.as_str());
        let role = node.able.role.as_deref().or(role).unwrap_or_default();
        Machine {
            target: node.managed_id().to_owned(),
            name: node.name.to_string(),
            platform: node.platform.kind,
            agent_version: node.agent.as_ref().map(|agent| agent.version.to_string()).unwrap_or_default(),
            preferences: node.preferences.as_ref().map(ToString::to_string),
            principal: context
                .api
                .machine_arn(role.rsplit('/').next().unwrap_or_default(), node.managed_id()),
        }
    }

    /// A session with a plan and nothing else.
    pub(super) fn session(&self, api: &Api, id: &str, plan: Plan) -> NewSession {
        NewSession {
            id: id.to_owned(),
            target: self.target.clone(),
            name: self.name.clone(),
            platform: match self.platform {
                PlatformKind::Linux => Platform::Linux,
                PlatformKind::Windows => Platform::Windows,
                PlatformKind::MacOS => Platform::MacOs,
            },
            agent_version: self.agent_version.clone(),
            shell: None,
            plan,
            kms: None,
            recording: Default::default(),
            idle_timeout: api.options.idle_timeout,
            max_duration: api.options.max_duration,
        }
    }
}

impl Chosen {
    /// Finds the document that was meant and fills in its parameters.
    pub(super) fn of(
        context: &Context<'_>,
        machine: Option<&Machine>,
        named: Option<&str>,
        parameters: &[(&str, Vec<&str>)],
    ) -> Result<Chosen, ApiError> {
        let api = context.api;
        let shelf = api.shelf();
        let name = named.unwrap_or(PREFERENCES);
        // On some nodes another document stands for the preferences.
        let local = machine.and_then(|machine| machine.preferences.as_deref());
        let meant = local.filter(|_| name == PREFERENCES).unwrap_or(name);
        let (document, content) = match api
            .document(&shelf, meant)
            .and_then(|stored| Some((stored, stored.in_force()?)))
        {
            Some((stored, version)) => match &version.document {
                Some(document) => (document.clone(), version.value.clone()),
                None => {
                    let text = format!(
                        "Document type: '{}' is not supported. Only type: 'Session' is supported for Session Manager.",
                        stored.kind
                    );
                    return Err(ApiError::modelled("InvalidDocument", text));
                }
            },
            // An account that never set preferences has AWS's defaults, as long as it does not ask for them by name.
            None if named.is_none() => {
                let plain = serde_json::json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {} });
                (Document::plain(), plain)
            }
            None => return Err(unknown(name)),
        };
        let invalid = |text: String| ApiError::modelled("InvalidParameters", text);
        let resolved = document.resolve(name, parameters).map_err(invalid)?;
        // Where a document says nothing, the preferences say when a session ends.
        let preferences = api
            .document(&shelf, PREFERENCES)
            .and_then(|stored| stored.in_force()?.document.as_ref()?.resolve(PREFERENCES, &[]).ok());
        let minutes = |read: fn(&Resolved) -> Option<u64>| {
            let minutes = read(&resolved).or_else(|| read(preferences.as_ref()?))?;
            Some(Duration::from_secs(minutes * 60))
        };
        let values = parameters.iter().map(|(name, values)| {
            let text = match values[..] {
                [one] => one.to_owned(),
                _ => Value::from(values.clone()).to_string(),
            };
            ((*name).to_owned(), Value::String(text))
        });
        Ok(Chosen {
            name: name.to_owned(),
            content,
            values: values.collect(),
            idle: api.options.idle_timeout.or_else(|| minutes(Resolved::idle_minutes)),
            max: api.options.max_duration.or_else(|| minutes(Resolved::max_minutes)),
            resolved,
        })
    }

    /// The session as the gateway takes it.
    pub(super) fn session(&self, api: &Api, machine: &Machine, id: &str) -> NewSession {
        let command = self.resolved.command(machine.platform);
        let run_as = self.resolved.run_as(api.options.run_as.as_deref());
        let plan = match self.resolved.session_type {
            SessionType::StandardStream => {
                Plan::Shell { profile: self.resolved.profile(machine.platform).to_owned(), run_as }
            }
            SessionType::InteractiveCommands => Plan::Interactive { commands: command.commands, run_as },
            SessionType::NonInteractiveCommands => Plan::NonInteractive {
                commands: command.commands,
                separate_output: command.separate_output,
                stdout_prefix: command.stdout_prefix,
                stderr_prefix: command.stderr_prefix,
            },
            SessionType::Port => Plan::Port(self.resolved.port()),
        };
        NewSession {
            kms: self.kms(api, machine),
            recording: api.recording(&self.resolved, machine),
            idle_timeout: self.idle,
            max_duration: self.max,
            ..machine.session(api, id, plan)
        }
    }

    /// The session as a foreign agent is told of it.
    pub(super) fn task(&self, context: &Context<'_>, id: &str) -> Task {
        Task {
            session_id: id.to_owned(),
            document: self.name.clone(),
            content: self.content.clone(),
            parameters: self.values.clone(),
            run_as: context.api.options.run_as.clone(),
            owner: context.caller.arn.clone(),
        }
    }

    fn kms(&self, api: &Api, machine: &Machine) -> Option<KmsSetup> {
        let key_id = self.resolved.kms_key()?.to_owned();
        let refused = api.node_denial(&machine.principal, "kms:Decrypt", "{key}");
        let keys = NodeKeys { ring: Arc::clone(&api.ring), principal: machine.principal.clone(), refused };
        Some(KmsSetup {
            key_id,
            keys: Arc::new(keys),
            challenge: world::compare_versions(&machine.agent_version, CHALLENGE) != Ordering::Less,
            require_challenge: api.options.require_challenge,
        })
    }
}
