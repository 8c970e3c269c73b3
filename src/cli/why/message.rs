//! `ssmtui why --message`: what AWS says when a session does not start, pasted from wherever it stood, in plain words. Pure.

use crate::fleet::{Denial, denial::Obstacle};

/// What a message means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Explained {
    /// What it says, in a sentence without a full stop.
    pub(super) what: String,
    /// More of it: labels of four letters and what they name.
    pub(super) parts: Vec<(&'static str, String)>,
    /// What to do.
    pub(super) next: String,
    /// The smallest statement that would allow it, where one would.
    pub(super) statement: Option<String>,
    /// A command to paste.
    pub(super) command: Option<String>,
}

/// Phrases of AWS's consoles and calls (diagnosis 1.4), in lower case, without apostrophes; what each means.
const PHRASES: [(&[&str], &str); 7] = [
    (
        &["configured to use session manager", "not configured for use with aws systems manager"],
        "AWS sees the instance registered, and no session channel: its role lacks the four ssmmessages actions, its way to \
         the ssmmessages endpoint is closed, its agent is too old, or it starves of memory",
    ),
    (
        &["ssm agent is not online", "ssm agent was unable to connect to a systems manager endpoint"],
        "the agent never registered, or was lost: no identity, no way to the ssm endpoint, or no agent that runs",
    ),
    (
        &["werent able to connect to your instance"],
        "the EC2 console names all its three causes every time: no agent, no instance profile, no way out",
    ),
    (
        &["targetnotconnected", "is not connected"],
        "the instance is stopped, not set up for Session Manager, lost, or of another region or account: AWS says the same \
         of all five",
    ),
    (
        &["advanced-instances tier", "advanced-instances"],
        "hybrid nodes take sessions in the advanced-instances tier only, and this region's tier is standard; an administrator \
         can turn it on, billed per node and hour",
    ),
    (
        &["encryption is not set up on the selected cloudwatch logs log group"],
        "the session is to be recorded in a log group that must be encrypted, and the agent does not see that it is: it has no \
         key of KMS, is not there, the node's role may not call logs:DescribeLogGroups, or the node has no way to logs",
    ),
    (
        &["encryption is not set up on the selected amazon s3", "unable to validate encryption on amazon s3"],
        "the session is to be recorded in a bucket that must be encrypted, and the agent does not see that it is: the bucket is \
         not there or uses DSSE-KMS, the node's role may not call s3:GetEncryptionConfiguration, or the node has no way to s3",
    ),
];

/// What the text says; none where it is nothing that AWS says of sessions. `target` and `region`: what the caller knows
/// besides.
pub(super) fn explain(text: &str, target: Option<&str>, region: Option<&str>) -> Option<Explained> {
    let named = id(text);
    let target = target.or(named.as_deref());
    if let Some(denial) = Denial::parse(text) {
        return Some(denied(&denial, target, region));
    }
    if let Some(encoded) = encoded(text) {
        return Some(Explained {
            what: "EC2 refuses it, and says why in a code that only AWS can read".to_owned(),
            parts: Vec::new(),
            next: "decode it, which takes the right sts:DecodeAuthorizationMessage".to_owned(),
            statement: None,
            command: Some(format!(
                "aws sts decode-authorization-message --query DecodedMessage --output text --encoded-message {encoded}"
            )),
        });
    }
    let plain: String =
        text.to_lowercase().chars().filter(|c| !matches!(c, '\'' | '’' | '`' | '"')).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, meaning) = PHRASES.iter().find(|(signs, _)| signs.iter().any(|sign| plain.contains(sign)))?;
    Some(Explained {
        what: (*meaning).to_owned(),
        parts: Vec::new(),
        next: "this program looks which of them it is".to_owned(),
        statement: None,
        command: Some(format!("ssmtui why {}", target.unwrap_or("TARGET"))),
    })
}

fn denied(denial: &Denial, target: Option<&str>, region: Option<&str>) -> Explained {
    // The resource knows its region, where it has one.
    let told =
        denial.resource.as_deref().and_then(|arn| arn.split(':').nth(3)).filter(|region| !region.is_empty());
    let region = told.or(region).unwrap_or("*");
    let (policy, kind) = match &denial.obstacle {
        Obstacle::NotAllowed(policy) => (policy.to_string(), "implicit: nothing allows it"),
        Obstacle::Forbidden { policy, arn } => {
            let arn = arn.as_deref().map(|arn| format!(" {arn}")).unwrap_or_default();
            (format!("{policy}{arn}"), "explicit: a statement forbids it, and no further right can mend that")
        }
        Obstacle::Unknown => ("AWS does not say which".to_owned(), "not told"),
    };
    let mut parts = vec![
        ("who", denial.who.to_string()),
        ("what", denial.action.clone()),
        ("on", denial.resource.clone().unwrap_or_else(|| "AWS names no resource".to_owned())),
        ("by", policy),
        ("how", kind.to_owned()),
    ];
    if let Some(other) = denial.other_account() {
        parts.push(("note", format!("the resource is of account {other}")));
    }
    let is_forbidden = matches!(denial.obstacle, Obstacle::Forbidden { .. });
    let statement =
        (!is_forbidden && denial.other_account().is_none()).then(|| denial.statement(target, region));
    // The statement stands by itself, to be copied.
    let mut next = denial.next(target, region);
    if let Some(statement) = &statement {
        next = next.replace(&format!(": {statement}"), ":").replace(statement.as_str(), "this statement:");
    }
    Explained { what: denial.sentence(), parts, next, statement, command: None }
}

