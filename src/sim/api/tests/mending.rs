//! Each cause of the sample fleet, mended by the call that mends it in AWS: the node comes by itself, at its agent's next try.

use serde_json::json;

use super::{
    call::{Caller, Reply},
    sessions::id_of,
};
use crate::sim::Options;

/// One call that mends something; `{id}` stands for the node.
enum Fix {
    Ec2(&'static str),
    Iam(&'static str),
    Ssm(&'static str, &'static str),
}
use Fix::{Ec2, Iam, Ssm};

const CORE: &str = "PolicyArn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FAmazonSSMManagedInstanceCore";
/// So fast that the half hour of a refused agent is over in no time.
const HASTE: u32 = 2_000_000;

async fn region() -> Caller {
    Caller::of(Options { retry_scale: HASTE, ..Options::default() }).await
}

fn ok(reply: Reply, what: &str) -> Reply {
    assert_eq!(reply.status, 200, "{what}: {reply:?}");
    reply
}

async fn apply(caller: &Caller, fix: &Fix, id: &str) {
    match fix {
        Ec2(form) => drop(ok(caller.ec2(&form.replace("{id}", id)).await, form)),
        Iam(form) => drop(ok(caller.iam(&form.replace("{core}", CORE)).await, form)),
        Ssm(operation, body) => {
            drop(ok(caller.ssm_raw(operation, &body.replace("{id}", id)).await, operation));
        }
    }
}

async fn connected(caller: &Caller, id: &str) -> bool {
    let answer = ok(caller.ssm("GetConnectionStatus", json!({ "Target": id })).await, "GetConnectionStatus");
    answer.json()["Status"] == "connected"
}

/// Asks until the node is connected. The agents are in such haste that a few looks do.
async fn comes(caller: &Caller, id: &str, name: &str) {
    for _ in 0..500 {
        if connected(caller, id).await {
            return;
        }
    }
    panic!("{name} does not come");
}

async fn mends(cases: &[(&str, &[Fix])]) {
    let caller = region().await;
    for (name, fixes) in cases {
        let id = match *name {
            "depot-1" => "mi-0d7e8f9a0b1c2d3e4".to_owned(),
            name => id_of(&caller, name).await,
        };
        assert!(!connected(&caller, &id).await, "{name} is connected before");
        for fix in *fixes {
            apply(&caller, fix, &id).await;
        }
        comes(&caller, &id, name).await;
    }
    caller.region.shutdown().await;
}

#[tokio::test]
async fn what_stands_or_hangs_comes_with_a_start_or_a_reboot() {
    mends(&[
        ("idle-1", &[Ec2("Action=StartInstances&InstanceId.1={id}")]),
        ("sick-1", &[Ec2("Action=RebootInstances&InstanceId.1={id}")]),
        ("starved-1", &[Ec2("Action=RebootInstances&InstanceId.1={id}")]),
        ("lost-1", &[Ec2("Action=RebootInstances&InstanceId.1={id}")]),
        ("updated-1", &[Ec2("Action=RebootInstances&InstanceId.1={id}")]),
        ("asleep-1", &[Ec2("Action=RebootInstances&InstanceId.1={id}")]),
    ])
    .await;
}

#[tokio::test]
async fn an_identity_that_lacked_something_is_given_it() {
    mends(&[
        ("bare-1", &[Ec2("Action=AssociateIamInstanceProfile&InstanceId={id}&IamInstanceProfile.Name=ssm-node")]),
        ("imds-0", &[Ec2("Action=ModifyInstanceMetadataOptions&InstanceId={id}&HttpEndpoint=enabled")]),
        ("hollow-1", &[Iam("Action=AddRoleToInstanceProfile&InstanceProfileName=hollow-node&RoleName=ssm-node")]),
        (
            "misfit-1",
            &[Iam(
                "Action=UpdateAssumeRolePolicy&RoleName=function-node&PolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B\
                 %22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22ec2.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%7D",
            )],
        ),
        ("mute-1", &[Iam("Action=AttachRolePolicy&RoleName=reader-node&{core}")]),
        ("etl-1", &[Iam("Action=AttachRolePolicy&RoleName=etl-node&{core}")]),
        // Without the half of a right, default host management has its turn.
        ("shadow-1", &[Iam("Action=DeleteRolePolicy&RoleName=shadow-node&PolicyName=sign-in")]),
        ("depot-1", &[Ssm("UpdateManagedInstanceRole", r#"{"InstanceId": "{id}", "IamRole": "service-role/hybrid-node"}"#)]),
        ("legacy-1", &[Ssm("SendCommand", r#"{"DocumentName": "AWS-UpdateSSMAgent", "InstanceIds": ["{id}"]}"#)]),
    ])
    .await;
}

#[tokio::test]
async fn a_network_that_led_nowhere_leads_there() {
    mends(&[
        ("vault-1", &[
            Ec2("Action=CreateVpcEndpoint&VpcEndpointType=Interface&VpcId=vpc-00000000000000077&ServiceName=com.amazonaws.eu-west-1.ssm\
                 &SubnetId.1=subnet-0000000000000b001&SecurityGroupId.1=sg-00000000000000077&PrivateDnsEnabled=true"),
            Ec2("Action=CreateVpcEndpoint&VpcEndpointType=Interface&VpcId=vpc-00000000000000077&ServiceName=com.amazonaws.eu-west-1.ssmmessages\
                 &SubnetId.1=subnet-0000000000000b001&SecurityGroupId.1=sg-00000000000000077&PrivateDnsEnabled=true"),
        ]),
        ("vault-2", &[Ec2(
            "Action=CreateVpcEndpoint&VpcEndpointType=Interface&VpcId=vpc-00000000000000078&ServiceName=com.amazonaws.eu-west-1.ssmmessages\
             &SubnetId.1=subnet-0000000000000b002&SecurityGroupId.1=sg-00000000000000e78&PrivateDnsEnabled=true",
        )]),
        ("vault-3", &[Ec2(
            "Action=AuthorizeSecurityGroupIngress&GroupId=sg-0000000000000009e&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=443\
             &IpPermissions.1.ToPort=443&IpPermissions.1.Groups.1.GroupId=sg-00000000000000012",
        )]),
        ("dns-1", &[
            Ec2("Action=ModifyVpcEndpoint&VpcEndpointId=vpce-00000000000008200&PrivateDnsEnabled=true"),
            Ec2("Action=ModifyVpcEndpoint&VpcEndpointId=vpce-00000000000008201&PrivateDnsEnabled=true"),
        ]),
        ("dns-2", &[Ec2("Action=ModifyVpcAttribute&VpcId=vpc-00000000000000083&EnableDnsHostnames.Value=true")]),
        ("shut-1", &[Ec2(
            "Action=AuthorizeSecurityGroupEgress&GroupId=sg-000000000000000c1&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=443\
             &IpPermissions.1.ToPort=443&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0",
        )]),
        ("walled-1", &[Ec2(
            "Action=CreateNetworkAclEntry&NetworkAclId=acl-00000000000000a05&RuleNumber=120&Protocol=6&RuleAction=allow&Egress=false\
             &CidrBlock=0.0.0.0%2F0&PortRange.From=1024&PortRange.To=65535",
        )]),
        ("nat-1", &[Ec2(
            "Action=ReplaceRoute&RouteTableId=rtb-00000000000000a06&DestinationCidrBlock=0.0.0.0%2F0&NatGatewayId=nat-00000000000000a01",
        )]),
        ("nat-2", &[Ec2(
            "Action=ReplaceRoute&RouteTableId=rtb-00000000000000a07&DestinationCidrBlock=0.0.0.0%2F0&NatGatewayId=nat-00000000000000a01",
        )]),
        ("pending-1", &[
            Ec2("Action=CreateVpcEndpoint&VpcEndpointType=Interface&VpcId=vpc-00000000000000086&ServiceName=com.amazonaws.eu-west-1.ssm\
                 &SubnetId.1=subnet-0000000000000b008&SecurityGroupId.1=sg-00000000000000086"),
            Ec2("Action=CreateVpcEndpoint&VpcEndpointType=Interface&VpcId=vpc-00000000000000086&ServiceName=com.amazonaws.eu-west-1.ssmmessages\
                 &SubnetId.1=subnet-0000000000000b008&SecurityGroupId.1=sg-00000000000000086"),
        ]),
        ("policed-1", &[Ec2("Action=ModifyVpcEndpoint&VpcEndpointId=vpce-00000000000008701&ResetPolicy=true")]),
        ("tgw-1", &[
            Ec2("Action=CreateVpcEndpoint&VpcEndpointType=Interface&VpcId=vpc-00000000000000081&ServiceName=com.amazonaws.eu-west-1.ssm\
                 &SubnetId.1=subnet-0000000000000b005&SecurityGroupId.1=sg-00000000000000081"),
            Ec2("Action=CreateVpcEndpoint&VpcEndpointType=Interface&VpcId=vpc-00000000000000081&ServiceName=com.amazonaws.eu-west-1.ssmmessages\
                 &SubnetId.1=subnet-0000000000000b005&SecurityGroupId.1=sg-00000000000000081"),
        ]),
    ])
    .await;
}

fn within<'a>(reply: &'a Reply, tag: &str) -> &'a str {
    let rest = reply.body.split_once(&format!("<{tag}>")).unwrap_or_else(|| panic!("no {tag}: {reply:?}")).1;
    rest.split_once('<').unwrap().0
}

#[tokio::test]
async fn an_address_opens_the_public_subnet() {
    let caller = region().await;
    let id = id_of(&caller, "edge-2").await;
    let address = ok(caller.ec2("Action=AllocateAddress&Domain=vpc").await, "AllocateAddress");
    let allocation = within(&address, "allocationId");
    let form = format!("Action=AssociateAddress&InstanceId={id}&AllocationId={allocation}");
    ok(caller.ec2(&form).await, "AssociateAddress");
    comes(&caller, &id, "edge-2").await;
    let shown = caller.ec2(&format!("Action=DescribeInstances&InstanceId.1={id}")).await;
    assert_eq!(within(&shown, "ipAddress"), within(&address, "publicIp"));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_profile_that_was_made_anew_is_taken_anew_and_can_be_taken_away() {
    let caller = region().await;
    let id = id_of(&caller, "remade-1").await;
    let form = format!(
        "Action=DescribeIamInstanceProfileAssociations&Filter.1.Name=instance-id&Filter.1.Value.1={id}"
    );
    let held = ok(caller.ec2(&form).await, "associations");
    let profile =
        ok(caller.iam("Action=GetInstanceProfile&InstanceProfileName=remade-node").await, "profile");
    assert_ne!(
        within(&held, "id"),
        within(&profile, "InstanceProfileId"),
        "another id than the association's"
    );
    let old = within(&held, "associationId");
    let replace = format!(
        "Action=ReplaceIamInstanceProfileAssociation&AssociationId={old}&IamInstanceProfile.Name=remade-node"
    );
    let new = ok(caller.ec2(&replace).await, "replace");
    assert_eq!(within(&new, "id"), within(&profile, "InstanceProfileId"));
    comes(&caller, &id, "remade-1").await;
    assert!(caller.ec2(&replace).await.error().starts_with("400 InvalidAssociationID.NotFound"));
    let drop =
        format!("Action=DisassociateIamInstanceProfile&AssociationId={}", within(&new, "associationId"));
    ok(caller.ec2(&drop).await, "disassociate");
    assert!(!connected(&caller, &id).await);
    // What was heard of it stays.
    let filter = json!({ "Filters": [{ "Key": "InstanceIds", "Values": [id] }] });
    let rows = ok(caller.ssm("DescribeInstanceInformation", filter).await, "rows").json();
    assert_eq!(rows["InstanceInformationList"][0]["PingStatus"], "Online");
    caller.region.shutdown().await;
}

#[tokio::test]
async fn default_host_management_is_switched_off_and_on() {
    const SETTING: &str = "/ssm/managed-instance/default-ec2-instance-management-role";
    let caller = region().await;
    let id = id_of(&caller, "dh-1").await;
    let get =
        || async { ok(caller.ssm("GetServiceSetting", json!({ "SettingId": SETTING })).await, "get").json() };
    assert_eq!(get().await["ServiceSetting"]["Status"], "Customized");
    assert!(connected(&caller, &id).await);
    ok(caller.ssm("ResetServiceSetting", json!({ "SettingId": SETTING })).await, "reset");
    let setting = get().await;
    assert_eq!(
        (&setting["ServiceSetting"]["SettingValue"], &setting["ServiceSetting"]["Status"]),
        (&json!("$None"), &json!("Default"))
    );
    assert!(!connected(&caller, &id).await);
    let value = "service-role/AWSSystemsManagerDefaultEC2InstanceManagementRole";
    let arn = format!("arn:aws:ssm:eu-west-1:123456789012:servicesetting{SETTING}");
    ok(caller.ssm("UpdateServiceSetting", json!({ "SettingId": arn, "SettingValue": value })).await, "set");
    comes(&caller, &id, "dh-1").await;
    let refused = caller.ssm("GetServiceSetting", json!({ "SettingId": "/ssm/moon" })).await.error();
    assert!(refused.starts_with("400 ServiceSettingNotFound"), "{refused}");
    caller.region.shutdown().await;
}

#[tokio::test]
async fn the_advanced_tier_opens_hybrid_nodes() {
    let caller = region().await;
    let start = || caller.ssm("StartSession", json!({ "Target": "mi-0f3a81c2d4e5b6a70" }));
    assert!(start().await.error().contains("Enable advanced-instances tier"));
    let setting = json!({ "SettingId": "/ssm/managed-instance/activation-tier", "SettingValue": "advanced" });
    ok(caller.ssm("UpdateServiceSetting", setting).await, "set");
    ok(start().await, "start");
    let wrong = json!({ "SettingId": "/ssm/managed-instance/activation-tier", "SettingValue": "golden" });
    assert!(caller.ssm("UpdateServiceSetting", wrong).await.error().starts_with("400 ValidationException"));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_stopped_machine_passes_through_its_states() {
    let caller = Caller::of(Options { retry_scale: 1, ..Options::default() }).await;
    let id = id_of(&caller, "web-1").await;
    let stopped = ok(caller.ec2(&format!("Action=StopInstances&InstanceId.1={id}")).await, "stop");
    assert!(stopped.body.contains("<name>stopping</name>") && stopped.body.contains("<name>running</name>"));
    assert!(!connected(&caller, &id).await);
    let start = format!("Action=StartInstances&InstanceId.1={id}");
    assert!(caller.ec2(&start).await.error().starts_with("400 IncorrectInstanceState"));
    let all = caller
        .ec2(&format!("Action=DescribeInstanceStatus&IncludeAllInstances=true&InstanceId.1={id}"))
        .await;
    assert!(all.body.contains("<name>stopping</name>"), "{all:?}");
    // Not at a real agent's pace: it takes minutes there.
    let idle = id_of(&caller, "idle-1").await;
    ok(caller.ec2(&format!("Action=StartInstances&InstanceId.1={idle}")).await, "start");
    assert!(!connected(&caller, &idle).await);
    let shown = caller.ec2(&format!("Action=DescribeInstances&InstanceId.1={idle}")).await;
    assert!(shown.body.contains("<name>pending</name>"));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_and_changes_nothing() {
    let caller = region().await;
    let id = id_of(&caller, "web-1").await;
    for (form, error) in [
        (
            "Action=AssociateIamInstanceProfile&InstanceId={id}&IamInstanceProfile.Name=ssm-node",
            "400 IncorrectState: There is an existing association",
        ),
        (
            "Action=AssociateIamInstanceProfile&InstanceId={id}&IamInstanceProfile.Name=moon",
            "400 InvalidParameterValue: Value (moon)",
        ),
        ("Action=AssociateIamInstanceProfile&InstanceId={id}&Moon=1", "400 UnknownParameter"),
        (
            "Action=AssociateIamInstanceProfile&InstanceId={id}&IamInstanceProfile.Name=ssm-node&DryRun=true",
            "412 DryRunOperation",
        ),
        ("Action=RebootInstances", "400 MissingParameter"),
        (
            "Action=CreateVpcEndpoint&VpcId=vpc-1&ServiceName=com.amazonaws.eu-west-1.ssm&VpcEndpointType=Interface",
            "400 InvalidVpcID.NotFound",
        ),
        (
            "Action=CreateVpcEndpoint&VpcId=vpc-00000000000000077&ServiceName=com.amazonaws.eu-west-1.moon&VpcEndpointType=Interface",
            "400 InvalidServiceName",
        ),
        (
            "Action=CreateVpcEndpoint&VpcId=vpc-00000000000000083&ServiceName=com.amazonaws.eu-west-1.kms&VpcEndpointType=Interface",
            "400 InvalidParameter: Enabling private DNS",
        ),
        (
            "Action=CreateVpcEndpoint&VpcId=vpc-00000000000000078&ServiceName=com.amazonaws.eu-west-1.ssm&VpcEndpointType=Interface",
            "400 InvalidParameter: private-dns-enabled cannot be set",
        ),
        (
            "Action=AuthorizeSecurityGroupIngress&GroupId=sg-0000000000000009e&IpProtocol=tcp&FromPort=443&ToPort=443",
            "400 MissingParameter",
        ),
        (
            "Action=AuthorizeSecurityGroupIngress&GroupId=sg-1&IpProtocol=tcp&FromPort=443&ToPort=443&CidrIp=10.0.0.0%2F8",
            "400 InvalidGroup.NotFound",
        ),
        (
            "Action=AuthorizeSecurityGroupEgress&GroupId=sg-00000000000000011&IpProtocol=-1&CidrIp=0.0.0.0%2F0",
            "400 InvalidPermission.Duplicate",
        ),
        (
            "Action=CreateRoute&RouteTableId=rtb-00000000000000a01&DestinationCidrBlock=0.0.0.0%2F0&GatewayId=igw-1",
            "400 RouteAlreadyExists",
        ),
        (
            "Action=ReplaceRoute&RouteTableId=rtb-00000000000000a01&DestinationCidrBlock=0.0.0.0%2F0&NatGatewayId=nat-1",
            "400 InvalidNatGatewayID.NotFound",
        ),
        ("Action=ModifyVpcAttribute&VpcId=vpc-00000000000000083", "400 InvalidParameterCombination"),
    ] {
        let refused = caller.ec2(&form.replace("{id}", &id)).await.error();
        assert!(refused.starts_with(error), "{form}: {refused}");
    }
    for (form, error) in [
        (
            "Action=AttachRolePolicy&RoleName=moon&{core}",
            "404 NoSuchEntity: The role with name moon cannot be found.",
        ),
        (
            "Action=AttachRolePolicy&RoleName=etl-node&PolicyArn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FMoon",
            "404 NoSuchEntity",
        ),
        (
            "Action=PutRolePolicy&RoleName=etl-node&PolicyName=x&PolicyDocument=%7B",
            "400 MalformedPolicyDocument: This policy contains invalid Json",
        ),
        (
            "Action=AddRoleToInstanceProfile&InstanceProfileName=ssm-node&RoleName=etl-node",
            "409 LimitExceeded",
        ),
        ("Action=GetRole", "400 ValidationError"),
        ("Action=Moon", "400 InvalidAction"),
    ] {
        let refused = caller.iam(&form.replace("{core}", CORE)).await.error();
        assert!(refused.starts_with(error), "{form}: {refused}");
    }
    assert!(connected(&caller, &id).await);
    caller.region.shutdown().await;
}
