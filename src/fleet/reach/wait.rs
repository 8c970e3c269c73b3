//! After the fix: how long until it works (diagnosis 2.9). Told with each fix, or users mend twice; and the time for which
//! watching a row makes sense.

use std::time::Duration;

use super::Cause;

/// What to expect after a cause was mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// In words, after "then".
    pub words: &'static str,
    /// The longest that it usually takes.
    pub at_most: Duration,
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// How long it takes to show after the cause was mended; none for what shows at once or isn't mended on AWS's side.
pub const fn expected_after(cause: Cause) -> Option<Expectation> {
    let (words, at_most) = match cause {
        Cause::Stopped => ("it is ready about 2 min after the start", minutes(10)),
        Cause::JustStarted => ("it registers within a few minutes of its start", minutes(10)),
        Cause::NoProfile
        | Cause::MetadataOff
        | Cause::ProfileBroken
        | Cause::RoleNotTrusted
        | Cause::RoleMayNotRegister
        | Cause::ProfileNew
        | Cause::TooOldForHostManagement => {
            ("the agent tries again every 25 to 30 min; restart it or reboot to have it at once", minutes(35))
        }
        Cause::HostManagementNew => (
            "default host management takes up to 30 min; restart the agent or reboot to have it sooner",
            minutes(35),
        ),
        Cause::RoleMayNotOpenChannels
        | Cause::HalfProfile
        | Cause::OrganisationDenies
        | Cause::NoChannel
        | Cause::NoWayToChannels => (
            "the agent tries its channel again after 5 s, doubling up to 40 min; restart it or reboot to have it at once",
            minutes(45),
        ),
        Cause::NoWayOut
        | Cause::EndpointClosed
        | Cause::EndpointWithoutNames
        | Cause::EgressClosed
        | Cause::AclClosed
        | Cause::NoPublicAddress
        | Cause::WayBroken
        | Cause::EndpointPolicy
        | Cause::LeavesSight
        | Cause::NeverRegistered => (
            "the agent tries again after 5, then 10, 20, 40, 60 min; restart it or reboot to have it at once",
            minutes(65),
        ),
        Cause::Impaired | Cause::Lost | Cause::Starved | Cause::UpdateBroke | Cause::HybridLost => {
            ("the first heartbeat comes when the agent starts, a few minutes after the reboot", minutes(10))
        }
        Cause::PredatesSessions | Cause::TooOldForFeature | Cause::NotInstalled => {
            ("the agent registers as soon as it starts", minutes(10))
        }
        Cause::StandardTier => ("the tier changes within minutes", minutes(10)),
        Cause::NotAllowed
        | Cause::DocumentNotAllowed
        | Cause::TagCondition
        | Cause::OtherPolicy
        | Cause::Forbidden
        | Cause::MayNotEnd
        | Cause::KeyNotAllowed => ("a changed policy counts within a minute or two", minutes(5)),
        _ => return None,
    };
    Some(Expectation { words, at_most })
}
