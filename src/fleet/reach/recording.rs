//! Where sessions are recorded (H5, H6): what keeps an agent from relying on the bucket or the log group. Known beforehand by its
//! role's rights and its way, and told by its words when a session ended; the words say less than one would wish (the agent takes a
//! log group that it can't see for one that isn't encrypted), so each is read together with the other.

use super::case::Case;
use super::network::{Block, Way, way_to};
use super::rights::{self, Refusal};
use super::{Cause, Certainty, Finding, Owner, words};
use crate::fleet::document::Preferences;
use crate::fleet::evidence::{Ending, Right};
use crate::fleet::record::Fact;

/// One of the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    LogGroup,
    Bucket,
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    /// The role may not ask about it; how it is refused, where that was simulated.
    MayNotAsk(Option<Refusal>),
    /// Its service can't be reached; why, where the network was read.
    NoWay(Option<Block>),
    /// It isn't encrypted as agents want it.
    NotEncrypted,
    /// It isn't there.
    Gone,
    /// The words leave it open.
    Open,
    /// The words told of something that isn't so by now.
    Past,
}

/// What was read about a place, for and against.
struct Read {
    against: Vec<(Obstacle, Certainty)>,
    may_ask: bool,
    has_way: bool,
}

impl Place {
    const ALL: [Self; 2] = [Self::LogGroup, Self::Bucket];

    fn service(self) -> &'static str {
        match self {
            Self::LogGroup => "logs",
            Self::Bucket => "s3",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::LogGroup => Right::LOG_GROUPS,
            Self::Bucket => Right::BUCKET,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::LogGroup => "log group",
            Self::Bucket => "bucket",
        }
    }

    /// What stands in a command for a name that isn't known.
    fn stand_in(self) -> &'static str {
        match self {
            Self::LogGroup => "GROUP",
            Self::Bucket => "BUCKET",
        }
    }

    fn named(self, wants: &Preferences) -> Option<&str> {
        match self {
            Self::LogGroup => wants.log_group.as_deref(),
            Self::Bucket => wants.s3_bucket.as_deref(),
        }
    }

    fn must_be_encrypted(self, wants: &Preferences) -> bool {
        match self {
            Self::LogGroup => wants.log_encrypted,
            Self::Bucket => wants.s3_encrypted,
        }
    }
}

/// Which place an agent's words are about, and what they say of it (agent session/shell/shell.go `validate`).
fn told(said: &str) -> Option<(Place, Obstacle)> {
    let text = said.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if !has(&["encryption", "encrypted", "not exist", "validate"]) {
        return None;
    }
    if has(&["s3 bucket", "amazon s3"]) {
        let obstacle = if !has(&["validate"]) {
            Obstacle::NotEncrypted
        } else if has(&["accessdenied", "access denied", "not authorized"]) {
            Obstacle::MayNotAsk(None)
        } else if has(&["nosuchbucket", "does not exist"]) {
            Obstacle::Gone
        } else if has(&["requesterror", "timeout", "no such host", "dial tcp"]) {
            Obstacle::NoWay(None)
        } else {
            Obstacle::Open
        };
        return Some((Place::Bucket, obstacle));
    }
    has(&["cloudwatch", "log group"]).then_some((Place::LogGroup, Obstacle::Open))
}

/// Whether an agent's words are about where a session is recorded.
pub(super) fn is_told(said: &str) -> bool {
    told(said).is_some()
}

/// The bucket that an agent's words name: by its ARN, or in the address that it tried.
fn named(said: &str) -> Option<&str> {
    let (_, rest) =
        said.split_once("arn:aws").and_then(|(_, rest)| rest.split_once(":s3:::")).or_else(|| {
            let (before, rest) = said.split_once("https://")?;
            rest.split_once(".s3.").map(|(name, _)| (before, name))
        })?;
    let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || "-.".contains(letter)));
    Some(&rest[..end.unwrap_or(rest.len())]).filter(|name| !name.is_empty())
}

