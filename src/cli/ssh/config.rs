//! `ssmtui ssh-config`: what to put into `~/.ssh/config` so that ssh, scp, sftp and rsync go over Session Manager.

use std::{collections::BTreeMap, fmt::Write, process::ExitCode, sync::Arc};

use super::{
    super::{Failure, args::SshConfig, inventory, print},
    proxy_command,
};
use crate::{
    aws::Connector,
    fleet::{Instance, login},
};

pub(in super::super) async fn run(connector: &Connector, arguments: &SshConfig) -> Result<ExitCode, Failure> {
    let proxy = proxy_command(connector)?;
    let mut text = String::from(
        "# Session Manager by ssmtui: add this to ~/.ssh/config, or keep it in a file of its own and Include that\n",
    );
    for pattern in &arguments.patterns {
        if pattern.is_empty() || pattern.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"') {
            return Err(Failure::told(
                format!("`{pattern}` is no pattern for ssh"),
                "it may not be empty nor hold blanks or quotes",
                "",
            ));
        }
    }
    if arguments.names {
        let client = connector.connect().await?;
        let fleet = inventory::read(&client).await;
        let lists = fleet.completeness();
        if lists.rows == 0
            && let Some(error) = client.trouble("list instances").await
        {
            return Err(error.into());
        }
        let (blocks, left_out) = named(fleet.instances(), &proxy);
        text.push_str(&blocks);
        for words in left_out.into_iter().chain(lists.gaps(None)) {
            eprintln!("ssmtui: {words}");
        }
    }
    if !arguments.patterns.is_empty() {
        let _ = write!(text, "\nHost {}\n    ProxyCommand {proxy}\n", arguments.patterns.join(" "));
    }
    let _ = write!(text, "\nHost i-* mi-*\n    ProxyCommand {proxy}\n");
    print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A block for each name that is one node's alone, and words for those that are not.
fn named(instances: &[Arc<Instance>], proxy: &str) -> (String, Vec<String>) {
    let mut by_name: BTreeMap<&str, Vec<&Arc<Instance>>> = BTreeMap::new();
    // Only what an agent was seen on can be reached; what has ended keeps its name for an hour.
    let nodes = instances.iter().filter(|instance| instance.agent.seen().is_some() && !instance.has_ended());
    for instance in nodes {
        if let Some(name) = instance.name() {
            by_name.entry(name).or_default().push(instance);
        }
    }
    let (mut text, mut left_out) = (String::new(), Vec::new());
    for (name, nodes) in by_name {
        let shown = super::super::clean(name);
        if !is_host(name) {
            left_out.push(format!("`{shown}` is left out: ssh takes no such host name"));
            continue;
        }
        let [node] = nodes.as_slice() else {
            left_out.push(format!("`{shown}` is left out: it is {} instances", nodes.len()));
            continue;
        };
        let target = node.target();
        let _ = write!(text, "\nHost {name}\n    HostName {target}\n    HostKeyAlias {target}\n");
        if let Some(user) = login::default_user(node) {
            let _ = writeln!(text, "    User {user}");
        }
        let _ = writeln!(text, "    ProxyCommand {proxy}");
    }
    (text, left_out)
}

/// No pattern, no blank, nothing that ssh would read as more.
fn is_host(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{AgentRecord, MachineRecord, MachineState, Part, Tag};

    fn node(id: &str, name: &str) -> Arc<Instance> {
        let machine = MachineRecord {
            tags: Box::new([Tag::new("Name", name)]),
            ..MachineRecord::new(id, MachineState::Running)
        };
        let agent = AgentRecord { platform_name: Some("Ubuntu".into()), ..AgentRecord::new(id) };
        Arc::new(Instance {
            machine: Part::Seen(Arc::new(machine)),
            agent: Part::Seen(Arc::new(agent)),
            ..Instance::new(id)
        })
    }

    #[test]
    fn only_names_that_mean_one_node_get_a_block() {
        let nodes =
            [node("i-1", "web-1"), node("i-2", "api"), node("i-3", "api"), node("i-4", "my db\nHost *")];
        let (text, left_out) = named(&nodes, "ssmtui ssh-proxy %h %p");
        assert_eq!(
            text,
            "\nHost web-1\n    HostName i-1\n    HostKeyAlias i-1\n    User ubuntu\n    ProxyCommand ssmtui ssh-proxy %h %p\n"
        );
        assert_eq!(left_out.len(), 2, "{left_out:?}");
        assert!(left_out[0].contains("2 instances") && !left_out[1].contains('\n'), "{left_out:?}");
    }
}
