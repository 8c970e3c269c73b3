//! The fleet on the screen: what a user sees and does before any session.

use crate::harness::{World, find};
use ssmtui::sim;

#[test]
fn the_fleet_is_listed_and_found_by_a_few_letters() {
    let world = World::new();
    let mut app = world.app(50, 120);
    app.press("bare");
    app.wait_until("only what matches", |screen| screen.contains("bare-1") && !screen.contains("web-1"));
}

#[test]
fn an_instance_that_cannot_be_reached_explains_itself_instead_of_failing() {
    let world = World::new();
    let mut app = world.app(40, 120);
    find(&mut app, "bare-1");
    app.press("\r");
    app.wait_for("The instance you selected is not configured to use Session Manager");
    app.wait_for("instance profile");
    app.wait_for("associate-iam-instance-profile");
}

#[test]
fn a_denied_list_keeps_what_the_other_gave_and_says_so() {
    let world = World::with(|options| options.faults.push("deny=ec2:DescribeInstances".parse().unwrap()));
    let app = world.start(&[], 50, 140);
    app.wait_for("managed nodes only: ec2:DescribeInstances is denied to user `demo`");
    app.wait_for("● ready");
}

#[test]
fn nothing_listed_names_the_denied_action_and_what_to_ask_for() {
    let world = World::with(|options| {
        for action in
            ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:DescribeInstanceProperties"]
        {
            options.faults.push(format!("deny={action}").parse().unwrap());
        }
    });
    let app = world.start(&[], 40, 120);
    app.wait_for("DescribeInstance");
    app.wait_until("a word about rights", |screen| screen.contains("denied") || screen.contains("may not"));
}

#[test]
fn a_narrow_window_keeps_name_and_state() {
    let world = World::new();
    let mut app = world.start(&[], 15, 50);
    find(&mut app, "web-1");
    app.resize(10, 40);
    app.wait_for("web-1");
    app.resize(40, 120);
    app.wait_until("the wide table", |screen| {
        screen.row_with("▌").is_some_and(|row| row.contains("web-1") && row.contains("i-"))
    });
}

#[test]
fn peers_c36_every_page_is_listed_and_the_footer_says_so() {
    let world = World::with(|options: &mut sim::Options| options.nodes = 1_900);
    let app = world.start(&[], 40, 120);
    app.wait_until("a total of over 1,900", |screen| screen.contains("1,9"));
}

#[test]
fn ctrl_c_leaves_and_gives_the_terminal_back() {
    let world = World::new();
    let mut app = world.app(24, 80);
    assert!(app.look(|screen| screen.alternate()));
    app.press("\x03");
    let (code, _) = app.wait_exit();
    assert_eq!(code, 0);
    app.look(|screen| {
        assert!(!screen.alternate(), "the alternate screen was left on");
        assert!(!screen.cursor_hidden(), "the cursor was left hidden");
        assert!(!screen.vt100().bracketed_paste(), "bracketed paste was left on");
    });
}
