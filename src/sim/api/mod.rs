//! The region's HTTP side: who may come in, which operation is meant, what the answer is.
//!
//! ```text
//!  request ─ Host, Origin ─ GET /v1/data-channel/… ──▶ [upgrade] ──▶ gateway
//!                         ├ an agent's ──▶ [agents] ──▶ control
//!                         └ POST / ─ operation ─ signature ─ faults ─ rights ─▶ [inventory] [session] [document] [kms] [ec2] [sts] …
//! ```
//!
//! This file is the shell: it reads the clock and the body, and waits where a fault says so. The operations below are plain functions of
//! a request and a time. Must not know: sockets, frames, shells.

mod access;
mod agents;
mod document;
mod ec2;
mod ecs;
mod error;
mod form;
mod input;
mod instance_connect;
mod inventory;
mod kms;
mod page;
pub(in crate::sim) mod random;
mod session;
mod sigv4;
mod start;
mod sts;
mod upgrade;
mod xml;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::{
    error::{ApiError, Wire},
    form::Form,
    kms::Ring,
    page::Tokens,
    session::Book,
    sigv4::{Expected, Signed},
};
use super::{
    control::Control,
    fault::Fault,
    gateway::Gateway,
    options::Options,
    world::{Node, World, document::Shelf},
};

pub(crate) use sigv4::Credentials;

/// The largest request there is any use for.
const MAX_BODY: usize = 1024 * 1024;
/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const TARGET: &str = "x-amz-target";

/// Everything that the answers are made from.
pub(crate) struct Api {
    options: Options,
    credentials: Credentials,
    user_id: String,
    world: World,
    tokens: Tokens,
    started: Timestamp,
    /// Where it listens, which requests must name in their Host.
    address: SocketAddr,
    gateway: Gateway,
    /// Foreign agents, where they are taken.
    control: Option<Arc<Control>>,
    book: Mutex<Book>,
    /// The documents, which callers may change.
    shelf: Mutex<Shelf>,
    /// KMS's keys.
    ring: Arc<Ring>,
    /// How many calls each fault of the list has seen.
    calls: Mutex<Vec<u64>>,
}

/// What an operation is told beside its request.
struct Context<'a> {
    api: &'a Api,
    request_id: &'a str,
    now: Timestamp,
    /// The foreign agents that are nodes now.
    guests: &'a [Node],
    /// The role of the node that calls, as an ARN; `None`: the region's user does.
    role: Option<&'a str>,
}

