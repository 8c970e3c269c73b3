//! Who may do what: the caller's rights, the fleet's conditions, and `--fault deny`.

use super::{Api, error::ApiError, error::Wire};
use crate::sim::{
    fault::{Denial, Fault, PolicyKind},
    options::Rights,
    world::Node,
};

/// Refused by a policy of this kind in this way.
struct Refused(PolicyKind, Denial);

impl Api {
    /// Whether the caller may do `action` (`ssm:StartSession`) to `resource` (an ARN, or nothing where EC2 names none).
    pub(super) fn permit(&self, wire: Wire, action: &str, resource: Option<&str>) -> Result<(), ApiError> {
        match self.refused(action) {
            None => Ok(()),
            Some(refused) => Err(self.denial(wire, action, resource, &refused)),
        }
    }

    /// Whether the caller may start a session on a node with a document, which may be unnamed.
    pub(super) fn permit_session(
        &self,
        target: &str,
        node: Option<&Node>,
        document: Option<&str>,
    ) -> Result<(), ApiError> {
        const ACTION: &str = "ssm:StartSession";
        let instance = self.instance_arn(target);
        self.permit(Wire::Json, ACTION, Some(&instance))?;
        let implicit = Refused(PolicyKind::IdentityBased, Denial::Implicit);
        for condition in &self.world.conditions {
            if node.and_then(|node| node.tag(&condition.tag.key)) != Some(&condition.tag.value) {
                continue;
            }
            if condition.deny.as_deref() == Some(ACTION) {
                return Err(self.denial(Wire::Json, ACTION, Some(&instance), &implicit));
            }
            if let Some(first) = condition.documents.first()
                && !condition.documents.iter().any(|allowed| document == Some(allowed))
            {
                let document = document.unwrap_or(first);
                return Err(self.denial(Wire::Json, ACTION, Some(&self.document_arn(document)), &implicit));
            }
        }
        Ok(())
    }

    fn refused(&self, action: &str) -> Option<Refused> {
        let lists: &[&str] = match self.options.rights {
            Rights::Full => &[],
            Rights::EndUser => &["ssm:DescribeInstanceInformation", "ssm:ListDocuments"],
            Rights::NoList => &[
                "ssm:ListDocuments",
                "ecs:ListClusters",
                "ecs:ListTasks",
                "ssm:DescribeInstanceInformation",
                "ssm:DescribeInstanceProperties",
                "ec2:DescribeInstances",
            ],
        };
        self.faulty(action).or_else(|| {
            lists.contains(&action).then_some(Refused(PolicyKind::IdentityBased, Denial::Implicit))
        })
    }

    /// The key's policy refuses the caller.
    pub(super) fn key_denial(&self, action: &str, key: &str) -> ApiError {
        let refused = Refused(PolicyKind::ResourceBased, Denial::Implicit);
        self.denial(Wire::Json, action, Some(key), &refused)
    }

    /// The sentence by which the role of a node is refused something, if a fault says so.
    pub(super) fn node_denial(&self, principal: &str, action: &str, resource: &str) -> Option<String> {
        let refused = self.faulty(action)?;
        Some(sentence(principal, action, Some(resource), &refused))
    }

    /// The sentence of diagnosis 2.7.1: WHO, WHAT, WHERE, TAIL.
    fn denial(&self, wire: Wire, action: &str, resource: Option<&str>, refused: &Refused) -> ApiError {
        ApiError::denied(wire, &sentence(&self.caller_arn(), action, resource, refused))
    }

    fn faulty(&self, action: &str) -> Option<Refused> {
        self.options.faults.iter().find_map(|fault| match fault {
            Fault::Deny { action: pattern, policy, denial } if pattern.matches(action) => {
                Some(Refused(*policy, *denial))
            }
            _ => None,
        })
    }

    /// The caller.
    pub(super) fn caller_arn(&self) -> String {
        format!("arn:aws:iam::{}:user/{}", self.world.account, self.options.user)
    }

    /// The role of a machine, as it calls other services: of a node, or of a container's task.
    pub(super) fn machine_arn(&self, role: &str, id: &str) -> String {
        format!("arn:aws:sts::{}:assumed-role/{role}/{id}", self.world.account)
    }

    /// Everything of a service in this region.
    pub(super) fn service_arn(&self, service: &str) -> String {
        format!("arn:aws:{service}:{}:{}:*", self.options.region, self.world.account)
    }

    /// A node, as policies name it.
    pub(super) fn instance_arn(&self, id: &str) -> String {
        if let Some((task, _)) = id.strip_prefix("ecs:").and_then(|rest| rest.rsplit_once('_')) {
            let task = task.replacen('_', "/", 1);
            return format!("arn:aws:ecs:{}:{}:task/{task}", self.options.region, self.world.account);
        }
        let (service, kind) =
            if id.starts_with("mi-") { ("ssm", "managed-instance") } else { ("ec2", "instance") };
        format!("arn:aws:{service}:{}:{}:{kind}/{id}", self.options.region, self.world.account)
    }

    /// A document; those of AWS have no account.
    pub(super) fn document_arn(&self, name: &str) -> String {
        let account = if name.starts_with("AWS-") { "" } else { self.world.account.as_str() };
        format!("arn:aws:ssm:{}:{account}:document/{name}", self.options.region)
    }

    /// A session.
    pub(super) fn session_arn(&self, id: &str) -> String {
        format!("arn:aws:ssm:{}:{}:session/{id}", self.options.region, self.world.account)
    }
}

fn sentence(who: &str, action: &str, resource: Option<&str>, Refused(kind, denial): &Refused) -> String {
    let on = resource.map_or_else(String::new, |resource| format!(" on resource: {resource}"));
    let tail = match denial {
        Denial::Implicit => format!("because no {kind} policy allows the {action} action"),
        Denial::Explicit if *kind == PolicyKind::IdentityBased => {
            format!("with an explicit deny in an {kind} policy")
        }
        Denial::Explicit => format!("with an explicit deny in a {kind} policy"),
    };
    format!("User: {who} is not authorized to perform: {action}{on} {tail}")
}
