//! `ssmtui why` against a region of the test's own: each node's verdict found by the calls alone, under three sets of rights.

use std::fmt::Write;

use serde_json::Value;
use ssmtui::sim::Rights;

use crate::harness::{World, find};

/// A node for each cause, and some that are well.
const NODES: [&str; 41] = [
    "web-1",
    "dh-1",
    "vault-4",
    "half-1",
    "idle-1",
    "api-7",
    "sick-1",
    "bare-1",
    "batch-2",
    "imds-0",
    "hollow-1",
    "remade-1",
    "misfit-1",
    "mute-1",
    "etl-1",
    "shadow-1",
    "bounded-1",
    "asleep-1",
    "regulated-1",
    "vault-1",
    "vault-2",
    "vault-3",
    "dns-1",
    "dns-2",
    "shut-1",
    "walled-1",
    "edge-1",
    "edge-2",
    "nat-1",
    "nat-2",
    "pending-1",
    "policed-1",
    "tgw-1",
    "shared-1",
    "legacy-1",
    "noagent-1",
    "lost-1",
    "pay-1",
    "pay-2",
    "app-5",
    "factory-gw",
];

fn report(world: &World, node: &str) -> (i32, Value) {
    let (code, out, err) = world.output(&["why", node, "--json"]);
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{node}: {error}: {out}{err}")))
}

/// A line a node: what is found first, how sure, and whether a session can be started.
fn verdicts(world: &World) -> String {
    let mut table = String::new();
    for node in NODES {
        let (code, told) = report(world, node);
        let first = &told["findings"][0];
        let words =
            [&first["cause"], &first["certainty"]].map(|word| word.as_str().unwrap_or("-").to_owned());
        writeln!(table, "{node:<12} {code}  {} {}", words[0], words[1]).unwrap();
    }
    table
}

#[test]
fn each_cause_is_found_with_full_rights() {
    insta::assert_snapshot!(verdicts(&World::new()));
}

#[test]
fn the_sample_policy_of_the_guide_finds_the_same_where_it_may_look() {
    insta::assert_snapshot!(verdicts(&World::with(|options| options.rights = Rights::EndUser)));
}

#[test]
fn without_iam_nothing_is_proven_that_only_iam_knows() {
    let world = World::with(|options| {
        for action in ["iam:GetInstanceProfile", "iam:GetRole", "iam:SimulatePrincipalPolicy"] {
            options.faults.push(format!("deny={action}").parse().unwrap());
        }
    });
    insta::assert_snapshot!(verdicts(&world));
    let (_, told) = report(&world, "etl-1");
    let refused = told["refused"].as_array().unwrap();
    assert!(
        refused.iter().any(|one| one["action"] == "iam:GetInstanceProfile" && one["request_id"].is_string()),
        "{told:#}"
    );
}

