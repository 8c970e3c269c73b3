//! The three session calls, and what an open session asks of AWS.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_sdk_ssm::config::retry::RetryConfig;

use super::{
    Client, Error, Kind,
    dial::Dial,
    error::{Task, made},
    sign,
};
use crate::fleet::{
    document,
    evidence::{Answer, Attempt},
};
use crate::session::{
    BoxFuture, DataKey, DataKeyRequest, Resumed, Retry, Service, ServiceError, SessionId, Ticket, Token,
    kinds::Opener, proxy::Proxy,
};

/// Pauses before a throttled StartSession is sent again: AWS refused it, so it made no session.
const THROTTLE_PAUSES: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

fn task<'a>(verb: String, action: &'static str, target: Option<&'a str>) -> Task<'a> {
    Task { verb, action, target }
}

/// What StartSession is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartRequest {
    /// The node: an id of EC2 or of Systems Manager.
    pub target: String,
    /// The session document; none starts a shell as the account's preferences have it.
    pub document: Option<String>,
    /// The document's parameters; each value is a list, mostly of one.
    pub parameters: Vec<(String, Vec<String>)>,
    /// Kept by AWS in the session's history.
    pub reason: Option<String>,
}

impl StartRequest {
    /// A shell on this node.
    pub fn shell(target: impl Into<String>) -> Self {
        Self { target: target.into(), ..Self::default() }
    }

    /// A session by this document.
    pub fn by(document: impl Into<String>, target: impl Into<String>) -> Self {
        Self { document: Some(document.into()), ..Self::shell(target) }
    }

    /// What a failed start says of its target and its document, for a verdict; none where AWS did not look at them.
    pub fn refused(&self, error: &Error) -> Option<Attempt> {
        let said = error.said.as_deref()?;
        Some(Attempt {
            at: jiff::Timestamp::now(),
            document: self.document.clone(),
            answer: Answer::refused(&said.code, &said.message)?,
            request_id: said.request_id.clone(),
        })
    }

    /// With one more parameter.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), vec![value.into()]));
        self
    }
}

impl Client {
    /// Starts a shell session.
    ///
    /// # Errors
    /// As [`Client::start`].
    pub async fn start_session(&self, target: &str) -> Result<Ticket, Error> {
        self.start(&StartRequest::shell(target)).await
    }

    /// As [`Client::start_session`], with a reason that AWS keeps in the session's history.
    ///
    /// # Errors
    /// As [`Client::start`].
    pub async fn start_session_for(&self, target: &str, reason: Option<&str>) -> Result<Ticket, Error> {
        self.start(&StartRequest { reason: reason.map(str::to_owned), ..StartRequest::shell(target) }).await
    }

    /// Starts a session of any kind. A shell is asked for without a document's name and, where that is denied, once more
    /// with the account's own. Three at once; more wait. Sent once, since each success makes a session: only where AWS
    /// said "slow down" is it sent again.
    ///
    /// # Errors
    /// The node is not connected, the right is missing, and everything that can befall a call.
    pub async fn start(&self, request: &StartRequest) -> Result<Ticket, Error> {
        let _turn = self.0.starts.acquire().await.expect("the semaphore is never closed");
        let denied = match self.start_once(request).await {
            Err(error) if error.kind == Kind::Denied && request.document.is_none() => error,
            result => return result,
        };
        let document = Some(document::PREFERENCES.to_owned());
        match self.start_once(&StartRequest { document, ..request.clone() }).await {
            // The account never made that document: the first denial is the real one.
            Err(error) if matches!(error.kind, Kind::NoDocument) => Err(denied),
            result => result,
        }
    }

    async fn start_once(&self, request: &StartRequest) -> Result<Ticket, Error> {
        let StartRequest { target, document, parameters, reason } = request;
        let verb = match document.as_deref() {
            None | Some(document::PREFERENCES) => format!("open a session on {target}"),
            Some(name) => format!("open a session by {name} on {target}"),
        };
        let task = task(verb, "ssm:StartSession", Some(target));
        let mut pauses = THROTTLE_PAUSES.into_iter();
        loop {
            let once = aws_sdk_ssm::Config::builder().retry_config(RetryConfig::disabled());
            let mut call = self.0.ssm.start_session().target(target);
            call = call.set_document_name(document.clone()).set_reason(reason.clone());
            for (name, values) in parameters {
                call = call.parameters(name, values.clone());
            }
            let error = match call.customize().config_override(once).send().await {
                Ok(answer) => return ticket(answer.session_id, answer.stream_url, answer.token_value, &task),
                Err(error) => self.failed(&task, &error).await,
            };
            match pauses.next().filter(|_| error.kind == Kind::Throttled) {
                Some(pause) => tokio::time::sleep(pause + jitter(pause)).await,
                None => return Err(error),
            }
        }
    }

