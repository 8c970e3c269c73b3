//! It starts, then fails (L7): what the agent's, KMS's and our own words mean; and what can be known before, from the account's
//! preferences.

use super::case::Case;
use super::{Cause, Certainty, Finding, Owner, words};
use super::{recording, rights};
use crate::fleet::evidence::{Answer, Ending, KeyState};
use crate::fleet::record::Fact;

/// How long the end of a session counts, in minutes.
const ENDING_HOLDS: i64 = 60;

impl Case<'_> {
    /// What ended the last session, and what would end the next.
    pub(super) fn opening(&self) -> Vec<Finding> {
        let ending = self.evidence.ending.as_ref().filter(|ending| self.is_within(ending.at, ENDING_HOLDS));
        // A session that was opened since then shows what is so by now.
        let reopened = self.evidence.attempt.as_ref().filter(|attempt| attempt.answer == Answer::Opened);
        let ending = ending.filter(|ending| reopened.is_none_or(|attempt| attempt.at <= ending.at));
        let mut findings = self.recording(ending);
        let is_explained = ending.is_some_and(Ending::is_blank) && !findings.is_empty();
        findings.extend(ending.filter(|_| !is_explained).and_then(|ending| self.ended(ending)));
        for finding in [self.key_unusable(), self.key_not_allowed()].into_iter().flatten() {
            if findings.iter().all(|other| other.cause != finding.cause) {
                findings.push(finding);
            }
        }
        findings
    }

    fn key(&self) -> Option<&str> {
        self.around.preferences.value()?.as_ref()?.kms_key.as_deref()
    }

    /// H3, before anything is started.
    fn key_unusable(&self) -> Option<Finding> {
        let key = self.key()?;
        let state = match self.around.key.value()? {
            None => "doesn't exist in this region",
            Some(known) => match &known.state {
                KeyState::Enabled => return None,
                KeyState::Disabled => "is disabled",
                KeyState::PendingDeletion => "is about to be deleted",
                KeyState::Other(_) => "can't be used",
            },
        };
        Some(
            Finding::proves(Cause::KeyUnusable, format!("sessions here are encrypted, and their key {state}"))
                .seen([format!("preferences name key {key}"), format!("DescribeKey: it {state}")])
                .fixed_by(
                    Owner::Administrator,
                    "enable the key, or name another in the session preferences; a document without encryption works meanwhile",
                )
                .command(self.aws(&format!("aws kms describe-key --key-id {}", words::quoted(key)))),
        )
    }

    /// H1, before anything is started.
    fn key_not_allowed(&self) -> Option<Finding> {
        let key = self.key()?;
        let own = self.evidence.own_rights.value()?;
        let refusal = rights::refusal(own, |action| action == "kms:GenerateDataKey")?;
        let certainty =
            if refusal.missing_context.is_empty() { Certainty::Proves } else { Certainty::Suggests };
        Some(
            Finding::new(
                Cause::KeyNotAllowed,
                certainty,
                "sessions here are encrypted and you may not use the key".to_owned(),
            )
            .seen([
                format!("preferences name key {key}"),
                format!(
                    "SimulatePrincipalPolicy: kms:GenerateDataKey is refused to {}",
                    words::who(self.context)
                ),
            ])
            .seen(refusal.why())
            .fixed_by(Owner::Administrator, self.key_statement(key)),
        )
    }

    fn key_statement(&self, key: &str) -> String {
        let arn = match self.around.key.value().and_then(Option::as_ref) {
            Some(known) => known.arn.clone(),
            None if key.starts_with("arn:") => key.to_owned(),
            None => format!("the ARN of {key}"),
        };
        format!(
            r#"ask whoever manages {} to add: {{"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"{arn}"}}"#,
            words::who(self.context)
        )
    }

    /// H1 to H14, but H5: by the words with which it ended.
    fn ended(&self, ending: &Ending) -> Option<Finding> {
        if recording::is_told(&ending.said) {
            return None;
        }
        let text = ending.said.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let label = self.label();
        let role =
            self.role_name().map_or_else(|| "the node's role".to_owned(), |role| format!("role {role}"));
        let finding =
            |cause, what: String, owner, fix: String| Finding::suggests(cause, what).fixed_by(owner, fix);
        let denied = has(&["accessdenied", "access denied", "not authorized"]);
        let found = if has(&["generatedatakey"]) && denied {
            let key = self.key().unwrap_or("the key of the preferences");
            let fix = self.key_statement(key);
            finding(
                Cause::KeyNotAllowed,
                "sessions here are encrypted and you may not use the key".to_owned(),
                Owner::Administrator,
                fix,
            )
        } else if has(&["disabledexception", "kmsinvalidstate", "pending deletion", "is disabled"])
            && has(&["kms", "key"])
        {
            finding(
                Cause::KeyUnusable,
                "sessions here are encrypted, and their key is disabled or about to be deleted".to_owned(),
                Owner::Administrator,
                "enable the key, or name another in the session preferences".to_owned(),
            )
        } else if has(&["data key", "decrypt"]) && has(&["handshake", "kms", "decrypt"]) {
            finding(
                Cause::NodeKeyDenied,
                format!("{label} can't decrypt the session's key"),
                Owner::Administrator,
                format!("allow kms:Decrypt on that key to {role}, or give its network an endpoint for kms"),
            )
        } else if has(&["runas", "run as"]) {
            let user = ending
                .said
                .split(['"', '\'', '`'])
                .nth(1)
                .filter(|_| has(&["does not exist", "doesn't exist"]));
            let what = match user {
                Some(user) => {
                    format!("the session opened, then ended: user \"{user}\" doesn't exist on {label}")
                }
                None => "the session opened, then ended: there is no user to run as".to_owned(),
            };
            let fix = "create that user on the node, or change who is run as: the tag SSMSessionRunAs of your own role or user, else runAsDefaultUser of the preferences (never root)";
            finding(Cause::RunAs, what, Owner::InstanceOwner, fix.to_owned()).seen(self.run_as())
        } else if has(&["document worker timed out", "document process failed to start"]) {
            finding(
                Cause::Worker,
                format!("{label}'s agent can't start its worker"),
                Owner::InstanceOwner,
                "look for a full disk, no memory, a noexec mount or file limits; Run Command can still read the agent's log".to_owned(),
            )
        } else if has(&["domain controller"]) {
            finding(
                Cause::DomainController,
                format!("{label} is a domain controller, where ssm-user isn't made by the agent"),
                Owner::InstanceOwner,
                "create the user ssm-user in the domain by hand".to_owned(),
            )
        } else if has(&["createdatachannel", "opendatachannel"]) && denied {
            finding(
                Cause::DataChannelDenied,
                format!("{label} may open its control channel, but no data channel"),
                Owner::Administrator,
                format!(
                    "allow ssmmessages:CreateDataChannel and OpenDataChannel to {role}, and in the service control policies"
                ),
            )
        } else if has(&["handshake timed out"]) {
            finding(
                Cause::HandshakeTimeout,
                "the handshake wasn't finished within 15 s".to_owned(),
                Owner::You,
                "try again; if it stays, report it with the session's id".to_owned(),
            )
        } else if has(&[
            "nothing listens on port",
            "unable to connect to specified port",
            "connection to destination port failed",
            "timeout signal",
        ]) {
            finding(
                Cause::NothingListens,
                match ending.said.split_once("nothing listens on port ") {
                    // Our own words, which know the port; a forward may lead to another host.
                    Some((_, place)) => {
                        format!(
                            "nothing listens on port {}",
                            place.replace("of the instance", &format!("of {label}"))
                        )
                    }
                    None => format!("nothing listens on that port of {label}"),
                },
                Owner::InstanceOwner,
                "start the service there, or choose another port".to_owned(),
            )
        } else if has(&["forwarding to ip address", "is forbidden"]) {
            finding(
                Cause::ForbiddenAddress,
                "the agent forwards to no such address".to_owned(),
                Owner::You,
                "choose another host: metadata services, the VPC's resolver and the like are denied by the agent".to_owned(),
            )
        } else if has(&["websocket", "upgrade", "switching protocols", "the service answered http"]) {
            finding(
                Cause::WebsocketRefused,
                "the session's websocket is refused between here and AWS".to_owned(),
                Owner::You,
                "look for a proxy or TLS inspection that doesn't let wss through to ssmmessages; then start anew, since a token is good once".to_owned(),
            )
        } else if ending.is_blank() {
            finding(
                Cause::NoPrompt,
                "the session opened, and nothing came".to_owned(),
                Owner::InstanceOwner,
                "a full root disk does that, or recording to a bucket or log group that is gone or can't be reached (s3, logs)".to_owned(),
            )
        } else if text.trim().is_empty() || !ending.by_node {
            return None;
        } else {
            let why = if has(&["idle", "inactivity"]) {
                "it was idle for too long"
            } else if has(&["maximum", "duration"]) {
                "it reached the longest time that the preferences allow"
            } else if has(&["terminated"]) {
                "somebody ended it"
            } else {
                "the node ended it"
            };
            finding(
                Cause::EndedByNode,
                format!("the last session on {label} ended: {why}"),
                Owner::You,
                "open it again".to_owned(),
            )
        };
        let said = self.said(ending);
        Some(found.seen(said))
    }

    /// What ended the last session, in its own words.
    pub(super) fn said(&self, ending: &Ending) -> Option<String> {
        let session = ending.session.as_deref().map(|id| format!(" (session {id})")).unwrap_or_default();
        match ending.said.trim() {
            "" if ending.is_blank() => Some(format!(
                "the last session ended {} ago, and nothing had come{session}",
                self.ago(ending.at)
            )),
            "" => None,
            quoted => {
                let quoted = quoted.lines().map(str::trim).collect::<Vec<_>>().join(" ");
                Some(format!("it said, {} ago: {quoted}{session}", self.ago(ending.at)))
            }
        }
    }

    /// Where the user of a shell comes from.
    fn run_as(&self) -> Option<String> {
        match &self.around.preferences {
            Fact::Known { value: Some(wants), .. } if wants.run_as => Some(match &wants.run_as_user {
                Some(user) => {
                    format!("preferences: run as the tag SSMSessionRunAs of your role or user, else {user}")
                }
                None => {
                    "preferences: run as the tag SSMSessionRunAs of your role or user; there is no default"
                        .to_owned()
                }
            }),
            _ => None,
        }
    }
}
