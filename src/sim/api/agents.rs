//! What agents ask of the region: to be registered, for their role's credentials, for channels; and their heartbeats.
//!
//! ```text
//!  RegisterManagedInstance              unsigned, with an activation's code
//!  RequestManagedInstanceRoleToken …    signed with the node's RSA key, named mi-…
//!  everything else                      signed with the role's temporary credentials
//! ```
//!
//! Which calls, which forms: the official agent (`agent/ssm`, `agent/session/service`, `runcommand/mds`). What it also
//! reports and nobody here asks for, such as inventory, is taken and forgotten.

use std::{sync::Arc, time::Duration};

use hyper::{Method, Request, StatusCode, body::Incoming};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::task::TaskTracker;

use super::{
    Answer, Api, Call, TARGET,
    error::{ApiError, Wire},
    finish,
    input::{self, Input, Text},
    inventory::seconds,
    sigv4::{self, Expected, Key, Refusal, Signed},
    upgrade,
    xml::Xml,
};
use crate::sim::{
    caller::Caller,
    control::{self, Control, Facts, Refused},
};

/// Where control channels are.
const CONTROL_PATH: &str = "/v1/control-channel/";
/// The operations of the message delivery service, which agents poll until they have a control channel.
const DELIVERY: &str = "EC2WindowsMessageDeliveryService.";
/// How long a poll for messages is held.
const POLL: Duration = Duration::from_secs(20);

const REQUIRED: Text = Text { required: true, min: 1, max: 0, pattern: None, one_of: &[] };
const ANY: Text = Text { required: false, min: 0, max: 0, pattern: None, one_of: &[] };

/// Who signed a request.
pub(super) enum Signer {
    /// A node, with its own key: good for getting credentials and nothing else.
    Node(String),
    /// A node's role.
    Role(String),
}

impl Api {
    /// Answers a request if it is an agent's; else it is given back as `None`. `body` is there for POST alone.
    pub(super) async fn answer_agent(
        &self,
        head: &http::request::Parts,
        body: &[u8],
        request_id: &str,
    ) -> Option<Answer> {
        let control = self.control.as_ref()?;
        let target = head.headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default();
        let registers = target == "AmazonSSM.RegisterManagedInstance";
        let known = sigv4::key_id(&head.headers).is_some_and(|id| is_agents(control, id));
        let channel = channel_of(head.uri.path());
        if !registers && !known && !target.starts_with(DELIVERY) && channel.is_none() {
            return None;
        }
        let now = Timestamp::now();
        if let Some((kind, id)) = channel {
            let signed = signed(head, body);
            let created = match self.signer(control, &signed, "ssmmessages", now) {
                Ok(Signer::Role(node)) => create_channel(self, control, &node, kind, &id, now),
                Ok(Signer::Node(_)) => Err(ApiError::refusal(Wire::Json, Refusal::UnknownKey).status(403)),
                Err(refusal) => Err(ApiError::refusal(Wire::Json, refusal).status(403)),
            };
            return Some(match created {
                Ok(body) => finish(StatusCode::CREATED, "text/xml", body, request_id),
                Err(error) => {
                    tracing::debug!(refused = error.code, "an agent gets no channel");
                    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                    finish(status, "text/xml", error_xml(&error), request_id)
                }
            });
        }
        let result = match input::object(body) {
            Ok(request) if registers => register(control, &request, now),
            Ok(request) => self.answer_node(control, head, body, target, &request, request_id).await,
            Err(error) => Err(error),
        };
        tracing::debug!(
            request_id,
            target,
            refused = result.as_ref().err().map(|error| error.code),
            "agent's call answered"
        );
        let kind = "application/x-amz-json-1.1";
        Some(match result {
            Ok(body) => finish(StatusCode::OK, kind, body.to_string(), request_id),
            Err(error) => {
                let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                finish(status, kind, error.body(Wire::Json, request_id), request_id)
            }
        })
    }

