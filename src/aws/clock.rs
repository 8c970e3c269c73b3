//! How far the local clock is from AWS's, learned from the `Date` of every answer: for the message that says so, and
//! for signing what the SDK does not sign.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{DateTime, config_bag::ConfigBag, date_time::Format};

/// No answer with a date has come yet.
const UNKNOWN: i64 = i64::MIN;
/// AWS takes signatures five minutes off; below this, the local clock is good enough.
const TOLERATED: i64 = 60;

/// Shared by all clients of one account and region.
#[derive(Debug, Clone)]
pub(super) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(UNKNOWN)))
    }

    /// Local clock minus AWS's, in seconds.
    pub(super) fn skew(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|skew| *skew != UNKNOWN)
    }

    /// The time to sign with: AWS's where the local one would be refused.
    pub(super) fn signing_time(&self, local: SystemTime) -> SystemTime {
        match self.skew() {
            Some(skew) if skew > TOLERATED => local - Duration::from_secs(skew.unsigned_abs()),
            Some(skew) if skew < -TOLERATED => local + Duration::from_secs(skew.unsigned_abs()),
            _ => local,
        }
    }

    fn learn(&self, date: &str, local: SystemTime) {
        if let Ok(there) = DateTime::from_str(date, Format::HttpDate) {
            self.0.store(DateTime::from(local).secs() - there.secs(), Ordering::Relaxed);
        }
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.learn(date, SystemTime::now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_header_tells_the_skew_and_the_time_to_sign_with() {
        let clock = Clock::new();
        assert_eq!(clock.skew(), None);
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
        assert_eq!(clock.signing_time(noon), noon);
        clock.learn("Wed, 21 Oct 2015 07:28:00 GMT", noon);
        assert_eq!(clock.skew(), Some(0));
        let ahead = noon + Duration::from_secs(420);
        clock.learn("Wed, 21 Oct 2015 07:28:00 GMT", ahead);
        assert_eq!((clock.skew(), clock.signing_time(ahead)), (Some(420), noon));
        let behind = noon - Duration::from_secs(420);
        clock.learn("Wed, 21 Oct 2015 07:28:00 GMT", behind);
        assert_eq!((clock.skew(), clock.signing_time(behind)), (Some(-420), noon));
        clock.learn("nonsense", noon);
        assert_eq!(clock.skew(), Some(-420));
    }
}
