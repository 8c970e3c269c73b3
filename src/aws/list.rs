//! The fleet's two sources, paged side by side and streamed as they come. A source that fails or is denied keeps what
//! the other gave, and says so. A list is never asked for by ids, so no stale id can fail it; one row is asked for by its own.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use aws_sdk_ec2::{operation::describe_instances::DescribeInstancesError, types as ec2};
use aws_sdk_ssm::{
    operation::{
        describe_instance_information::DescribeInstanceInformationError,
        describe_instance_properties::DescribeInstancePropertiesError,
    },
    types as ssm,
};
use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

use super::{
    Client, Error, Kind,
    error::{Task, made},
    throttle_notice::ThrottleNotice,
};
use crate::fleet::{
    AgentRecord, Connection, Fact, InstanceId, MachineRecord, MachineState, MetadataEndpoint, Outcome, Ping,
    Platform, Properties, Source, Tag, Text, Update,
};

/// DescribeInstanceInformation takes 5 to 50.
const INFORMATION_PAGE: i32 = 50;
/// DescribeInstanceProperties takes 5 to 1,000, and so does DescribeInstances.
const LARGE_PAGE: i32 = 1000;
/// A denied list is not asked again for so long: rights change rarely, and a denial costs a call each time.
const DENIAL_HOLDS: Duration = Duration::from_secs(5 * 60);

/// The lists that were denied, and when; kept for a while and not repeated at every refresh.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<Vec<(&'static str, Instant, Error)>>);

impl Denials {
    pub(super) fn remembered(&self, action: &'static str) -> Option<Error> {
        let mut held = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        held.retain(|(_, since, _)| since.elapsed() < DENIAL_HOLDS);
        held.iter().find(|(denied, ..)| *denied == action).map(|(_, _, error)| error.clone())
    }

    pub(super) fn remember(&self, action: &'static str, error: &Error) {
        if error.kind == Kind::Denied {
            let mut held = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            held.retain(|(denied, ..)| *denied != action);
            held.push((action, Instant::now(), error.clone()));
        }
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
    }
}

/// Why a source ended early.
enum Stop {
    Failed(&'static str, Box<Error>),
    /// Nobody wants the updates any more.
    Unwanted,
}

const INFORMATION: &str = "ssm:DescribeInstanceInformation";
const PROPERTIES: &str = "ssm:DescribeInstanceProperties";
const MACHINES: &str = "ec2:DescribeInstances";
/// Filters of the SSM lists: by the node's own id, and by that of the machine behind a hybrid registration.
const IDS: &str = "InstanceIds";
const SOURCES: &str = "SourceIds";

impl Client {
    /// Pages all sources concurrently and streams updates: one `Started`, pages, one `Done` for each source. Returns when
    /// both are done, or at once when the receiver is gone. The SSM list falls back to DescribeInstanceProperties where
    /// DescribeInstanceInformation is denied.
    pub async fn list(&self, generation: u64, updates: Sender<Update>) {
        if updates.send(Update::Started { generation }).await.is_err() {
            return;
        }
        let agents = async { (Source::AgentList, self.agents(generation, &updates).await) };
        let machines = async { (Source::MachineList, self.machines(generation, &updates).await) };
        let report = async |(source, result)| {
            let outcome = match result {
                Ok(()) => Outcome::Complete,
                Err(Stop::Unwanted) => return,
                Err(Stop::Failed(action, error)) => outcome(action, *error),
            };
            let _ = updates.send(Update::Done { generation, source, outcome }).await;
        };
        futures_util::future::join(async { report(agents.await).await }, async {
            report(machines.await).await
        })
        .await;
    }

    /// Lists that were denied are asked again at the next `list`, and so is what a deep check was told: for a refresh that
    /// the user asks for.
    pub fn forget_denials(&self) {
        self.0.denials.clear();
        self.0.answers.forget();
    }

