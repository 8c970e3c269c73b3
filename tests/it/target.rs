//! Targets of every kind: hybrid nodes, ids that no list has, and those that AWS refuses without a reason.

use crate::harness::{World, find, open, unwrapped};

/// What AWS says alone is never all that is said.
#[track_caller]
fn assert_not_bare(text: &str) {
    let text = unwrapped(text);
    assert!(text.contains(&unwrapped("its agent is not connected")) || text.contains("lost"), "{text}");
    assert!(text.contains(&unwrapped("last heartbeat")) || text.contains("heartbeat"), "{text}");
    assert!(text.contains(&unwrapped("aws ec2 reboot-instances")), "no way out is shown: {text}");
}

#[test]
fn peers_c39_target_not_connected_comes_with_its_reason_on_the_command_line() {
    let world = World::new();
    let (_, listed, _) = world.output(&["ls", "lost-1", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let id = document["instances"][0]["id"].as_str().unwrap();
    for target in ["lost-1", id] {
        let (code, out, said) = world.output(&["connect", target]);
        assert_eq!((code, &*out), (1, ""));
        assert_not_bare(&said);
    }
}

#[test]
fn peers_c39_target_not_connected_comes_with_its_reason_on_the_screen() {
    let world = World::new();
    let mut app = world.app(45, 130);
    find(&mut app, "lost-1");
    app.press("\r");
    // Whether it is explained before the call or after it.
    app.wait_for("reboot-instances");
    assert_not_bare(&app.look(|screen| screen.text()));
}

#[test]
fn peers_c39_an_id_in_no_list_says_so_before_and_after_the_try() {
    let world = World::new();
    let mut app = world.app(40, 120);
    app.press("i-0123456789abcdef0");
    app.wait_for("i-0123456789abcdef0 is in no list");
    app.press("\r");
    app.wait_for("closes the tab");
    let text = app.look(|screen| screen.text());
    assert!(text.contains("why ") && text.contains("next "), "{text}");
}

#[test]
fn peers_c35_a_hybrid_node_is_found_by_its_id_and_opened() {
    let world = World::with(|options| options.advanced_tier = true);
    let mut app = world.app(30, 100);
    open(&mut app, "factory-gw");
    app.press("echo hybrid-$((1+1))\r");
    app.wait_for("hybrid-2");
    assert!(world.region().gateway().statuses()[0].target.starts_with("mi-"));
    let (code, listed, _) = world.output(&["ls", "mi-0f3a81c2d4e5b6a70"]);
    assert!(code == 0 && listed.contains("factory-gw"), "{listed}");
    let (code, _, said) = world.output(&["connect", "mi-0f3a81c2d4e5b6a70"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn peers_c35_a_hybrid_node_that_needs_the_advanced_tier_says_so() {
    let world = World::new();
    let mut app = world.app(40, 120);
    find(&mut app, "factory-gw");
    app.press("\r");
    app.wait_for("advanced");
    app.wait_for("activation-tier");
}