type Answer = Response<Full<Bytes>>;
type JsonOperation = fn(&Context<'_>, &Map<String, Value>) -> Result<Value, ApiError>;
type FormOperation = fn(&Context<'_>, &Form) -> Result<String, ApiError>;

/// What a request asks for.
enum Operation {
    Json(JsonOperation),
    Form(FormOperation, Form),
}

/// What is known of a request before it is let in.
struct Call {
    wire: Wire,
    /// As policies name it: `ssm:StartSession`.
    action: String,
    service: &'static str,
    operation: Operation,
}

impl Api {
    /// The API of a new region with new keys. `address` is where it listens.
    pub(crate) fn new(
        options: Options,
        address: SocketAddr,
        gateway: Gateway,
        control: Option<Arc<Control>>,
        started: Timestamp,
    ) -> Api {
        let world = World::new(options.nodes, options.seed, options.heartbeat, started);
        Api {
            credentials: Credentials {
                access_key_id: random::access_key_id(),
                secret_access_key: random::secret_access_key(),
            },
            user_id: random::user_id(),
            tokens: Tokens::new(random::bytes()),
            shelf: Mutex::new(Shelf::sample(started, &options.region)),
            ring: Arc::new(Ring::new(&options.region, &world.account, &world.keys)),
            world,
            calls: Mutex::new(vec![0; options.faults.len()]),
            book: Mutex::default(),
            options,
            gateway,
            control,
            started,
            address,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The keys that a client must have.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Foreign agents, where they are taken.
    pub(crate) fn control(&self) -> Option<&Arc<Control>> {
        self.control.as_ref()
    }

    /// Answers one request.
    pub(crate) async fn handle(
        self: Arc<Api>,
        mut request: Request<Incoming>,
        tasks: &TaskTracker,
    ) -> Answer {
        let request_id = Uuid::new_v4().to_string();
        if let Err(why) = self.check_origin(&request) {
            return plain(StatusCode::FORBIDDEN, why);
        }
        if let Some(answer) = self.admit_agent(&mut request, &request_id, tasks) {
            return answer;
        }
        if request.method() == Method::GET && request.uri().path().starts_with(upgrade::PATH) {
            return match self.admit(&request, &request_id, Timestamp::now()) {
                Err(refusal) => *refusal,
                Ok(admitted) => {
                    let upgrade = hyper::upgrade::on(&mut request);
                    let gateway = self.gateway.clone();
                    tasks.spawn(async move {
                        match upgrade.await {
                            Ok(io) => gateway.accept(&admitted.id, TokioIo::new(io)).await,
                            Err(error) => tracing::debug!(%error, "a client left during the upgrade"),
                        }
                    });
                    admitted.answer
                }
            };
        }
        let path = request.uri().path();
        let known = path == "/" || (self.control.is_some() && agents::is_channel(path));
        if request.method() != Method::POST || !known {
            // What AWS says to a stray visitor.
            return finish(
                StatusCode::NOT_FOUND,
                "text/xml",
                "<UnknownOperationException/>\n".to_owned(),
                &request_id,
            );
        }
        let (head, body) = request.into_parts();
        let body = match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "a request may have 1 MiB\n"),
            Err(_) => {
                return plain(StatusCode::REQUEST_TIMEOUT, "the request's body did not come within 30 s\n");
            }
        };
        if let Some(answer) = self.answer_agent(&head, &body, &request_id).await {
            return answer;
        }
        let (wire, result) = match Call::read(&head, &body) {
            Err((wire, error)) => (wire, Err(error)),
            Ok(call) => (call.wire, self.answer(&head, &body, call, &request_id).await),
        };
        tracing::debug!(
            request_id,
            refused = result.as_ref().err().map(|error| error.code),
            "api call answered"
        );
        match (wire, result) {
            (Wire::Json, Ok(body)) => finish(StatusCode::OK, "application/x-amz-json-1.1", body, &request_id),
            (_, Ok(body)) => finish(StatusCode::OK, "text/xml;charset=UTF-8", body, &request_id),
            (wire, Err(error)) => {
                let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                let kind =
                    if wire == Wire::Json { "application/x-amz-json-1.1" } else { "text/xml;charset=UTF-8" };
                finish(status, kind, error.body(wire, &request_id), &request_id)
            }
        }
    }

    /// Refuses what a page in a browser could have sent: such a request has an Origin, or, by a name that resolves to this
    /// machine, another Host.
    fn check_origin<B>(&self, request: &Request<B>) -> Result<(), &'static str> {
        if request.headers().contains_key(header::ORIGIN) {
            return Err("requests from web pages are refused\n");
        }
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let ours = host.and_then(|host| host.rsplit_once(':')).is_some_and(|(name, port)| {
            ["127.0.0.1", "localhost", "[::1]"].contains(&name) && port == self.address.port().to_string()
        });
        if ours && hosts.next().is_none() {
            Ok(())
        } else {
            Err("the Host of this request is not this region\n")
        }
    }

    async fn answer(
        &self,
        head: &http::request::Parts,
        body: &[u8],
        call: Call,
        request_id: &str,
    ) -> Result<String, ApiError> {
        self.verify(head, body, &call, Timestamp::now())?;
        self.perform(body, call, request_id, None).await
    }

    /// Answers a call that was let in: of the user, or of a node's role.
    async fn perform(
        &self,
        body: &[u8],
        call: Call,
        request_id: &str,
        role: Option<&str>,
    ) -> Result<String, ApiError> {
        if let Some(by) = self.slowness(&call.action) {
            tokio::time::sleep(by).await;
        }
        let now = Timestamp::now();
        if self.expired(now) {
            return Err(ApiError::expired(call.wire));
        }
        if self.throttles(&call.action) {
            return Err(ApiError::throttled(call.wire));
        }
        let first = self.world.nodes().len();
        let guests = self.control.as_ref().map(|control| control.nodes(first)).unwrap_or_default();
        let context = Context { api: self, request_id, now, guests: &guests, role };
        match call.operation {
            Operation::Json(operation) => Ok(operation(&context, &input::object(body)?)?.to_string()),
            Operation::Form(operation, form) => operation(&context, &form),
        }
    }

    /// What a request leads to, for fuzzing: the answer, or the error as it is told. `known`: the signature is right.
    #[cfg(fuzzing)]
    pub(crate) async fn knock(
        &self,
        head: &http::request::Parts,
        body: &[u8],
        known: bool,
    ) -> Result<String, String> {
        let request_id = "00000000-0000-0000-0000-000000000000";
        let call = Call::read(head, body).map_err(|(wire, error)| error.body(wire, request_id))?;
        let wire = call.wire;
        let answer = match known {
            true => self.perform(body, call, request_id, None).await,
            false => self.answer(head, body, call, request_id).await,
        };
        answer.map_err(|error| error.body(wire, request_id))
    }

    fn verify(
        &self,
        head: &http::request::Parts,
        body: &[u8],
        call: &Call,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let own = self.options.region.as_str();
        // STS has a global endpoint too, signed for us-east-1.
        let regions: &[&str] = if call.service == "sts" { &[own, "us-east-1"] } else { &[own] };
        let expected = Expected { service: call.service, regions, plus: self.options.plus };
        let signed = Signed {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
        };
        sigv4::verify(&signed, &expected, &self.credentials, now)
            .map_err(|refusal| ApiError::refusal(call.wire, refusal))
    }

    fn slowness(&self, action: &str) -> Option<Duration> {
        self.options.faults.iter().find_map(|fault| match fault {
            Fault::Slow { action: pattern, by } if pattern.matches(action) => Some(*by),
            _ => None,
        })
    }

    fn expired(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.started);
        self.options.faults.iter().any(|fault| match fault {
            Fault::Expired(after) => SignedDuration::try_from(*after).is_ok_and(|after| age >= after),
            _ => false,
        })
    }

    fn throttles(&self, action: &str) -> bool {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refuse = false;
        for (fault, calls) in self.options.faults.iter().zip(calls.iter_mut()) {
            if let Fault::Throttle { action: pattern, share } = fault
                && pattern.matches(action)
            {
                let due = |calls: u64| (calls as f64 * share.as_f64()).ceil();
                refuse |= due(*calls + 1) > due(*calls);
                *calls += 1;
            }
        }
        refuse
    }
}

