//! The one address of all places: what comes in, and which account and region it is for.
//!
//! ```text
//!  request ─ Host, Origin ─ GET /v1/data-channel/… ──▶ [upgrade] ──▶ gateway of the session's place
//!                         ├ an agent's ──▶ [agents] ──▶ control
//!                         └ POST / or S3's paths ─ operation ─ signature ─▶ place ─ faults ─ rights ─▶ [inventory] [session] …
//! ```
//!
//! The access key of a signature says the account and the caller, its scope says the region.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{
    Answer, Api, BODY_TIMEOUT, Call, MAX_BODY, agents,
    ec2::{OPT_IN_REGIONS, REGIONS},
    error::{ApiError, Wire},
    finish, plain, s3,
    sigv4::{self, Expected, Key, Refusal, Signed},
    sso::{self, Sso},
    upgrade,
};
use crate::sim::{
    caller::{Caller, Directory},
    control::Control,
    gateway::Gateway,
    options::Options,
    traffic::Traffic,
    world::World,
};

/// All places.
pub(crate) struct Cloud {
    /// The primary one first.
    places: Vec<Arc<Api>>,
    /// Regions that an account has, in which nothing is: each from the first request on.
    empty: Mutex<Vec<Arc<Api>>>,
    directory: Arc<Directory>,
    /// IAM Identity Center, one for all accounts.
    sso: Sso,
    /// Where it listens, which requests must name in their Host.
    address: SocketAddr,
    traffic: Arc<Traffic>,
}

impl Cloud {
    /// The API of new places with new keys. `address` is where it listens; foreign agents come to the primary place.
    pub(crate) fn new(
        options: &Options,
        address: SocketAddr,
        control: impl FnOnce(&Gateway) -> std::io::Result<Option<Arc<Control>>>,
        started: Timestamp,
    ) -> std::io::Result<Cloud> {
        let worlds = World::all(options, started);
        let directory = Arc::new(Directory::new(World::accounts(), options));
        let mut control = Some(control);
        let mut places = Vec::new();
        for world in worlds {
            let options = options.at(&world.account, &world.alias, &world.region);
            let gateway = Gateway::new(options.gateway());
            let control = match control.take() {
                Some(of_primary) => of_primary(&gateway)?,
                None => None,
            };
            let api = Api::new(options, world, Arc::clone(&directory), address, gateway, control, started);
            places.push(Arc::new(api));
        }
        let sso = Sso::new(Arc::clone(&directory), format!("http://{address}"), options);
        let traffic = Arc::new(Traffic::new());
        Ok(Cloud { places, empty: Mutex::default(), directory, sso, address, traffic })
    }

