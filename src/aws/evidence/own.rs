//! What the caller may do, by IAM's policy simulator. It takes a user's or a role's ARN and no session's, so the role
//! behind an assumed-role ARN is looked up; its path is not in the ARN.

use aws_sdk_iam::types as iam;

use super::{Case, Client, answers::Answer, fact, task};
use crate::{
    aws::{Error, Identity, Kind, error::made},
    fleet::{
        document::PREFERENCES,
        evidence::{Call, Decision, Key, Piece, Right},
        record::Fact,
        statement::{START, Site},
    },
};

/// Under which keys policies may ask for the tags of a session's target.
const TAG_KEYS: [&str; 3] = ["ssm:resourceTag", "aws:ResourceTag", "ec2:ResourceTag"];
/// Documents that are asked about, at most, where the one that was meant may not be used.
const OTHER_DOCUMENTS: usize = 8;

/// One question to the simulator.
pub(super) struct Simulation<'a> {
    pub(super) actions: &'a [&'a str],
    /// An ARN, or `*`.
    pub(super) resource: &'a str,
    /// Keys that policies may have conditions on, with the values that they would have.
    pub(super) context: Vec<(String, String)>,
}

impl Client {
    /// What a user or role may do. One resource each time: an answer about several is hard to tell apart.
    pub(super) async fn simulate(&self, who: &str, simulation: Simulation<'_>) -> Result<Vec<Right>, Error> {
        let ask = self.0.iam.simulate_principal_policy().policy_source_arn(who);
        let ask = ask
            .set_action_names(Some(simulation.actions.iter().map(|action| (*action).to_owned()).collect()));
        // `*` is what the simulator takes where nothing is named.
        let ask = match simulation.resource {
            "*" => ask,
            arn => ask.resource_arns(arn),
        };
        let entries = simulation.context.into_iter().map(|(key, value)| {
            let kind = match value.as_str() {
                "true" | "false" if !key.contains('/') => iam::ContextKeyTypeEnum::Boolean,
                _ => iam::ContextKeyTypeEnum::String,
            };
            iam::ContextEntry::builder()
                .context_key_name(key)
                .context_key_values(value)
                .context_key_type(kind)
                .build()
        });
        let ask = ask.set_context_entries(Some(entries.collect())).into_paginator().items().send();
        let task = task("simulate policies", Call::RoleRights.action());
        // In a box: the SDK's futures are large, and several of these stand in one.
        let rows = Box::pin(self.ask(&task, ask.collect::<Result<Vec<_>, _>>())).await?;
        Ok(rows.into_iter().map(|row| right(row, simulation.resource)).collect())
    }

    /// What the caller may do, for a check-up.
    ///
    /// # Errors
    /// The caller is none that the simulator knows, or may not ask it.
    pub(in crate::aws) async fn own_right(
        &self,
        actions: &[&str],
        resource: &str,
    ) -> Result<Vec<Right>, Error> {
        let identity = self.identity().await?;
        let who = self.principal_arn(&identity).await?;
        self.simulate(&who, Simulation { actions, resource, context: context_of(&identity) }).await
    }

    /// Whether the caller may start a session on this node by this document, end it, go on with it, and encrypt it.
    pub(super) async fn own_rights(&self, case: &Case<'_>) -> Answer {
        fact(Call::OwnRights, self.read_own_rights(case).await, Piece::OwnRights)
    }

