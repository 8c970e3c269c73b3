//! AWS's calls: which operation is meant, and what a place answers.
//!
//! [`cloud`] lets requests in and finds their place.
//! This file is the shell: it reads the clock, and waits where a fault says so. The operations below are plain functions of a request and
//! a time. Must not know: sockets, frames, shells.

mod access;
mod agents;
pub(in crate::sim) mod cloud;
mod command;
mod document;
mod ec2;
mod ecs;
mod error;
mod form;
mod hybrid;
mod iam;
mod input;
mod instance_connect;
mod inventory;
mod kms;
mod logs;
mod page;
pub(in crate::sim) mod random;
mod recording;
mod s3;
mod session;
mod setting;
mod sigv4;
mod sso;
mod start;
mod sts;
mod throttle;
mod upgrade;
mod xml;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use self::{
    error::{ApiError, Wire},
    form::Form,
    kms::Ring,
    page::Tokens,
    session::Book,
    throttle::Meter,
};
use super::{
    caller::{Caller, Directory},
    control::Control,
    fault::Fault,
    gateway::Gateway,
    options::Options,
    world::{Cluster, Node, World, document::Shelf, identity::Identity},
};

pub(crate) use sigv4::Credentials;

/// The largest request there is any use for.
const MAX_BODY: usize = 1024 * 1024;
/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const TARGET: &str = "x-amz-target";

/// One account in one region: everything that its answers are made from.
pub(crate) struct Api {
    /// With its own region, and the faults that happen here.
    options: Options,
    account: String,
    alias: String,
    /// Clusters of ECS, which nobody changes.
    clusters: Vec<Cluster>,
    /// What there is, as the last change left it.
    world: RwLock<Arc<World>>,
    directory: Arc<Directory>,
    tokens: Tokens,
    started: Timestamp,
    /// Where it listens.
    address: SocketAddr,
    gateway: Gateway,
    /// Foreign agents, where they are taken.
    control: Option<Arc<Control>>,
    book: Mutex<Book>,
    /// The documents, which callers may change.
    shelf: Mutex<Shelf>,
    /// KMS's keys.
    ring: Arc<Ring>,
    meter: Mutex<Meter>,
}

/// What an operation is told beside its request.
struct Context<'a> {
    api: &'a Api,
    world: &'a World,
    request_id: &'a str,
    now: Timestamp,
    /// The foreign agents that are nodes now.
    guests: &'a [Node],
    caller: &'a Caller,
}

