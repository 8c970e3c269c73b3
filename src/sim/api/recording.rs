//! What the services say to a node's agent that asks where its session is to be recorded: by the world's buckets and log groups, the
//! node's role and its way.

use uuid::Uuid;

use super::{Api, start::Machine};
use crate::sim::{
    gateway::{Recording, RecordingBucket, RecordingGroup, Reply},
    world::document::Resolved,
};

const GET_ENCRYPTION: &str = "s3:GetEncryptionConfiguration";
const DESCRIBE_GROUPS: &str = "logs:DescribeLogGroups";

impl Api {
    /// Where a session on a machine is recorded, as its agent will find it.
    pub(super) fn recording(&self, resolved: &Resolved, machine: &Machine) -> Recording {
        let bucket = resolved.bucket().map(|wanted| RecordingBucket {
            host: format!("{}.s3.{}.amazonaws.com", wanted.name, self.options.region),
            must_be_encrypted: wanted.must_be_encrypted,
            encryption: self.encryption(machine, wanted.name),
        });
        let log_group = resolved.log_group().map(|wanted| RecordingGroup {
            must_be_encrypted: wanted.must_be_encrypted,
            has_key: self.has_key(machine, wanted.name),
        });
        Recording { bucket, log_group }
    }

    /// GetBucketEncryption.
    fn encryption(&self, machine: &Machine, name: &str) -> Reply<String> {
        let told = |status: u16, words: &str| {
            let (request, host) = (Uuid::new_v4().simple(), Uuid::new_v4().simple());
            Reply::Refused(format!(
                "{words}\n\tstatus code: {status}, request id: {request}, host id: {host}"
            ))
        };
        match self.answered(machine, "s3", GET_ENCRYPTION, &format!("arn:aws:s3:::{name}")) {
            Reply::NoWay => Reply::NoWay,
            Reply::Refused(words) => told(403, &format!("AccessDenied: {words}")),
            Reply::Said(()) => match self.world().buckets.iter().find(|bucket| bucket.name == name) {
                Some(bucket) => Reply::Said(bucket.encryption.as_str().to_owned()),
                None => told(404, "NoSuchBucket: The specified bucket does not exist"),
            },
        }
    }

    /// DescribeLogGroups.
    fn has_key(&self, machine: &Machine, name: &str) -> Reply<Option<bool>> {
        let groups = format!("arn:aws:logs:{}:{}:log-group::log-stream:", self.options.region, self.account);
        match self.answered(machine, "logs", DESCRIBE_GROUPS, &groups) {
            Reply::NoWay => Reply::NoWay,
            Reply::Refused(words) => Reply::Refused(format!("AccessDeniedException: {words}")),
            Reply::Said(()) => {
                let world = self.world();
                let group = world.log_groups.iter().find(|group| group.name == name);
                Reply::Said(group.map(|group| group.key.is_some()))
            }
        }
    }

    /// What comes of an agent's call to a service, before the service looks for what it is about.
    fn answered(&self, machine: &Machine, service: &str, action: &str, resource: &str) -> Reply<()> {
        let world = self.world();
        // A container's agent reaches what its task reaches, and is not judged here.
        let Some(node) = world.find(&machine.target) else { return Reply::Said(()) };
        let Some(verdict) = world.calls(node, service, (action, resource)) else { return Reply::NoWay };
        let refused = self.node_denial(&machine.principal, action, resource);
        match refused.or_else(|| Api::node_refused(&machine.principal, action, resource, verdict)) {
            Some(words) => Reply::Refused(words),
            None => Reply::Said(()),
        }
    }
}
