//! The sample fleet against diagnosis.md's table of it, and the clock.

use super::*;

fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn world(synthetic: usize) -> World {
    World::all(&Options { nodes: synthetic, seed: 7, ..Options::default() }, start()).remove(0)
}

fn named<'a>(world: &'a World, name: &str) -> &'a Node {
    world.nodes().iter().find(|node| node.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// What the three sources say: EC2's state, the ping status, whether it is connected.
fn seen(world: &World, name: &str, now: Timestamp) -> (&'static str, &'static str, bool) {
    let node = named(world, name);
    (
        node.machine(now).map_or("-", |(_, state)| state),
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
        ("starved-1", "running", "ConnectionLost", false),
        ("hollow-1", "running", "-", false),
        ("remade-1", "running", "-", false),
        ("misfit-1", "running", "-", false),
        ("mute-1", "running", "-", false),
        ("asleep-1", "running", "-", false),
        ("regulated-1", "running", "Online", false),
        ("bounded-1", "running", "Online", false),
        ("half-1", "running", "Online", true),
        ("dns-1", "running", "-", false),
        ("dns-2", "running", "-", false),
        ("shut-1", "running", "-", false),
        ("walled-1", "running", "-", false),
        ("edge-2", "running", "-", false),
        ("nat-1", "running", "-", false),
        ("nat-2", "running", "-", false),
        ("pending-1", "running", "-", false),
        ("policed-1", "running", "Online", false),
        ("shared-1", "running", "-", false),
        ("updated-1", "running", "ConnectionLost", false),
        ("depot-1", "-", "Online", false),
        ("clone-1", "-", "Online", true),
        ("attic-1", "-", "-", false),
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
    let world = |nodes, seed| World::all(&Options { nodes, seed, ..Options::default() }, start()).remove(0);
    let ids = |seed| -> Vec<String> {
        let world = world(50, seed);
        world.nodes().iter().map(|node| format!("{} {} {:?}", node.id, node.name, node.tags)).collect()
    };
    assert_eq!(ids(3), ids(3));
    assert_ne!(ids(3), ids(4));
    // Also the ones before: a larger fleet keeps the smaller one's nodes.
    assert_eq!(world(60, 3).nodes()[100].id, world(50, 3).nodes()[100].id);
}

#[test]
fn a_large_fleet_is_mixed() {
    let world = world(2000);
    let count = |wanted: &dyn Fn(&Node) -> bool| world.nodes().iter().filter(|node| wanted(node)).count();
    assert!(count(&|node| world.connected(node, start())) > 1400);
    assert!(count(&|node| world.registration(node, start()).is_none()) > 50);
    assert!(count(&|node| node.machine(start()) == Some((80, "stopped"))) > 100);
}

#[test]
fn versions_are_compared_as_numbers() {
    assert_eq!(compare_versions("3.0.1124.0", "3.0.284.0"), Ordering::Greater);
    assert_eq!(compare_versions("2.3.68.0", "2.3.68"), Ordering::Equal);
    assert_eq!(compare_versions("2.2.546.0", SESSION_FLOOR), Ordering::Less);
}

#[test]
fn what_the_files_name_is_there() {
    let world = world(0);
    let network = &world.network;
    for subnet in &network.subnets {
        let vpc = network.vpc(&subnet.vpc).unwrap_or_else(|| panic!("{subnet:?}"));
        assert!(vpc.cidrs.iter().any(|cidr| cidr.contains(subnet.cidr.first())), "{subnet:?}");
        assert!(network.routes_of(subnet).is_some() && network.acl_of(subnet).is_some(), "{subnet:?}");
    }
    for endpoint in &network.endpoints {
        for id in &endpoint.subnets {
            assert_eq!(network.subnet(id).unwrap().vpc, endpoint.vpc, "{endpoint:?}");
        }
        for id in &endpoint.groups {
            assert_eq!(network.group(id).unwrap().vpc, endpoint.vpc, "{endpoint:?}");
        }
    }
    for role in world.identity.profiles.values().flat_map(|profile| &profile.roles) {
        assert!(world.identity.role(role).is_some(), "{role}");
    }
    for node in world.nodes() {
        for id in &node.site.groups {
            assert_eq!(network.group(id).unwrap().vpc, node.site.vpc, "{}", node.name);
        }
        if let Some(profile) = &node.profile {
            assert!(world.identity.profiles.contains_key(&profile.profile), "{}", node.name);
        }
        if let Some(hybrid) = &node.hybrid {
            assert!(world.identity.role(&hybrid.role).is_some(), "{}", node.name);
            assert!(world.activations.iter().any(|one| one.id == hybrid.activation), "{}", node.name);
        }
    }
    // Ids are of EC2's form: 17 digits.
    let ids = network.vpcs.iter().map(|one| &one.id).chain(network.subnets.iter().map(|one| &one.id));
    let ids = ids.chain(network.route_tables.iter().map(|one| &one.id));
    let ids = ids.chain(network.endpoints.iter().map(|one| &one.id));
    let ids =
        ids.chain(network.groups.iter().map(|one| &one.id)).chain(network.acls.iter().map(|one| &one.id));
    for id in ids {
        let digits = id.split_once('-').unwrap().1;
        assert!(digits.len() == 17 && digits.bytes().all(|c| c.is_ascii_hexdigit()), "{id}");
    }
}

/// What keeps each node away: its way to `ssm` and `ssmmessages`, its role, and whether that may sign in, open its control
/// channel and a session's.
#[test]
fn each_node_is_kept_away_by_what_its_cause_says() {
    let world = world(0);
    let ways = |name| {
        let node = named(&world, name);
        (world.way(node, "ssm").is_some(), world.way(node, "ssmmessages").is_some())
    };
    for (name, to_ssm, to_messages) in [
        ("web-1", true, true),
        ("api-1", true, true),
        ("vault-1", false, false),
        ("vault-2", true, false),
        ("vault-3", false, false),
        ("vault-4", true, true),
        ("tgw-1", false, false),
        ("edge-2", false, false),
        ("dns-1", false, false),
        ("dns-2", false, false),
        ("shut-1", false, false),
        ("walled-1", false, false),
        ("nat-1", false, false),
        ("nat-2", false, false),
        ("pending-1", false, false),
        ("policed-1", true, true),
        ("shared-1", false, false),
        ("mute-1", true, true),
        ("factory-gw", true, true),
    ] {
        assert_eq!(ways(name), (to_ssm, to_messages), "{name}");
    }
    let able = |name| {
        let able = &named(&world, name).able;
        (able.registers, able.channel, able.data, able.role.as_deref().unwrap_or("-"))
    };
    let lent = "AWSSystemsManagerDefaultEC2InstanceManagementRole";
    for (name, registers, channel, data, role) in [
        ("web-1", true, true, true, "ssm-node"),
        ("dh-1", true, true, true, lent),
        ("bare-1", false, false, false, "-"),
        ("etl-1", true, false, false, "etl-node"),
        ("shadow-1", true, false, false, "shadow-node"),
        ("mute-1", false, false, false, "-"),
        ("hollow-1", false, false, false, "-"),
        ("remade-1", false, false, false, "-"),
        ("misfit-1", false, false, false, "-"),
        ("regulated-1", true, false, false, "regulated-node"),
        ("bounded-1", true, false, false, "bounded-node"),
        ("half-1", true, true, false, "half-channel-node"),
        ("policed-1", true, false, true, "ssm-node"),
        ("imds-0", false, false, false, "-"),
        ("depot-1", true, false, false, "hybrid-basic"),
        ("moved-1", true, true, true, "hybrid-node"),
    ] {
        assert_eq!(able(name), (registers, channel, data, role), "{name}");
    }
    // An endpoint that the whole of a service goes through, and one that is not asked.
    assert!(world.way(named(&world, "vault-4"), "s3").is_none());
    assert!(world.way(named(&world, "web-1"), "s3").is_some());
}

/// Whether a node's agent may ask where its sessions are recorded; nothing where it does not come through.
#[test]
fn where_sessions_are_recorded_is_asked_by_way_and_role() {
    let world = world(0);
    let bucket = format!("arn:aws:s3:::{}", world.buckets[0].name);
    let asks = |name| {
        let node = named(&world, name);
        let may = |service, call| world.calls(node, service, call).map(|verdict| verdict.allowed());
        (
            may("s3", ("s3:GetEncryptionConfiguration", bucket.as_str())),
            may("logs", ("logs:DescribeLogGroups", "*")),
        )
    };
    for (name, s3, logs) in [
        ("web-1", Some(true), Some(true)),
        ("dh-1", Some(false), Some(false)),
        ("moved-1", Some(false), Some(false)),
        ("vault-4", None, None),
        ("half-1", Some(false), Some(false)),
    ] {
        assert_eq!(asks(name), (s3, logs), "{name}");
    }
    assert_eq!(bucket, "arn:aws:s3:::session-logs-123456789012-eu-west-1", "each place has its own");
    // One place alone records all of its sessions.
    let all = World::all(&Options::default(), start());
    let recorded: Vec<_> = all.iter().filter(|world| !world.preferences.is_empty()).collect();
    assert_eq!(recorded.len(), 1);
    let named = recorded[0].preferences["s3BucketName"].as_str().unwrap();
    assert!(recorded[0].buckets.iter().any(|bucket| bucket.name == named), "{named}");
}

#[test]
fn a_change_leaves_what_was_heard_and_is_noticed_at_the_next_try() {
    let world = World::all(&Options { retry_scale: 1, ..Options::default() }, start()).remove(0);
    let index = named(&world, "web-1").index;
    let since = world.registration(named(&world, "web-1"), start()).unwrap().since;
    let set = |world: &World, metadata, now| {
        let change = |world: &mut World| {
            world.set_metadata(index, metadata);
            Ok::<_, ()>(())
        };
        world.changed(now, change).unwrap().0
    };
    let at = |minutes| start() + SignedDuration::from_mins(minutes);
    // Its channel is gone at once, its heartbeats are missed later.
    let blind = set(&world, Metadata::Disabled, at(0));
    assert_eq!(seen(&blind, "web-1", at(0)), ("running", "Online", false));
    assert_eq!(seen(&blind, "web-1", at(11)), ("running", "ConnectionLost", false));
    assert_eq!(blind.registration(named(&blind, "web-1"), at(11)).unwrap().since, since);
    // An agent that found no credentials at all looks again within the hour.
    let mended = set(&blind, Metadata::Enabled, at(20));
    assert_eq!(seen(&mended, "web-1", at(20)), ("running", "ConnectionLost", false));
    assert_eq!(seen(&mended, "web-1", at(81)), ("running", "Online", true));
    assert_eq!(
        mended.registration(named(&mended, "web-1"), at(81)).unwrap().since,
        since,
        "the same registration"
    );
    // The others have noticed nothing, and the world before is as it was.
    assert_eq!(seen(&mended, "web-2", at(20)), ("running", "Online", true));
    assert_eq!(seen(&world, "web-1", at(20)), ("running", "Online", true));
}

#[test]
fn a_reboot_is_the_short_cut() {
    let world = World::all(&Options { retry_scale: 1, ..Options::default() }, start()).remove(0);
    let index = named(&world, "lost-1").index;
    let (world, done) = world.changed(start(), |world| Ok::<_, ()>(world.reboot(index, start()))).unwrap();
    assert_eq!(done, Ok(()));
    assert_eq!(seen(&world, "lost-1", start()), ("running", "ConnectionLost", false));
    assert_eq!(seen(&world, "lost-1", start() + SignedDuration::from_secs(46)), ("running", "Online", true));
    let idle = named(&world, "idle-1").index;
    let refused = world.clone().reboot(idle, start());
    assert_eq!(refused, Err(change::StateError::Now("stopped")));
}
