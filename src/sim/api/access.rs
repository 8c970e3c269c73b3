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
            if let Some(needed) = &condition.needs_document
                && document != Some(needed)
            {
                let document = document.unwrap_or(needed);
                return Err(self.denial(Wire::Json, ACTION, Some(&self.document_arn(document)), &implicit));
            }
        }
        Ok(())
    }

    fn refused(&self, action: &str) -> Option<Refused> {
        let fault = self.options.faults.iter().find_map(|fault| match fault {
            Fault::Deny { action: pattern, policy, denial } if pattern.matches(action) => {
                Some(Refused(*policy, *denial))
            }
            _ => None,
        });
        let lists: &[&str] = match self.options.rights {
            Rights::Full => &[],
            Rights::EndUser => &["ssm:DescribeInstanceInformation"],
            Rights::NoList => &[
                "ssm:DescribeInstanceInformation",
                "ssm:DescribeInstanceProperties",
                "ec2:DescribeInstances",
            ],
        };
        fault.or_else(|| {
            lists.contains(&action).then_some(Refused(PolicyKind::IdentityBased, Denial::Implicit))
        })
    }

    /// The sentence of diagnosis 2.7.1: WHO, WHAT, WHERE, TAIL.
    fn denial(&self, wire: Wire, action: &str, resource: Option<&str>, refused: &Refused) -> ApiError {
        let Refused(kind, denial) = refused;
        let on = resource.map_or_else(String::new, |resource| format!(" on resource: {resource}"));
        let tail = match denial {
            Denial::Implicit => format!("because no {kind} policy allows the {action} action"),
            Denial::Explicit if *kind == PolicyKind::IdentityBased => {
                format!("with an explicit deny in an {kind} policy")
            }
            Denial::Explicit => format!("with an explicit deny in a {kind} policy"),
        };
        let text = format!("User: {} is not authorized to perform: {action}{on} {tail}", self.caller_arn());
        ApiError::denied(wire, &text)
    }

    /// The caller.
    pub(super) fn caller_arn(&self) -> String {
        format!("arn:aws:iam::{}:user/{}", self.world.account, self.options.user)
    }

    /// Everything of a service in this region.
    pub(super) fn service_arn(&self, service: &str) -> String {
        format!("arn:aws:{service}:{}:{}:*", self.options.region, self.world.account)
    }

    /// A node, as policies name it.
    pub(super) fn instance_arn(&self, id: &str) -> String {
        let (service, kind) =
            if id.starts_with("mi-") { ("ssm", "managed-instance") } else { ("ec2", "instance") };
        format!("arn:aws:{service}:{}:{}:{kind}/{id}", self.options.region, self.world.account)
    }

    /// A document; those of AWS have no account.
    fn document_arn(&self, name: &str) -> String {
        let account = if name.starts_with("AWS-") { "" } else { self.world.account.as_str() };
        format!("arn:aws:ssm:{}:{account}:document/{name}", self.options.region)
    }

    /// A session.
    pub(super) fn session_arn(&self, id: &str) -> String {
        format!("arn:aws:ssm:{}:{}:session/{id}", self.options.region, self.world.account)
    }
}