    async fn read_own_rights(&self, case: &Case<'_>) -> Result<Vec<Right>, Error> {
        let identity = self.identity().await?;
        let who = self.principal_arn(&identity).await?;
        let target = case.instance.target();
        let site = Site {
            partition: case.context.partition(),
            region: self.region(),
            account: identity.account.as_str(),
        };
        let (node, document) =
            (site.target(target.as_str()), site.document(case.document.unwrap_or(PREFERENCES)));
        let mut context = context_of(&identity);
        // AWS's sample policies demand the check of documents; where it is not demanded, the key does not count.
        context.push(("ssm:SessionDocumentAccessCheck".to_owned(), "true".to_owned()));
        let mut of_node = context.clone();
        // The tags of EC2 say nothing of a hybrid node, which has its own.
        for tag in case.instance.tags().iter().filter(|_| !target.is_hybrid()) {
            for key in TAG_KEYS {
                of_node.push((format!("{key}/{}", tag.key), tag.value.to_string()));
            }
        }
        let mut rights = self.simulate(&who, start(&node, of_node.clone())).await?;
        for right in rights.iter_mut().filter(|right| !right.is_allowed()) {
            // Asked without any, the simulator names the tags that the policies look at.
            let bare = self.simulate(&who, start(&node, context.clone())).await?;
            let keys = bare.iter().flat_map(|right| &right.missing_context);
            right.tags = keys.filter_map(|key| Right::tag_of(key).map(str::to_owned)).collect();
            right.tags.sort();
            right.tags.dedup();
        }
        // A document is looked at in the same request as the node.
        let by_document = self.simulate(&who, start(&document, of_node.clone())).await?;
        let is_refused = by_document.iter().any(|right| !right.is_allowed());
        rights.extend(by_document);
        if is_refused && rights.first().is_some_and(Right::is_allowed) {
            for other in self.other_documents(&site, &document).await {
                let asked = self.simulate(&who, start(&other, of_node.clone())).await?;
                rights.extend(asked.into_iter().filter(Right::is_allowed));
            }
        }
        let session = site.sessions_of(&identity.user_id).replace('*', "0");
        let ending: &[&str] = &["ssm:TerminateSession", "ssm:ResumeSession"];
        let mut questions = vec![(ending, session)];
        questions.extend(self.key_arn(case.document).await.map(|key| (&["kms:GenerateDataKey"][..], key)));
        for (actions, resource) in &questions {
            let question = Simulation { actions, resource, context: context.clone() };
            rights.extend(self.simulate(&who, question).await?);
        }
        Ok(rights)
    }

    /// Session documents that might do in the place of one that may not be used: the first few.
    async fn other_documents(&self, site: &Site<'_>, refused: &str) -> Vec<String> {
        let Piece::Documents(Fact::Known { value, .. }) = self.session_documents().await.piece else {
            return Vec::new();
        };
        let all = value.iter().map(|document| site.document(&document.name));
        all.filter(|arn| arn != refused).take(OTHER_DOCUMENTS).collect()
    }

    /// The key that encrypts sessions here, if there is one that can be read.
    async fn key_arn(&self, document: Option<&str>) -> Option<String> {
        match self.session_key(document).await.piece {
            Piece::Key(Fact::Known { value: Some(Key { arn, .. }), .. }) => Some(arn),
            _ => None,
        }
    }

    /// The user or role behind the caller, as the simulator takes it.
    async fn principal_arn(&self, identity: &Identity) -> Result<String, Error> {
        let arn = identity.arn.as_str();
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts.as_slice() {
            [_, partition, "sts", _, account, rest] if rest.starts_with("assumed-role/") => {
                let name = rest.split('/').nth(1).unwrap_or_default();
                // Read by its name, a role tells its path.
                if let Ok(Some(role)) = self.read_role(name).await {
                    return Ok(role.arn);
                }
                // Permission sets stand under a path that is known but for the region of the Identity Center.
                let path =
                    if name.starts_with("AWSReservedSSO_") { "aws-reserved/sso.amazonaws.com/" } else { "" };
                Ok(format!("arn:{partition}:iam::{account}:role/{path}{name}"))
            }
            [_, _, "iam", _, _, rest] if rest.starts_with("user/") => Ok(arn.to_owned()),
            _ => Err(made(
                Kind::Invalid,
                "cannot simulate policies: the caller is neither a user nor a role",
                format!("the policy simulator does not know {}", identity.principal),
                "",
            )),
        }
    }
}

/// Whether a session may be started.
fn start(resource: &str, context: Vec<(String, String)>) -> Simulation<'_> {
    Simulation { actions: &[START], resource, context }
}

/// What policies may ask of the caller.
fn context_of(identity: &Identity) -> Vec<(String, String)> {
    let mut context = vec![("aws:userid".to_owned(), identity.user_id.clone())];
    if let Some((_, path)) = identity.arn.split_once(":user/") {
        let name = path.rsplit('/').next().unwrap_or(path);
        context.push(("aws:username".to_owned(), name.to_owned()));
    }
    context
}

fn right(row: iam::EvaluationResult, resource: &str) -> Right {
    let policies =
        row.matched_statements.unwrap_or_default().into_iter().filter_map(|one| one.source_policy_id);
    Right {
        organisation_allows: row.organizations_decision_detail.map(|detail| detail.allowed_by_organizations),
        boundary_allows: row
            .permissions_boundary_decision_detail
            .map(|detail| detail.allowed_by_permissions_boundary),
        policies: policies.collect(),
        missing_context: row.missing_context_values.unwrap_or_default(),
        ..Right::new(row.eval_action_name, resource, Decision::from_wire(row.eval_decision.as_str()))
    }
}
