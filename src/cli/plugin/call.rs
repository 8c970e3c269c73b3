//! What the AWS CLI, or whoever calls a `session-manager-plugin`, says on the command line. Pure: arguments in, a call out.
//!
//! | n | argument |
//! | --- | --- |
//! | 1 | the answer of StartSession as JSON, or the name of the variable that holds it |
//! | 2 | the region |
//! | 3 | `StartSession` |
//! | 4 | the profile, empty where none was named |
//! | 5 | the request of StartSession as JSON; `Target` is used |
//! | 6 | the endpoint that StartSession was sent to |
//!
//! (Official client: session.go `ValidateInputAndStartSession`; AWS CLI: customizations/sessionmanager.py and
//! customizations/ecs/executecommand.py.)

use http::Uri;
use serde_json::{Map, Value};

use crate::session::{SessionId, Ticket, Token};

/// An argument 1 that begins so names a variable.
const VARIABLE: &str = "AWS_SSM_START_SESSION_RESPONSE";
/// The one operation there is.
const OPERATION: &str = "StartSession";
/// Callers that give no more arguments know nothing of encryption: they name no target.
const OLD_CALLER: usize = 3;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) enum Call {
    /// Nothing: whether there is a plugin at all. `aws ecs execute-command` asks so first.
    Presence,
    /// `--version`, alone.
    Version,
    /// Anything else that is too short for a session.
    Unknown(String),
    /// Three arguments or more, of which the third is not `StartSession`.
    WrongOperation,
    /// Argument 1 is no answer of StartSession.
    BadResponse(String),
    /// A session.
    Start(Box<Start>),
}

/// A session that somebody started and we shall carry.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// What StartSession answered.
    pub ticket: Ticket,
    /// Empty means that the environment decides.
    pub region: Option<String>,
    /// As the caller got it by `--profile`.
    pub profile: Option<String>,
    /// As given to StartSession; part of the encryption context.
    pub target: Option<String>,
    /// Where SSM answers, if the caller said so.
    pub endpoint: Option<String>,
    /// Argument 6 as it stands, which may be another service's.
    pub caller_endpoint: Option<String>,
    /// The caller is too old for encrypted sessions.
    pub old_caller: bool,
}

impl Call {
    /// Reads the arguments behind the program's name.
    pub(super) fn read(arguments: &[String], variable: impl Fn(&str) -> Option<String>) -> Self {
        match arguments {
            [] => return Self::Presence,
            [only] if only == "--version" => return Self::Version,
            [first, rest @ ..] if rest.len() < 2 => return Self::Unknown(first.clone()),
            _ => {}
        }
        let given = |n: usize| arguments.get(n - 1).filter(|text| !text.is_empty()).cloned();
        if arguments[2] != OPERATION {
            return Self::WrongOperation;
        }
        let response = match &arguments[0] {
            name if name.starts_with(VARIABLE) => variable(name).unwrap_or_default(),
            response => response.clone(),
        };
        let (ticket, origin) = match ticket(&response) {
            Ok(read) => read,
            Err(why) => return Self::BadResponse(why),
        };
        let target = given(5).and_then(|request| {
            let request = object(&request).ok()?;
            member(&request, "Target").map(|(_, target)| target.to_owned())
        });
        let caller_endpoint = given(6);
        let endpoint = caller_endpoint.clone().filter(|url| origin == Origin::Ssm && is_ssm(url));
        Self::Start(Box::new(Start {
            ticket,
            region: given(2),
            profile: given(4),
            target,
            endpoint,
            caller_endpoint,
            old_caller: arguments.len() == OLD_CALLER,
        }))
    }
}

/// Which service's answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Ssm,
    /// ECS spells the members `sessionId`, `streamUrl`, `tokenValue`, and argument 6 is then its own endpoint.
    Ecs,
}

fn ticket(response: &str) -> Result<(Ticket, Origin), String> {
    let response = object(response)?;
    let needed = |name: &str| {
        member(&response, name)
            .filter(|(_, value)| !value.is_empty())
            .ok_or_else(|| format!("the answer of StartSession holds no {name}"))
    };
    let (spelled, session_id) = needed("SessionId")?;
    let (_, stream_url) = needed("StreamUrl")?;
    let (_, token) = needed("TokenValue")?;
    let origin = if spelled == "sessionId" { Origin::Ecs } else { Origin::Ssm };
    let ticket = Ticket {
        session_id: SessionId::new(session_id),
        stream_url: stream_url.to_owned(),
        token: Token::new(token),
    };
    Ok((ticket, origin))
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err("the answer of StartSession is no JSON object".to_owned()),
        // Its own words would show a piece of the token.
        Err(error) if text.is_empty() || error.is_eof() => Err("unexpected end of JSON input".to_owned()),
        Err(_) => Err("the answer of StartSession is no JSON".to_owned()),
    }
}

