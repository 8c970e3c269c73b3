//! The way out, fact by fact: what opens it, what closes it, and what leaves the question open.

use super::super::network::{Block, Way, Ways};
use super::super::*;
use super::sample::*;
use super::table::{Rights, context};
use crate::fleet::evidence::*;
use crate::fleet::{Evidence, Piece};

fn ways_of(scenario: &Scenario, pieces: impl IntoIterator<Item = Piece>) -> Ways {
    let mut evidence = Evidence::default();
    for call in [
        Call::Subnet,
        Call::VpcAttributes,
        Call::RouteTables,
        Call::Endpoints,
        Call::SecurityGroups,
        Call::NetworkAcls,
        Call::NatGateways,
    ] {
        evidence.take(scenario.answer(call));
    }
    pieces.into_iter().for_each(|piece| evidence.take(piece));
    Ways::judge(&scenario.instance(true, true), &evidence.network, &context(Rights::Full))
}

fn way(pieces: impl IntoIterator<Item = Piece>) -> Way {
    ways_of(&Scenario::well("x", Cause::Ready), pieces).ssm
}

fn by_endpoint(change: impl FnOnce(&mut Endpoint)) -> Vec<Piece> {
    let mut one = endpoint("ssm");
    change(&mut one);
    vec![Piece::Endpoints(known(vec![one])), Piece::RouteTables(known(tables(None)))]
}

fn with_groups(pieces: Vec<Piece>, groups: Vec<SecurityGroup>) -> Vec<Piece> {
    pieces.into_iter().chain([Piece::SecurityGroups(known(groups))]).collect()
}

fn default_to(target: RouteTarget) -> Piece {
    Piece::RouteTables(known(tables(Some((target, RouteState::Active)))))
}

#[test]
fn ways_that_are_open() {
    assert_eq!(way([]), Way::Open("nat-0a1".into()));
    assert_eq!(way(by_endpoint(|_| {})), Way::Open("endpoint vpce-ssm".into()));
    let address =
        Scenario::well("x", Cause::Ready).machine(|machine| machine.public_ip = Some("3.1.2.3".into()));
    let gateway = default_to(RouteTarget::InternetGateway("igw-1".into()));
    assert_eq!(ways_of(&address, [gateway]).ssm, Way::Open("igw-1".into()));
    // An endpoint of no use doesn't matter where the public address can be reached.
    let useless = Piece::Endpoints(known(vec![Endpoint { private_dns: false, ..endpoint("ssm") }]));
    assert_eq!(way([useless]), Way::Open("nat-0a1".into()));
    // By address as well as by group.
    let by_range = vec![
        group("sg-12", Vec::new(), vec![everywhere()]),
        group("sg-9e", vec![rule(Peer::Cidr("10.0.0.0/16".into()))], Vec::new()),
    ];
    assert_eq!(way(with_groups(by_endpoint(|_| {}), by_range)), Way::Open("endpoint vpce-ssm".into()));
    let to_group = vec![
        group("sg-12", Vec::new(), vec![rule(Peer::Group("sg-9e".into()))]),
        group("sg-9e", vec![everywhere()], Vec::new()),
    ];
    assert_eq!(way(with_groups(by_endpoint(|_| {}), to_group)), Way::Open("endpoint vpce-ssm".into()));
}

#[test]
fn china_names_its_services_otherwise() {
    let mut evidence = Evidence::default();
    let scenario = Scenario::well("x", Cause::Ready);
    for piece in
        with_groups(by_endpoint(|one| one.service = "cn.com.amazonaws.cn-north-1.ssm".into()), open_groups())
    {
        evidence.take(piece);
    }
    for call in [Call::Subnet, Call::VpcAttributes, Call::NetworkAcls] {
        evidence.take(scenario.answer(call));
    }
    let context = Context { region: Some("cn-north-1".into()), ..context(Rights::Full) };
    let ways = Ways::judge(&scenario.instance(true, true), &evidence.network, &context);
    assert_eq!(ways.ssm, Way::Open("endpoint vpce-ssm".into()));
}

