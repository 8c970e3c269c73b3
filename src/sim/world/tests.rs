//! The sample fleet against diagnosis.md's table of it, and the clock.

use super::*;

fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn world(synthetic: usize) -> World {
    World::new(synthetic, 7, Duration::from_secs(300), start())
}

fn named<'a>(world: &'a World, name: &str) -> &'a Node {
    world.nodes().iter().find(|node| node.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// What the three sources say: EC2's state, the ping status, whether it is connected.
fn seen(world: &World, name: &str, now: Timestamp) -> (&'static str, &'static str, bool) {
    let node = named(world, name);
    (
        node.machine().map_or("-", |(_, state)| state),
        world.registration(node, now).map_or("-", |registration| registration.ping.as_str()),
        world.connected(node, now),
    )
}

#[test]
fn every_cause_of_the_sample_fleet_follows_from_its_facts() {
    let world = world(0);
    for (name, state, ping, connected) in [
        ("web-1", "running", "Online", true),
        ("web-8", "running", "Online", true),
        ("win-1", "running", "Online", true),
        ("mac-1", "running", "Online", true),
        ("idle-1", "stopped", "ConnectionLost", false),
        ("idle-2", "stopping", "Online", false),
        ("boot-1", "pending", "-", false),
        ("api-7", "running", "-", false),
        ("bare-1", "running", "-", false),
        ("batch-2", "running", "-", false),
        ("dh-1", "running", "Online", true),
        ("etl-1", "running", "Online", false),
        ("shadow-1", "running", "Online", false),
        ("vault-1", "running", "-", false),
        ("vault-2", "running", "Online", false),
        ("vault-3", "running", "-", false),
        ("vault-4", "running", "Online", true),
        ("tgw-1", "running", "-", false),
        ("edge-1", "running", "-", false),
        ("noagent-1", "running", "-", false),
        ("lost-1", "running", "ConnectionLost", false),
        ("sick-1", "running", "ConnectionLost", false),
        ("legacy-1", "running", "Online", false),
        ("app-5", "running", "Online", true),
        ("dc-1", "running", "Online", true),
        ("factory-gw", "-", "Online", true),
        ("lab-db", "-", "ConnectionLost", false),
        ("moved-1", "running", "Online", true),
        ("spot-4", "shutting-down", "Online", false),
        ("spot-3", "terminated", "-", false),
        ("spot-2", "-", "ConnectionLost", false),
        ("imds-0", "running", "-", false),
    ] {
        assert_eq!(seen(&world, name, start()), (state, ping, connected), "{name}");
    }
}

#[test]
fn a_young_node_registers_by_itself() {
    let world = world(0);
    assert_eq!(seen(&world, "api-7", start() + SignedDuration::from_secs(119)), ("running", "-", false));
    assert_eq!(seen(&world, "api-7", start() + SignedDuration::from_secs(121)), ("running", "Online", true));
}

#[test]
fn the_heartbeat_moves_for_the_living_alone() {
    let world = world(0);
    let ping = |name, seconds| {
        world
            .registration(named(&world, name), start() + SignedDuration::from_secs(seconds))
            .unwrap()
            .last_ping
    };
    assert_eq!(ping("web-1", 600).duration_since(ping("web-1", 0)), SignedDuration::from_secs(600));
    assert_eq!(ping("lost-1", 600), ping("lost-1", 0));
    let silent = start().duration_since(ping("web-1", 0));
    assert!(silent >= SignedDuration::ZERO && silent < SignedDuration::from_secs(300), "{silent:?}");
}

#[test]
fn a_dying_node_stays_online_for_two_heartbeats() {
    let world = world(0);
    assert_eq!(seen(&world, "spot-4", start() + SignedDuration::from_secs(60)).1, "Online");
    assert_eq!(seen(&world, "spot-4", start() + SignedDuration::from_secs(700)).1, "ConnectionLost");
}

#[test]
fn ids_are_well_formed_and_all_different() {
    let world = world(5000);
    let mut ids: Vec<&str> = world.nodes().iter().map(|node| node.id.as_ref()).collect();
    for id in &ids {
        let hex = id.strip_prefix("mi-").or(id.strip_prefix("i-")).unwrap();
        assert!(
            hex.len() == 17 && hex.bytes().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()),
            "{id}"
        );
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), world.nodes().len());
    assert_eq!(world.find("mi-ec20a1b2c3d4e5f60").unwrap().name, "moved-1");
}

#[test]
fn the_same_seed_makes_the_same_nodes() {
    let ids = |seed| -> Vec<String> {
        let world = World::new(50, seed, Duration::from_secs(300), start());
        world.nodes().iter().map(|node| format!("{} {} {:?}", node.id, node.name, node.tags)).collect()
    };
    assert_eq!(ids(3), ids(3));
    assert_ne!(ids(3), ids(4));
    // Also the ones before: a larger fleet keeps the smaller one's nodes.
    let larger = World::new(60, 3, Duration::from_secs(300), start());
    assert_eq!(larger.nodes()[70].id, World::new(50, 3, Duration::from_secs(300), start()).nodes()[70].id);
}

#[test]
fn a_large_fleet_is_mixed() {
    let world = world(2000);
    let count = |wanted: &dyn Fn(&Node) -> bool| world.nodes().iter().filter(|node| wanted(node)).count();
    assert!(count(&|node| world.connected(node, start())) > 1400);
    assert!(count(&|node| world.registration(node, start()).is_none()) > 50);
    assert!(count(&|node| node.machine() == Some((80, "stopped"))) > 100);
}

#[test]
fn versions_are_compared_as_numbers() {
    assert_eq!(compare_versions("3.0.1124.0", "3.0.284.0"), Ordering::Greater);
    assert_eq!(compare_versions("2.3.68.0", "2.3.68"), Ordering::Equal);
    assert_eq!(compare_versions("2.2.546.0", SESSION_FLOOR), Ordering::Less);
}