    async fn answer_node(
        &self,
        control: &Control,
        head: &http::request::Parts,
        body: &[u8],
        target: &str,
        request: &Map<String, Value>,
        request_id: &str,
    ) -> Result<Value, ApiError> {
        let now = Timestamp::now();
        let unknown = || ApiError::unknown_operation(Wire::Json, target, "");
        let service = match target.split_once('.').ok_or_else(unknown)?.0 {
            "AmazonSSM" => "ssm",
            "TrentService" => "kms",
            "EC2WindowsMessageDeliveryService" => "ec2messages",
            _ => return Err(unknown()),
        };
        let signer = self
            .signer(control, &signed(head, body), service, now)
            .map_err(|refusal| ApiError::refusal(Wire::Json, refusal))?;
        let operation = target.split_once('.').map(|(_, name)| name).unwrap_or_default();
        let node = match (&signer, operation) {
            (Signer::Node(node), "RequestManagedInstanceRoleToken") => {
                return role_token(control, node, request, now);
            }
            (Signer::Node(node), "UpdateManagedInstancePublicKey") => {
                return rotate(control, node, request);
            }
            (Signer::Node(node), _) => {
                let text = format!("{node} may only ask for its role's credentials with its own key.");
                return Err(ApiError::denied(Wire::Json, &text));
            }
            (Signer::Role(node), _) => node,
        };
        match (service, operation) {
            ("ec2messages", "GetMessages") => {
                tokio::time::sleep(POLL).await;
                let id = request.get("MessagesRequestId").cloned().unwrap_or_default();
                Ok(json!({ "Destination": node, "Messages": [], "MessagesRequestId": id }))
            }
            ("ec2messages", "AcknowledgeMessage" | "DeleteMessage" | "FailMessage" | "SendReply")
            | (
                "ssm",
                "PutInventory"
                | "PutComplianceItems"
                | "UpdateInstanceAssociationStatus"
                | "UpdateAssociationStatus",
            ) => Ok(json!({})),
            ("ssm", "UpdateInstanceInformation") => heartbeat(control, node, request, now),
            ("ssm", "ListAssociations" | "ListInstanceAssociations") => Ok(json!({ "Associations": [] })),
            // Of those that the caller has too, the official agent needs these: documents that refer to others, and keys.
            ("ssm", "GetDocument" | "DescribeDocument" | "GetParameters") | ("kms", "Decrypt") => {
                let call = Call::read(head, body).map_err(|(_, error)| error)?;
                let role = control::ROLE.rsplit('/').next().unwrap_or_default();
                let caller = Caller::machine(&self.account, role, node);
                let text = self.perform(body, call, request_id, &caller).await?;
                serde_json::from_str(&text).map_err(|_| unknown())
            }
            _ => Err(unknown()),
        }
    }

