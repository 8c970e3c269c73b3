//! The proxy variables, and which host goes by which proxy: as the AWS SDK reads them, so that sessions go where the calls go.
//! Pure: whoever asks gives the variables.

use std::{fmt, net::IpAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Uri;

use crate::percent;

/// What the variables say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// HTTPS_PROXY or ALL_PROXY.
    pub https: Option<Proxy>,
    /// HTTP_PROXY or ALL_PROXY.
    pub http: Option<Proxy>,
    /// NO_PROXY, its parts.
    pub except: Vec<String>,
}

/// A proxy, as a variable names it. Its login is in no log and no debug print.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(String);

impl Proxies {
    /// From variables; those in capitals win, as in the SDK.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |name: &str| {
            [name.to_owned(), name.to_ascii_lowercase()]
                .iter()
                .find_map(|name| variable(name))
                .filter(|value| !value.trim().is_empty())
        };
        let proxy = |name: &str| first(name).map(|text| Proxy(text.trim().to_owned()));
        let all = proxy("ALL_PROXY");
        let except = first("NO_PROXY").unwrap_or_default();
        Self {
            https: proxy("HTTPS_PROXY").or_else(|| all.clone()),
            http: proxy("HTTP_PROXY").or(all),
            except: except
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The proxy for a host; none where it is reached directly. A WebSocket goes where its scheme's calls go.
    pub fn of(&self, scheme: &str, host: &str) -> Option<&Proxy> {
        let proxy = if matches!(scheme, "https" | "wss") { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.leaves_out(host))
    }

    fn leaves_out(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<IpAddr>().ok();
        self.except.iter().any(|part| match address {
            _ if part == "*" => true,
            Some(address) => contains(part, address),
            None => {
                let domain = part.trim_start_matches('.');
                bare.len()
                    .checked_sub(domain.len())
                    .and_then(|at| Some((bare.get(..at)?, bare.get(at..)?)))
                    .is_some_and(|(before, end)| {
                        end.eq_ignore_ascii_case(domain) && (before.is_empty() || before.ends_with('.'))
                    })
            }
        })
    }
}

impl Proxy {
    /// Its host and port; none for what is no proxy of `http://`, and other kinds are not spoken to.
    pub fn address(&self) -> Option<(String, u16)> {
        let url: Uri = self.url().parse().ok()?;
        let host = url.host().filter(|_| url.scheme_str() == Some("http"))?;
        Some((host.to_ascii_lowercase(), url.port_u16().unwrap_or(80)))
    }

    /// What its `Proxy-Authorization` says, if it has a login.
    pub(super) fn authorization(&self) -> Option<String> {
        let (login, _) = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest).rsplit_once('@')?;
        Some(format!("Basic {}", STANDARD.encode(percent::decoded(login))))
    }

    fn url(&self) -> String {
        if self.0.contains("://") { self.0.clone() } else { format!("http://{}", self.0) }
    }
}

/// `http://user:secret@proxy:3128` without what is between.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").map_or(("", &*self.0), |(scheme, rest)| (scheme, rest));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        if scheme.is_empty() { f.write_str(host) } else { write!(f, "{scheme}://{host}") }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Whether a part of NO_PROXY is this address or a range around it.
fn contains(part: &str, address: IpAddr) -> bool {
    let Some((base, bits)) = part.split_once('/') else {
        return part.parse::<IpAddr>().is_ok_and(|part| part == address);
    };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) if bits <= 32 => {
            (u64::from(u32::from(base) ^ u32::from(address)) >> (32 - bits)) == 0
        }
        (IpAddr::V6(base), IpAddr::V6(address)) if bits <= 128 => {
            (u128::from(base) ^ u128::from(address)).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned()))
    }

    fn by(found: &Proxies, scheme: &str, host: &str) -> Option<String> {
        found.of(scheme, host).map(Proxy::to_string)
    }

    #[test]
    fn each_scheme_has_its_proxy_and_no_proxy_leaves_hosts_out() {
        let found = proxies(&[
            ("https_proxy", "http://p:3128"),
            ("NO_PROXY", "169.254.169.254, .corp.example,10.0.0.0/8,eu-west-1.amazonaws.com"),
        ]);
        for (host, proxy) in [
            ("ssm.us-east-1.amazonaws.com", Some("http://p:3128")),
            ("ssm.eu-west-1.amazonaws.com", None),
            ("xeu-west-1.amazonaws.com", Some("http://p:3128")),
            ("EU-WEST-1.amazonaws.com", None),
            ("corp.example", None),
            ("a.corp.example", None),
            ("acorp.example", Some("http://p:3128")),
            ("10.1.2.3", None),
            ("11.1.2.3", Some("http://p:3128")),
            ("169.254.169.254", None),
        ] {
            assert_eq!(by(&found, "https", host).as_deref(), proxy, "{host}");
            assert_eq!(by(&found, "wss", host).as_deref(), proxy, "{host}");
        }
        assert_eq!(by(&found, "ws", "a.example"), None, "that is HTTP_PROXY's");
        assert_eq!(by(&proxies(&[("ALL_PROXY", "p")]), "http", "a.example").as_deref(), Some("p"));
        let none = proxies(&[("HTTPS_PROXY", "p"), ("NO_PROXY", "*")]);
        assert_eq!((by(&none, "https", "a.example"), by(&none, "https", "10.0.0.1")), (None, None));
        let both = proxies(&[("HTTPS_PROXY", "A"), ("https_proxy", "b")]);
        assert_eq!(by(&both, "https", "x").as_deref(), Some("A"));
    }

    #[test]
    fn ranges_of_both_families_count() {
        for (part, address, is_in) in [
            ("0.0.0.0/0", "1.2.3.4", true),
            ("10.0.0.1/32", "10.0.0.2", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe12::1", false),
            ("::/0", "::1", true),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("::1", "::1", true),
        ] {
            assert_eq!(contains(part, address.parse().unwrap()), is_in, "{part} {address}");
        }
    }

    #[test]
    fn a_login_is_sent_decoded_and_never_said() {
        let proxy = Proxy("http://me:s3%63ret@Proxy.example:3128".to_owned());
        assert_eq!(proxy.address(), Some(("proxy.example".to_owned(), 3128)));
        let sent = proxy.authorization().unwrap();
        assert_eq!(sent, format!("Basic {}", STANDARD.encode("me:s3cret")));
        for said in [proxy.to_string(), format!("{proxy:?}")] {
            assert!(said.contains("Proxy.example:3128") && !said.contains("s3"), "{said}");
        }
        assert_eq!(Proxy("p".to_owned()).address(), Some(("p".to_owned(), 80)));
        assert_eq!(Proxy("p".to_owned()).authorization(), None);
        for other in ["socks5://p:1080", "https://p:443", "http://"] {
            assert_eq!(Proxy(other.to_owned()).address(), None, "{other}");
        }
    }
}
