//! The causes that can be told of an instance, each with its number in the diagnosis and the name under which `--json` prints it.
//! What fails for all of them at once (A1 to A11 but A7) is told where it fails, in the words of `aws::Error`.

/// One table: variant, number, name, whether no session opens before it is mended.
macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $variant:ident $number:literal $name:literal $blocks:literal,)+) => {
        /// Why a session can't start, or what else there is to say.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Cause { $($(#[doc = $doc])+ $variant,)+ }

        impl Cause {
            /// All of them, in the order of the diagnosis.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its number in the diagnosis, `C1`; empty for what isn't a cause but a state.
            pub const fn number(self) -> &'static str {
                match self { $(Self::$variant => $number,)+ }
            }

            /// Its name in JSON; stable.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// No session opens before it is mended.
            pub const fn blocks(self) -> bool {
                match self { $(Self::$variant => $blocks,)+ }
            }
        }
    };
}

causes! {
    /// Another region or account.
    NotHere "A7" "not_here" true,

    /// Its channel is connected.
    Ready "" "ready" false,
    /// It beats, and nobody asked for its channel (or may).
    NotVerified "" "not_verified" false,
    /// Nothing readable says anything.
    NotVisible "" "not_visible" false,
    /// Stopped or hibernated, or on the way there.
    Stopped "B1" "stopped" true,
    /// Ended, or no longer listed.
    Gone "B2" "gone" true,
    /// Just started.
    JustStarted "B3" "just_started" false,
    /// Status checks fail.
    Impaired "B4" "impaired" true,
    /// Starved of processor or memory.
    Starved "B5" "starved" false,

    /// No profile, and default host management off (C1) or not known (C2).
    NoProfile "C1" "no_profile" true,
    /// No profile, host management on, and the agent too old for it.
    TooOldForHostManagement "C3" "too_old_for_host_management" true,
    /// The metadata service is off.
    MetadataOff "C4" "metadata_off" true,
    /// Host management was turned on a moment ago.
    HostManagementNew "C5" "host_management_new" true,
    /// The profile holds no role, or was deleted and made anew.
    ProfileBroken "C6" "profile_broken" true,
    /// The role doesn't trust the service that would use it.
    RoleNotTrusted "C7" "role_not_trusted" true,
    /// The role may not register.
    RoleMayNotRegister "C8" "role_may_not_register" true,
    /// The role may not open session channels.
    RoleMayNotOpenChannels "C9" "role_may_not_open_channels" true,
    /// Half a profile shadows default host management.
    HalfProfile "C10" "half_profile" true,
    /// The profile was attached a moment ago.
    ProfileNew "C11" "profile_new" true,
    /// An organisation's policy denies the instance.
    OrganisationDenies "C12" "organisation_denies" true,
    /// Registered, without a channel; nothing says why.
    NoChannel "" "no_channel" true,
    /// Runs and never registered; nothing says why.
    NeverRegistered "" "never_registered" true,

    /// No way out.
    NoWayOut "D1" "no_way_out" true,
    /// A way to `ssm`, none to `ssmmessages`.
    NoWayToChannels "D2" "no_way_to_channels" true,
    /// The endpoint's groups don't admit the instance.
    EndpointClosed "D3" "endpoint_closed" true,
    /// The endpoint's name doesn't resolve to it.
    EndpointWithoutNames "D4" "endpoint_without_names" true,
    /// The instance's groups let nothing out.
    EgressClosed "D5" "egress_closed" true,
    /// The network ACL is closed.
    AclClosed "D6" "acl_closed" true,
    /// A public subnet, and no public address.
    NoPublicAddress "D7" "no_public_address" true,
    /// A route, NAT gateway or endpoint is dead.
    WayBroken "D8" "way_broken" true,
    /// The endpoint's policy may deny.
    EndpointPolicy "D9" "endpoint_policy" true,
    /// The way leads where nothing can be seen from here.
    LeavesSight "D10" "leaves_sight" true,

    /// The agent predates Session Manager.
    PredatesSessions "E1" "predates_sessions" true,
    /// The agent is too old for some features.
    TooOldForFeature "E2" "too_old_for_feature" false,
    /// No agent is installed.
    NotInstalled "E3" "not_installed" true,
    /// Was online, and its heartbeats stopped.
    Lost "E4" "lost" true,
    /// It was lost after an update.
    UpdateBroke "E5" "update_broke" false,

    /// The hybrid tier doesn't have sessions.
    StandardTier "F1" "standard_tier" true,
    /// The hybrid tier isn't known.
    TierNotChecked "" "tier_not_checked" false,
    /// No activation is left to register with.
    NoActivation "F2" "no_activation" true,
    /// Two machines share one registration.
    Cloned "F4" "cloned" false,
    /// It was listed once, and no longer is.
    Deregistered "F5" "deregistered" true,
    /// A hybrid node was lost.
    HybridLost "" "hybrid_lost" true,

    /// Nothing allows the caller to start a session here.
    NotAllowed "G1" "not_allowed" true,
    /// Nothing allows the document.
    DocumentNotAllowed "G2" "document_not_allowed" true,
    /// A condition on a tag isn't met.
    TagCondition "G3" "tag_condition" true,
    /// A policy forbids it.
    Forbidden "G4" "forbidden" true,
    /// A policy beside the identity's own doesn't allow it.
    OtherPolicy "G5" "other_policy" true,
    /// Sessions can be started, and not be ended or resumed.
    MayNotEnd "G6" "may_not_end" false,
    /// The document doesn't exist.
    NoDocument "G7" "no_document" true,
    /// The document isn't one of sessions.
    WrongDocument "G8" "wrong_document" true,
    /// The document's parameters were refused.
    BadParameters "G9" "bad_parameters" true,
    /// Access has to be asked for first.
    JustInTime "G10" "just_in_time" true,
    /// Too many sessions were started at once.
    StartThrottled "G11" "start_throttled" false,
    /// The node belongs to another account.
    OtherAccount "" "other_account" true,

    /// The caller may not use the sessions' key.
    KeyNotAllowed "H1" "key_not_allowed" true,
    /// The node can't use the sessions' key.
    NodeKeyDenied "H2" "node_key_denied" true,
    /// The sessions' key is disabled or gone.
    KeyUnusable "H3" "key_unusable" true,
    /// The user to run as doesn't exist, or may not be used.
    RunAs "H4" "run_as" true,
    /// Where sessions are recorded can't be used.
    Logging "H5" "logging" true,
    /// Nothing appears.
    NoPrompt "H6" "no_prompt" false,
    /// The agent's worker doesn't start.
    Worker "H7" "worker" true,
    /// A domain controller has no ssm-user.
    DomainController "H8" "domain_controller" true,
    /// The node may not open data channels.
    DataChannelDenied "H9" "data_channel_denied" true,
    /// The handshake took too long.
    HandshakeTimeout "H10" "handshake_timeout" false,
    /// Nothing listens on the port.
    NothingListens "H11" "nothing_listens" false,
    /// The agent forwards to no such address.
    ForbiddenAddress "H12" "forbidden_address" false,
    /// The websocket is refused between here and AWS.
    WebsocketRefused "H13" "websocket_refused" true,
    /// The node ended the session.
    EndedByNode "H14" "ended_by_node" false,
}