    /// Lets an agent's WebSocket in: its control channel, or the data channel of one of its sessions. `None`: the request is
    /// not an agent's.
    pub(super) fn admit_agent(
        &self,
        request: &mut Request<Incoming>,
        request_id: &str,
        tasks: &TaskTracker,
    ) -> Option<Answer> {
        let control = Arc::clone(self.control.as_ref()?);
        let (kind, id) = channel_of(request.uri().path())?;
        let known = sigv4::key_id(request.headers()).is_some_and(|id| is_agents(&control, id));
        if request.method() != Method::GET || (kind == Channel::Data && !known) {
            return None;
        }
        let refuse = |error: &ApiError| {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::FORBIDDEN);
            Some(finish(status, "text/xml", error_xml(error), request_id))
        };
        let answer = match upgrade::accept(request.headers()) {
            Ok(answer) => answer,
            Err(text) => return refuse(&ApiError::common("BadRequest", text)),
        };
        let signed = Signed {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: request.headers(),
            body: b"",
        };
        let node = match self.signer(&control, &signed, "ssmmessages", Timestamp::now()) {
            Ok(Signer::Role(node)) => node,
            Ok(Signer::Node(_)) => {
                return refuse(&ApiError::refusal(Wire::Json, Refusal::UnknownKey).status(403));
            }
            Err(refusal) => return refuse(&ApiError::refusal(Wire::Json, refusal).status(403)),
        };
        if let Err(error) = check_channel(self, &control, &node, kind, &id) {
            return refuse(&error);
        }
        let io = hyper::upgrade::on(request);
        let gateway = self.gateway.clone();
        tasks.spawn(async move {
            match io.await {
                Ok(io) if kind == Channel::Control => {
                    control.accept(&id, hyper_util::rt::TokioIo::new(io)).await;
                }
                Ok(io) => gateway.accept_agent(&id, hyper_util::rt::TokioIo::new(io)).await,
                Err(error) => tracing::debug!(%error, "an agent left during the upgrade"),
            }
        });
        Some(answer)
    }

    fn signer(
        &self,
        control: &Control,
        signed: &Signed<'_>,
        service: &str,
        now: Timestamp,
    ) -> Result<Signer, Refusal> {
        let expected = Expected { service, regions: &[&self.options.region], plus: self.options.plus };
        let id = sigv4::key_id(signed.headers).ok_or(Refusal::Missing)?;
        if let Some(key) = control.public_key(id) {
            sigv4::verify(signed, &expected, Some(&Key::Public { id, key: &key }), now)?;
            return Ok(Signer::Node(id.to_owned()));
        }
        let (node, key) = control.holder(id).ok_or(Refusal::UnknownKey)?;
        let known = Key::Secret { credentials: &key.credentials, token: Some(&key.token) };
        sigv4::verify(signed, &expected, Some(&known), now)?;
        if key.expires <= now { Err(Refusal::UnknownKey) } else { Ok(Signer::Role(node)) }
    }
}

fn signed<'a>(head: &'a http::request::Parts, body: &'a [u8]) -> Signed<'a> {
    Signed {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    }
}

/// Whether a key's id is one that agents have.
fn is_agents(control: &Control, key: &str) -> bool {
    key.starts_with("mi-") || control.holder(key).is_some()
}

/// The two kinds of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Control,
    Data,
}

/// Whether a path names a channel.
pub(super) fn is_channel(path: &str) -> bool {
    path.starts_with(CONTROL_PATH) || path.starts_with(upgrade::PATH)
}

/// The channel that a path names, and its id.
fn channel_of(path: &str) -> Option<(Channel, String)> {
    if let Some(id) = path.strip_prefix(CONTROL_PATH) {
        return Some((Channel::Control, id.to_owned()));
    }
    path.starts_with(upgrade::PATH).then(|| (Channel::Data, upgrade::session_in(path)))
}

fn check_channel(api: &Api, control: &Control, node: &str, kind: Channel, id: &str) -> Result<(), ApiError> {
    match kind {
        Channel::Control if id == node => Ok(()),
        Channel::Control => {
            let text = format!("{node} has no right to the control channel of {id}");
            Err(ApiError::denied(Wire::Json, &text).status(403))
        }
        Channel::Data if control.session(node, id).is_some() => Ok(()),
        // The official agent takes these words for final (`SessionAlreadyTerminatedError`).
        Channel::Data if api.gateway.status(id).is_some_and(|status| status.target == node) => {
            Err(ApiError::common("BadRequestException", "Session is already terminated"))
        }
        Channel::Data => Err(ApiError::denied(Wire::Json, "no session of this node").status(403)),
    }
}

/// CreateControlChannel, CreateDataChannel: a token for the first message on the socket. The answer is XML.
fn create_channel(
    api: &Api,
    control: &Control,
    node: &str,
    kind: Channel,
    id: &str,
    now: Timestamp,
) -> Result<String, ApiError> {
    check_channel(api, control, node, kind, id)?;
    let (root, token) = match kind {
        Channel::Control => ("CreateControlChannelResponse", control.channel_token(id, now)),
        Channel::Data => ("CreateDataChannelResponse", api.gateway.agent_token(id)),
    };
    let token =
        token.ok_or_else(|| ApiError::common("BadRequestException", "Session is already terminated"))?;
    Ok(Xml::document(root, None, |xml| {
        xml.text("MessageSchemaVersion", "1.0");
        xml.text("TokenValue", &token);
    }))
}