    /// The place of an account in a region that every account has, in which nothing is.
    fn empty(&self, of: &Api, region: &str) -> Arc<Api> {
        let mut empty = self.empty.lock().unwrap_or_else(PoisonError::into_inner);
        let there = |place: &&Arc<Api>| place.account == of.account && place.options.region == region;
        if let Some(place) = empty.iter().find(there) {
            return Arc::clone(place);
        }
        let world = of.world().emptied(region);
        let options = of.options.at(&world.account, &world.alias, region);
        let gateway = Gateway::new(options.gateway());
        let directory = Arc::clone(&self.directory);
        let place = Arc::new(Api::new(options, world, directory, self.address, gateway, None, of.started));
        empty.push(Arc::clone(&place));
        place
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The place that is meant where nothing else is said.
    pub(crate) fn primary(&self) -> &Arc<Api> {
        &self.places[0]
    }

    /// All places, the primary one first.
    pub(crate) fn places(&self) -> &[Arc<Api>] {
        &self.places
    }

    /// Who is known.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What came, and what is held back.
    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Answers one request.
    pub(crate) async fn handle(&self, mut request: Request<Incoming>, tasks: &TaskTracker) -> Answer {
        let request_id = Uuid::new_v4().to_string();
        if let Err(why) = self.check_origin(&request) {
            return plain(StatusCode::FORBIDDEN, why);
        }
        if let Some(answer) = self.primary().admit_agent(&mut request, &request_id, tasks) {
            return answer;
        }
        if request.method() == Method::GET && request.uri().path().starts_with(upgrade::PATH) {
            return self.upgrade(request, &request_id, tasks);
        }
        let path = request.uri().path();
        let of_sso = Sso::action(request.method().as_str(), path);
        let known = path == "/" || (self.primary().control.is_some() && agents::is_channel(path));
        let of_s3 = s3::Request::read(request.method(), path, request.uri().query().unwrap_or_default());
        if of_sso.is_none() && of_s3.is_none() && (request.method() != Method::POST || !known) {
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
        if let Some(action) = of_sso {
            return self.answer_sso(&head, &body, action, &request_id).await;
        }
        if let Some(answer) = self.primary().answer_agent(&head, &body, &request_id).await {
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

    /// Answers a request for IAM Identity Center, which stands where the primary place is.
    async fn answer_sso(
        &self,
        head: &http::request::Parts,
        body: &[u8],
        action: &str,
        request_id: &str,
    ) -> Answer {
        let place = self.primary();
        if let Some(by) = place.slowness(action) {
            tokio::time::sleep(by).await;
        }
        let now = Timestamp::now();
        let request = sso::Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            token: head.headers.get(sso::TOKEN).and_then(|token| token.to_str().ok()),
            body,
        };
        let reply = match place.throttles(action, now) {
            true => Sso::throttled(action),
            false => self.sso.answer(&request, now),
        };
        tracing::debug!(request_id, action, refused = reply.error, "identity center's call answered");
        let mut answer = finish(reply.status, reply.kind, reply.body, request_id);
        if let Some(error) = reply.error {
            answer.headers_mut().insert("x-amzn-errortype", header::HeaderValue::from_static(error));
        }
        answer
    }

    /// Lets a client into the data channel of its session.
    fn upgrade(&self, mut request: Request<Incoming>, request_id: &str, tasks: &TaskTracker) -> Answer {
        let id = upgrade::session_in(request.uri().path());
        let place = self.places.iter().find(|place| place.session_owner(&id).is_some());
        match place.unwrap_or(self.primary()).admit(&request, request_id, Timestamp::now()) {
            Err(refusal) => *refusal,
            Ok(admitted) => {
                let upgrade = hyper::upgrade::on(&mut request);
                tasks.spawn(async move {
                    match upgrade.await {
                        Ok(io) => admitted.gateway.accept(&admitted.id, TokioIo::new(io)).await,
                        Err(error) => tracing::debug!(%error, "a client left during the upgrade"),
                    }
                });
                admitted.answer
            }
        }
    }

    async fn answer(
        &self,
        head: &http::request::Parts,
        body: &[u8],
        call: Call,
        request_id: &str,
    ) -> Result<String, ApiError> {
        let (place, caller) = self
            .enter(head, body, &call, Timestamp::now())
            .map_err(|refusal| ApiError::refusal(call.wire, refusal))?;
        let (global, action) = (call.service == "iam", call.action.clone());
        self.traffic.pass(place.place(), &action).await;
        let answer = place.perform(body, call, request_id, &caller).await;
        if answer.is_err() {
            self.traffic.refused(place.place(), &action);
        }
        if global && answer.is_ok() {
            // An account has one IAM, whichever of its regions answered.
            let (identity, now) = (place.identity(), Timestamp::now());
            let empty = self.empty.lock().unwrap_or_else(PoisonError::into_inner);
            let all = self.places.iter().chain(empty.iter());
            all.filter(|other| other.account == place.account).for_each(|other| other.adopt(&identity, now));
        }
        answer
    }

    /// Whose request it is, and where it goes.
    fn enter(
        &self,
        head: &http::request::Parts,
        body: &[u8],
        call: &Call,
        now: Timestamp,
    ) -> Result<(Arc<Api>, Arc<Caller>), Refusal> {
        let (key, region) = sigv4::scope(&head.headers).unwrap_or_default();
        let held = self.directory.find(key);
        let account = held.as_ref().map_or(&self.primary().account, |held| &held.caller.account);
        let places = || self.places.iter().filter(|place| place.account == *account);
        let mut regions: Vec<&str> = places().map(|place| place.options.region.as_str()).collect();
        regions.extend(REGIONS);
        // A region that an account has not enabled does not know its keys.
        let closed = OPT_IN_REGIONS.contains(&region) && !regions.contains(&region);
        let held = held.as_ref().filter(|_| !closed);
        let signed = Signed {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
        };
        let expected =
            Expected { service: call.service, regions: &regions, plus: self.primary().options.plus };
        let known = held.map(|held| Key::Secret { credentials: &held.credentials, token: held.token() });
        sigv4::verify(&signed, &expected, known.as_ref(), now)?;
        let held = held.ok_or(Refusal::UnknownKey)?;
        if held.expired(now) {
            return Err(Refusal::Expired);
        }
        let first = places().next().unwrap_or(self.primary());
        // IAM is asked at one place, so that one change follows on the other.
        let place = match places().find(|place| place.options.region == region) {
            _ if call.service == "iam" => Arc::clone(first),
            Some(own) => Arc::clone(own),
            None if call.service == "sts" => Arc::clone(first),
            None => self.empty(first, region),
        };
        Ok((place, Arc::clone(&held.caller)))
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
        let caller = Caller::machine("123456789012", "fuzz", "fuzz");
        let answer = match known {
            true => self.primary().perform(body, call, request_id, &caller).await,
            false => self.answer(head, body, call, request_id).await,
        };
        answer.map_err(|error| error.body(wire, request_id))
    }
}