#[test]
fn ways_that_are_closed() {
    let is = |way: Way, expected: fn(&Block) -> bool| match &way {
        Way::Blocked(block) => assert!(expected(block), "{block:?}"),
        other => panic!("{other:?}"),
    };
    is(way([Piece::RouteTables(known(tables(None)))]), |block| matches!(block, Block::NoRoute { .. }));
    is(way(by_endpoint(|one| one.private_dns = false)), |block| matches!(block, Block::Names { .. }));
    is(way(by_endpoint(|one| one.state = EndpointState::Broken("failed".into()))), |block| {
        matches!(block, Block::Dead { .. })
    });
    is(way(by_endpoint(|one| one.policy = Some(r#"{"Statement":[]}"#.into()))), |block| {
        matches!(block, Block::Policy { .. })
    });
    let closed = vec![group("sg-12", Vec::new(), Vec::new()), open_groups().remove(1)];
    is(way(with_groups(Vec::new(), closed.clone())), |block| matches!(block, Block::Egress { .. }));
    is(way(with_groups(by_endpoint(|_| {}), closed)), |block| matches!(block, Block::Egress { .. }));
    // The group of another region's service doesn't count, nor does a gateway endpoint.
    is(way(by_endpoint(|one| one.service = "com.amazonaws.us-east-1.ssm".into())), |block| {
        matches!(block, Block::NoRoute { .. })
    });
    is(way(by_endpoint(|one| one.kind = EndpointKind::Gateway)), |block| {
        matches!(block, Block::NoRoute { .. })
    });
    for (entries, outbound) in [
        (vec![entry(100, false, true)], true),
        (vec![entry(90, true, false), entry(100, true, true), entry(100, false, true)], true),
        (vec![entry(100, true, true)], false),
    ] {
        match way([Piece::NetworkAcls(known(acl(entries)))]) {
            Way::Blocked(Block::Acl { closed, .. }) => assert_eq!(closed[0].outbound, outbound),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_lowest_number_of_an_acl_decides_and_other_ports_do_not() {
    let ssh = AclEntry { ports: Some((22, 22)), protocol: Protocol::Tcp, ..entry(50, true, false) };
    let entries = vec![ssh, entry(100, true, true), entry(200, true, false), entry(100, false, true)];
    assert_eq!(way([Piece::NetworkAcls(known(acl(entries)))]), Way::Open("nat-0a1".into()));
}

#[test]
fn what_cannot_be_judged_is_neither_open_nor_closed() {
    let out_of_sight = |pieces: Vec<Piece>| matches!(way(pieces), Way::OutOfSight(_));
    assert!(out_of_sight(vec![default_to(RouteTarget::TransitGateway("tgw-1".into()))]));
    assert!(out_of_sight(vec![default_to(RouteTarget::NetworkInterface("eni-1".into()))]));
    // Endpoints that stand in another network, behind a route to private ranges.
    let mut hub = tables(None);
    hub[1].routes.push(Route {
        destination: "10.0.0.0/8".into(),
        target: RouteTarget::TransitGateway("tgw-1".into()),
        state: RouteState::Active,
    });
    assert!(out_of_sight(vec![Piece::RouteTables(known(hub))]));
    // A VPC that another account shares.
    let shared = Subnet { owner: "999999999999".into(), ..Subnet::default() };
    assert!(out_of_sight(vec![Piece::Subnet(known(Some(shared)))]));
    assert!(out_of_sight(vec![Piece::Subnet(known(None))]));
    let private = NatGateway { id: "nat-0a1".into(), state: "available".into(), ..NatGateway::default() };
    assert!(out_of_sight(vec![Piece::NatGateways(known(vec![private]))]));

    let doubtful = |pieces: Vec<Piece>| matches!(way(pieces), Way::Doubtful(_));
    let narrow = |peer| vec![group("sg-12", Vec::new(), vec![rule(peer)]), open_groups().remove(1)];
    assert!(doubtful(with_groups(Vec::new(), narrow(Peer::PrefixList("pl-1".into())))));
    assert!(doubtful(with_groups(by_endpoint(|_| {}), narrow(Peer::Cidr("10.0.9.0/24".into())))));
    let listed = vec![
        group("sg-12", Vec::new(), vec![everywhere()]),
        group("sg-9e", vec![rule(Peer::PrefixList("pl-1".into()))], Vec::new()),
    ];
    assert!(doubtful(with_groups(by_endpoint(|_| {}), listed)));
}

#[test]
fn each_call_that_is_missing_leaves_its_step_not_checked() {
    for (call, pieces) in [
        (Call::Endpoints, Vec::new()),
        (Call::RouteTables, Vec::new()),
        (Call::SecurityGroups, Vec::new()),
        (Call::NetworkAcls, Vec::new()),
        (Call::NatGateways, Vec::new()),
        (Call::VpcAttributes, by_endpoint(|_| {})),
        (Call::SecurityGroups, by_endpoint(|_| {})),
        (Call::NetworkAcls, by_endpoint(|_| {})),
    ] {
        for lack in [Piece::denied(call), Piece::failed(call, "no answer")] {
            let pieces = pieces.iter().cloned().chain([lack]);
            assert_eq!(way(pieces), Way::NotChecked(Some(call)), "{call:?}");
        }
    }
    let nowhere = Scenario::well("x", Cause::Ready).machine(|machine| machine.subnet = None);
    assert_eq!(ways_of(&nowhere, []).ssm, Way::NotChecked(None));
    // Groups of the endpoint that weren't listed may have let it through.
    let own = vec![group("sg-12", Vec::new(), vec![everywhere()])];
    assert_eq!(way(with_groups(by_endpoint(|_| {}), own)), Way::NotChecked(Some(Call::SecurityGroups)));
}