/// The official agent looks for `<AccessDeniedException>` in it.
fn error_xml(error: &ApiError) -> String {
    Xml::document(error.code, None, |xml| xml.text("Message", error.message.as_deref().unwrap_or_default()))
}

/// RegisterManagedInstance: anonymous, but for the activation's code.
fn register(control: &Control, request: &Map<String, Value>, now: Timestamp) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let code = input.text("ActivationCode", Text { min: 20, max: 250, ..REQUIRED })?.unwrap_or_default();
    let id = input.text("ActivationId", REQUIRED)?.unwrap_or_default();
    let key = input.text("PublicKey", REQUIRED)?.unwrap_or_default();
    input.text("PublicKeyType", Text { one_of: &["Rsa"], ..REQUIRED })?;
    let fingerprint = input.text("Fingerprint", REQUIRED)?.unwrap_or_default();
    input.done()?;
    let id = control.register((id, code), key, fingerprint, now).map_err(refused)?;
    Ok(json!({ "InstanceId": id }))
}

/// RequestManagedInstanceRoleToken.
fn role_token(
    control: &Control,
    node: &str,
    request: &Map<String, Value>,
    now: Timestamp,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let fingerprint = input.text("Fingerprint", REQUIRED)?.unwrap_or_default();
    input.done()?;
    let key = control.role(node, fingerprint, now).map_err(refused)?;
    Ok(json!({
        "AccessKeyId": key.credentials.access_key_id,
        "SecretAccessKey": key.credentials.secret_access_key,
        "SessionToken": key.token,
        "TokenExpirationDate": seconds(key.expires),
        // The agent dereferences it.
        "UpdateKeyPair": false,
    }))
}

/// UpdateManagedInstancePublicKey.
fn rotate(control: &Control, node: &str, request: &Map<String, Value>) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let key = input.text("NewPublicKey", Text { min: 392, ..REQUIRED })?.unwrap_or_default();
    input.text("NewPublicKeyType", Text { one_of: &["Rsa"], ..REQUIRED })?;
    input.done()?;
    control.rotate(node, key).map_err(refused)?;
    Ok(json!({}))
}

/// UpdateInstanceInformation: the heartbeat.
fn heartbeat(
    control: &Control,
    node: &str,
    request: &Map<String, Value>,
    now: Timestamp,
) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let id = input.text("InstanceId", REQUIRED)?.unwrap_or_default();
    let mut text = |name| input.text(name, ANY).map(|text| text.unwrap_or_default().to_owned());
    let facts = Facts {
        agent_version: text("AgentVersion")?,
        platform_type: text("PlatformType")?,
        platform_name: text("PlatformName")?,
        platform_version: text("PlatformVersion")?,
        address: text("IPAddress")?,
        computer_name: text("ComputerName")?,
    };
    input.done()?;
    if id != node {
        let text = format!("{node} is not authorized to perform: ssm:UpdateInstanceInformation on {id}");
        return Err(ApiError::denied(Wire::Json, &text));
    }
    control.heartbeat(node, facts, now);
    Ok(json!({}))
}

fn refused(refused: Refused) -> ApiError {
    match refused {
        Refused::Activation => ApiError::modelled(
            "InvalidActivation",
            "The activation isn't valid. The activation might have been deleted, or the ActivationId and the ActivationCode don't match.",
        ),
        Refused::Key => {
            ApiError::common("ValidationException", "The public key is not an RSA key in base64.")
        }
        Refused::Unknown => ApiError::modelled("InvalidInstanceId", "The node is not registered."),
        Refused::Fingerprint => ApiError::modelled(
            "MachineFingerprintDoesNotMatch",
            "The fingerprint of this machine is not the one of the registration.",
        ),
        Refused::Full => {
            ApiError::modelled("RegistrationLimitExceeded", "This simulated region takes no more agents.")
        }
    }
}
