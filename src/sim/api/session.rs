//! Systems Manager's calls about sessions: StartSession, ResumeSession, TerminateSession, DescribeSessions.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Api, Context, document,
    error::{ApiError, Wire},
    input::{Input, Text},
    inventory::{seconds, target_node},
    random,
    start::{Chosen, Machine},
};
use crate::sim::{
    caller::Caller,
    control::Task,
    gateway::{NewForeign, NewSession, SessionState, SessionStatus},
    options::StreamUrl,
};

/// How many sessions may live at once; each is a process of this machine.
const MOST_ALIVE: usize = 500;
/// How many are remembered, the living among them.
const MOST_REMEMBERED: usize = 1000;
/// How many of a session's later stream URLs are remembered.
const MOST_CELLS: usize = 16;

const ID: Text = Text { required: true, min: 1, max: 96, pattern: None, one_of: &[] };
const STATES: [&str; 6] = ["Connected", "Connecting", "Disconnected", "Terminated", "Terminating", "Failed"];
const FILTER_KEYS: [&str; 7] =
    ["InvokedAfter", "InvokedBefore", "Target", "Owner", "Status", "SessionId", "AccessType"];

/// The sessions that this region has started, beside what the gateway knows of them.
#[derive(Default)]
pub(super) struct Book {
    /// Newest last.
    records: VecDeque<Record>,
    by_id: HashMap<String, u64>,
    started: u64,
}

#[derive(Clone)]
struct Record {
    number: u64,
    id: String,
    owner: Arc<Caller>,
    document: String,
    reason: Option<String>,
    max_duration: Option<Duration>,
    cells: Cells,
}

/// The cell-numbers of a session's stream URLs.
#[derive(Clone)]
struct Cells {
    /// Of the answer to StartSession. It is never forgotten: clients that do not take a new URL stay with it.
    first: String,
    /// Of the answers to ResumeSession, newest last.
    later: VecDeque<String>,
}

impl Cells {
    fn new(first: String) -> Self {
        Self { first, later: VecDeque::new() }
    }

    fn add(&mut self, cell: String) {
        if self.later.len() == MOST_CELLS {
            self.later.pop_front();
        }
        self.later.push_back(cell);
    }

    fn has(&self, cell: &str, wanted: StreamUrl) -> bool {
        match wanted {
            StreamUrl::Newest => self.later.back().unwrap_or(&self.first) == cell,
            StreamUrl::Issued => self.first == cell || self.later.iter().any(|later| later == cell),
        }
    }
}

impl Book {
    fn add(&mut self, mut record: Record) {
        self.started += 1;
        record.number = self.started;
        self.by_id.insert(record.id.clone(), record.number);
        self.records.push_back(record);
    }

    fn find(&mut self, id: &str) -> Option<&mut Record> {
        let number = *self.by_id.get(id)?;
        let at = self.records.binary_search_by_key(&number, |record| record.number).ok()?;
        self.records.get_mut(at)
    }

    fn forget(&mut self, gone: impl Fn(&Record) -> bool) {
        self.records.retain(|record| !gone(record));
        let records = &self.records;
        self.by_id.retain(|_, number| records.binary_search_by_key(number, |record| record.number).is_ok());
    }
}

impl Api {
    /// Whether a stream URL with this cell-number opens a session's data channel.
    pub(super) fn opens(&self, id: &str, cell: &str) -> bool {
        self.book().find(id).is_some_and(|record| record.cells.has(cell, self.options.stream_url))
    }

