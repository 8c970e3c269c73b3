//! One scenario for each cause, and more where one cause has several faces.

use std::sync::Arc;

use super::super::*;
use super::sample::*;
use crate::fleet::denial::Denial;
use crate::fleet::document::{DocumentSummary, Preferences};
use crate::fleet::evidence::*;
use crate::fleet::{MachineState, MetadataEndpoint, Place};

fn host_management(since: i64) -> Piece {
    let role = "service-role/AWSSystemsManagerDefaultEC2InstanceManagementRole".to_owned();
    Piece::HostManagement(known(HostManagement::On { role, since: Some(ago(since)) }))
}

fn encrypted(state: Option<KeyState>) -> [Piece; 2] {
    let preferences = Preferences { kms_key: Some("alias/ssm".into()), ..Preferences::default() };
    let arn = format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/0a1b");
    [Piece::Preferences(known(Some(preferences))), Piece::Key(known(state.map(|state| Key { arn, state })))]
}

/// Recorded in a bucket, in a log group, both of which must be encrypted or need not.
fn recorded(bucket: bool, group: bool, must_be_encrypted: bool) -> Piece {
    Piece::Preferences(known(Some(Preferences {
        s3_bucket: bucket.then(|| "session-logs".into()),
        s3_prefix: Some("shells/".into()),
        s3_encrypted: must_be_encrypted,
        log_group: group.then(|| "/sessions".into()),
        log_encrypted: must_be_encrypted,
        ..Preferences::default()
    })))
}

/// The agent's words (agent session/config/config.go, session/shell/shell.go).
const NO_BUCKET_ENCRYPTION: &str = "We couldn't start the session because encryption is not set up on the selected Amazon S3 bucket. Either encrypt the bucket or choose an option to enable logging without encryption.";
const NO_GROUP_ENCRYPTION: &str = "We couldn't start the session because encryption is not set up on the selected CloudWatch Logs log group. Either encrypt the log group or choose an option to enable logging without encryption.";
const NOT_VALIDATED: &str =
    "Couldn't start the session because we are unable to validate encryption on Amazon S3 bucket. Error: ";

fn memory(version: &str) -> Memory {
    let place = Place { profile: Some("prod".into()), region: Some("eu-west-1".into()), ..Place::default() };
    Memory {
        place: Arc::new(place),
        at: Some("2026-04-12T08:30:00Z".parse().unwrap()),
        agent_version: Some(version.into()),
        computer_name: None,
    }
}

const CHANNELS: [&str; 4] = Right::CHANNELS;

