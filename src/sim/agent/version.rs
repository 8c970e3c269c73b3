//! How the official agent compares versions (`versionutil.Compare`, strict): part by part as numbers, else as text; of two that are equal so far
//! the shorter is the lesser. Two valid semantic versions, which have three parts, follow the rules of those.

use std::cmp::Ordering;

/// Clients from this version on get many connections in one port session.
const MULTIPLEXES: &str = "1.1.70";
/// Clients above this version need no keep-alive in them.
const NEEDS_KEEP_ALIVE: &str = "1.2.331.0";
/// Clients up to this version cannot tell errors from output.
const WITHOUT_SEPARATION: &str = "1.2.295";
/// Agents above this version know how to multiplex.
const AGENT_MULTIPLEXES: &str = "3.0.196.0";
/// Agents from this version on look for a bucket's region with a signed request first (agent RELEASENOTES).
const SIGNS_BUCKET_LOOKUP: &str = "3.2.1241.0";
/// Agents up to this version always send keep-alives.
const AGENT_KEEPS_ALIVE: &str = "3.1.1511.0";
/// Agents above this version know the flag that ends a port session.
const AGENT_KNOWS_TERMINATE: &str = "2.3.722.0";

/// Whether a port session with local forwarding is multiplexed.
pub(super) fn multiplexes(agent: &str, client: &str) -> bool {
    compare(client, MULTIPLEXES).is_ge() && compare(agent, AGENT_MULTIPLEXES).is_gt()
}

/// Whether the agent sends keep-alives in it, and ends it when none come.
pub(super) fn keeps_alive(agent: &str, client: &str) -> bool {
    compare(agent, AGENT_KEEPS_ALIVE).is_le() || compare(client, NEEDS_KEEP_ALIVE).is_le()
}

/// Whether the agent knows the flag that ends a port session.
pub(super) fn knows_terminate(agent: &str) -> bool {
    compare(agent, AGENT_KNOWS_TERMINATE).is_gt()
}

/// Whether the agent looks for a bucket's region with a signed request before it does so without.
pub(super) fn signs_bucket_lookup(agent: &str) -> bool {
    compare(agent, SIGNS_BUCKET_LOOKUP).is_ge()
}

/// Whether the user is to be told that the client is too old to tell errors from output.
pub(super) fn lacks_separation(client: &str) -> bool {
    compare(client, WITHOUT_SEPARATION).is_le()
}

fn compare(this: &str, other: &str) -> Ordering {
    if let (Some(this), Some(other)) = (semantic(this), semantic(other)) {
        return this.cmp(&other);
    }
    let (mut these, mut others) = (this.split('.'), other.split('.'));
    loop {
        let order = match (these.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(this), Some(other)) => match (this.parse::<i64>(), other.parse::<i64>()) {
                (Ok(this), Ok(other)) => this.cmp(&other),
                _ => this.cmp(other),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The three numbers of a semantic version, and whether it is more than a pre-release; the names of pre-releases are not compared.
fn semantic(version: &str) -> Option<([u64; 3], bool)> {
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    let (numbers, released) =
        version.split_once('-').map_or((version, true), |(numbers, _)| (numbers, false));
    let parts: Vec<u64> = numbers.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    Some((parts.try_into().ok()?, released))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_the_official_agent_compares_them() {
        for (this, other, order) in [
            ("1.2.804.0", "1.1.70", Ordering::Greater),
            ("1.1.70", "1.1.70", Ordering::Equal),
            ("1.1.70.0", "1.1.70", Ordering::Greater),
            ("1.1.69.9", "1.1.70", Ordering::Less),
            ("1.2.331.0", "1.2.331.0", Ordering::Equal),
            ("1.2.331", "1.2.331.0", Ordering::Less),
            ("0.3.1", "1.1.70", Ordering::Less),
            ("1.2.0-rc1", "1.2.0", Ordering::Less),
            ("v1.2", "1.1.70", Ordering::Greater),
            ("", "1.1.70", Ordering::Less),
            ("1.10", "1.9", Ordering::Greater),
        ] {
            assert_eq!(compare(this, other), order, "{this} and {other}");
        }
    }

    #[test]
    fn each_gate_opens_where_the_reference_says() {
        assert!(multiplexes("3.3.987.0", "1.2.804.0"));
        assert!(!multiplexes("3.3.987.0", "1.1.69.0"), "old client");
        assert!(!multiplexes("3.0.196.0", "1.2.804.0"), "old agent");
        assert!(!multiplexes("2.3.760.0", "1.2.804.0"));
        assert!(!keeps_alive("3.3.987.0", "1.2.804.0"));
        assert!(keeps_alive("3.3.987.0", "1.2.331.0"));
        assert!(keeps_alive("3.1.1511.0", "1.2.804.0"));
        assert!(knows_terminate("2.3.760.0") && !knows_terminate("2.3.722.0"));
        assert!(lacks_separation("1.2.295") && !lacks_separation("1.2.312.0"));
    }
}