/// A text member by its name, and as it is spelled: exactly, else without regard to case, as Go reads JSON.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<(&'a str, &'a str)> {
    members
        .get_key_value(name)
        .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
        .and_then(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// Whether ResumeSession can be sent there: on AWS's own hosts a label names the service; elsewhere the caller knows.
fn is_ssm(url: &str) -> bool {
    const AWS: [&str; 7] = [
        ".amazonaws.com",
        ".amazonaws.com.cn",
        ".amazonaws.eu",
        ".api.aws",
        ".c2s.ic.gov",
        ".sc2s.sgov.gov",
        ".api.amazonwebservices.com.cn",
    ];
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(host) = uri.host().map(str::to_ascii_lowercase) else { return false };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return false;
    }
    !AWS.iter().any(|suffix| host.ends_with(suffix))
        || host.split('.').any(|label| matches!(label, "ssm" | "ssm-fips"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &str = r#"{"SessionId":"alice-0a1b","TokenValue":"AAEA+/=","StreamUrl":"wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/alice-0a1b?role=publish_subscribe&cell-number=A+b/c="}"#;
    const REQUEST: &str =
        r#"{"Target":"i-0123456789abcdef0","DocumentName":"X","Parameters":{"portNumber":["80"]}}"#;

    fn read(arguments: &[&str]) -> Call {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        Call::read(&arguments, |name| (name == "AWS_SSM_START_SESSION_RESPONSE").then(|| RESPONSE.to_owned()))
    }

    fn started(arguments: &[&str]) -> Start {
        match read(arguments) {
            Call::Start(start) => *start,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_six_arguments_are_understood() {
        let endpoint = "https://ssm.eu-west-1.amazonaws.com";
        let start = started(&[RESPONSE, "eu-west-1", "StartSession", "prod", REQUEST, endpoint]);
        assert_eq!(start.ticket.session_id.as_str(), "alice-0a1b");
        assert!(start.ticket.stream_url.ends_with("cell-number=A+b/c="), "byte for byte");
        assert_eq!(start.ticket.token.expose(), "AAEA+/=");
        assert_eq!(start.region.as_deref(), Some("eu-west-1"));
        assert_eq!(start.profile.as_deref(), Some("prod"));
        assert_eq!(start.target.as_deref(), Some("i-0123456789abcdef0"));
        assert_eq!(start.endpoint.as_deref(), Some(endpoint));
        assert!(!start.old_caller);
    }

    #[test]
    fn argument_1_may_name_a_variable() {
        let start =
            started(&["AWS_SSM_START_SESSION_RESPONSE", "eu-west-1", "StartSession", "", REQUEST, ""]);
        assert_eq!(start.ticket.session_id.as_str(), "alice-0a1b");
        assert_eq!((start.profile, start.endpoint), (None, None), "what is empty was not said");
        let other = read(&["AWS_SSM_START_SESSION_RESPONSE_2", "eu-west-1", "StartSession", "", REQUEST, ""]);
        assert!(matches!(other, Call::BadResponse(why) if why.contains("end of JSON")));
    }

    #[test]
    fn peers_c33_what_ecs_spells_otherwise_is_understood_and_its_endpoint_is_not_taken_for_ssms() {
        let response = r#"{"sessionId":"ecs-execute-command-0a","streamUrl":"wss://x","tokenValue":"t"}"#;
        let request = r#"{"Target":"ecs:cluster_task_runtime"}"#;
        for endpoint in ["https://ecs.eu-west-1.amazonaws.com", "http://127.0.0.1:4000"] {
            let start = started(&[response, "eu-west-1", "StartSession", "", request, endpoint]);
            assert_eq!(start.ticket.session_id.as_str(), "ecs-execute-command-0a");
            assert_eq!(start.target.as_deref(), Some("ecs:cluster_task_runtime"));
            assert_eq!((start.endpoint.as_deref(), start.caller_endpoint.as_deref()), (None, Some(endpoint)));
        }
    }

    #[test]
    fn only_an_endpoint_of_ssm_is_used() {
        for good in [
            "https://ssm.eu-west-1.amazonaws.com",
            "https://ssm-fips.us-east-1.amazonaws.com/",
            "https://vpce-0a1b-2c.ssm.eu-west-1.vpce.amazonaws.com",
            "https://ssm.cn-north-1.amazonaws.com.cn",
            "https://ssm.eu-west-1.api.aws",
            "http://localhost:4566",
            "https://ssm.corp.example",
        ] {
            assert!(is_ssm(good), "{good}");
        }
        for bad in [
            "https://ecs.eu-west-1.amazonaws.com",
            "https://vpce-1.ecs.eu-west-1.vpce.amazonaws.com",
            "ftp://ssm.x",
            "ssm",
            "",
        ] {
            assert!(!is_ssm(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_no_session_is_told_apart() {
        assert!(matches!(read(&[]), Call::Presence));
        assert!(matches!(read(&["--version"]), Call::Version));
        assert!(matches!(read(&["--help"]), Call::Unknown(word) if word == "--help"));
        assert!(matches!(read(&["--version", "x"]), Call::Unknown(word) if word == "--version"));
        assert!(matches!(
            read(&[RESPONSE, "eu-west-1", "ResumeSession", "", "{}", ""]),
            Call::WrongOperation
        ));
        for bad in ["", "x", "[]", "{", r#"{"SessionId":"a"}"#, r#"{"SessionId":1}"#] {
            assert!(matches!(read(&[bad, "eu-west-1", "StartSession"]), Call::BadResponse(_)), "{bad}");
        }
    }

    #[test]
    fn old_callers_and_requests_without_a_target_are_taken() {
        let start = started(&[RESPONSE, "eu-west-1", "StartSession"]);
        assert!(start.old_caller && start.target.is_none());
        for request in ["", "{}", "x", r#"{"Target":7}"#] {
            let start = started(&[RESPONSE, "eu-west-1", "StartSession", "", request]);
            assert!(!start.old_caller && start.target.is_none(), "{request}");
        }
    }

    #[test]
    fn a_bad_answer_is_not_shown_with_its_token() {
        let broken = RESPONSE.replacen("\"StreamUrl\"", "StreamUrl", 1);
        let Call::BadResponse(why) = read(&[&broken, "eu-west-1", "StartSession"]) else { panic!("bad") };
        assert!(!why.contains("AAEA"), "{why}");
    }
}