/// All of them.
pub(super) fn scenarios() -> Vec<Scenario> {
    let well = Scenario::well;
    let image = |name: &str| {
        Piece::Image(known(Some(Image { id: "ami-0a1".into(), name: name.into(), ..Image::default() })))
    };
    let refused = |rights: Vec<Right>| Piece::RoleRights(known(rights));
    let own = |right: Right| Piece::OwnRights(known(vec![right]));
    let start = |decision| {
        Right::new("ssm:StartSession", format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-0a1"), decision)
    };
    let by_document = |name: &str, decision| {
        let account = if name.starts_with("AWS-") { "" } else { ACCOUNT };
        Right::new("ssm:StartSession", format!("arn:aws:ssm:eu-west-1:{account}:document/{name}"), decision)
    };
    let igw = Some((RouteTarget::InternetGateway("igw-0a1".into()), RouteState::Active));
    vec![
        well("ready", Cause::Ready),
        {
            let place = Place { region: Some("us-east-1".into()), ..Place::clone(&memory(FRESH).place) };
            let mut scenario = well("a7_not_here", Cause::NotHere)
                .remembered(Memory { place: Arc::new(place), ..memory(FRESH) });
            (scenario.machine, scenario.agent) = (None, None);
            scenario.without_channel()
        },
        well("b1_stopped", Cause::Stopped).lost().machine(|machine| {
            machine.state = MachineState::Stopped;
            machine.state_transition_reason = Some("User initiated (2026-04-30 22:10:11 GMT)".into());
            machine.state_reason = Some("Client.UserInitiatedShutdown".into());
        }),
        well("b2_gone", Cause::Gone).machine(|machine| machine.state = MachineState::ShuttingDown),
        well("b3_just_started", Cause::JustStarted)
            .unregistered()
            .machine(|machine| machine.launched = Some(ago(90))),
        well("b4_impaired", Cause::Impaired).lost().with([Piece::Status(known(Some(StatusChecks {
            impaired_since: Some(ago(11_000)),
            ..checks("impaired")
        })))]),
        well("b5_starved", Cause::Starved)
            .lost()
            .machine(|machine| machine.instance_type = Some("t3.micro".into())),
        well("c1_no_profile", Cause::NoProfile).bare(),
        well("c3_too_old_for_host_management", Cause::TooOldForHostManagement)
            .bare()
            .with([host_management(90 * 86_400), trusted_by("ssm.amazonaws.com")])
            .remembered(memory("3.1.1732.0")),
        well("c4_metadata_off", Cause::MetadataOff)
            .unregistered()
            .machine(|machine| machine.metadata_endpoint = Some(MetadataEndpoint::Disabled)),
        well("c5_host_management_new", Cause::HostManagementNew)
            .bare()
            .with([host_management(720), trusted_by("ssm.amazonaws.com")]),
        well("c6_profile_without_role", Cause::ProfileBroken)
            .unregistered()
            .with([Piece::Profile(known(Some(profile(&[]))))]),
        well("c6_profile_gone", Cause::ProfileBroken).unregistered().with([Piece::Profile(known(None))]),
        well("c6_profile_made_anew", Cause::ProfileBroken).unregistered().with([Piece::Profile(known(
            Some(InstanceProfile { id: "AIPA2".into(), ..profile(&["core-node"]) }),
        ))]),
        well("c7_role_not_trusted", Cause::RoleNotTrusted)
            .unregistered()
            .with([trusted_by("lambda.amazonaws.com")]),
        well("c8_role_may_not_register", Cause::RoleMayNotRegister)
            .unregistered()
            .with([refused(role_rights(&Right::OF_AN_AGENT))]),
        well("c9_role_may_not_open_channels", Cause::RoleMayNotOpenChannels)
            .without_channel()
            .with([refused(role_rights(&CHANNELS))]),
        well("c10_half_profile", Cause::HalfProfile)
            .without_channel()
            .with([refused(role_rights(&CHANNELS)), host_management(90 * 86_400)]),
        well("c11_profile_new", Cause::ProfileNew)
            .unregistered()
            .with([Piece::Association(known(Some(association(240))))]),
        well("c12_organisation_denies", Cause::OrganisationDenies).without_channel().with([refused(
            role_rights(&CHANNELS)
                .into_iter()
                .map(|right| Right { organisation_allows: Some(right.is_allowed()), ..right })
                .collect(),
        )]),
        well("d1_no_way_out", Cause::NoWayOut).unregistered().with(endpoints(Vec::new())),
        well("d2_no_way_to_channels", Cause::NoWayToChannels)
            .without_channel()
            .with(endpoints(vec![endpoint("ssm")])),
        well("d3_endpoint_closed", Cause::EndpointClosed)
            .unregistered()
            .with(endpoints(vec![endpoint("ssm"), endpoint("ssmmessages")]))
            .with([Piece::SecurityGroups(known(vec![
                group("sg-12", Vec::new(), vec![everywhere()]),
                group("sg-9e", vec![rule(Peer::Group("sg-11".into()))], vec![everywhere()]),
            ]))]),
        well("d4_endpoint_without_names", Cause::EndpointWithoutNames).without_channel().with(endpoints(
            vec![endpoint("ssm"), Endpoint { private_dns: false, ..endpoint("ssmmessages") }],
        )),
        well("d4_vpc_without_names", Cause::EndpointWithoutNames)
            .unregistered()
            .with(endpoints(vec![endpoint("ssm"), endpoint("ssmmessages")]))
            .with([Piece::Vpc(known(Vpc { id: "vpc-77".into(), dns_support: true, dns_hostnames: false }))]),
        well("d5_egress_closed", Cause::EgressClosed).unregistered().with([Piece::SecurityGroups(known(
            vec![group(
                "sg-12",
                Vec::new(),
                vec![Rule {
                    protocol: Protocol::Tcp,
                    ports: Some((80, 80)),
                    peers: vec![Peer::Cidr("0.0.0.0/0".into())],
                }],
            )],
        ))]),
        well("d6_acl_closed", Cause::AclClosed).unregistered().with([Piece::NetworkAcls(known(acl(vec![
            entry(100, true, true),
            entry(50, false, false),
            entry(100, false, true),
        ])))]),
        well("d7_no_public_address", Cause::NoPublicAddress)
            .unregistered()
            .with([Piece::RouteTables(known(tables(igw)))]),
        well("d8_nat_failed", Cause::WayBroken).lost().with([Piece::NatGateways(known(vec![NatGateway {
            id: "nat-0a1".into(),
            state: "failed".into(),
            is_public: true,
            failure: Some("the subnet has no free address".into()),
        }]))]),
        well("d8_blackhole", Cause::WayBroken).lost().with([Piece::RouteTables(known(tables(Some((
            RouteTarget::NatGateway("nat-0a1".into()),
            RouteState::Blackhole,
        )))))]),
        well("d8_endpoint_not_accepted", Cause::WayBroken).without_channel().with(endpoints(vec![
            endpoint("ssm"),
            Endpoint { state: EndpointState::Broken("pendingAcceptance".into()), ..endpoint("ssmmessages") },
        ])),
        well("d9_endpoint_policy", Cause::EndpointPolicy).without_channel().with(endpoints(vec![
            endpoint("ssm"),
            Endpoint {
                policy: Some(
                    r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ssm:*","Resource":"*"}]}"#
                        .into(),
                ),
                ..endpoint("ssmmessages")
            },
        ])),
        well("d10_leaves_sight", Cause::LeavesSight).unregistered().with([Piece::RouteTables(known(
            tables(Some((RouteTarget::TransitGateway("tgw-0a1".into()), RouteState::Active))),
        ))]),
        well("e1_predates_sessions", Cause::PredatesSessions).beats(40, "2.2.546.0").without_channel(),
        well("e2_too_old_for_feature", Cause::TooOldForFeature).beats(40, "3.0.1124.0"),
        well("e3_not_installed", Cause::NotInstalled)
            .unregistered()
            .with([image("debian-12-amd64-20240717-1811")]),
        well("e4_lost", Cause::Lost).lost(),
        well("e5_update_broke", Cause::UpdateBroke).lost().remembered(memory("3.2.2303.0")),
        well("f1_standard_tier", Cause::StandardTier).hybrid().with([Piece::Tier(known(Tier::Standard))]),
        {
            let mut scenario =
                well("f2_no_activation", Cause::NoActivation).hybrid().with([Piece::Activations(known(
                    vec![Activation {
                        id: "0a1b-22".into(),
                        role: "hybrid-node".into(),
                        expired: true,
                        expires: Some(ago(3 * 86_400)),
                        limit: 1,
                        used: 0,
                        ..Activation::default()
                    }],
                ))]);
            scenario.agent = None;
            scenario.without_channel()
        },
        well("f3_hybrid_role", Cause::RoleMayNotOpenChannels)
            .hybrid()
            .without_channel()
            .with([refused(role_rights(&CHANNELS))]),
        well("f4_cloned", Cause::Cloned)
            .lost()
            .hybrid()
            .remembered(Memory { computer_name: Some("rack-6".into()), ..memory(FRESH) }),
        {
            let mut scenario =
                well("f5_deregistered", Cause::Deregistered).hybrid().remembered(memory(FRESH));
            scenario.agent = None;
            scenario.without_channel()
        },
        well("f_hybrid_lost", Cause::HybridLost).lost().hybrid(),
        well("g1_not_allowed", Cause::NotAllowed)
            .denied("because no identity-based policy allows the ssm:StartSession action"),
        well("g1_not_allowed_by_simulation", Cause::NotAllowed).with([own(start(Decision::ImplicitDeny))]),
        well("g2_document_not_allowed", Cause::DocumentNotAllowed)
            .attempt(Answer::Denied(
                Denial::parse(&format!(
                    "{} because no identity-based policy allows the ssm:StartSession action",
                    DENIED.replace(
                        "arn:aws:ec2:eu-west-1:123456789012:instance/i-0a1",
                        "arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell",
                    )
                ))
                .unwrap(),
            ))
            .with([Piece::Documents(known(vec![DocumentSummary {
                name: "team-shell".into(),
                owner: ACCOUNT.into(),
                platforms: Vec::new(),
            }]))]),
        well("g3_tag_condition", Cause::TagCondition).with([own(Right {
            tags: vec!["team".into(), "tier".into()],
            missing_context: vec!["ssm:resourceTag/tier".into()],
            ..start(Decision::ImplicitDeny)
        })]),
        well("g3_tag_not_known", Cause::TagCondition).hybrid().with([own(Right {
            missing_context: vec!["ssm:resourceTag/team".into()],
            ..start(Decision::ImplicitDeny)
        })]),
        well("g2_document_not_allowed_by_simulation", Cause::DocumentNotAllowed).with([Piece::OwnRights(
            known(vec![
                start(Decision::Allowed),
                by_document("SSM-SessionManagerRunShell", Decision::ImplicitDeny),
                by_document("AWS-StartSSHSession", Decision::Allowed),
            ]),
        )]),
        well("g5_boundary_by_simulation", Cause::OtherPolicy)
            .with([own(Right { boundary_allows: Some(false), ..start(Decision::ImplicitDeny) })]),
        well("g4_forbidden", Cause::Forbidden).denied(
            "with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/no-sessions",
        ),
        well("g5_service_control", Cause::OtherPolicy)
            .denied("with an explicit deny in a service control policy"),
        well("g5_session_policy", Cause::OtherPolicy)
            .denied("because no session policy allows the ssm:StartSession action"),
        well("g6_may_not_end", Cause::MayNotEnd).attempt(Answer::Denied(
            Denial::parse(&format!(
                "{} because no identity-based policy allows the ssm:TerminateSession action",
                DENIED.replace("ssm:StartSession", "ssm:TerminateSession").replace(
                    "arn:aws:ec2:eu-west-1:123456789012:instance/i-0a1",
                    "arn:aws:ssm:eu-west-1:123456789012:session/alice-0a1b",
                )
            ))
            .unwrap(),
        )),
        well("g7_no_document", Cause::NoDocument).attempt(Answer::NoDocument),
        well("g8_wrong_document", Cause::WrongDocument).attempt(Answer::NotASessionDocument),
        well("g9_bad_parameters", Cause::BadParameters)
            .attempt(Answer::BadParameters("ValidationException: portNumber must match ^[0-9]+$".into())),
        well("g10_just_in_time", Cause::JustInTime).with([Piece::OwnRights(known(vec![
            start(Decision::ImplicitDeny),
            Right::new("ssm:StartAccessRequest", "*", Decision::Allowed),
        ]))]),
        well("g11_start_throttled", Cause::StartThrottled).attempt(Answer::Throttled),
        well("g_other_account", Cause::OtherAccount).attempt(Answer::Denied(
            Denial::parse(&format!(
                "{} because no resource-based policy allows it",
                DENIED.replace("eu-west-1:123456789012", "eu-west-1:999999999999")
            ))
            .unwrap(),
        )),
        well("h1_key_not_allowed", Cause::KeyNotAllowed).with(encrypted(Some(KeyState::Enabled))).with([
            Piece::OwnRights(known(vec![
                start(Decision::Allowed),
                Right::new(
                    "kms:GenerateDataKey",
                    format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/0a1b"),
                    Decision::ImplicitDeny,
                ),
            ])),
        ]),
        well("h2_node_key_denied", Cause::NodeKeyDenied).with(encrypted(Some(KeyState::Enabled))).ended(
            "Initiating handshake failed: unable to retrieve data key, error when decrypting data key",
        ),
        well("h3_key_unusable", Cause::KeyUnusable).with(encrypted(Some(KeyState::Disabled))),
        well("h4_run_as", Cause::RunAs)
            .ended("failed to start pty since RunAs user \"deploy\" does not exist")
            .with([Piece::Preferences(known(Some(Preferences {
                run_as: true,
                run_as_user: Some("deploy".into()),
                ..Preferences::default()
            })))]),
        well("h5_logging", Cause::Logging).ended(NO_BUCKET_ENCRYPTION),
        well("h5_bucket_not_encrypted", Cause::Logging)
            .with([recorded(true, false, true)])
            .ended(NO_BUCKET_ENCRYPTION),
        well("h5_bucket_gone", Cause::Logging)
            .with([recorded(true, false, true)])
            .ended(&format!("{NOT_VALIDATED}NoSuchBucket: The specified bucket does not exist")),
        // Likely beforehand, since the bucket's own policy may allow it; proven by the agent's words.
        well("h5_role_may_not_ask_for_bucket", Cause::Logging)
            .with([recorded(true, false, true), recording_rights(&[Right::BUCKET])]),
        well("h5_role_was_refused_by_bucket", Cause::Logging)
            .with([recorded(true, false, true), recording_rights(&[Right::BUCKET])])
            .ended(&format!(
                "{NOT_VALIDATED}AccessDenied: Access Denied\n\tstatus code: 403, request id: 7F3C, host id: 11"
            )),
        // Mended since: what the words say isn't so any more.
        well("h5_role_may_ask_by_now", Cause::Logging)
            .with([recorded(true, false, true)])
            .ended(&format!("{NOT_VALIDATED}AccessDenied: Access Denied")),
        well("h5_role_may_not_ask_for_log_group", Cause::Logging)
            .with([recorded(false, true, true), recording_rights(&[Right::LOG_GROUPS])]),
        well("h5_log_group_itself", Cause::Logging)
            .with([recorded(false, true, true)])
            .ended(NO_GROUP_ENCRYPTION),
        well("h5_log_group_unknown", Cause::Logging).ended(NO_GROUP_ENCRYPTION),
        well("h5_no_way_to_bucket", Cause::Logging)
            .with(endpoints(vec![endpoint("ssm"), endpoint("ssmmessages")]))
            .with([recorded(true, false, true)]),
        well("h5_no_way_to_log_group", Cause::Logging)
            .with(endpoints(vec![endpoint("ssm"), endpoint("ssmmessages")]))
            .with([recorded(false, true, true)]),
        well("h6_no_prompt", Cause::NoPrompt).ended(""),
        well("h6_no_way_to_bucket", Cause::NoPrompt)
            .with(endpoints(vec![endpoint("ssm"), endpoint("ssmmessages")]))
            .with([recorded(true, false, false)])
            .ended(""),
        well("h7_worker", Cause::Worker).ended("document worker timed out"),
        well("h8_domain_controller", Cause::DomainController)
            .ended("the instance is an active directory domain controller"),
        well("h9_data_channel_denied", Cause::DataChannelDenied)
            .ended("CreateDataChannel failed with AccessDeniedException"),
        well("h10_handshake_timeout", Cause::HandshakeTimeout).ended("Handshake timed out"),
        well("h11_nothing_listens", Cause::NothingListens).ended("Unable to connect to specified port"),
        well("h12_forbidden_address", Cause::ForbiddenAddress)
            .ended("Forwarding to IP address 169.254.169.254 is forbidden"),
        well("h13_websocket_refused", Cause::WebsocketRefused)
            .ended("the websocket's upgrade was answered with 403"),
        well("h14_ended_by_node", Cause::EndedByNode)
            .ended("Session terminated due to inactivity: idle timeout"),
    ]
}
