//! What a region is started with. Where the reference marks a behaviour of AWS as unverified, it is an option here, so
//! that clients can be tested against both.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{
    fault::Fault,
    gateway::{Farewell, GatewayOptions},
};
use crate::session::message::HeaderLength;

/// The greatest number of synthetic nodes.
pub const MAX_NODES: usize = 100_000;

/// What a region is started with; `Options::default()` is what `ssmtui --demo` shows.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; loopback only. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many synthetic nodes stand beside the sample fleet, at most [`MAX_NODES`].
    pub nodes: usize,
    /// Where they stand.
    pub spread: Spread,
    /// What the synthetic nodes and the faults are drawn from; the same seed gives the same ones. Credentials, ids and
    /// tokens of sessions are random whatever it says.
    pub seed: u64,
    /// Whether agents send output as fast as they can, or at the official agent's pace.
    pub unpaced: bool,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// The name of the region of the primary place.
    pub region: String,
    /// The name of the user of each account whose keys are handed out, which session ids begin with.
    pub user: String,
    /// Which rights that user has.
    pub rights: Rights,
    /// How long temporary keys last; `None`: as long as was asked for.
    pub credentials: Option<Duration>,
    /// A code of six digits that every MFA device takes, at any time and any number of times, beside its own.
    pub mfa_code: Option<String>,
    /// How long an access token of IAM Identity Center lasts.
    pub sso_token: Duration,
    /// How long a device code waits for its click.
    pub sso_code: Duration,
    /// How often a client may ask whether the click has come.
    pub sso_interval: Duration,
    /// Whether foreign agents may register and become nodes; the region then speaks TLS, too, and pays for the advanced
    /// tier.
    pub agents: bool,

    /// Whether the upgrade of a data channel must be signed.
    pub upgrade: Upgrade,
    /// Which of a session's stream URLs open its data channel.
    pub stream_url: StreamUrl,
    /// Which canonical form of a `+` in the upgrade's query is taken.
    pub plus: Plus,
    /// How long the token of StartSession and ResumeSession is good.
    pub token_lifetime: Duration,
    /// A session without data in either direction ends after this time; `None`: as its document or the preferences say.
    pub idle_timeout: Option<Duration>,
    /// A session ends after this time whatever happens in it; `None`: as its document or the preferences say.
    pub max_duration: Option<Duration>,
    /// The user that the caller's own tag `SSMSessionRunAs` names; it goes before the one of a document.
    pub run_as: Option<String>,
    /// Whether agents refuse clients that do not take up the random challenge of an encrypted session; agents before
    /// 3.3.808.0 send none.
    pub require_challenge: bool,
    /// How the socket of somebody with a bad token ends.
    pub bad_token: Farewell,
    /// The form in which the service tells the client that the session is over.
    pub channel_closed: HeaderLength,
    /// The period of an agent's heartbeat, which moves LastPingDateTime.
    pub heartbeat: Duration,
    /// How many times as often as real agents the simulated ones try again (diagnosis 2.9), and how many times as fast
    /// machines start and stop. A real agent that is refused sleeps for half an hour.
    pub retry_scale: u32,
    /// Whether the region pays for the advanced tier, without which hybrid nodes take no sessions.
    pub advanced_tier: bool,
}

impl Options {
    /// The same, demanding what AWS has announced and what the newest official client does, and not what old clients
    /// are still allowed: signed upgrades, at the newest stream URL.
    #[must_use]
    pub fn strict(self) -> Options {
        Options { upgrade: Upgrade::Signed, stream_url: StreamUrl::Newest, ..self }
    }

    /// The same for one place: its region, and the faults that happen there.
    pub(crate) fn at(&self, account: &str, alias: &str, region: &str) -> Options {
        let faults = self.faults.iter().filter_map(|fault| fault.at(account, alias, region).cloned());
        Options { region: region.to_owned(), faults: faults.collect(), ..self.clone() }
    }

    /// What concerns the gateway.
    pub(crate) fn gateway(&self) -> GatewayOptions {
        GatewayOptions {
            seed: self.seed,
            unpaced: self.unpaced,
            faults: self.faults.clone(),
            token_lifetime: self.token_lifetime,
            bad_token: self.bad_token,
            channel_closed: self.channel_closed,
            ..GatewayOptions::default()
        }
    }
}

/// Whether the upgrade of a data channel must be signed (protocol 3.1; AWS announces that it will be enforced).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// It must.
    Signed,
    /// An unsigned one is taken too, since official clients before 1.2.764 do not sign; a wrong signature is not.
    #[default]
    AcceptUnsigned,
}

/// Which of a session's stream URLs open its data channel; each ResumeSession gives out another (protocol 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamUrl {
    /// Only the newest.
    Newest,
    /// An earlier one too, since official clients before 1.2.835 dial their first one again with the new token.
    #[default]
    Issued,
}

/// How a raw `+` in the cell-number may stand in the canonical query (protocol 3.1, item 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plus {
    /// As Go reads it: a space, `%20`.
    #[default]
    Space,
    /// As itself, `%2B`.
    Literal,
    /// Either.
    Either,
}

/// Which rights the caller has, after AWS's own sample policies (diagnosis 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Rights {
    /// All that the region knows, but for the conditions on tags that the sample fleet holds.
    #[default]
    Full,
    /// The guide's end-user sample: everything but DescribeInstanceInformation.
    EndUser,
    /// No list at all: sessions only.
    NoList,
}

/// Where the synthetic nodes stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Spread {
    /// All in the primary place.
    #[default]
    Primary,
    /// Each place has its share.
    All,
}

impl Default for Options {
    fn default() -> Options {
        let gateway = GatewayOptions::default();
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            nodes: 0,
            spread: Spread::default(),
            seed: 1,
            unpaced: false,
            faults: Vec::new(),
            region: "eu-west-1".to_owned(),
            user: "demo".to_owned(),
            rights: Rights::default(),
            credentials: None,
            mfa_code: None,
            sso_token: Duration::from_secs(3600),
            sso_code: Duration::from_secs(600),
            sso_interval: Duration::from_secs(1),
            agents: false,
            upgrade: Upgrade::default(),
            stream_url: StreamUrl::default(),
            plus: Plus::default(),
            token_lifetime: gateway.token_lifetime,
            idle_timeout: None,
            max_duration: None,
            run_as: None,
            require_challenge: false,
            bad_token: gateway.bad_token,
            channel_closed: gateway.channel_closed,
            heartbeat: Duration::from_secs(300),
            retry_scale: 120,
            advanced_tier: false,
        }
    }
}