/// EC2's "Encoded authorization failure message: …".
fn encoded(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Encoded authorization failure message:")?;
    let code = rest.split_whitespace().next()?;
    code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')).then_some(code)
}

/// The first instance or node that the text names.
fn id(text: &str) -> Option<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.map(str::to_owned).find(|word| crate::cli::target::is_id(word))
}

impl Explained {
    /// As it is printed: what can be copied stands alone on its line.
    pub(super) fn text(&self) -> String {
        let clean = crate::cli::clean;
        let mut text = format!("{}\n", clean(&self.what));
        for (label, part) in &self.parts {
            text.push_str(&format!("  {label:<4}  {}\n", clean(part)));
        }
        text.push_str(&format!("  next  {}\n", clean(&self.next)));
        for line in [&self.statement, &self.command].into_iter().flatten() {
            text.push_str(&format!("{}\n", clean(line)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &str) -> String {
        explain(message, None, Some("eu-west-1")).expect("it is known").text()
    }

    #[test]
    fn a_denial_is_read_apart_and_answered_with_the_smallest_statement() {
        let message = "An error occurred (AccessDeniedException) when calling the StartSession operation: User: \
            arn:aws:sts::123456789012:assumed-role/dev-ro/alice is not authorized to perform: ssm:StartSession on resource: \
            arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0 because no identity-based policy allows the \
            ssm:StartSession action";
        insta::assert_snapshot!(text(message), @r#"
        role `dev-ro` in account 123456789012 may not call `ssm:StartSession` on i-0123456789abcdef0: no identity-based policy allows it
          who   role `dev-ro` in account 123456789012
          what  ssm:StartSession
          on    arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0
          by    identity-based
          how   implicit: nothing allows it
          next  ask whoever manages role `dev-ro` to add this statement:
        {"Effect":"Allow","Action":"ssm:StartSession","Resource":["arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0","arn:aws:ssm:eu-central-1:123456789012:document/SSM-SessionManagerRunShell"]}
        "#);
    }

    #[test]
    fn what_is_forbidden_has_no_statement_that_helps() {
        let message = "User: arn:aws:iam::123456789012:user/a is not authorized to perform: ssm:StartSession on resource: \
            arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0 with an explicit deny in a service control policy: \
            arn:aws:organizations::1:policy/o-1/service_control_policy/p-1";
        insta::assert_snapshot!(text(message), @r#"
        user `a` in account 123456789012 may not call `ssm:StartSession` on i-0123456789abcdef0: the service control policy arn:aws:organizations::1:policy/o-1/service_control_policy/p-1 forbids it
          who   user `a` in account 123456789012
          what  ssm:StartSession
          on    arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0
          by    service control arn:aws:organizations::1:policy/o-1/service_control_policy/p-1
          how   explicit: a statement forbids it, and no further right can mend that
          next  no further right can mend that; ask the organisation's administrators about that policy
        "#);
    }

    #[test]
    fn the_consoles_own_messages_lead_to_the_deep_check() {
        for message in [
            "The instance you selected is not configured to use Session Manager",
            "The instance you selected isn’t configured to use Session Manager.",
            "The version of SSM Agent on the instance supports Session Manager, but the instance is not configured for use with \
             AWS Systems Manager. Verify that the IAM instance profile…",
            "SSM Agent is not online\nThe SSM Agent was unable to connect to a Systems Manager endpoint",
            "We weren't able to connect to your instance. Common reasons for this include:",
            "BadRequest: Enable advanced-instances tier to use Session Manager with your on-premises instances",
        ] {
            let explained = explain(message, None, None).unwrap_or_else(|| panic!("{message}"));
            assert_eq!(explained.command.as_deref(), Some("ssmtui why TARGET"), "{message}");
        }
        let message = "(TargetNotConnected) when calling the StartSession operation: i-0123456789abcdef0 is not connected.";
        let explained = explain(message, None, None).unwrap();
        assert_eq!(
            explained.command.as_deref(),
            Some("ssmtui why i-0123456789abcdef0"),
            "the id is in the message"
        );
    }

    #[test]
    fn an_encoded_message_is_given_to_who_can_read_it() {
        let message = "You are not authorized to perform this operation. Encoded authorization failure message: 4qIh-_x9 (x)";
        let explained = explain(message, None, None).unwrap();
        assert!(explained.command.unwrap().ends_with("--encoded-message 4qIh-_x9"));
        let evil = "Encoded authorization failure message: $(reboot)";
        assert_eq!(explain(evil, None, None), None, "nothing that a shell would read goes into a command");
    }

    #[test]
    fn what_aws_never_says_of_sessions_is_not_guessed_at() {
        for message in ["", "hello", "ssh: connect to host web-1 port 22: Connection refused"] {
            assert_eq!(explain(message, None, None), None, "{message}");
        }
    }
}
