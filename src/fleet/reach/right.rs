//! The caller's right (L6): may you start this document on this instance? By what StartSession last said; `simulation` has what
//! IAM's simulator says where there is no such answer.

use super::case::Case;
use super::{Cause, Finding, Owner, words};
use crate::fleet::denial::{Denial, Obstacle, Policy};
use crate::fleet::document::PREFERENCES;
use crate::fleet::evidence::{Answer, Attempt};

/// How long an answer of StartSession counts, in minutes: rights change.
const ANSWER_HOLDS: i64 = 60;

impl Case<'_> {
    /// What keeps the caller out.
    pub(super) fn right(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let attempt =
            self.evidence.attempt.as_ref().filter(|attempt| self.is_within(attempt.at, ANSWER_HOLDS));
        if let Some(attempt) = attempt {
            findings.extend(self.answered(attempt));
        }
        // What StartSession itself said is stronger than a simulation.
        if findings.is_empty() && !attempt.is_some_and(|attempt| attempt.answer == Answer::Opened) {
            findings.extend(self.simulated());
        }
        findings
    }

    fn answered(&self, attempt: &Attempt) -> Option<Finding> {
        let label = self.label();
        let document = attempt.document.as_deref().unwrap_or(PREFERENCES);
        let said = |what: &str| {
            let id = attempt.request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default();
            format!("StartSession, {} ago: {what}{id}", self.ago(attempt.at))
        };
        Some(match &attempt.answer {
            Answer::Denied(denial) => self.denied(denial, attempt),
            Answer::DeniedWithoutWords => Finding::proves(
                Cause::NotAllowed,
                format!("{} may not start sessions on {label}", words::who(self.context)),
            )
            .seen([said("access denied; AWS doesn't say by which policy")])
            .fixed_by(
                Owner::Administrator,
                format!(
                    "ask whoever manages {} to add: {}",
                    words::who(self.context),
                    self.statement(document)
                ),
            ),
            Answer::NoDocument => {
                Finding::proves(Cause::NoDocument, format!("there is no session document {document}"))
                    .seen([said("InvalidDocument")])
                    .seen(self.documents_there())
                    .fixed_by(Owner::You, "choose a document of type Session that exists")
                    .command(self.aws("aws ssm list-documents --filters Key=DocumentType,Values=Session"))
            }
            Answer::NotASessionDocument => {
                Finding::proves(Cause::WrongDocument, format!("{document} is no session document"))
                    .seen([said("InvalidDocument: only type Session is supported")])
                    .fixed_by(Owner::You, "run it by Run Command, or choose a document of type Session")
                    .command(self.aws(&format!(
                        "aws ssm send-command --document-name {} --targets Key=InstanceIds,Values={}",
                        words::quoted(document),
                        self.instance.target()
                    )))
            }
            Answer::BadParameters(what) => {
                Finding::proves(Cause::BadParameters, format!("{document} doesn't take these parameters"))
                    .seen([said(what)])
                    .fixed_by(Owner::You, "compare them with the document's own list")
                    .command(
                        self.aws(&format!("aws ssm describe-document --name {}", words::quoted(document))),
                    )
            }
            Answer::Throttled => {
                Finding::proves(Cause::StartThrottled, "too many sessions were started at once".to_owned())
                    .seen([said("throttled")])
                    .fixed_by(Owner::Nobody, "wait a little: they are started three at a time")
            }
            Answer::Opened | Answer::NotConnected | Answer::TierNeeded => return None,
        })
    }

    /// G1 to G5: AWS's sentence, as what it means here.
    fn denied(&self, denial: &Denial, attempt: &Attempt) -> Finding {
        let label = self.label();
        let who = denial.who.name().replace('`', "");
        let region = self.context.region.as_deref().unwrap_or("*");
        let on_document = denial.resource.as_deref().is_some_and(|arn| arn.contains(":document/"));
        let document = denial
            .resource
            .as_deref()
            .and_then(|arn| arn.split_once(":document/"))
            .map_or(attempt.document.as_deref().unwrap_or(PREFERENCES), |(_, name)| name);
        let target = self.instance.target().as_str();
        let ending = matches!(denial.action.as_str(), "ssm:TerminateSession" | "ssm:ResumeSession");
        let cause = match &denial.obstacle {
            _ if ending => Cause::MayNotEnd,
            _ if denial.other_account().is_some() => Cause::OtherAccount,
            Obstacle::Forbidden { policy: Policy::Identity, .. } => Cause::Forbidden,
            Obstacle::Forbidden { policy: Policy::ServiceControl | Policy::ResourceControl, .. }
            | Obstacle::Forbidden { .. } => Cause::OtherPolicy,
            Obstacle::NotAllowed(Policy::Identity) | Obstacle::Unknown if on_document => {
                Cause::DocumentNotAllowed
            }
            Obstacle::NotAllowed(Policy::Identity) | Obstacle::Unknown => Cause::NotAllowed,
            Obstacle::NotAllowed(_) => Cause::OtherPolicy,
        };
        let what = match (cause, &denial.obstacle) {
            (Cause::MayNotEnd, _) => {
                format!("{who} may start sessions on {label}, but not end or resume them")
            }
            (Cause::OtherAccount, _) => format!(
                "{label} belongs to account {}, and sessions don't cross accounts",
                denial.other_account().unwrap_or_default()
            ),
            (Cause::DocumentNotAllowed, _) => {
                format!("{who} may open {label}, but not with document {document}")
            }
            (_, Obstacle::Forbidden { policy: Policy::ServiceControl, .. }) => {
                "a service control policy forbids sessions in this account".to_owned()
            }
            (_, Obstacle::Forbidden { policy, .. }) => {
                format!("a policy ({policy}) forbids {who} to start sessions on {label}")
            }
            (Cause::OtherPolicy, Obstacle::NotAllowed(policy)) => {
                format!("{who} may not start sessions on {label}: its {policy} policy doesn't allow it")
            }
            _ => format!("{who} may not start sessions on {label}"),
        };
        let resource = denial.resource.as_deref().map(|arn| format!(" on {arn}")).unwrap_or_default();
        let request = attempt.request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default();
        let why = match &denial.obstacle {
            Obstacle::NotAllowed(policy) => format!("no {policy} policy allows it"),
            Obstacle::Forbidden { policy, arn: Some(arn) } => {
                format!("explicit deny in the {policy} policy {arn}")
            }
            Obstacle::Forbidden { policy, arn: None } => format!("explicit deny, {policy} policy"),
            Obstacle::Unknown => "AWS doesn't say which policy stands in the way".to_owned(),
        };
        let owner = match &denial.obstacle {
            Obstacle::NotAllowed(Policy::ServiceControl | Policy::ResourceControl)
            | Obstacle::Forbidden { policy: Policy::ServiceControl | Policy::ResourceControl, .. } => {
                Owner::Organisation
            }
            _ if cause == Cause::OtherAccount => Owner::You,
            _ => Owner::Administrator,
        };
        let fix = match cause {
            Cause::MayNotEnd => format!(
                "allow both on {}; a session that can't be ended closes by its idle timeout",
                self.own_sessions_arn()
            ),
            _ => denial.next(Some(target), region).replace('`', ""),
        };
        let choice = (cause == Cause::DocumentNotAllowed).then(|| self.documents_there()).flatten();
        Finding::proves(cause, what)
            .seen([format!("denied {} ago: {}{resource}{request}", self.ago(attempt.at), denial.action), why])
            .seen(
                (cause == Cause::DocumentNotAllowed).then(|| "the instance was not the obstacle".to_owned()),
            )
            .seen(choice)
            .seen((cause == Cause::NotAllowed).then(|| self.tags_seen()).flatten())
            .seen(matches!(cause, Cause::NotAllowed | Cause::OtherPolicy | Cause::Forbidden).then(|| {
                "AWS names one obstacle even where several stand: this is the first known one".to_owned()
            }))
            .fixed_by(owner, fix)
    }

    /// The smallest statement that opens this instance with this document.
    pub(super) fn statement(&self, document: &str) -> String {
        self.context.site(self.account()).start(self.instance.target().as_str(), Some(document))
    }

    fn own_sessions_arn(&self) -> String {
        self.context.site(self.account()).sessions_of("${aws:userid}")
    }

    /// How many session documents there are to choose from.
    fn documents_there(&self) -> Option<String> {
        let documents = self.around.documents.value()?;
        let names: Vec<&str> = documents.iter().map(|document| document.name.as_str()).take(5).collect();
        Some(match documents.len() {
            0 => "ListDocuments: no session document is there".to_owned(),
            1 => format!("ListDocuments: there is one session document, {}", names.join(", ")),
            count => format!("ListDocuments: {count} session documents: {}", names.join(", ")),
        })
    }
}