    async fn resume_session(&self, id: &SessionId) -> Result<Resumed, Error> {
        let task = task(format!("resume session {id}"), "ssm:ResumeSession", None);
        let answer = match self.0.ssm.resume_session().session_id(id.as_str()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let error = self.failed(&task, &error).await;
                return match error.kind {
                    Kind::Gone => Ok(Resumed::Gone("the session is over: AWS knows it no more".to_owned())),
                    _ => Err(error),
                };
            }
        };
        match answer.token_value.filter(|token| !token.is_empty()) {
            // By its idle time, an `exit` or somebody else: the answer does not say.
            None => Ok(Resumed::Gone("AWS says that the session is over".to_owned())),
            token => {
                ticket(answer.session_id.or(Some(id.as_str().to_owned())), answer.stream_url, token, &task)
                    .map(Resumed::Ticket)
            }
        }
    }

    async fn terminate_session(&self, id: &SessionId) -> Result<(), Error> {
        let task = task(format!("end session {id}"), "ssm:TerminateSession", None);
        match self.0.ssm.terminate_session().session_id(id.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) => match self.failed(&task, &error).await {
                error if error.kind == Kind::Gone => Ok(()),
                error => Err(error),
            },
        }
    }

    fn dial(&self) -> &Dial {
        &self.0.dial
    }
}

/// Hears of each start that AWS refused.
type OnRefusal = Arc<dyn Fn(Attempt) + Send + Sync>;

/// Starts the same session as often as it is wanted: a forward's lanes, and anew after one has ended.
#[derive(Clone)]
pub struct SessionOpener {
    client: Client,
    request: StartRequest,
    on_refusal: Option<OnRefusal>,
    /// A node that was there once and is not connected may be starting anew.
    was_there: Arc<AtomicBool>,
}

impl SessionOpener {
    /// Sessions as `request` has them.
    pub fn new(client: Client, request: StartRequest) -> Self {
        Self { client, request, on_refusal: None, was_there: Arc::default() }
    }

    /// Tells of each start that AWS refused.
    #[must_use]
    pub fn on_refusal(mut self, tell: impl Fn(Attempt) + Send + Sync + 'static) -> Self {
        self.on_refusal = Some(Arc::new(tell));
        self
    }

    /// One more session: its ticket and its target.
    ///
    /// # Errors
    /// As [`Client::start`].
    pub async fn ticket(&self) -> Result<(Ticket, String), Error> {
        let started = self.client.start(&self.request).await;
        if let (Err(error), Some(tell)) = (&started, &self.on_refusal) {
            self.request.refused(error).into_iter().for_each(|attempt| tell(attempt));
        }
        let ticket = started?;
        self.was_there.store(true, Ordering::Relaxed);
        Ok((ticket, self.request.target.clone()))
    }
}

impl Opener for SessionOpener {
    fn start(&self) -> BoxFuture<'_, Result<(Ticket, String), ServiceError>> {
        Box::pin(async {
            let error = match self.ticket().await {
                Ok(opened) => return Ok(opened),
                Err(error) => error,
            };
            match error.kind == Kind::NotConnected && self.was_there.load(Ordering::Relaxed) {
                true => Err(ServiceError { summary: error.to_string(), retry: Retry::Later }),
                false => Err(error.into()),
            }
        })
    }
}

/// Up to half as long again, so that many clients do not come back together.
fn jitter(pause: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_u128() as u32;
    pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

fn ticket(
    session_id: Option<String>,
    stream_url: Option<String>,
    token: Option<String>,
    task: &Task<'_>,
) -> Result<Ticket, Error> {
    match (session_id, stream_url, token) {
        (Some(id), Some(stream_url), Some(token)) if !token.is_empty() && !stream_url.is_empty() => {
            Ok(Ticket { session_id: SessionId::new(id), stream_url, token: Token::new(token) })
        }
        _ => Err(made(
            Kind::Service,
            format!("cannot {}: the answer is incomplete", task.verb),
            "AWS answered without a session id, a stream URL or a token",
            "try again; if it stays, something between here and AWS changes answers",
        )),
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        // A user who is asked may well answer: the session waits for that.
        let may_pass = error.is_passing() || error.ask.is_some();
        let retry = if may_pass { Retry::Later } else { Retry::Never };
        let mut summary = error.to_string();
        if retry == Retry::Never && !error.next.is_empty() {
            summary.push_str(&format!("; {}", error.next));
        }
        ServiceError { summary, retry }
    }
}

impl Service for Client {
    fn resume<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Resumed, ServiceError>> {
        Box::pin(async { Ok(self.resume_session(id).await?) })
    }

    fn terminate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<(), ServiceError>> {
        Box::pin(async { Ok(self.terminate_session(id).await?) })
    }

    fn data_key<'a>(&'a self, request: DataKeyRequest<'a>) -> BoxFuture<'a, Result<DataKey, ServiceError>> {
        Box::pin(async move { Ok(self.generate_data_key(&request).await?) })
    }

    fn sign_upgrade<'a>(
        &'a self,
        stream_url: &'a str,
    ) -> BoxFuture<'a, Result<http::HeaderMap, ServiceError>> {
        Box::pin(async move {
            if sign::is_presigned(stream_url) {
                return Ok(http::HeaderMap::new());
            }
            let task = task("sign the session's connection".to_owned(), "ssmmessages:OpenDataChannel", None);
            let keys = self.0.keys.get().await.map_err(|error| self.without_keys(&task, &error))?;
            let at = self.0.clock.signing_time(SystemTime::now());
            sign::upgrade(stream_url, self.region(), &keys, at).map_err(|why| ServiceError {
                summary: format!("cannot sign the session's connection: {why}"),
                retry: Retry::Never,
            })
        })
    }

    fn may_dial(&self, stream_url: &str) -> Result<(), String> {
        self.dial().check(stream_url)
    }

    fn proxy(&self, scheme: &str, host: &str) -> Option<Proxy> {
        self.0.proxies.of(scheme, host).cloned()
    }
}