impl Call {
    fn read(head: &http::request::Parts, body: &[u8]) -> Result<Call, (Wire, ApiError)> {
        if let Some(target) = head.headers.get(TARGET) {
            let target = target.to_str().unwrap_or_default();
            let unknown = || (Wire::Json, ApiError::unknown_operation(Wire::Json, target, ""));
            let (prefix, name) = target.split_once('.').ok_or_else(unknown)?;
            let (service, operation) = json_operation(prefix, name).ok_or_else(unknown)?;
            let action = format!("{service}:{name}");
            return Ok(Call { wire: Wire::Json, action, service, operation: Operation::Json(operation) });
        }
        let form = Form::parse(body);
        let name = form.get("Action").unwrap_or_default().to_owned();
        let version = form.get("Version").unwrap_or_default();
        let (wire, service) = if version == ec2::VERSION { (Wire::Ec2, "ec2") } else { (Wire::Query, "sts") };
        let operation: FormOperation = match (service, name.as_str()) {
            ("ec2", "DescribeInstances") => ec2::describe_instances,
            ("ec2", "DescribeRegions") => ec2::describe_regions,
            ("sts", "GetCallerIdentity") if version == sts::VERSION => sts::get_caller_identity,
            _ => return Err((wire, ApiError::unknown_operation(wire, &name, version))),
        };
        Ok(Call {
            wire,
            action: format!("{service}:{name}"),
            service,
            operation: Operation::Form(operation, form),
        })
    }
}

/// The operations of the JSON services, by the two halves of `X-Amz-Target`; with each the name that its requests are signed
/// for, which policies use as well.
fn json_operation(prefix: &str, name: &str) -> Option<(&'static str, JsonOperation)> {
    let service = match prefix {
        "AmazonSSM" => "ssm",
        "TrentService" => "kms",
        "AWSEC2InstanceConnectService" => "ec2-instance-connect",
        "AmazonEC2ContainerServiceV20141113" => "ecs",
        _ => return None,
    };
    let operation: JsonOperation = match (service, name) {
        ("ssm", "DescribeInstanceInformation") => inventory::describe_instance_information,
        ("ssm", "DescribeInstanceProperties") => inventory::describe_instance_properties,
        ("ssm", "GetConnectionStatus") => inventory::get_connection_status,
        ("ssm", "StartSession") => session::start_session,
        ("ssm", "ResumeSession") => session::resume_session,
        ("ssm", "TerminateSession") => session::terminate_session,
        ("ssm", "DescribeSessions") => session::describe_sessions,
        ("ssm", "DeregisterManagedInstance") => agents::deregister_managed_instance,
        ("ssm", "ListDocuments") => document::list_documents,
        ("ssm", "DescribeDocument") => document::describe_document,
        ("ssm", "GetDocument") => document::get_document,
        ("ssm", "ListDocumentVersions") => document::list_document_versions,
        ("ssm", "CreateDocument") => document::create_document,
        ("ssm", "UpdateDocument") => document::update_document,
        ("ssm", "UpdateDocumentDefaultVersion") => document::update_document_default_version,
        ("ssm", "DeleteDocument") => document::delete_document,
        ("kms", "GenerateDataKey") => kms::generate_data_key,
        ("kms", "Decrypt") => kms::decrypt,
        ("ec2-instance-connect", "SendSSHPublicKey") => instance_connect::send_ssh_public_key,
        ("ecs", "ExecuteCommand") => ecs::execute_command,
        ("ecs", "ListClusters") => ecs::list_clusters,
        ("ecs", "DescribeClusters") => ecs::describe_clusters,
        ("ecs", "ListTasks") => ecs::list_tasks,
        ("ecs", "DescribeTasks") => ecs::describe_tasks,
        _ => return None,
    };
    Some((service, operation))
}

fn finish(status: StatusCode, kind: &'static str, body: String, request_id: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    if let Ok(id) = request_id.parse() {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests;