#[test]
fn the_verdict_comes_first_and_the_command_alone_on_its_line() {
    let world = World::new();
    let (code, text, err) = world.output(&["why", "imds-0"]);
    assert_eq!((code, err.as_str()), (4, ""), "nothing but the verdict where nobody looks on");
    assert!(
        text.starts_with("The instance you selected is not configured to use Session Manager\n"),
        "{text}"
    );
    let command = text
        .lines()
        .find(|line| line.starts_with("aws ec2 modify-instance-metadata-options"))
        .expect("a command");
    assert!(command.contains("--region eu-west-1"), "{command}");
    let (code, text, _) = world.output(&["why", "web-1"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn on_a_terminal_each_check_is_a_line_as_it_comes() {
    let world = World::new();
    let mut terminal = world.start(&["why", "vault-1"], 50, 140);
    assert_eq!(terminal.wait_exit().0, 4);
    let text = terminal.look(|screen| String::from_utf8_lossy(screen.raw()).into_owned());
    let verdict = text.find("The instance you selected").expect("the verdict");
    let check = text.find("a way to ssm").expect("a check");
    assert!(check < verdict, "{text}");
}

#[test]
fn a_report_holds_the_verdict_and_the_smallest_statement() {
    let (code, text, _) = World::new().output(&["why", "bare-1", "--report"]);
    assert_eq!(code, 4);
    assert!(text.starts_with("## bare-1 (i-"), "{text}");
    assert!(text.contains("smallest statement") && text.contains("ssm:StartSession"), "{text}");
}

#[test]
fn policies_name_account_and_region_and_messages_need_neither() {
    let world = World::new();
    let (code, text, _) = world.output(&["why", "--policy"]);
    assert_eq!(code, 0);
    for words in
        ["# list:", "# prove:", "arn:aws:ec2:eu-west-1:123456789012:instance/", "iam:SimulatePrincipalPolicy"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let message = "User: arn:aws:iam::123456789012:user/demo is not authorized to perform: ssm:StartSession on resource: \
                   arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0 because no identity-based policy allows it";
    let (code, text, _) = world.output(&["why", "--message", message]);
    assert_eq!(code, 0);
    assert!(text.contains(r#""Action":"ssm:StartSession""#), "{text}");
    let (code, _, err) = world.output(&["why", "--message", "hello"]);
    assert_eq!(code, 1);
    assert!(err.contains("no message that is known here"), "{err}");
}

#[test]
fn a_start_that_fails_names_the_deep_check() {
    let (code, _, err) = World::new().output(&["connect", "i-0123456789abcdef0"]);
    assert_eq!(code, 1);
    assert!(err.contains("ssmtui why i-0123456789abcdef0"), "{err}");
}

/// Calls of these actions that a command makes.
fn calls(world: &World, arguments: &[&str]) -> Vec<(String, u64)> {
    let before = world.region().calls();
    world.output(arguments);
    let made = |(action, count): (String, u64)| {
        let new = count - before.get(&action).copied().unwrap_or_default();
        (new > 0).then_some((action, new))
    };
    world.region().calls().into_iter().filter_map(made).collect()
}

fn id_of(world: &World, name: &str) -> String {
    let (_, out, err) = world.output(&["ls", name, "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    told["instances"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_id_is_asked_for_alone_however_big_the_fleet() {
    let world = World::with(|options| options.nodes = 5_000);
    let web = id_of(&world, "web-1");
    let lists = |made: Vec<(String, u64)>| {
        let list = |(action, _): &(String, u64)| {
            ["ssm:DescribeInstanceInformation", "ssm:DescribeInstanceProperties", "ec2:DescribeInstances"]
                .contains(&action.as_str())
        };
        made.into_iter().filter(list).collect::<Vec<_>>()
    };
    let one = |action: &str, count| (action.to_owned(), count);
    let both = [one("ec2:DescribeInstances", 1), one("ssm:DescribeInstanceInformation", 1)];
    assert_eq!(lists(calls(&world, &["why", &web])), both);
    // One that no list has by its own id may have registered as a hybrid node.
    let bare = id_of(&world, "bare-1");
    let both = [one("ec2:DescribeInstances", 1), one("ssm:DescribeInstanceInformation", 2)];
    assert_eq!(lists(calls(&world, &["why", &bare])), both);
    let (_, by_id) = report(&world, &bare);
    let (_, by_name) = report(&world, "bare-1");
    let told = |report: &Value, key: &str| {
        let findings = report["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding[key].clone()).collect::<Vec<_>>()
    };
    for key in ["cause", "certainty", "what", "evidence", "command"] {
        assert_eq!(told(&by_id, key), told(&by_name, key), "the same is found");
    }
    // Only the list shows what others use; by the id alone IAM tells what would do.
    let profile = |report: &Value| told(report, "fix")[0].as_str().unwrap().to_owned();
    assert!(
        profile(&by_id).contains("attach profile ssm-node, whose role has AmazonSSMManaged"),
        "{by_id:#}"
    );
    assert!(profile(&by_name).contains("attach profile ssm-node, as "), "{by_name:#}");
    let joined = report(&world, "factory-gw").1["id"].as_str().unwrap().to_owned();
    assert_eq!(report(&world, &joined).1["name"], "factory-gw");
}

#[test]
fn who_may_not_ask_one_list_by_id_asks_the_other() {
    let world = World::with(|options| options.rights = Rights::EndUser);
    let web = id_of(&world, "web-1");
    let made = calls(&world, &["why", &web]);
    for action in
        ["ssm:DescribeInstanceInformation", "ssm:DescribeInstanceProperties", "ec2:DescribeInstances"]
    {
        assert!(made.contains(&(action.to_owned(), 1)), "{action}: {made:?}");
    }
    assert_eq!(report(&world, &web).1["state"], "ready");
    let world = World::with(|options| options.faults.push("deny=ec2:DescribeInstances".parse().unwrap()));
    let (code, told) = report(&world, &web);
    assert_eq!((code, &told["state"]), (0, &Value::from("ready")));
    assert!(told["not_visible"][0].as_str().unwrap().contains("ec2:DescribeInstances is denied"), "{told:#}");
}

#[test]
fn one_who_may_not_start_is_told_by_which_tags_or_documents() {
    let world = World::new();
    insta::assert_snapshot!(world.output(&["why", "pay-1"]).1, @r#"
    user `demo` in account 123456789012 may not start sessions on pay-1: its policies go by tags
      seen  SimulatePrincipalPolicy: ssm:StartSession is refused on arn:aws:ec2:eu-west-1:123456789012:instance/i-00da3174c441a36c8
      seen  the policies look at these tags: document-check (not here), team (here pay)
      mend  compare its tags with those of an instance that you can open, or ask whoever manages user `demo` in account 123456789012 to add: {"Effect":"Allow","Action":"ssm:StartSession","Resource":["arn:aws:ec2:eu-west-1:123456789012:instance/i-00da3174c441a36c8","arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell"]}
      then  a changed policy counts within a minute or two
    "#);
    insta::assert_snapshot!(world.output(&["why", "pay-2"]).1, @r#"
    user `demo` in account 123456789012 may open pay-2, but not with document SSM-SessionManagerRunShell
      seen  SimulatePrincipalPolicy: ssm:StartSession is refused on arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell
      seen  the policies allow AWS-StartPortForwardingSession, AWS-StartSSHSession
      mend  choose a document that you may use, or ask whoever manages user `demo` in account 123456789012 to add: {"Effect":"Allow","Action":"ssm:StartSession","Resource":["arn:aws:ec2:eu-west-1:123456789012:instance/i-0e16bf6b6856554d4","arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell"]}
      then  a changed policy counts within a minute or two
    "#);
    let (code, told, _) = world.output(&["why", "pay-2", "--document", "AWS-StartSSHSession"]);
    assert_eq!(code, 0, "{told}");
}

#[test]
fn an_instance_of_another_region_is_found_where_the_app_saw_it() {
    let world = World::new();
    let web = id_of(&world, "web-1");
    let mut app = world.app(40, 140);
    let folder = world.home().join("cache/ssmtui/fleet");
    app.wait_until("a list on the disk", |_| {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        files
            .map(|file| file.path())
            .any(|path| path.extension().is_some_and(|extension| extension == "list"))
    });
    app.press("\x03");
    assert_eq!(app.wait_exit().0, 0);
    let (code, told, err) = world.output(&["why", &web, "--region", "us-east-1"]);
    assert_eq!(code, 4, "{told}{err}");
    assert!(told.starts_with(&format!("{web} was last seen in eu-west-1")), "{told}{err}");
}

#[test]
fn in_the_app_a_check_of_a_node_that_is_ready_says_why_it_does_not_open_all_the_same() {
    let world = World::new();
    let mut app = world.app(45, 150);
    find(&mut app, "pay-1");
    app.press("\x1bw");
    app.wait_for("the policies look at these tags: document-check (not here), team (here pay)");
    app.press("\x1b");
    app.wait_until("the list alone", |screen| !screen.contains("you may start a session on it"));
    // Trying it says the same, in AWS's own words, and the row remembers it.
    app.press("\r");
    app.wait_until("the refusal", |screen| screen.contains("access denied"));
    app.press("fw");
    app.wait_for("ago: ssm:StartSession on");
}
