//! ECS, 2014-11-13, as far as `aws ecs execute-command` needs it: ExecuteCommand, and the lists that lead to a container.
//! Members are lower-camel here, those of the session too.

use serde_json::{Map, Value, json};

use super::{
    Api, Context,
    error::{ApiError, Wire},
    input::{Input, Text},
    inventory::seconds,
    random, session,
    start::Machine,
};
use crate::sim::{
    gateway::Plan,
    world::{Cluster, Container, PlatformKind, Task},
};

/// What ECS calls its sessions' document.
const DOCUMENT: &str = "AmazonECS-ExecuteInteractiveCommand";
/// The agent that ECS puts beside a container.
pub(super) const AGENT_VERSION: &str = "3.3.987.0";
const NONE: Text = Text { required: false, min: 0, max: 0, pattern: None, one_of: &[] };
const NEEDED: Text = Text { required: true, ..NONE };

impl Api {
    fn ecs_arn(&self, rest: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{rest}", self.options.region, self.account)
    }

    fn cluster_arn(&self, cluster: &Cluster) -> String {
        self.ecs_arn(&format!("cluster/{}", cluster.name))
    }

    fn task_arn(&self, cluster: &Cluster, task: &Task) -> String {
        self.ecs_arn(&format!("task/{}/{}", cluster.name, task.id))
    }

    fn container_arn(&self, cluster: &Cluster, task: &Task, container: &Container) -> String {
        self.ecs_arn(&format!("container/{}/{}/{}", cluster.name, task.id, container.suffix))
    }

    /// A cluster by its name or ARN; `default` where none is named.
    fn cluster(&self, named: Option<&str>) -> Result<&Cluster, ApiError> {
        let name = named.unwrap_or("default");
        let found =
            self.clusters.iter().find(|cluster| cluster.name == name || self.cluster_arn(cluster) == name);
        found.ok_or_else(|| ApiError::common("ClusterNotFoundException", "Cluster not found."))
    }

    fn task<'a>(&'a self, cluster: &'a Cluster, named: &str) -> Option<&'a Task> {
        cluster.task.iter().find(|task| task.id == named || self.task_arn(cluster, task) == named)
    }

    /// The container that a session's target names: `ecs:CLUSTER_TASK_RUNTIME`.
    pub(super) fn container(&self, target: &str) -> Option<(&Cluster, &Task, &Container)> {
        let rest = target.strip_prefix("ecs:")?;
        self.clusters.iter().find_map(|cluster| {
            let rest = rest.strip_prefix(cluster.name.as_str())?.strip_prefix('_')?;
            let (id, runtime) = rest.split_once('_')?;
            let task = cluster.task.iter().find(|task| task.id == id && task.exec)?;
            let container = task.container.iter().find(|container| task.runtime_id(container) == runtime)?;
            Some((cluster, task, container))
        })
    }

    /// A container, as sessions see it.
    pub(super) fn container_machine(&self, target: &str) -> Option<Machine> {
        let (_, task, container) = self.container(target)?;
        Some(Machine {
            target: target.to_owned(),
            name: container.name.clone(),
            platform: PlatformKind::Linux,
            agent_version: AGENT_VERSION.to_owned(),
            preferences: None,
            principal: self.machine_arn("ecs-task", &task.id),
        })
    }
}

fn target(cluster: &Cluster, task: &Task, container: &Container) -> String {
    format!("ecs:{}_{}_{}", cluster.name, task.id, task.runtime_id(container))
}

/// ExecuteCommand.
pub(super) fn execute_command(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let cluster = input.text("cluster", NONE)?;
    let container = input.text("container", NONE)?;
    let command = input.text("command", NEEDED)?;
    let task = input.text("task", NEEDED)?;
    let interactive = input.truth("interactive")?;
    input.done()?;
    let refuse = |text: &str| Err(ApiError::common("InvalidParameterException", text));
    let (command, named) = (command.unwrap_or_default(), task.unwrap_or_default());
    let cluster = api.cluster(cluster)?;
    let arn = api.ecs_arn(&format!("task/{}/{}", cluster.name, named.rsplit('/').next().unwrap_or_default()));
    context.permit(Wire::Json, "ecs:ExecuteCommand", Some(&arn))?;
    if !interactive {
        return refuse("Interactive is the only mode supported currently.");
    }
    if command.trim().is_empty() {
        return refuse("command cannot be empty");
    }
    let Some(task) = api.task(cluster, named) else {
        return refuse("The specified task could not be found.");
    };
    if !task.exec {
        return refuse(
            "The execute command failed because execute command was not enabled when the task was run or the execute command agent \
             isn't running. Wait and try again or run a new task with execute command enabled and try again.",
        );
    }
    let container = match (container, task.container.as_slice()) {
        (None, [only]) => only,
        (None, _) => return refuse("container must be specified for a task with more than one container."),
        (Some(name), all) => match all.iter().find(|container| container.name == name) {
            Some(container) => container,
            None => return refuse("The specified container could not be found in the task."),
        },
    };
    let target = target(cluster, task, container);
    let machine = api.container_machine(&target).ok_or_else(|| {
        ApiError::common(
            "TargetNotConnectedException",
            "The execute command failed due to an internal error. Try again later.",
        )
    })?;
    let plan = Plan::Interactive { commands: command.to_owned(), run_as: None };
    let id = random::session_id("ecs-execute-command");
    let session = machine.session(api, &id, plan);
    let ticket = session::open(context, session, None, DOCUMENT, None)?;
    let [id, url, token] = ["SessionId", "StreamUrl", "TokenValue"].map(|name| &ticket[name]);
    Ok(json!({
        "clusterArn": api.cluster_arn(cluster),
        "taskArn": api.task_arn(cluster, task),
        "containerArn": api.container_arn(cluster, task, container),
        "containerName": container.name,
        "interactive": true,
        "session": { "sessionId": id, "streamUrl": url, "tokenValue": token },
    }))
}

