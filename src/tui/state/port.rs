//! Well-known ports by name, so that nobody has to remember 5432.

use crate::fleet::search::{Scorer, Skim};

/// A service and its port; other names for it are found too.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// The name that people say.
    pub name: &'static str,
    /// Its port.
    pub port: u16,
    /// What else it is called.
    pub also: &'static str,
}

const fn service(name: &'static str, port: u16, also: &'static str) -> Service {
    Service { name, port, also }
}

/// The services, the most wanted first.
pub const SERVICES: &[Service] = &[
    service("postgres", 5432, "postgresql aurora psql"),
    service("mysql", 3306, "mariadb aurora"),
    service("http", 80, "web"),
    service("https", 443, "web tls"),
    service("http-alt", 8080, "tomcat proxy web"),
    service("redis", 6379, "valkey elasticache"),
    service("rdp", 3389, "remote desktop windows"),
    service("ssh", 22, "sftp scp"),
    service("mongodb", 27017, "documentdb"),
    service("mssql", 1433, "sql server"),
    service("oracle", 1521, "tns"),
    service("elasticsearch", 9200, "opensearch"),
    service("kibana", 5601, "opensearch dashboards"),
    service("kubernetes", 6443, "k8s api"),
    service("grafana", 3000, "node rails"),
    service("prometheus", 9090, "cockpit"),
    service("kafka", 9092, "msk"),
    service("rabbitmq", 5672, "amqp"),
    service("rabbitmq-ui", 15672, "management"),
    service("memcached", 11211, "elasticache"),
    service("cassandra", 9042, "keyspaces"),
    service("clickhouse", 8123, ""),
    service("neo4j", 7687, "bolt neptune"),
    service("redshift", 5439, ""),
    service("docker", 2375, ""),
    service("etcd", 2379, ""),
    service("consul", 8500, ""),
    service("vault", 8200, ""),
    service("jupyter", 8888, "notebook"),
    service("jenkins", 8081, "nexus artifactory"),
    service("https-alt", 8443, "tomcat"),
    service("vnc", 5900, "screen sharing"),
    service("winrm", 5985, "powershell"),
    service("winrm-tls", 5986, "powershell"),
    service("smb", 445, "windows share"),
    service("nfs", 2049, "efs"),
    service("ldap", 389, "directory"),
    service("ldaps", 636, "directory"),
    service("dns", 53, ""),
    service("smtp", 25, "mail"),
    service("submission", 587, "mail smtp"),
    service("imaps", 993, "mail"),
    service("mqtt", 1883, "iot"),
    service("zookeeper", 2181, ""),
    service("nats", 4222, ""),
    service("influxdb", 8086, ""),
    service("spark-ui", 4040, ""),
    service("iperf3", 5201, ""),
];

/// The service of a port.
pub fn named(port: u16) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.port == port)
}

/// The services that a text may mean, the best first: the first digits of a port, or letters of a name. All for an empty text.
pub fn matching(text: &str) -> Vec<&'static Service> {
    let text = text.trim();
    if text.is_empty() {
        return SERVICES.iter().collect();
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return SERVICES.iter().filter(|service| service.port.to_string().starts_with(text)).collect();
    }
    let mut found: Vec<(i32, &Service)> = SERVICES
        .iter()
        .filter_map(|service| {
            let name = Skim.score(service.name, text).map(|score| score * 2);
            let also = service.also.split(' ').filter(|word| !word.is_empty());
            let also = also
                .filter_map(|word| word.starts_with(text).then(|| Skim.score(word, text)).flatten())
                .max();
            let exact = i32::from(service.name == text) * 10_000;
            Some((name.max(also)? + exact, service))
        })
        .collect();
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, service)| service).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<u16> {
        matching(text).first().map(|service| service.port)
    }

    #[test]
    fn a_service_is_found_by_what_people_call_it() {
        for (text, port) in [
            ("postgres", 5432),
            ("postgresql", 5432),
            ("pg", 5432),
            ("mysql", 3306),
            ("maria", 3306),
            ("http", 80),
            ("https", 443),
            ("redis", 6379),
            ("rdp", 3389),
            ("windows", 3389),
            ("543", 5432),
        ] {
            assert_eq!(first(text), Some(port), "{text}");
        }
        assert_eq!(first("qqq"), None);
        assert_eq!(matching("").len(), SERVICES.len());
    }

    #[test]
    fn no_port_and_no_name_is_there_twice() {
        for (at, service) in SERVICES.iter().enumerate() {
            assert!(SERVICES[..at].iter().all(|other| other.port != service.port), "{}", service.port);
            assert!(SERVICES[..at].iter().all(|other| other.name != service.name), "{}", service.name);
        }
    }
}