type Answer = Response<Full<Bytes>>;
type JsonOperation = fn(&Context<'_>, &Map<String, Value>) -> Result<Value, ApiError>;
type FormOperation = fn(&Context<'_>, &Form) -> Result<String, ApiError>;

/// What a request asks for.
enum Operation {
    Json(JsonOperation),
    Form(FormOperation, Form),
    S3(s3::Request),
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
    /// The API of a new place. `address` is where it listens.
    fn new(
        options: Options,
        world: World,
        directory: Arc<Directory>,
        address: SocketAddr,
        gateway: Gateway,
        control: Option<Arc<Control>>,
        started: Timestamp,
    ) -> Api {
        Api {
            tokens: Tokens::new(random::bytes()),
            shelf: Mutex::new(Shelf::sample(started, [&world.account, &options.region], &world.preferences)),
            ring: Arc::new(Ring::new(&options.region, &world.account, &world.keys)),
            account: world.account.clone(),
            alias: world.alias.clone(),
            clusters: world.clusters.clone(),
            world: RwLock::new(Arc::new(world)),
            directory,
            meter: Mutex::default(),
            book: Mutex::default(),
            options,
            gateway,
            control,
            started,
            address,
        }
    }

    /// What there is now.
    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The account's IAM, as this region has it.
    fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.world().identity)
    }

    /// Takes the account's IAM as another region of it has it now.
    fn adopt(&self, identity: &Arc<Identity>, now: Timestamp) {
        if !Arc::ptr_eq(identity, &self.world().identity) {
            let adopted = self.change(now, |world| {
                world.identity = Arc::clone(identity);
                Ok(())
            });
            debug_assert!(adopted.is_ok(), "taking something over is never refused");
        }
    }

    /// Changes the world, all of it or nothing.
    fn change<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut World) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        let (next, result) = world.changed(now, change)?;
        *world = Arc::new(next);
        Ok(result)
    }

    /// Its account, as a number and by its alias, and its region.
    pub(crate) fn place(&self) -> [&str; 3] {
        [&self.account, &self.alias, &self.options.region]
    }

    /// Its sessions.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Foreign agents, where they are taken.
    pub(crate) fn control(&self) -> Option<&Arc<Control>> {
        self.control.as_ref()
    }

    /// Answers a call that was let in.
    async fn perform(
        &self,
        body: &[u8],
        call: Call,
        request_id: &str,
        caller: &Caller,
    ) -> Result<String, ApiError> {
        if let Some(by) = self.slowness(&call.action) {
            tokio::time::sleep(by).await;
        }
        let now = Timestamp::now();
        if self.expired(now) {
            return Err(ApiError::expired(call.wire));
        }
        if self.throttles(&call.action, now) {
            return Err(ApiError::throttled(call.wire));
        }
        let world = self.world();
        let first = world.nodes().len();
        let guests = self.control.as_ref().map(|control| control.nodes(first)).unwrap_or_default();
        let context = Context { api: self, world: &world, request_id, now, guests: &guests, caller };
        match call.operation {
            Operation::Json(operation) => match operation(&context, &input::object(body)?)? {
                // An operation whose model has no output.
                Value::Null => Ok(String::new()),
                answer => Ok(answer.to_string()),
            },
            Operation::Form(operation, form) => operation(&context, &form),
            Operation::S3(request) => request.answer(&context, body),
        }
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

    fn throttles(&self, action: &str, now: Timestamp) -> bool {
        let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        meter.refuses(&self.options.faults, action, now)
    }
}

impl Call {
    fn read(head: &http::request::Parts, body: &[u8]) -> Result<Call, (Wire, ApiError)> {
        let query = head.uri.query().unwrap_or_default();
        if let Some(request) = s3::Request::read(&head.method, head.uri.path(), query) {
            let action = request.name();
            return Ok(Call { wire: Wire::S3, action, service: "s3", operation: Operation::S3(request) });
        }
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
        let (wire, service) = match version {
            ec2::VERSION => (Wire::Ec2, "ec2"),
            iam::VERSION => (Wire::Query, "iam"),
            _ => (Wire::Query, "sts"),
        };
        let operation: Option<FormOperation> = match (service, name.as_str()) {
            ("ec2", name) => ec2::operation(name),
            ("iam", name) => iam::operation(name),
            ("sts", name) if version == sts::VERSION => sts::operation(name),
            _ => None,
        };
        let operation = operation.ok_or_else(|| (wire, ApiError::unknown_operation(wire, &name, version)))?;
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
        "Logs_20140328" => "logs",
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
        ("ssm", "GetServiceSetting") => setting::get_service_setting,
        ("ssm", "UpdateServiceSetting") => setting::update_service_setting,
        ("ssm", "ResetServiceSetting") => setting::reset_service_setting,
        ("ssm", "DescribeActivations") => hybrid::describe_activations,
        ("ssm", "CreateActivation") => hybrid::create_activation,
        ("ssm", "UpdateManagedInstanceRole") => hybrid::update_managed_instance_role,
        ("ssm", "DeregisterManagedInstance") => hybrid::deregister_managed_instance,
        ("ssm", "SendCommand") => command::send_command,
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
        ("kms", "DescribeKey") => kms::describe_key,
        ("logs", "DescribeLogGroups") => logs::describe_log_groups,
        ("logs", "CreateLogGroup") => logs::create_log_group,
        ("logs", "AssociateKmsKey") => logs::associate_kms_key,
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