    /// Who started a session.
    pub(super) fn session_owner(&self, id: &str) -> Option<Arc<Caller>> {
        self.book().find(id).map(|record| Arc::clone(&record.owner))
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ticket(&self, id: &str, token: &str, cell: &str) -> Value {
        // The id stands in a path: what URLs reserve is encoded, the rest (`@`, `=`, `+`) is sent as it is.
        let path: String = id
            .chars()
            .map(|c| if "%?#/ ".contains(c) { format!("%{:02X}", c as u32) } else { c.into() })
            .collect();
        let url =
            format!("ws://{}/v1/data-channel/{path}?role=publish_subscribe&cell-number={cell}", self.address);
        json!({ "SessionId": id, "TokenValue": token, "StreamUrl": url })
    }
}

/// StartSession.
pub(super) fn start_session(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    let mut input = Input::new(request);
    let target = input.text("Target", Text { required: true, min: 1, max: 400, ..Text::default() })?;
    let document = input.text("DocumentName", Text { required: false, ..document::NAME })?;
    let reason = input.text("Reason", Text { min: 1, max: 256, ..Text::default() })?;
    let parameters = input.lists_by_name("Parameters", 65_535)?;
    input.done()?;
    let (api, target) = (context.api, target.unwrap_or_default());
    let container = api.container_machine(target);
    let node = target_node(context, target);
    // An ARN names a document, too.
    let bare = document.map(|name| name.rsplit_once(":document/").map_or(name, |(_, name)| name));
    context.permit_session(target, node, bare)?;
    let machine = container.or_else(|| Some(Machine::of(context, node?)));
    let chosen = Chosen::of(context, machine.as_ref(), document, &parameters)?;
    let registered = node.filter(|node| context.world.registration(node, context.now).is_some());
    let advanced = context.world.settings.is_advanced();
    if registered.is_some() && target.starts_with("mi-") && !advanced {
        let text = "Enable advanced-instances tier to use Session Manager with your on-premises instances";
        return Err(ApiError::common("BadRequest", text));
    }
    let gone = node.is_some_and(|node| !context.world.connected(node, context.now));
    let Some(machine) = machine.filter(|_| !gone) else {
        return Err(ApiError::modelled("TargetNotConnected", format!("{target} is not connected.")));
    };
    let id = random::session_id(&context.caller.name);
    // An agent that is not ours fills in its document itself.
    let task = node.is_some_and(|node| node.told.is_some()).then(|| chosen.task(context, &id));
    let answer = open(context, chosen.session(api, &machine, &id), task, &chosen.name, reason)?;
    if node.is_some_and(|node| node.told.is_none() && !node.able.data) {
        api.gateway.end(&id, &no_data_channel(api, &machine.principal, &id));
    }
    Ok(answer)
}

/// What the official agent tells when it may open its control channel and no session's (diagnosis 2.8, H9).
fn no_data_channel(api: &Api, principal: &str, id: &str) -> String {
    const ACTION: &str = "ssmmessages:CreateDataChannel";
    let resource = api.session_arn(id);
    format!(
        "----------ERROR-------\nSetting up data channel with id {id} failed: failed to create websocket for datachannel with error: \
         CreateDataChannel failed with no output or error: createDataChannel request failed: unexpected response from the service \
         <AccessDeniedException>\n<Message>User: {principal} is not authorized to perform: {ACTION} on resource: {resource} because no \
         identity-based policy allows the {ACTION} action</Message>\n</AccessDeniedException>"
    )
}

/// Starts a session, by a task for a foreign agent where there is one, and writes it down; the answer is StartSession's.
pub(super) fn open(
    context: &Context<'_>,
    session: NewSession,
    task: Option<Task>,
    document: &str,
    reason: Option<&str>,
) -> Result<Value, ApiError> {
    let api = context.api;
    make_room(api)?;
    let record = Record {
        number: 0,
        id: session.id.clone(),
        owner: Arc::new(context.caller.clone()),
        document: document.to_owned(),
        reason: reason.map(str::to_owned),
        max_duration: session.max_duration,
        cells: Cells::new(random::cell()),
    };
    let token = match (&api.control, task) {
        (Some(control), Some(task)) => {
            let NewSession { id, target, idle_timeout, max_duration, .. } = session;
            let new = NewForeign { id, target: target.clone(), idle_timeout, max_duration };
            let token = api.gateway.start_foreign(new);
            control.start(&target, task);
            token
        }
        _ => api.gateway.start(session),
    };
    let ticket = api.ticket(&record.id, &token, &record.cells.first);
    api.book().add(record);
    Ok(ticket)
}

/// Forgets the oldest ended sessions; refuses a new one where too many live.
fn make_room(api: &Api) -> Result<(), ApiError> {
    let mut book = api.book();
    let over = |record: &Record| api.gateway.status(&record.id).is_none_or(|status| status.state.is_over());
    let alive = book.records.iter().filter(|record| !over(record)).count();
    if alive >= MOST_ALIVE {
        return Err(ApiError::throttled(Wire::Json));
    }
    if book.records.len() >= MOST_REMEMBERED {
        let newest = book.started - (MOST_REMEMBERED / 2) as u64;
        book.forget(|record| record.number <= newest && over(record));
    }
    Ok(())
}

/// ResumeSession: a new token and a new cell.
pub(super) fn resume_session(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    let (api, id) = (context.api, session_id(request)?);
    context.permit_session_end("ssm:ResumeSession", id)?;
    let gone =
        || ApiError::modelled("DoesNotExistException", format!("Session {id} does not exist or has ended."));
    let token = api.gateway.resume(id).ok_or_else(gone)?;
    let cell = random::cell();
    api.book().find(id).ok_or_else(gone)?.cells.add(cell.clone());
    Ok(api.ticket(id, &token, &cell))
}

/// TerminateSession: of an unknown or ended session, too, since AWS's answers so.
pub(super) fn terminate_session(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let (api, id) = (context.api, session_id(request)?);
    context.permit_session_end("ssm:TerminateSession", id)?;
    api.gateway.terminate(id);
    Ok(json!({ "SessionId": id }))
}

fn session_id(request: &Map<String, Value>) -> Result<&str, ApiError> {
    let mut input = Input::new(request);
    let id = input.text("SessionId", ID)?;
    input.done()?;
    Ok(id.unwrap_or_default())
}

/// DescribeSessions: the newest first.
pub(super) fn describe_sessions(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let state =
        input.text("State", Text { required: true, one_of: &["Active", "History"], ..Text::default() })?;
    let size = input.number("MaxResults", 1, 200)?.unwrap_or(50);
    let token = input.text("NextToken", Text::default())?;
    let limits = if input.has("Filters") { (1, 6) } else { (0, 6) };
    let filters = input.structures("Filters", limits, |input| {
        let key = input.text("key", Text { required: true, one_of: &FILTER_KEYS, ..Text::default() })?;
        let value = input.text("value", Text { required: true, min: 1, max: 400, ..Text::default() })?;
        Ok((key.unwrap_or_default(), value.unwrap_or_default()))
    })?;
    input.done()?;
    context.permit(Wire::Json, "ssm:DescribeSessions", Some(&api.service_arn("ssm")))?;
    for (key, value) in &filters {
        check_filter(key, value)?;
    }
    let history = state == Some("History");
    let question = format!("DescribeSessions\n{history}\n{filters:?}");
    let before = match token.filter(|token| !token.is_empty()) {
        None => u64::MAX,
        Some(token) => (api.tokens.open(&question, token))
            .ok_or_else(|| ApiError::modelled("InvalidNextToken", "The specified token is not valid."))?,
    };
    let records: Vec<Record> =
        api.book().records.iter().filter(|record| record.number < before).cloned().collect();
    let mut matching = records.into_iter().rev().filter_map(|record| {
        let status = api.gateway.status(&record.id)?;
        let wanted = status.state.is_over() == history
            && filters.iter().all(|(key, value)| matches(key, value, &record, &status));
        wanted.then(|| (record.number, show(&record, &status)))
    });
    let mut sessions = Vec::new();
    let mut last = 0;
    while sessions.len() as u64 != size
        && let Some((number, session)) = matching.next()
    {
        last = number;
        sessions.push(session);
    }
    let mut answer = Map::new();
    if matching.next().is_some() {
        answer.insert("NextToken".to_owned(), Value::String(api.tokens.seal(&question, last)));
    }
    answer.insert("Sessions".to_owned(), Value::Array(sessions));
    Ok(Value::Object(answer))
}

fn check_filter(key: &str, value: &str) -> Result<(), ApiError> {
    let well_formed = match key {
        "InvokedAfter" | "InvokedBefore" => value.parse::<Timestamp>().is_ok(),
        "Status" => STATES.contains(&value),
        "AccessType" => ["Standard", "JustInTime"].contains(&value),
        _ => true,
    };
    if well_formed {
        return Ok(());
    }
    Err(ApiError::common("ValidationException", format!("Value '{value}' is not valid for filter {key}.")))
}

fn matches(key: &str, value: &str, record: &Record, status: &SessionStatus) -> bool {
    match key {
        "InvokedAfter" => value.parse::<Timestamp>().is_ok_and(|time| status.started >= time),
        "InvokedBefore" => value.parse::<Timestamp>().is_ok_and(|time| status.started < time),
        "Target" => status.target == value,
        "Owner" => record.owner.arn == value,
        "Status" => status.state.as_str() == value,
        "SessionId" => record.id == value,
        "AccessType" => value == "Standard",
        _ => false,
    }
}

fn show(record: &Record, status: &SessionStatus) -> Value {
    let mut session = Map::new();
    let mut put = |name: &str, value: Value| drop(session.insert(name.to_owned(), value));
    put("SessionId", json!(record.id));
    put("Target", json!(status.target));
    put("Status", json!(status.state.as_str()));
    put("StartDate", seconds(status.started));
    if let Some(ended) = status.ended {
        put("EndDate", seconds(ended));
    }
    put("DocumentName", json!(record.document));
    put("Owner", json!(record.owner.arn));
    if let Some(reason) = &record.reason {
        put("Reason", json!(reason));
    }
    if status.state == SessionState::Failed && !status.output.is_empty() {
        put("Details", json!(status.output.chars().take(1024).collect::<String>()));
    }
    if let Some(most) = record.max_duration {
        put("MaxSessionDuration", json!(most.as_secs().div_ceil(60).clamp(1, 1440).to_string()));
    }
    put("OutputUrl", json!({}));
    put("AccessType", json!("Standard"));
    Value::Object(session)
}
