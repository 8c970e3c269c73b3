//! Who may do what: the documents that speak on the caller, and `--fault deny`.

use jiff::Timestamp;

use super::{Api, Context, error::ApiError, error::Wire};
use crate::sim::{
    caller::{Caller, CallerKind},
    fault::{Denial, Fault, PolicyKind},
    policy::{self, Decision, Keys, Layer, Request, Verdict},
    world::{Node, World, document::PREFERENCES},
};

/// Refused by a policy of this kind in this way, and by which one, if it is told.
struct Refused {
    kind: PolicyKind,
    denial: Denial,
    policy: Option<String>,
}

/// Whoever is asked about, and when.
struct Asking<'a> {
    caller: &'a Caller,
    world: &'a World,
    now: Timestamp,
}

const START: &str = "ssm:StartSession";

impl Context<'_> {
    /// Whether the caller may do `action` (`ssm:StartSession`) to `resource` (an ARN, or nothing where EC2 names none).
    pub(super) fn permit(&self, wire: Wire, action: &str, resource: Option<&str>) -> Result<(), ApiError> {
        let keys = resource.map_or_else(Keys::default, |resource| self.tags(resource));
        self.refused(action, resource, keys)
            .map_or(Ok(()), |refused| Err(denial(self.caller, wire, action, resource, &refused)))
    }

    /// The same for a session, which policies may name by its own id or, as `${aws:userid}-*`, by its owner's.
    pub(super) fn permit_session_end(&self, action: &str, id: &str) -> Result<(), ApiError> {
        self.api.permit_session_of(self.caller, self.world, self.now, action, id)
    }

    /// Whether the caller may start a session on a node with a document, which may be unnamed.
    pub(super) fn permit_session(
        &self,
        target: &str,
        node: Option<&Node>,
        document: Option<&str>,
    ) -> Result<(), ApiError> {
        let instance = self.api.instance_arn(target);
        let refuse = |resource: &str, refused: &Refused| {
            Err(denial(self.caller, Wire::Json, START, Some(resource), refused))
        };
        // The documents are judged with the node's tags, too: a statement's condition speaks on the whole request.
        let keys = |checked: bool| {
            let mut keys = tags_of(node);
            keys.set("ssm:SessionDocumentAccessCheck", checked.to_string());
            keys
        };
        // Nobody is asked for the right to a document that is not named, unless that right is what a policy rests on.
        let unchecked = self.refused(START, Some(&instance), keys(false));
        if document.is_none() && unchecked.is_none() {
            return Ok(());
        }
        if let Some(refused) = self.refused(START, Some(&instance), keys(true)) {
            return refuse(&instance, &refused);
        }
        let arn = self.api.document_arn(document.unwrap_or(PREFERENCES));
        match (document, self.refused(START, Some(&arn), keys(true))) {
            (Some(_), None) => Ok(()),
            (_, Some(refused)) => refuse(&arn, &refused),
            (None, None) => refuse(&arn, &Refused::implicitly(PolicyKind::IdentityBased)),
        }
    }

    /// The key's policy refuses the caller.
    pub(super) fn key_denial(&self, action: &str, key: &str) -> ApiError {
        let refused = Refused::implicitly(PolicyKind::ResourceBased);
        denial(self.caller, Wire::Json, action, Some(key), &refused)
    }

    /// The tags of what an ARN names, as condition keys.
    fn tags(&self, resource: &str) -> Keys {
        let id = resource.rsplit('/').next().unwrap_or_default();
        let guest = || self.guests.iter().find(|node| node.id == id);
        tags_of(self.world.find(id).or_else(guest))
    }

    fn refused(&self, action: &str, resource: Option<&str>, keys: Keys) -> Option<Refused> {
        let asking = Asking { caller: self.caller, world: self.world, now: self.now };
        self.api.refused(&asking, action, resource, keys)
    }
}

impl Api {
    /// Whether somebody may do `action` to a session.
    pub(super) fn permit_session_of(
        &self,
        caller: &Caller,
        world: &World,
        now: Timestamp,
        action: &str,
        id: &str,
    ) -> Result<(), ApiError> {
        let asking = Asking { caller, world, now };
        let arn = self.session_arn(id);
        let Some(refused) = self.refused(&asking, action, Some(&arn), Keys::default()) else { return Ok(()) };
        let by_owner = id.strip_prefix(&caller.name).filter(|rest| rest.starts_with('-'));
        let by_owner = by_owner.map(|rest| self.session_arn(&format!("{}{rest}", caller.user_id)));
        match by_owner.map(|arn| self.refused(&asking, action, Some(&arn), Keys::default())) {
            Some(None) => Ok(()),
            _ => Err(denial(caller, Wire::Json, action, Some(&arn), &refused)),
        }
    }

    /// Refuses what a fault of this place denies, and nothing else.
    pub(super) fn permit_by_faults(
        &self,
        caller: &Caller,
        wire: Wire,
        action: &str,
        resource: &str,
    ) -> Result<(), ApiError> {
        match self.faulty(action) {
            Some(refused) => Err(denial(caller, wire, action, Some(resource), &refused)),
            None => Ok(()),
        }
    }

