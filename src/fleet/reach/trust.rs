//! Reading policy documents, as far as a verdict needs: whom a role trusts, and whether an endpoint's policy lets everything
//! through. A document that can't be read says nothing, and is never taken for a denial.

use serde_json::Value;

/// Whether a role's trust policy lets a service take it: `ec2.amazonaws.com`, or with the partition's suffix. None when the
/// document can't be read.
pub(super) fn trusts(document: &str, service: &str) -> Option<bool> {
    let document: Value = serde_json::from_str(document).ok()?;
    let statements = statements(&document)?;
    let matches = |statement: &&Value| {
        let principal = &statement["Principal"];
        let services = principal.get("Service").map(texts).unwrap_or_default();
        let is_named = services.iter().any(|name| is_service(name, service));
        let is_anyone = principal.as_str() == Some("*");
        (is_named || is_anyone)
            && texts(&statement["Action"]).iter().any(|action| covers(action, "sts:AssumeRole"))
    };
    let of = |effect: &str| {
        statements.iter().filter(|statement| statement["Effect"] == effect).filter(|one| matches(one)).count()
            > 0
    };
    Some(of("Allow") && !of("Deny"))
}

/// The services that a trust policy names, for the evidence.
pub(super) fn trusted(document: &str) -> Vec<String> {
    let Ok(document) = serde_json::from_str::<Value>(document) else { return Vec::new() };
    let mut found = Vec::new();
    for statement in statements(&document).unwrap_or_default() {
        if statement["Effect"] == "Allow"
            && let Value::Object(principal) = &statement["Principal"]
        {
            found.extend(principal.values().flat_map(texts));
        }
    }
    found
}

/// What an endpoint's policy makes of the agent's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// It allows all of them, whoever asks.
    Free,
    /// It limits them in some way, and whether that concerns this instance can't be told from it.
    Limited,
    /// No statement allows any of them.
    Closed,
}

/// Reads an endpoint's policy for the actions of one service (`ssm`, `ssmmessages`). No policy is full access, and so is one
/// that can't be read: AWS wouldn't have taken it.
pub(super) fn passage(policy: Option<&str>, service: &str) -> Passage {
    let Some(document) = policy.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return Passage::Free;
    };
    let Some(statements) = statements(&document) else { return Passage::Free };
    let prefix = format!("{service}:");
    let concerns = |statement: &Value| match statement.get("Action") {
        Some(actions) => texts(actions).iter().any(|action| *action == "*" || action.starts_with(&prefix)),
        // NotAction: all but those.
        None => true,
    };
    let is_whole = |statement: &Value| {
        let everyone = &statement["Principal"];
        let all = format!("{service}:*");
        texts(&statement["Action"]).iter().any(|action| *action == "*" || *action == all)
            && texts(&statement["Resource"]).contains(&"*".to_owned())
            && (everyone.as_str() == Some("*") || everyone["AWS"].as_str() == Some("*"))
            && statement.get("Condition").is_none()
    };
    let concerning: Vec<&Value> = statements.into_iter().filter(|statement| concerns(statement)).collect();
    let allowing = || concerning.iter().filter(|statement| statement["Effect"] == "Allow");
    let denies = concerning.iter().any(|statement| statement["Effect"] == "Deny");
    if allowing().next().is_none() {
        Passage::Closed
    } else if !denies && allowing().any(|statement| is_whole(statement)) {
        Passage::Free
    } else {
        Passage::Limited
    }
}

fn statements(document: &Value) -> Option<Vec<&Value>> {
    match document.get("Statement")? {
        Value::Array(list) => Some(list.iter().collect()),
        one @ Value::Object(_) => Some(vec![one]),
        _ => None,
    }
}

/// A text or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// `ec2.amazonaws.com`, and in China also `ec2.amazonaws.com.cn`.
fn is_service(name: &str, service: &str) -> bool {
    name == "*" || name.strip_suffix(".cn").unwrap_or(name) == service
}

/// An action with `*` in it, without regard to case, as IAM compares.
fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    match pattern.split_once('*') {
        None => pattern == action,
        Some((start, end)) => {
            action.strip_prefix(start).is_some_and(|rest| end.is_empty() || rest.ends_with(end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_read_in_all_its_forms() {
        let trust = |statement: &str| trusts(&format!(r#"{{"Statement":{statement}}}"#), "ec2.amazonaws.com");
        let plain =
            r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
        assert_eq!(trust(plain), Some(true));
        assert_eq!(trust(&format!("[{plain}]")), Some(true));
        assert_eq!(trust(&plain.replace("ec2.amazonaws.com", "ec2.amazonaws.com.cn")), Some(true));
        assert_eq!(
            trust(&plain.replace(r#""ec2.amazonaws.com""#, r#"["ssm.amazonaws.com","ec2.amazonaws.com"]"#)),
            Some(true)
        );
        assert_eq!(trust(&plain.replace("sts:AssumeRole", "sts:*")), Some(true));
        assert_eq!(trust(&plain.replace("ec2.", "lambda.")), Some(false));
        assert_eq!(trust(&plain.replace("sts:AssumeRole", "sts:TagSession")), Some(false));
        assert_eq!(trust(&format!("[{plain},{}]", plain.replace("Allow", "Deny"))), Some(false));
        assert_eq!(
            trust(
                r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"sts:AssumeRole"}"#
            ),
            Some(false)
        );
        assert_eq!(trusts("no json", "ec2.amazonaws.com"), None, "what can't be read says nothing");
        assert_eq!(trusts("{}", "ec2.amazonaws.com"), None);
        let lambda = format!(r#"{{"Statement":{}}}"#, plain.replace("ec2.", "lambda."));
        assert_eq!(trusted(&lambda), ["lambda.amazonaws.com"]);
    }

    #[test]
    fn an_endpoint_policy_is_free_limited_or_closed() {
        let read = |statement: &str| passage(Some(&format!(r#"{{"Statement":[{statement}]}}"#)), "ssm");
        let full = r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#;
        assert_eq!(passage(None, "ssm"), Passage::Free);
        assert_eq!(passage(Some("nonsense"), "ssm"), Passage::Free);
        assert_eq!(read(full), Passage::Free);
        assert_eq!(read(&full.replace(r#""Principal":"*""#, r#""Principal":{"AWS":"*"}"#)), Passage::Free);
        assert_eq!(read(&full.replace(r#""Action":"*""#, r#""Action":["ssm:*","s3:*"]"#)), Passage::Free);
        assert_eq!(
            read(&full.replace(r#""Action":"*""#, r#""Action":"ssm:GetParameter""#)),
            Passage::Limited
        );
        assert_eq!(read(&full.replace(r#""Action":"*""#, r#""Action":"s3:*""#)), Passage::Closed);
        assert_eq!(read(&format!("{full},{}", full.replace("Allow", "Deny"))), Passage::Limited);
        let condition = r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{}}"#;
        assert_eq!(read(condition), Passage::Limited);
    }
}
