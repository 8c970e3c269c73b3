//! The device that shows six digits: RFC 6238, as virtual MFA devices do it (SHA-1, 30 seconds).

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::hmac;
use jiff::Timestamp;

use crate::sim::api::random;

/// How long each code is shown.
const STEP: i64 = 30;
/// The alphabet of the secret (RFC 4648), which authenticator apps take.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A virtual device.
pub(crate) struct Device {
    /// Its ARN.
    pub(crate) serial: String,
    /// In base32.
    pub(crate) secret: String,
    /// A code that is taken at any time and any number of times, for those who have no clock.
    fixed: Option<String>,
    /// The step of the last code that was taken: it and those before it are used up.
    used: Mutex<Option<i64>>,
}

impl Device {
    /// A new device of a user.
    pub(super) fn new(account: &str, user: &str, fixed: Option<&str>) -> Device {
        Device {
            serial: format!("arn:aws:iam::{account}:mfa/{user}"),
            secret: random::device_secret(),
            fixed: fixed.map(str::to_owned),
            used: Mutex::default(),
        }
    }

    /// Whether this is a code of now, or of the step before or behind, and none that was given before.
    pub(crate) fn accept(&self, given: &str, now: Timestamp) -> bool {
        if self.fixed.as_deref() == Some(given) {
            return true;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let step = now.as_second().div_euclid(STEP);
        let fresh = |step: &i64| used.is_none_or(|used| *step > used);
        let found = (step - 1..=step + 1).filter(fresh).find(|step| code(&self.secret, *step) == given);
        *used = found.or(*used);
        found.is_some()
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({}, secret [redacted])", self.serial)
    }
}

/// The code of a step (RFC 4226, 5.3).
fn code(secret: &str, step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes_of(secret));
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    let four = [tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]];
    format!("{:06}", u32::from_be_bytes(four) % 1_000_000)
}

/// The bytes of base32 without padding; what is no letter of it is skipped.
fn bytes_of(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::new());
    for value in text.bytes().filter_map(|byte| BASE32.iter().position(|letter| *letter == byte)) {
        bits = bits << 5 | u32::try_from(value).expect("there are 32 letters");
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).expect("eight bits"));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `12345678901234567890`, the secret of the RFCs' examples.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn device(fixed: Option<&str>) -> Device {
        Device { secret: SECRET.to_owned(), ..Device::new("123456789012", "mfa-user", fixed) }
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B: the last six of the eight digits for SHA-1.
        for (second, digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(code(SECRET, second / STEP), digits, "at {second}");
        }
    }

    #[test]
    fn a_code_is_good_once_and_around_its_time() {
        let device = device(None);
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(!device.accept("287082", at(200)), "too late");
        assert!(device.accept("287082", at(75)), "the step before");
        assert!(!device.accept("287082", at(75)), "used");
        assert!(!device.accept(&code(SECRET, 0), at(20)), "older than the one that was used");
        assert!(device.accept(&code(SECRET, 3), at(75)), "the step behind");
        assert!(!device.accept("", at(75)));
        assert!(!format!("{device:?}").contains(SECRET));
    }

    #[test]
    fn a_fixed_code_is_good_at_any_time() {
        let device = device(Some("123456"));
        for second in [0, 0, 1_000_000] {
            assert!(device.accept("123456", Timestamp::from_second(second).unwrap()));
        }
    }
}