    async fn agents(&self, generation: u64, updates: &Sender<Update>) -> Result<(), Stop> {
        if self.0.denials.remembered(INFORMATION).is_none() {
            match self.information(generation, updates).await {
                Err(Stop::Failed(_, error)) if error.kind == Kind::Denied => {
                    self.0.denials.remember(INFORMATION, &error);
                }
                result => return result,
            }
        }
        if let Some(error) = self.0.denials.remembered(PROPERTIES) {
            return Err(Stop::Failed(INFORMATION, Box::new(error)));
        }
        let result = self.properties(generation, updates).await;
        match result {
            Err(Stop::Failed(_, error)) if error.kind == Kind::Denied => {
                self.0.denials.remember(PROPERTIES, &error);
                Err(Stop::Failed(INFORMATION, error))
            }
            result => result,
        }
    }

    async fn information(&self, generation: u64, updates: &Sender<Update>) -> Result<(), Stop> {
        let task = Task { verb: "list managed nodes".into(), action: INFORMATION, target: None };
        let mut token = None;
        loop {
            let call = self.0.lists.0.describe_instance_information().max_results(INFORMATION_PAGE);
            let notice = ThrottleNotice::<DescribeInstanceInformationError>::new(
                generation,
                Source::AgentList,
                updates,
            );
            let call = call.set_next_token(token.clone()).customize().interceptor(notice);
            let page = match call.send().await {
                Ok(page) => page,
                Err(error) => {
                    return Err(Stop::Failed(INFORMATION, Box::new(self.failed(&task, &error).await)));
                }
            };
            let records: Vec<_> =
                page.instance_information_list.unwrap_or_default().into_iter().filter_map(agent).collect();
            send(updates, Update::Agents { generation, records }).await?;
            token = next(&task, token, page.next_token)?;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn properties(&self, generation: u64, updates: &Sender<Update>) -> Result<(), Stop> {
        let task = Task { verb: "list managed nodes".into(), action: PROPERTIES, target: None };
        let mut token = None;
        loop {
            let call = self.0.lists.0.describe_instance_properties().max_results(LARGE_PAGE);
            let notice = ThrottleNotice::<DescribeInstancePropertiesError>::new(
                generation,
                Source::AgentList,
                updates,
            );
            let call = call.set_next_token(token.clone()).customize().interceptor(notice);
            let page = match call.send().await {
                Ok(page) => page,
                Err(error) => {
                    return Err(Stop::Failed(PROPERTIES, Box::new(self.failed(&task, &error).await)));
                }
            };
            let records: Vec<_> = page
                .instance_properties
                .unwrap_or_default()
                .into_iter()
                .filter_map(agent_by_properties)
                .collect();
            send(updates, Update::Agents { generation, records }).await?;
            token = next(&task, token, page.next_token)?;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn machines(&self, generation: u64, updates: &Sender<Update>) -> Result<(), Stop> {
        if let Some(error) = self.0.denials.remembered(MACHINES) {
            return Err(Stop::Failed(MACHINES, Box::new(error)));
        }
        let task = Task { verb: "list EC2 instances".into(), action: MACHINES, target: None };
        let mut token = None;
        loop {
            let call = self.0.lists.1.describe_instances().max_results(LARGE_PAGE);
            let notice =
                ThrottleNotice::<DescribeInstancesError>::new(generation, Source::MachineList, updates);
            let call = call.set_next_token(token.clone()).customize().interceptor(notice);
            let page = match call.send().await {
                Ok(page) => page,
                Err(error) => {
                    let error = self.failed(&task, &error).await;
                    self.0.denials.remember(MACHINES, &error);
                    return Err(Stop::Failed(MACHINES, Box::new(error)));
                }
            };
            let reservations = page.reservations.unwrap_or_default();
            let records: Vec<_> = reservations.into_iter().flat_map(machines_of).collect();
            send(updates, Update::Machines { generation, records }).await?;
            token = next(&task, token, page.next_token)?;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    /// As [`Client::list`] for one instance: a few calls by its id, however big the fleet, after which a source that is complete
    /// and gave no record doesn't have it.
    pub async fn list_one(&self, id: &InstanceId, generation: u64, updates: Sender<Update>) {
        let agent = async {
            match self.agent(id).await {
                // An instance of EC2 may have registered as a hybrid node.
                Ok(None) if !id.is_hybrid() => self.agent_by(SOURCES, id).await,
                answer => answer,
            }
        };
        let (agent, machine) = match id.is_hybrid() {
            false => futures_util::future::join(agent, self.machine(id)).await,
            true => {
                let agent = agent.await;
                let behind =
                    agent.as_ref().ok().and_then(|agent| agent.as_ref()?.behind().map(InstanceId::from));
                let machine = match behind {
                    Some(id) => self.machine(&id).await,
                    None => Ok(None),
                };
                (agent, machine)
            }
        };
        let answers = [
            (
                Source::MachineList,
                machine
                    .map(|found| found.map(|record| Update::Machines { generation, records: vec![record] })),
            ),
            (
                Source::AgentList,
                agent.map(|found| found.map(|record| Update::Agents { generation, records: vec![record] })),
            ),
        ];
        let mut all = vec![Update::Started { generation }];
        for (source, answer) in answers {
            let outcome = match answer {
                Ok(record) => {
                    all.extend(record);
                    Outcome::Complete
                }
                Err(error) => outcome(action_of(source), error),
            };
            all.push(Update::Done { generation, source, outcome });
        }
        for update in all {
            if updates.send(update).await.is_err() {
                return;
            }
        }
    }

    /// What SSM says of one node by its id; one call, however big the fleet.
    ///
    /// # Errors
    /// Both lists are denied, or the call fails.
    pub async fn agent(&self, id: &InstanceId) -> Result<Option<AgentRecord>, Error> {
        self.agent_by(IDS, id).await
    }

    /// The node for which a filter has this value, by the list that may be read.
    async fn agent_by(&self, key: &str, id: &InstanceId) -> Result<Option<AgentRecord>, Error> {
        let task = |action| Task { verb: format!("look up {id}"), action, target: Some(id.as_str()) };
        let bad = |error: aws_smithy_types::error::operation::BuildError| {
            made(Kind::Invalid, format!("cannot look up {id}"), error.to_string(), "")
        };
        if self.0.denials.remembered(INFORMATION).is_none() {
            let filter = ssm::InstanceInformationStringFilter::builder().key(key).values(id.as_str());
            let ask = self.0.ssm.describe_instance_information().filters(filter.build().map_err(bad)?);
            let error = match ask.send().await {
                Ok(page) => {
                    return Ok(page
                        .instance_information_list
                        .unwrap_or_default()
                        .into_iter()
                        .find_map(agent));
                }
                Err(error) => self.failed(&task(INFORMATION), &error).await,
            };
            self.0.denials.remember(INFORMATION, &error);
            if error.kind != Kind::Denied {
                return Err(error);
            }
        }
        if let Some(denied) = self.0.denials.remembered(PROPERTIES) {
            return Err(denied);
        }
        let filter = ssm::InstancePropertyStringFilter::builder().key(key).values(id.as_str());
        let ask =
            self.0.ssm.describe_instance_properties().filters_with_operator(filter.build().map_err(bad)?);
        match ask.send().await {
            Ok(page) => {
                Ok(page.instance_properties.unwrap_or_default().into_iter().find_map(agent_by_properties))
            }
            Err(error) => {
                let error = self.failed(&task(PROPERTIES), &error).await;
                self.0.denials.remember(PROPERTIES, &error);
                Err(error)
            }
        }
    }

    /// What EC2 says of one instance by its id; none when it isn't there any more.
    ///
    /// # Errors
    /// The list is denied, or the call fails.
    pub async fn machine(&self, id: &InstanceId) -> Result<Option<MachineRecord>, Error> {
        if let Some(denied) = self.0.denials.remembered(MACHINES) {
            return Err(denied);
        }
        let task = Task { verb: format!("look up {id}"), action: MACHINES, target: Some(id.as_str()) };
        match self.0.ec2.describe_instances().instance_ids(id.as_str()).send().await {
            Ok(page) => Ok(page.reservations.unwrap_or_default().into_iter().flat_map(machines_of).next()),
            Err(error) => {
                let error = self.failed(&task, &error).await;
                if error.code() == Some("InvalidInstanceID.NotFound") {
                    return Ok(None);
                }
                self.0.denials.remember(MACHINES, &error);
                Err(error)
            }
        }
    }

    /// Asks all sources for one row, side by side; what a source did not say is left out. The updates belong to the reading of
    /// that number.
    pub async fn look(&self, id: &InstanceId, target: &InstanceId, generation: u64) -> Vec<Update> {
        let machine = async {
            let machine = if id.is_hybrid() { Ok(None) } else { self.machine(id).await };
            machine.ok().flatten().map(|record| Update::Machines { generation, records: vec![record] })
        };
        let agent = async {
            let agent = self.agent(target).await.ok().flatten();
            agent.map(|record| Update::Agents { generation, records: vec![record] })
        };
        let connection =
            async { Update::Connection { id: target.clone(), status: self.connection(target).await } };
        let (machine, agent, connection) = futures_util::future::join3(machine, agent, connection).await;
        // The connection last: a record that shows a restart would take it away.
        machine.into_iter().chain(agent).chain([connection]).collect()
    }

    /// Asks whether the node's channel is open (GetConnectionStatus): the one truth about "ready".
    pub async fn connection(&self, id: &InstanceId) -> Fact<Connection> {
        let task = Task {
            verb: format!("ask whether {id} is connected"),
            action: "ssm:GetConnectionStatus",
            target: Some(id.as_str()),
        };
        match self.0.ssm.get_connection_status().target(id.as_str()).send().await {
            Ok(answer) => match answer.status {
                Some(ssm::ConnectionStatus::Connected) => {
                    Fact::Known { value: Connection::Connected, at: Timestamp::now() }
                }
                Some(_) => Fact::Known { value: Connection::NotConnected, at: Timestamp::now() },
                None => Fact::Failed("AWS answered without a status".to_owned()),
            },
            Err(error) => {
                let error = self.failed(&task, &error).await;
                match error.kind {
                    Kind::Denied => Fact::Denied { action: task.action.to_owned() },
                    _ => Fact::Failed(error.why),
                }
            }
        }
    }
}

/// How a reading ended that AWS ended.
fn outcome(action: &str, error: Error) -> Outcome {
    match error.kind {
        Kind::Denied => Outcome::Denied { action: action.to_owned(), message: error.why },
        _ => Outcome::Failed { message: format!("{}: {}", error.what, error.why) },
    }
}

/// The action that gives a source; of the two for agents, the one to ask for.
fn action_of(source: Source) -> &'static str {
    match source {
        Source::AgentList => INFORMATION,
        Source::MachineList => MACHINES,
    }
}

async fn send(updates: &Sender<Update>, update: Update) -> Result<(), Stop> {
    updates.send(update).await.map_err(|_| Stop::Unwanted)
}

/// Only the token tells the end: a page may be empty and still carry one. One that comes twice would go on for ever.
fn next(task: &Task<'_>, last: Option<String>, next: Option<String>) -> Result<Option<String>, Stop> {
    let next = next.filter(|token| !token.is_empty());
    if next.is_some() && next == last {
        let what = format!("cannot {}", task.verb);
        let why = "AWS answers with the same page again and again";
        let error = made(Kind::Service, what, why, "try again later");
        return Err(Stop::Failed(task.action, Box::new(error)));
    }
    Ok(next)
}

fn text(value: Option<String>) -> Option<Text> {
    value.filter(|value| !value.is_empty()).map(Text::from)
}

fn word(value: Option<&str>) -> Option<Text> {
    value.filter(|value| !value.is_empty()).map(Text::from)
}

fn time(value: Option<aws_smithy_types::DateTime>) -> Option<Timestamp> {
    let value = value?;
    Timestamp::new(value.secs(), i32::try_from(value.subsec_nanos()).ok()?).ok()
}

fn agent(row: ssm::InstanceInformation) -> Option<AgentRecord> {
    Some(AgentRecord {
        ping: row.ping_status.map(|status| Ping::from_wire(status.as_str())),
        last_ping: time(row.last_ping_date_time),
        agent_version: text(row.agent_version),
        is_latest: row.is_latest_version,
        platform: row.platform_type.and_then(|kind| Platform::from_wire(kind.as_str())),
        platform_name: text(row.platform_name),
        platform_version: text(row.platform_version),
        resource_type: word(row.resource_type.as_ref().map(ssm::ResourceType::as_str)),
        source_type: word(row.source_type.as_ref().map(ssm::SourceType::as_str)),
        source_id: text(row.source_id),
        source_location: text(row.source_location),
        activation_id: text(row.activation_id),
        iam_role: text(row.iam_role),
        registered: time(row.registration_date),
        name: text(row.name),
        computer_name: text(row.computer_name),
        ip: text(row.ip_address),
        association_status: text(row.association_status),
        association_ran: time(row.last_association_execution_date),
        association_succeeded: time(row.last_successful_association_execution_date),
        ..AgentRecord::new(row.instance_id?)
    })
}

fn agent_by_properties(row: ssm::InstanceProperty) -> Option<AgentRecord> {
    Some(AgentRecord {
        ping: row.ping_status.map(|status| Ping::from_wire(status.as_str())),
        last_ping: time(row.last_ping_date_time),
        agent_version: text(row.agent_version),
        platform: row.platform_type.and_then(|kind| Platform::from_wire(kind.as_str())),
        platform_name: text(row.platform_name),
        platform_version: text(row.platform_version),
        resource_type: text(row.resource_type),
        source_type: word(row.source_type.as_ref().map(ssm::SourceType::as_str)),
        source_id: text(row.source_id),
        source_location: text(row.source_location),
        activation_id: text(row.activation_id),
        iam_role: text(row.iam_role),
        registered: time(row.registration_date),
        name: text(row.name),
        computer_name: text(row.computer_name),
        ip: text(row.ip_address),
        association_status: text(row.association_status),
        association_ran: time(row.last_association_execution_date),
        association_succeeded: time(row.last_successful_association_execution_date),
        properties: Some(Box::new(Properties {
            machine_state: row.instance_state.as_deref().map(MachineState::from_wire),
            instance_role: text(row.instance_role),
            instance_type: text(row.instance_type),
            key_name: text(row.key_name),
            architecture: text(row.architecture),
            zone: text(row.availability_zone),
            launched: time(row.launch_time),
        })),
        ..AgentRecord::new(row.instance_id?)
    })
}

fn machines_of(reservation: ec2::Reservation) -> impl Iterator<Item = MachineRecord> {
    let account = text(reservation.owner_id);
    reservation.instances.unwrap_or_default().into_iter().filter_map(move |row| machine(row, account.clone()))
}

fn machine(row: ec2::Instance, account: Option<Text>) -> Option<MachineRecord> {
    let state = row.state.as_ref().and_then(ec2::InstanceState::name);
    let state = state.map_or(MachineState::Other, |name| MachineState::from_wire(name.as_str()));
    let groups = row.security_groups.unwrap_or_default().into_iter();
    let tags = row.tags.unwrap_or_default().into_iter();
    let metadata = row.metadata_options.as_ref().and_then(|options| options.http_endpoint());
    Some(MachineRecord {
        state_transition_reason: text(row.state_transition_reason),
        state_reason: row.state_reason.and_then(|reason| text(reason.code)),
        launched: time(row.launch_time),
        profile_arn: row.iam_instance_profile.and_then(|profile| text(profile.arn)),
        instance_type: word(row.instance_type.as_ref().map(ec2::InstanceType::as_str)),
        zone: row.placement.and_then(|placement| text(placement.availability_zone)),
        vpc: text(row.vpc_id),
        subnet: text(row.subnet_id),
        security_groups: groups.filter_map(|group| text(group.group_id)).collect(),
        private_ip: text(row.private_ip_address),
        public_ip: text(row.public_ip_address),
        private_dns: text(row.private_dns_name),
        public_dns: text(row.public_dns_name),
        metadata_endpoint: metadata.map(|state| match state {
            ec2::InstanceMetadataEndpointState::Disabled => MetadataEndpoint::Disabled,
            _ => MetadataEndpoint::Enabled,
        }),
        platform_details: text(row.platform_details),
        architecture: word(row.architecture.as_ref().map(ec2::ArchitectureValues::as_str)),
        image: text(row.image_id),
        key_name: text(row.key_name),
        account,
        lifecycle: word(row.instance_lifecycle.as_ref().map(ec2::InstanceLifecycleType::as_str)),
        tags: tags.filter_map(|tag| Some(Tag::new(tag.key?, tag.value.unwrap_or_default()))).collect(),
        ..MachineRecord::new(row.instance_id?, state)
    })
}
