//! Which stream URLs may be dialled: the token goes to whoever is behind one, so it must be AWS's gateway of this
//! region, or what the user configured (protocol.md 10.1).

use std::net::IpAddr;

use http::Uri;

/// DNS suffixes by the start of a region's name, the plain and the dual-stack one (botocore endpoints.json).
const PARTITIONS: [(&str, &[&str]); 8] = [
    ("cn-", &["amazonaws.com.cn", "api.amazonwebservices.com.cn"]),
    ("us-gov-", &["amazonaws.com", "api.aws"]),
    ("us-iso-", &["c2s.ic.gov"]),
    ("us-isob-", &["sc2s.sgov.gov"]),
    ("us-isof-", &["csp.hci.ic.gov"]),
    ("eu-isoe-", &["cloud.adc-e.uk"]),
    ("eusc-", &["amazonaws.eu", "api.amazonwebservices.eu"]),
    ("", &["amazonaws.com", "api.aws"]),
];

/// The rule for one region.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    region: String,
    /// The endpoint of SSM that the user configured, host and port.
    endpoint: Option<(String, u16)>,
}

impl Dial {
    pub(super) fn new(region: &str, endpoint: Option<&str>) -> Self {
        let endpoint = endpoint.and_then(address);
        Self { region: region.to_owned(), endpoint }
    }

    pub(super) fn check(&self, stream_url: &str) -> Result<(), String> {
        let refuse =
            |why: &str| Err(format!("AWS gave an address for the session that is not to be trusted: {why}"));
        let Ok(url) = stream_url.parse::<Uri>() else { return refuse("it is no URL") };
        let Some(authority) = url.authority() else { return refuse("it names no host") };
        if authority.as_str().contains('@') {
            return refuse("it holds a user name");
        }
        let Some((host, port)) = address(stream_url) else { return refuse("it names no host") };
        let configured = self.endpoint.as_ref() == Some(&(host.clone(), port));
        match url.scheme_str() {
            Some("wss") if configured || (port == 443 && self.is_gateway(&host)) => Ok(()),
            Some("ws") if configured && is_loopback(&host) => Ok(()),
            Some("wss") => refuse(&format!("{host} is no session gateway of {}", self.region)),
            Some("ws") => refuse(&format!("{host} would get the session unencrypted")),
            _ => refuse("it is not a wss:// URL"),
        }
    }

    fn is_gateway(&self, host: &str) -> bool {
        let Some((service, rest)) = host.split_once('.') else { return false };
        let (_, suffixes) = PARTITIONS
            .iter()
            .find(|(start, _)| self.region.starts_with(start))
            .expect("the last one fits all");
        let region = rest.strip_prefix(self.region.as_str()).and_then(|rest| rest.strip_prefix('.'));
        matches!(service, "ssmmessages" | "ssmmessages-fips")
            && region.is_some_and(|suffix| suffixes.contains(&suffix))
    }
}

/// Host of a URL in lower case, and the port, by the scheme's default where none is written.
pub fn address(url: &str) -> Option<(String, u16)> {
    let url: Uri = url.parse().ok()?;
    let default = match url.scheme_str()? {
        "https" | "wss" => 443,
        "http" | "ws" => 80,
        _ => return None,
    };
    Some((url.host()?.to_ascii_lowercase(), url.port_u16().unwrap_or(default)))
}

/// Whether a URL's host is this machine.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/v1/data-channel/alice-0a1b?role=publish_subscribe&cell-number=AAEAAa5+Lu4a/Hx==";

    fn may(region: &str, endpoint: Option<&str>, origin: &str) -> bool {
        Dial::new(region, endpoint).check(&format!("{origin}{PATH}")).is_ok()
    }

    #[test]
    fn the_gateways_of_the_region_may_be_dialled() {
        for (region, host) in [
            ("eu-west-1", "wss://ssmmessages.eu-west-1.amazonaws.com"),
            ("eu-west-1", "wss://ssmmessages.eu-west-1.amazonaws.com:443"),
            ("eu-west-1", "wss://SSMMESSAGES.eu-west-1.api.aws"),
            ("us-east-1", "wss://ssmmessages-fips.us-east-1.amazonaws.com"),
            ("us-gov-west-1", "wss://ssmmessages.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "wss://ssmmessages.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "wss://ssmmessages.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert!(may(region, None, host), "{host}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for host in [
            "ws://ssmmessages.eu-west-1.amazonaws.com",
            "https://ssmmessages.eu-west-1.amazonaws.com",
            "wss://ssmmessages.eu-west-1.amazonaws.com:8443",
            "wss://ssmmessages.us-east-1.amazonaws.com",
            "wss://ssmmessages.eu-west-1.amazonaws.com.cn",
            "wss://ssmmessages.eu-west-1.amazonaws.com.evil.example",
            "wss://ssmmessages.evil.example",
            "wss://evil.ssmmessages.eu-west-1.amazonaws.com",
            "wss://ssmmessagesevil.eu-west-1.amazonaws.com",
            "wss://a@ssmmessages.eu-west-1.amazonaws.com",
            "wss://127.0.0.1:4000",
            "ws://127.0.0.1:4000",
            "",
        ] {
            assert!(!may("eu-west-1", None, host), "{host}");
        }
    }

    #[test]
    fn a_simulator_may_be_dialled_only_where_it_was_configured() {
        let simulator = Some("http://127.0.0.1:4000");
        assert!(may("eu-west-1", simulator, "ws://127.0.0.1:4000"));
        assert!(may("eu-west-1", Some("http://[::1]:4000/"), "ws://[::1]:4000"));
        assert!(may("eu-west-1", Some("http://localhost:4000"), "ws://localhost:4000"));
        assert!(!may("eu-west-1", simulator, "ws://127.0.0.1:4001"), "another port");
        assert!(!may("eu-west-1", simulator, "ws://localhost:4000"), "another name");
        assert!(!may("eu-west-1", Some("http://10.1.2.3:4000"), "ws://10.1.2.3:4000"), "not loopback");
        assert!(
            may("eu-west-1", Some("https://gateway.corp.example"), "wss://gateway.corp.example"),
            "configured"
        );
        assert!(may("eu-west-1", simulator, "wss://ssmmessages.eu-west-1.amazonaws.com"), "AWS stays");
    }
}