/// ListClusters.
pub(super) fn list_clusters(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    input.number("maxResults", 1, 100)?;
    input.done()?;
    context.permit(Wire::Json, "ecs:ListClusters", Some("*"))?;
    let arns: Vec<String> = api.clusters.iter().map(|cluster| api.cluster_arn(cluster)).collect();
    Ok(json!({ "clusterArns": arns }))
}

/// DescribeClusters.
pub(super) fn describe_clusters(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let named = if input.has("clusters") { input.strings("clusters", (0, 100))? } else { Vec::new() };
    input.done()?;
    let named = if named.is_empty() { vec!["default"] } else { named };
    context.permit(Wire::Json, "ecs:DescribeClusters", Some(&api.ecs_arn("cluster/*")))?;
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in named {
        let Ok(cluster) = api.cluster(Some(name)) else {
            let arn = if name.starts_with("arn:") {
                name.to_owned()
            } else {
                api.ecs_arn(&format!("cluster/{name}"))
            };
            failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            continue;
        };
        clusters.push(json!({
            "clusterArn": api.cluster_arn(cluster),
            "clusterName": cluster.name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": cluster.task.len(),
            "pendingTasksCount": 0,
            "activeServicesCount": cluster.task.len(),
            "statistics": [],
            "tags": [],
            "settings": [],
            "capacityProviders": ["FARGATE"],
            "defaultCapacityProviderStrategy": [],
        }));
    }
    Ok(json!({ "clusters": clusters, "failures": failures }))
}

/// ListTasks.
pub(super) fn list_tasks(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let cluster = input.text("cluster", NONE)?;
    let family = input.text("family", NONE)?;
    let service = input.text("serviceName", NONE)?;
    let state = Text { one_of: &["RUNNING", "PENDING", "STOPPED"], ..NONE };
    let state = input.text("desiredStatus", state)?.unwrap_or("RUNNING");
    let size = input.number("maxResults", 1, 100)?.unwrap_or(100);
    let token = input.text("nextToken", NONE)?;
    input.done()?;
    let cluster = api.cluster(cluster)?;
    context.permit(Wire::Json, "ecs:ListTasks", Some(&api.ecs_arn("container-instance/*")))?;
    let question = format!("ListTasks\n{}\n{family:?}\n{service:?}\n{state}", cluster.name);
    let from = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => (api.tokens.open(&question, token))
            .ok_or_else(|| ApiError::common("InvalidParameterException", "Invalid token"))?,
    };
    let wanted = |task: &Task| {
        state == "RUNNING" && [family, service].iter().all(|name| name.is_none_or(|name| name == task.family))
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let (arns, next) = super::page::walk(&cluster.task, from, size, |task| {
        wanted(task).then(|| api.task_arn(cluster, task))
    });
    let mut answer = json!({ "taskArns": arns });
    if let Some(place) = next {
        answer["nextToken"] = json!(api.tokens.seal(&question, place));
    }
    Ok(answer)
}

/// DescribeTasks.
pub(super) fn describe_tasks(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let cluster = input.text("cluster", NONE)?;
    let named = input.strings("tasks", (1, 100))?;
    input.done()?;
    let cluster = api.cluster(cluster)?;
    context.permit(
        Wire::Json,
        "ecs:DescribeTasks",
        Some(&api.ecs_arn(&format!("task/{}/*", cluster.name))),
    )?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for name in named {
        match api.task(cluster, name) {
            Some(task) => tasks.push(show(context, cluster, task)),
            None => {
                let arn = if name.starts_with("arn:") {
                    name.to_owned()
                } else {
                    api.ecs_arn(&format!("task/{}/{name}", cluster.name))
                };
                failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            }
        }
    }
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

fn show(context: &Context<'_>, cluster: &Cluster, task: &Task) -> Value {
    let api = context.api;
    let started = seconds(api.started);
    let containers: Vec<Value> = task
        .container
        .iter()
        .map(|container| {
            let mut row = json!({
                "containerArn": api.container_arn(cluster, task, container),
                "taskArn": api.task_arn(cluster, task),
                "name": container.name,
                "image": container.image,
                "runtimeId": task.runtime_id(container),
                "lastStatus": "RUNNING",
                "networkBindings": [],
                "networkInterfaces": [],
                "healthStatus": "UNKNOWN",
                "cpu": "0",
            });
            if task.exec {
                row["managedAgents"] =
                    json!([{ "name": "ExecuteCommandAgent", "lastStatus": "RUNNING", "lastStartedAt": started }]);
            }
            row
        })
        .collect();
    json!({
        "taskArn": api.task_arn(cluster, task),
        "clusterArn": api.cluster_arn(cluster),
        "taskDefinitionArn": api.ecs_arn(&format!("task-definition/{}:1", task.family)),
        "availabilityZone": format!("{}a", api.options.region),
        "connectivity": "CONNECTED",
        "connectivityAt": started,
        "containers": containers,
        "cpu": "256",
        "memory": "512",
        "createdAt": started,
        "startedAt": started,
        "desiredStatus": "RUNNING",
        "lastStatus": "RUNNING",
        "enableExecuteCommand": task.exec,
        "group": format!("service:{}", task.family),
        "healthStatus": "UNKNOWN",
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "attachments": [],
        "attributes": [],
        "overrides": { "containerOverrides": [] },
        "tags": [],
        "version": 1,
    })
}
