//! What mends an instance, as its user does it: look why, copy the command, run it with the AWS CLI, and hear the bell.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::harness::{Program, World, find, type_in_shell, unwrapped};

/// What the terminal was told to put on the clipboard after so many bytes.
fn copied(app: &Program, since: usize) -> String {
    let sequence = |raw: &[u8]| {
        let text = String::from_utf8_lossy(&raw[since..]).into_owned();
        let (_, rest) = text.split_once("\x1b]52;c;")?;
        rest.split_once('\x07').map(|(base64, _)| STANDARD.decode(base64).unwrap())
    };
    app.wait_until("something copied", |screen| sequence(screen.raw()).is_some());
    String::from_utf8(app.look(|screen| sequence(screen.raw())).unwrap()).unwrap()
}

#[test]
fn the_command_that_is_shown_mends_the_instance_and_the_bell_rings() {
    // Real agents try again every half hour.
    let world = World::with(|options| options.retry_scale = 1_000);
    let mut app = world.start(&[], 50, 160);
    app.wait_for(" of ");
    // In the large view; beside the list the key is another.
    let copies = "  y copies this line";
    for (name, command) in [
        ("bare-1", "aws ec2 associate-iam-instance-profile"),
        ("hollow-1", "aws iam add-role-to-instance-profile"),
        ("vault-1", "aws ec2 create-vpc-endpoint"),
        ("walled-1", "aws ec2 create-network-acl-entry"),
        ("edge-2", "aws ec2 associate-address"),
        ("imds-0", "aws ec2 modify-instance-metadata-options"),
        ("misfit-1", "aws iam update-assume-role-policy"),
        ("mute-1", "aws iam attach-role-policy"),
        ("etl-1", "aws iam attach-role-policy"),
        ("vault-3", "aws ec2 authorize-security-group-ingress"),
        ("dns-2", "aws ec2 modify-vpc-attribute"),
        ("shut-1", "aws ec2 authorize-security-group-egress"),
        ("idle-1", "aws ec2 start-instances"),
    ] {
        find(&mut app, name);
        app.press("\x1bw");
        app.wait_until("the command", |screen| {
            let text = unwrapped(&screen.text());
            // Which role, is known only when the check has asked for those that would do.
            let is_filled = name != "hollow-1" || screen.contains("add role ssm-node, which has");
            text.contains(&unwrapped(command)) && screen.contains(copies) && is_filled
        });
        let since = app.look(|screen| screen.raw().len());
        app.press("y");
        let line = copied(&app, since);
        assert!(line.starts_with(command), "{name}: {line}");
        app.press("\x1b");
        app.wait_gone(copies);
        app.press("\x1be");
        app.wait_for(&format!("{name} is watched"));
        let since = app.look(|screen| screen.raw().len());
        type_in_shell(&world, &line);
        app.wait_until("the instance, ready, and the bell", |screen| {
            screen.contains(&format!("● {name} is ready, after"))
                && screen.row_with("▌").is_some_and(|row| row.contains(name) && row.contains("● ready"))
                && screen.raw()[since..].contains(&0x07)
        });
        app.press("\x15");
        app.wait_gone(&format!("> {name}"));
    }
}
