//! The sample account's documents, run by the built program: each shows what it is there for.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use crate::harness::{World, aws, type_in_shell};

/// Runs the program with this text as its input.
fn fed(world: &World, arguments: &[&str], input: &str) -> Output {
    let mut child = world
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn commands_tell_their_streams_and_their_code() {
    let world = World::new();
    let check = world.output(&["run", "Shop-Check", "web-1", "service=cart", "code=7"]);
    assert_eq!(check, (7, "cart: port open\n".to_owned(), "cart: 3 slow requests\n".to_owned()));
    let (code, out, error) = world.output(&["run", "Shop-CheckMarked", "web-1"]);
    assert_eq!((code, out.as_str(), error.as_str()), (3, "OUT:fine\n", "ERR:odd\n"));
    let (_, out, _) = world.output(&["run", "Shop-Report", "web-1"]);
    assert!(out.ends_with("done\n") && out.lines().count() == 3, "{out}");
    let shared = "arn:aws:ssm:eu-west-1:210987654321:document/Platform-Uptime";
    let (code, out, error) = world.output(&["run", shared, "web-1"]);
    assert!(code == 0 && out.contains("load average"), "{out}{error}");
}

#[test]
fn encrypted_documents_carry_what_plain_ones_do() {
    let world = World::new();
    let (code, out, error) = world.output(&["run", "Shop-EncryptedCheck", "web-1", "command=expr 6 '*' 7"]);
    assert_eq!((code, out.as_str()), (0, "42\n"), "{error}");
    assert_eq!(error, "", "a script hears what failed, and nothing else");
    let (_, out, error) = world.output(&["run", "Shop-EncryptedCommand", "web-1", "command=echo $((6*7))"]);
    assert!(out.contains("42"), "{out}{error}");
    assert!(error.contains("This session is encrypted using AWS KMS."), "{error}");
}

#[test]
fn each_key_that_does_not_work_is_named_with_the_right_that_is_missing() {
    let world = World::new();
    for (document, words) in [
        ("Shop-VaultShell", &["kms:GenerateDataKey", "5e551011-0000-4000-8000-000000000002"][..]),
        ("Shop-RetiredShell", &["alias/retired", "DisabledException"]),
        ("Shop-LostKeyShell", &["alias/nowhere", "no such key"]),
        (
            "Shop-SealedShell",
            &["kms:Decrypt", "assumed-role/ssm-node/", "5e551011-0000-4000-8000-000000000004"],
        ),
    ] {
        let (code, out, error) = world.output(&["run", document, "web-1"]);
        assert_eq!(code, 1, "{document}: {out}{error}");
        for word in words {
            assert!(error.contains(word), "{document}: {word} is not in: {error}");
        }
    }
    // A denial that no key holds by itself: the node's role, forbidden by the organisation.
    let world = World::with(|options| {
        options.faults = vec!["deny=kms:Decrypt/explicit-service-control".parse().unwrap()];
    });
    let (code, _, error) = world.output(&["run", "Shop-EncryptedCheck", "web-1", "command=true"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("kms:Decrypt") && error.contains("explicit deny in a service control policy"),
        "{error}"
    );
}

#[test]
fn peers_c33_a_missing_run_as_user_is_told_in_the_terminal() {
    let world = World::new();
    for arguments in [&["run", "Shop-DeployShell", "web-1"][..], &["connect", "app-6"]] {
        let (code, _, error) = world.output(arguments);
        assert_eq!(code, 1, "{error}");
        assert!(error.contains("RunAs user deploy does not exist"), "{error}");
    }
    let (_, _, error) = world.output(&["run", "Shop-NobodyShell", "web-1"]);
    assert!(error.contains("please set the RunAs default user"), "{error}");
    // The caller's own tag goes before the document's user.
    let world = World::with(|options| options.run_as = Some("nobody-of-the-tag".to_owned()));
    let (_, _, error) = world.output(&["run", "Shop-DeployShell", "web-1"]);
    assert!(error.contains("RunAs user nobody-of-the-tag does not exist"), "{error}");
}

#[test]
fn a_session_is_refused_where_its_recording_cannot_be_relied_on_and_opens_once_that_is_mended() {
    let world = World::new();
    let opens = |document: &str, name: &str| {
        let output = fed(&world, &["run", document, name], "echo $((6*7)); exit\n");
        let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (words(&output.stdout).contains("42"), words(&output.stderr))
    };
    let bucket = "session-vault-123456789012-eu-west-1";
    let statement = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetEncryptionConfiguration","logs:DescribeLogGroups"],"Resource":"*"}]}"#;
    let lent = "AWSSystemsManagerDefaultEC2InstanceManagementRole";
    let rules = r#"{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms"}}]}"#;
    let key = "arn:aws:kms:eu-west-1:123456789012:key/5e551011-0000-4000-8000-000000000001";
    for (document, name, refusal, mending) in [
        (
            "Shop-VaultedShell",
            "web-1",
            "encryption is not set up on the selected Amazon S3 bucket",
            vec![
                "s3api",
                "put-bucket-encryption",
                "--bucket",
                bucket,
                "--server-side-encryption-configuration",
                rules,
            ],
        ),
        (
            "Shop-PlainLogShell",
            "web-1",
            "encryption is not set up on the selected CloudWatch Logs log group",
            vec!["logs", "associate-kms-key", "--log-group-name", "/sessions/plain", "--kms-key-id", key],
        ),
        (
            "Shop-RecordedShell",
            "dh-1",
            "unable to validate encryption on Amazon S3 bucket. Error: AccessDenied: User: arn:aws:sts::123456789012:assumed-role/AWSSystems",
            vec![
                "iam",
                "put-role-policy",
                "--role-name",
                lent,
                "--policy-name",
                "x",
                "--policy-document",
                statement,
            ],
        ),
    ] {
        let (opened, words) = opens(document, name);
        assert!(!opened && words.contains(refusal), "{document} on {name}: {words}");
        aws(&world, &mending);
        let (opened, words) = opens(document, name);
        assert!(opened, "{document} on {name}, mended: {words}");
    }
    // The one right mended both; and without encryption asked for, nothing is looked at.
    assert!(opens("Shop-PlainLogShell", "dh-1").0);
    assert!(opens("Shop-KeptShell", "web-1").0);
}

#[test]
fn why_says_beforehand_what_keeps_a_recorded_session_away_and_its_command_mends_it() {
    let world = World::with(|options| options.unpaced = true);
    let why = |document: &str, name: &str| world.output(&["why", "--document", document, name]);
    for (document, name, what, says) in [
        ("Shop-RecordedShell", "web-1", None, "web-1 is ready"),
        // The bucket's own policy could still let it.
        (
            "Shop-RecordedShell",
            "dh-1",
            Some(0),
            "may not ask whether bucket session-logs-123456789012-eu-west-1",
        ),
        ("Shop-PlainLogShell", "dh-1", Some(4), "may not ask whether log group /sessions/plain is encrypted"),
        (
            "Shop-RecordedShell",
            "vault-4",
            Some(4),
            "no way to s3: nothing appears for minutes, then it is refused",
        ),
        ("Shop-KeptShell", "vault-4", Some(0), "no way to s3: nothing appears for minutes\n"),
        ("Shop-LoggedCommand", "vault-4", Some(4), "no way to logs"),
    ] {
        let (code, out, error) = why(document, name);
        assert_eq!(code, what.unwrap_or(0), "{document} on {name}: {out}{error}");
        assert!(out.contains(says), "{document} on {name}: {out}{error}");
        let commands: Vec<&str> = out.lines().filter(|line| line.starts_with("aws ")).collect();
        assert_eq!(commands.len(), usize::from(what.is_some()), "{out}");
        if name == "vault-4" && document != "Shop-KeptShell" {
            continue;
        }
        for command in commands {
            type_in_shell(&world, command);
            let (code, out, error) = why(document, name);
            assert!(code == 0 && !out.contains(says), "{document} on {name}, mended: {out}{error}");
        }
    }
    // What was mended for one document is mended for the other.
    let output = fed(&world, &["run", "Shop-RecordedShell", "vault-4"], "echo $((6*7)); exit\n");
    assert!(String::from_utf8_lossy(&output.stdout).contains("42"), "{output:?}");
}

#[test]
fn a_profile_is_typed_and_an_interactive_document_asks() {
    let world = World::new();
    let output = fed(&world, &["run", "Shop-ProfileShell", "web-1"], "echo shop is $SHOP; exit\n");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("shop is open"), "{out}");
    let announced = ["run", "Shop-Announce", "web-1", "service=cart", "level=alarm", "audience=web,api"];
    let output = fed(&world, &announced, "yes\n");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("alarm: cart for 15 minutes (-)") && out.contains("you said yes"), "{out}");
}
