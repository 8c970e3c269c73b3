//! The caller's right (L6) by IAM's policy simulator, asked before anything is started.

use super::case::Case;
use super::rights::{self, Refusal};
use super::{Cause, Certainty, Finding, Owner, words};
use crate::fleet::document::PREFERENCES;
use crate::fleet::evidence::Right;
use crate::fleet::statement::START;

impl Case<'_> {
    /// What keeps the caller out.
    pub(super) fn simulated(&self) -> Option<Finding> {
        let own = self.evidence.own_rights.value()?;
        let starts = rights::refusal(own, |action| action == START)?;
        let refused_on: Vec<&str> = own
            .iter()
            .filter(|right| right.action == START && !right.is_allowed())
            .map(|right| right.resource.as_str())
            .collect();
        let (who, label) = (words::who(self.context), self.label());
        let (document, arn) =
            documents(own).next().map_or((PREFERENCES, PREFERENCES), |(name, right)| (name, &right.resource));
        let on_document = refused_on.iter().all(|arn| arn.contains(DOCUMENT));
        let tags = self.tags_that_count(own, &starts);
        let certainty = match starts.missing_context.iter().all(|key| self.is_without(key)) {
            true => Certainty::Proves,
            false => Certainty::Suggests,
        };
        let found = |cause, what| {
            Finding::new(cause, certainty, what)
                .seen([format!("SimulatePrincipalPolicy: {START} is refused on {}", refused_on.join(", "))])
                .seen(starts.why())
        };
        let allow = format!("ask whoever manages {who} to add: {}", self.statement(arn));
        Some(if starts.by_organisation {
            found(Cause::OtherPolicy, "a service control policy forbids sessions in this account".to_owned())
                .fixed_by(Owner::Organisation, "no role change helps: ask the organisation's administrators")
        } else if starts.by_boundary {
            found(
                Cause::OtherPolicy,
                format!("{who} may not start sessions on {label}: its permissions boundary doesn't allow it"),
            )
            .fixed_by(
                Owner::Administrator,
                format!("ask whoever set that boundary to allow it there: {}", self.statement(arn)),
            )
        } else if starts.is_explicit {
            found(Cause::Forbidden, format!("a policy forbids {who} to start sessions on {label}")).fixed_by(
                Owner::Administrator,
                "no further right can mend that: ask about the policy that forbids it",
            )
        } else if rights::allows(own, "ssm:StartAccessRequest") {
            Finding {
                certainty: Certainty::Suggests,
                ..found(
                    Cause::JustInTime,
                    format!("{label} is opened by just-in-time access, which {who} may ask for"),
                )
            }
            .seen(["ssm:StartAccessRequest is allowed".to_owned()])
            .fixed_by(Owner::You, "ask for access with a reason, and wait until somebody approves it")
            .command(self.aws(&format!(
                "aws ssm start-access-request --reason REASON --targets Key=InstanceIds,Values={}",
                self.instance.target()
            )))
        } else if on_document {
            let others: Vec<&str> =
                documents(own).filter(|(_, right)| right.is_allowed()).map(|(name, _)| name).collect();
            let (seen, fix) = match others.as_slice() {
                [] => (None, allow),
                others => (
                    Some(format!("the policies allow {}", others.join(", "))),
                    format!("choose a document that you may use, or {allow}"),
                ),
            };
            found(
                Cause::DocumentNotAllowed,
                format!("{who} may open {label}, but not with document {document}"),
            )
            .seen(seen)
            .fixed_by(Owner::Administrator, fix)
        } else if !tags.is_empty() {
            let what = match certainty {
                Certainty::Proves => {
                    format!("{who} may not start sessions on {label}: its policies go by tags")
                }
                _ => format!("{who} may start sessions only where a tag fits, and {label}'s may not"),
            };
            found(Cause::TagCondition, what).seen([self.told(&tags)]).fixed_by(
                Owner::Administrator,
                format!("compare its tags with those of an instance that you can open, or {allow}"),
            )
        } else {
            found(Cause::NotAllowed, format!("{who} may not start sessions on {label}"))
                .fixed_by(Owner::Administrator, allow)
        })
    }

    /// The tags of the target that the policies look at, in words, where the simulator named them.
    pub(super) fn tags_seen(&self) -> Option<String> {
        let own = self.evidence.own_rights.value()?;
        let starts = rights::refusal(own, |action| action == START)?;
        let tags = self.tags_that_count(own, &starts);
        (!tags.is_empty()).then(|| self.told(&tags))
    }

    /// The tags of the target that the policies look at.
    fn tags_that_count<'a>(&self, own: &'a [Right], starts: &'a Refusal) -> Vec<&'a str> {
        let asked = own.iter().filter(|right| right.action == START).flat_map(|right| &right.tags);
        let missing = starts.missing_context.iter().filter_map(|key| Right::tag_of(key));
        let mut tags: Vec<&str> = asked.map(String::as_str).chain(missing).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// Whether the tags of the target are known, all of them: EC2's list has them, and those of hybrid nodes nobody reads.
    fn has_tags(&self) -> bool {
        self.instance.machine.seen().is_some() && !self.instance.target().is_hybrid()
    }

    /// Whether a condition key has no value because the target has no such tag: then AWS has none for it either.
    fn is_without(&self, key: &str) -> bool {
        self.has_tags() && Right::tag_of(key).is_some_and(|tag| self.instance.tag(tag).is_none())
    }

    fn told(&self, tags: &[&str]) -> String {
        let tag = |tag: &&str| match self.instance.tag(tag) {
            _ if !self.has_tags() => (*tag).to_owned(),
            Some(value) => format!("{tag} (here {value})"),
            None => format!("{tag} (not here)"),
        };
        format!("the policies look at these tags: {}", tags.iter().map(tag).collect::<Vec<_>>().join(", "))
    }
}

/// What the ARN of a document has before its name.
const DOCUMENT: &str = ":document/";

/// The documents that were asked about, the one that was meant first.
fn documents(own: &[Right]) -> impl Iterator<Item = (&str, &Right)> {
    let starts = own.iter().filter(|right| right.action == START);
    starts.filter_map(|right| Some((right.resource.split_once(DOCUMENT)?.1, right)))
}