impl Case<'_> {
    /// What keeps sessions from being recorded, and so from being opened. `ending`: how the last one ended.
    pub(super) fn recording(&self, ending: Option<&Ending>) -> Vec<Finding> {
        let said = ending.filter(|ending| ending.by_node).and_then(|ending| told(&ending.said));
        let is_blank = ending.is_some_and(Ending::is_blank);
        let mut findings = Vec::new();
        for place in Place::ALL {
            let wants = self.recorded_in(place);
            let read = self.read(place, wants);
            let said = said.as_ref().filter(|(told, _)| *told == place).map(|(_, obstacle)| obstacle);
            for (obstacle, certainty) in weigh(place, said, read) {
                let is_refused = said.is_some() || wants.is_some_and(|wants| place.must_be_encrypted(wants));
                // Without encryption asked for, only the wait for a service that doesn't answer keeps the prompt away.
                let keeps_away = is_refused || matches!(obstacle, Obstacle::NoWay(_));
                if keeps_away {
                    let name = ending.filter(|_| place == Place::Bucket).and_then(|one| named(&one.said));
                    let told = ending.filter(|_| said.is_some() || is_blank);
                    let mut finding = self.recording_fails(place, wants, name, &obstacle, is_refused);
                    finding.certainty = certainty;
                    let is_left_open =
                        matches!(obstacle, Obstacle::MayNotAsk(Some(_))) && certainty == Certainty::Suggests;
                    finding = finding.seen(is_left_open.then(|| {
                        "unless a policy of the bucket's own allows it, which can't be seen here".to_owned()
                    }));
                    findings.push(finding.seen(told.and_then(|ending| self.said(ending))));
                }
            }
        }
        findings
    }

    /// What was asked for, where it names this place.
    fn recorded_in(&self, place: Place) -> Option<&Preferences> {
        let wants = self.around.preferences.value()?.as_ref()?;
        place.named(wants).map(|_| wants)
    }

    fn read(&self, place: Place, wants: Option<&Preferences>) -> Read {
        let mut read = Read { against: Vec::new(), may_ask: false, has_way: false };
        if wants.is_none() {
            return read;
        }
        let network = &self.evidence.network;
        match way_to(self.instance, network, self.context, place.service()) {
            _ if self.instance.target().is_hybrid() => {}
            Way::Blocked(block) => read.against.push((Obstacle::NoWay(Some(block)), Certainty::Proves)),
            Way::Open(_) => read.has_way = true,
            Way::OutOfSight(_) | Way::Doubtful(_) | Way::NotChecked(_) => {}
        }
        if let Fact::Known { value: rights, .. } = &self.evidence.recording_rights {
            match rights::refusal(rights, |action| action == place.action()) {
                Some(refusal) => {
                    // A bucket's own policy may allow what the role's policies don't mention; log groups have none for this.
                    let is_final = refusal.is_explicit || refusal.by_organisation || refusal.by_boundary;
                    let is_sure =
                        refusal.missing_context.is_empty() && (is_final || place == Place::LogGroup);
                    let certainty = if is_sure { Certainty::Proves } else { Certainty::Suggests };
                    read.against.push((Obstacle::MayNotAsk(Some(refusal)), certainty));
                }
                None => read.may_ask = rights::allows(rights, place.action()),
            }
        }
        read
    }

    /// One obstacle in words. `name`: of the bucket, as the agent told it. `is_refused`: no session opens.
    fn recording_fails(
        &self,
        place: Place,
        wants: Option<&Preferences>,
        name: Option<&str>,
        obstacle: &Obstacle,
        is_refused: bool,
    ) -> Finding {
        let (label, service) = (self.label(), place.service());
        let known = name.or(wants.and_then(|wants| place.named(wants)));
        let named =
            known.map_or_else(|| format!("its {}", place.word()), |it| format!("{} {it}", place.word()));
        let sessions = match (wants, wants.and_then(|wants| wants.document.as_deref())) {
            (Some(_), Some(document)) => format!("sessions by {document} are recorded"),
            (Some(_), None) => "sessions here are recorded".to_owned(),
            (None, _) => "the last session was to be recorded".to_owned(),
        };
        let role = self.role_name();
        let whose =
            role.as_ref().map_or_else(|| format!("{label}'s role"), |role| format!("{label}'s role {role}"));
        let (cause, what) = match obstacle {
            Obstacle::MayNotAsk(_) => {
                (Cause::Logging, format!("{whose} may not ask whether {named} is encrypted"))
            }
            Obstacle::NoWay(_) if is_refused => (
                Cause::Logging,
                format!("{label} has no way to {service}: nothing appears for minutes, then it is refused"),
            ),
            Obstacle::NoWay(_) => {
                (Cause::NoPrompt, format!("{label} has no way to {service}: nothing appears for minutes"))
            }
            Obstacle::NotEncrypted if place == Place::Bucket => {
                (Cause::Logging, format!("{named} isn't encrypted in a way that agents know"))
            }
            Obstacle::NotEncrypted => (Cause::Logging, format!("{named} isn't there, or has no key of KMS")),
            Obstacle::Gone => (Cause::Logging, format!("{named} isn't there")),
            Obstacle::Open => (Cause::Logging, format!("{label} can't rely on {named}")),
            Obstacle::Past => {
                (Cause::Logging, format!("{label} couldn't rely on {named}, which may be mended since"))
            }
        };
        let finding = Finding::proves(cause, format!("{sessions}, and {what}"));
        let finding = finding.seen(wants.map(|wants| demand(place, wants)));
        let with_name = |fix: String| match known {
            Some(_) => fix,
            None => format!("{fix} (its name goes where the command says {})", place.stand_in()),
        };
        let known = known.unwrap_or(place.stand_in());
        match obstacle {
            Obstacle::MayNotAsk(refusal) => self.may_not_ask(finding, place, wants, known, refusal.as_ref()),
            Obstacle::NoWay(Some(block)) => self.lead_to(finding, place, block),
            Obstacle::NoWay(None) => finding.fixed_by(
                Owner::Administrator,
                format!("give its network a way to {service} on 443: a route to a NAT gateway, or an endpoint"),
            ),
            Obstacle::NotEncrypted if place == Place::Bucket => finding
                .fixed_by(
                    Owner::Administrator,
                    with_name(
                        "let the bucket encrypt with SSE-S3 or SSE-KMS (agents don't know DSSE-KMS), or turn s3EncryptionEnabled off"
                            .to_owned(),
                    ),
                )
                .command(self.aws(&format!(
                    "aws s3api put-bucket-encryption --bucket {known} --server-side-encryption-configuration {}",
                    words::quoted(
                        r#"{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}"#
                    )
                ))),
            Obstacle::NotEncrypted => self.give_key(finding, wants, known),
            Obstacle::Past => finding
                .seen([format!("what kept it away isn't so by now: its role may call {}, and the way to {service} is not known to be closed", place.action())])
                .fixed_by(Owner::You, "open it again"),
            Obstacle::Gone => finding.fixed_by(
                Owner::Administrator,
                format!("make the {} anew, or name another in the session preferences", place.word()),
            ),
            Obstacle::Open => finding.fixed_by(
                Owner::Administrator,
                format!(
                    "see that the {} is there and encrypted, that {} may call {}, and that {label} has a way to {service}; or turn the demand off in the preferences",
                    place.word(),
                    role.map_or_else(|| "the node's role".to_owned(), |role| format!("role {role}")),
                    place.action()
                ),
            ),
        }
    }

    fn may_not_ask(
        &self,
        finding: Finding,
        place: Place,
        wants: Option<&Preferences>,
        name: &str,
        refusal: Option<&Refusal>,
    ) -> Finding {
        let action = place.action();
        let role = self.role_name();
        let simulated = refusal.map(|_| format!("SimulatePrincipalPolicy: {action} is refused to the role"));
        let finding = finding.seen(simulated).seen(refusal.and_then(Refusal::why));
        match refusal {
            Some(refusal) if refusal.by_organisation => {
                return finding.fixed_by(
                    Owner::Organisation,
                    "no role change helps: ask the organisation's administrators",
                );
            }
            Some(refusal) if refusal.is_explicit || refusal.by_boundary => {
                return finding.fixed_by(
                    Owner::Administrator,
                    format!("take that limit away from the role, or let it leave {action} out"),
                );
            }
            _ => {}
        }
        let Some(role) = role else {
            return finding.fixed_by(
                Owner::Administrator,
                format!("allow {action} to the node's role, for that {}", place.word()),
            );
        };
        let policy = self.recording_policy(place, wants, name);
        finding
            .fixed_by(
                Owner::Administrator,
                format!("allow role {role} to ask, and to write what is recorded"),
            )
            .command(self.aws(&format!(
                "aws iam put-role-policy --role-name {} --policy-name session-recording-{} --policy-document {}",
                words::quoted(&role),
                place.service(),
                words::quoted(&policy)
            )))
    }

    /// What AWS's guide gives a role for this place, and no more of the account than it takes.
    fn recording_policy(&self, place: Place, wants: Option<&Preferences>, name: &str) -> String {
        let partition = self.context.partition();
        let allow = |actions: &str, resource: &str| {
            format!(r#"{{"Effect":"Allow","Action":[{actions}],"Resource":"{resource}"}}"#)
        };
        let statements = match place {
            Place::Bucket => {
                let bucket = format!("arn:{partition}:s3:::{name}");
                let prefix = wants.and_then(|wants| wants.s3_prefix.as_deref()).unwrap_or_default();
                let under = prefix.trim_matches('/');
                let objects =
                    if under.is_empty() { format!("{bucket}/*") } else { format!("{bucket}/{under}/*") };
                [allow(r#""s3:GetEncryptionConfiguration""#, &bucket), allow(r#""s3:PutObject""#, &objects)]
            }
            Place::LogGroup => {
                let site = self.context.site(self.instance.place.account.as_deref());
                let group =
                    format!("arn:{partition}:logs:{}:{}:log-group:{name}:*", site.region, site.account);
                let writes = r#""logs:CreateLogStream","logs:DescribeLogStreams","logs:PutLogEvents""#;
                [allow(r#""logs:DescribeLogGroups""#, "*"), allow(writes, &group)]
            }
        };
        format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
    }

    /// The way to the service, by what mends the way to any other.
    fn lead_to(&self, finding: Finding, place: Place, block: &Block) -> Finding {
        let service = place.service();
        let way = self.blocked(block, &[service]);
        // What its channel says proves a way to other services.
        let beside = [self.heartbeat(), self.channel()];
        let seen = way.evidence.into_iter().filter(|line| !beside.contains(&Some(line.clone())));
        let finding = finding.seen(seen);
        if let (Block::NoRoute { table, .. }, Place::Bucket) = (block, place) {
            let machine = self.instance.machine.seen();
            let vpc = machine.and_then(|machine| machine.vpc.as_deref()).unwrap_or("VPC");
            let region = self.context.region.as_deref().unwrap_or("REGION");
            let prefix = if region.starts_with("cn-") { "cn.com.amazonaws" } else { "com.amazonaws" };
            return finding
                .fixed_by(
                    Owner::Administrator,
                    format!("create a gateway endpoint for S3 on {table}, which costs nothing; or route the subnet to a NAT gateway"),
                )
                .command(self.aws(&format!(
                    "aws ec2 create-vpc-endpoint --vpc-endpoint-type Gateway --vpc-id {} --service-name {prefix}.{region}.s3 --route-table-ids {}",
                    words::quoted(vpc),
                    words::quoted(table)
                )));
        }
        let fix = match block {
            Block::Policy { .. } => format!("allow {} in the endpoint's policy", place.action()),
            _ => way.fix,
        };
        let finding = finding.fixed_by(way.owner, fix);
        match way.command {
            Some(command) => finding.command(command),
            None => finding,
        }
    }

    fn give_key(&self, finding: Finding, wants: Option<&Preferences>, group: &str) -> Finding {
        let key = wants.and_then(|wants| wants.kms_key.as_deref()).filter(|key| key.starts_with("arn:"));
        let which = match key {
            Some(_) => "that of the sessions".to_owned(),
            None => "its ARN goes where the command says KEY".to_owned(),
        };
        finding
            .fixed_by(
                Owner::Administrator,
                format!(
                    "give the log group a key of KMS ({which}), after `create-log-group` if it isn't there; or turn cloudWatchEncryptionEnabled off"
                ),
            )
            .command(self.aws(&format!(
                "aws logs associate-kms-key --log-group-name {} --kms-key-id {}",
                words::quoted(group),
                words::quoted(key.unwrap_or("KEY"))
            )))
    }
}

/// What the preferences, or the document, say of the place.
fn demand(place: Place, wants: &Preferences) -> String {
    let source = match &wants.document {
        Some(document) => format!("document {document}"),
        None => "preferences".to_owned(),
    };
    let must = if place.must_be_encrypted(wants) { ", which must be encrypted" } else { "" };
    let name = place.named(wants).unwrap_or_default();
    format!("{source}: recorded in {} {name}{must}", place.word())
}

/// What the agent's words and what was read make of each other.
fn weigh(place: Place, said: Option<&Obstacle>, read: Read) -> Vec<(Obstacle, Certainty)> {
    let Read { mut against, may_ask, has_way } = read;
    let Some(said) = said else { return against };
    let agrees = |found: &Obstacle| {
        *said == Obstacle::Open || std::mem::discriminant(found) == std::mem::discriminant(said)
    };
    if against.iter().any(|(found, _)| agrees(found)) {
        for (found, certainty) in &mut against {
            if agrees(found) {
                *certainty = Certainty::Proves;
            }
        }
        return against;
    }
    let told = match said {
        Obstacle::MayNotAsk(_) if may_ask => (Obstacle::Past, Certainty::Suggests),
        Obstacle::NoWay(_) if has_way => (Obstacle::Past, Certainty::Suggests),
        // Seen, and still not relied on: it is the group itself.
        Obstacle::Open if place == Place::LogGroup && may_ask && has_way => {
            (Obstacle::NotEncrypted, Certainty::Proves)
        }
        Obstacle::Open => (Obstacle::Open, Certainty::Suggests),
        _ => (said.clone(), Certainty::Proves),
    };
    against.insert(0, told);
    against
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_words_are_told_apart() {
        let unable = "Couldn't start the session because we are unable to validate encryption on Amazon S3 bucket. Error: ";
        for (said, wanted) in [
            (
                "We couldn't start the session because encryption is not set up on the selected Amazon S3 bucket. Either encrypt the bucket or choose an option to enable logging without encryption.",
                Some((Place::Bucket, Obstacle::NotEncrypted)),
            ),
            (
                "We couldn't start the session because encryption is not set up on the selected CloudWatch Logs log group. Either encrypt the log group or choose an option to enable logging without encryption.",
                Some((Place::LogGroup, Obstacle::Open)),
            ),
            (
                &format!(
                    "{unable}AccessDenied: Access Denied\n\tstatus code: 403, request id: 7, host id: 8"
                ),
                Some((Place::Bucket, Obstacle::MayNotAsk(None))),
            ),
            (
                &format!("{unable}NoSuchBucket: The specified bucket does not exist\n\tstatus code: 404"),
                Some((Place::Bucket, Obstacle::Gone)),
            ),
            (
                &format!(
                    "{unable}RequestError: send request failed\ncaused by: Get \"https://b.s3.eu-west-1.amazonaws.com/?encryption=\": dial tcp 52.218.0.1:443: i/o timeout"
                ),
                Some((Place::Bucket, Obstacle::NoWay(None))),
            ),
            ("failed to start pty since RunAs user deploy does not exist", None),
            ("", None),
        ] {
            assert_eq!(told(said), wanted, "{said}");
        }
    }

    #[test]
    fn a_bucket_is_named_by_the_words() {
        let denied = "s3:GetEncryptionConfiguration on resource: \"arn:aws:s3:::logs-1.eu\" because no";
        assert_eq!(named(denied), Some("logs-1.eu"));
        assert_eq!(named("Get \"https://logs.s3.eu-west-1.amazonaws.com/?encryption=\": dial"), Some("logs"));
        assert_eq!(named("arn:aws-cn:s3:::logs"), Some("logs"));
        assert_eq!(named("nothing of that"), None);
    }
}