    fn refused(
        &self,
        asking: &Asking<'_>,
        action: &str,
        resource: Option<&str>,
        keys: Keys,
    ) -> Option<Refused> {
        if let Some(refused) = self.faulty(action) {
            return Some(refused);
        }
        // What the roles of machines may do is judged where their agents are.
        if asking.caller.kind == CallerKind::Machine {
            return None;
        }
        let principal = asking.caller.named();
        let mut keys = asking.caller.with_keys(keys, asking.now);
        keys.set("aws:RequestedRegion", self.options.region.as_str());
        let resource = resource.unwrap_or("*");
        let request = Request { principal: &principal, action, resource, keys: &keys };
        Refused::of(policy::evaluate(&layers(asking.caller, asking.world), &request).decision)
    }

    /// The sentence by which the role of a node is refused something, if a fault says so.
    pub(super) fn node_denial(&self, principal: &str, action: &str, resource: &str) -> Option<String> {
        let refused = self.faulty(action)?;
        Some(sentence(principal, action, Some(resource), &refused))
    }

    /// The sentence by which a node's call is refused, if its verdict refuses it.
    pub(super) fn node_refused(
        principal: &str,
        action: &str,
        resource: &str,
        verdict: Verdict,
    ) -> Option<String> {
        let refused = Refused::of(verdict.decision)?;
        Some(sentence(principal, action, Some(resource), &refused))
    }

    fn faulty(&self, action: &str) -> Option<Refused> {
        self.options.faults.iter().find_map(|fault| match fault {
            Fault::Deny { action: pattern, policy, denial } if pattern.matches(action) => {
                Some(Refused { kind: *policy, denial: *denial, policy: None })
            }
            _ => None,
        })
    }

    /// The role of a machine, as it calls other services: of a node, or of a container's task.
    pub(super) fn machine_arn(&self, role: &str, id: &str) -> String {
        format!("arn:aws:sts::{}:assumed-role/{role}/{id}", self.account)
    }

    /// Everything of a service in this region.
    pub(super) fn service_arn(&self, service: &str) -> String {
        format!("arn:aws:{service}:{}:{}:*", self.options.region, self.account)
    }

    /// A node, as policies name it.
    pub(super) fn instance_arn(&self, id: &str) -> String {
        if let Some((task, _)) = id.strip_prefix("ecs:").and_then(|rest| rest.rsplit_once('_')) {
            let task = task.replacen('_', "/", 1);
            return format!("arn:aws:ecs:{}:{}:task/{task}", self.options.region, self.account);
        }
        let (service, kind) =
            if id.starts_with("mi-") { ("ssm", "managed-instance") } else { ("ec2", "instance") };
        format!("arn:aws:{service}:{}:{}:{kind}/{id}", self.options.region, self.account)
    }

    /// A document; those of AWS have no account.
    pub(super) fn document_arn(&self, name: &str) -> String {
        let account = if name.starts_with("AWS-") { "" } else { self.account.as_str() };
        format!("arn:aws:ssm:{}:{account}:document/{name}", self.options.region)
    }

    /// A session.
    pub(super) fn session_arn(&self, id: &str) -> String {
        format!("arn:aws:ssm:{}:{}:session/{id}", self.options.region, self.account)
    }
}

impl Refused {
    fn implicitly(kind: PolicyKind) -> Refused {
        Refused { kind, denial: Denial::Implicit, policy: None }
    }

    /// What a decision refuses.
    fn of(decision: Decision) -> Option<Refused> {
        match decision {
            Decision::Allowed => None,
            Decision::ImplicitDeny { kind } => Some(Refused::implicitly(kind)),
            Decision::ExplicitDeny { kind, policy } => {
                let policy = Some(policy).filter(|name| name.starts_with("arn:"));
                Some(Refused { kind, denial: Denial::Explicit, policy })
            }
        }
    }
}

/// All documents that speak on a caller: the organisation's, and its own.
pub(super) fn layers<'a>(caller: &'a Caller, world: &'a World) -> Vec<Layer<'a>> {
    let mut layers = vec![world.identity.organisation()];
    layers.extend(caller.layers());
    layers
}

fn tags_of(node: Option<&Node>) -> Keys {
    let mut keys = Keys::default();
    let Some(node) = node else { return keys };
    for (key, value) in &node.tags {
        for prefix in ["aws:ResourceTag", "ssm:resourceTag", "ec2:ResourceTag"] {
            keys.set(&format!("{prefix}/{key}"), value.as_ref());
        }
    }
    for prefix in ["aws:ResourceTag", "ssm:resourceTag", "ec2:ResourceTag"] {
        keys.set(&format!("{prefix}/Name"), node.name.as_ref());
    }
    keys
}

/// The sentence of diagnosis 2.7.1: WHO, WHAT, WHERE, TAIL.
fn denial(caller: &Caller, wire: Wire, action: &str, resource: Option<&str>, refused: &Refused) -> ApiError {
    ApiError::denied(wire, &sentence(&caller.arn, action, resource, refused))
}

fn sentence(who: &str, action: &str, resource: Option<&str>, refused: &Refused) -> String {
    let Refused { kind, denial, policy } = refused;
    let on = resource.map_or_else(String::new, |resource| format!(" on resource: {resource}"));
    let article = if *kind == PolicyKind::IdentityBased { "an" } else { "a" };
    let named = policy.as_ref().map_or_else(String::new, |arn| format!(": {arn}"));
    let tail = match denial {
        Denial::Implicit => format!("because no {kind} policy allows the {action} action"),
        Denial::Explicit => format!("with an explicit deny in {article} {kind} policy{named}"),
    };
    format!("User: {who} is not authorized to perform: {action}{on} {tail}")
}
