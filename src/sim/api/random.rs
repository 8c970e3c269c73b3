//! What is drawn anew for every run and every session: keys, ids, cells.

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};

/// The alphabet of access key ids.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The alphabet of session ids.
const LOWER: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Secret bytes from the system's source.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's source of randomness works, or TLS would not either");
    bytes
}

/// `AKIA…`, as an IAM user's key is called.
pub(crate) fn access_key_id() -> String {
    format!("AKIA{}", letters::<16>(BASE32))
}

/// Forty characters, `+` and `/` among them.
pub(crate) fn secret_access_key() -> String {
    STANDARD.encode(bytes::<30>())
}

/// `ASIA…`, as temporary keys are called.
pub(crate) fn temporary_key_id() -> String {
    format!("ASIA{}", letters::<16>(BASE32))
}

/// A session token, or one for a control channel.
pub(crate) fn session_token() -> String {
    STANDARD.encode(bytes::<96>())
}

/// The code of an activation: twenty letters and digits.
pub(crate) fn activation_code() -> String {
    letters::<20>(LOWER)
}

/// `mi-…`: a node that registered through an activation.
pub(crate) fn managed_id() -> String {
    format!("mi-{}", letters::<17>(b"0123456789abcdef"))
}

/// `AROA…`, as a role is called inside AWS.
pub(crate) fn role_id() -> String {
    format!("AROA{}", letters::<17>(BASE32))
}

/// The secret of a virtual MFA device.
pub(crate) fn device_secret() -> String {
    letters::<64>(BASE32)
}

/// Sixteen hexadecimal digits.
pub(crate) fn hexadecimal() -> String {
    letters::<16>(b"0123456789abcdef")
}

/// A long name that says nothing: of a client, of a device code.
pub(crate) fn opaque() -> String {
    letters::<43>(LOWER)
}

/// What a person compares: `BCDF-GHJK`, without letters that look alike.
pub(crate) fn user_code() -> String {
    format!("{}-{}", letters::<4>(b"BCDFGHJKLMNPQRSTVWXZ"), letters::<4>(b"BCDFGHJKLMNPQRSTVWXZ"))
}

/// `AIDA…`, as an IAM user is called inside AWS.
pub(crate) fn user_id() -> String {
    format!("AIDA{}", letters::<17>(BASE32))
}

/// The newer form of a session id: the caller's name and 26 letters and digits (protocol 1.2).
pub(crate) fn session_id(user: &str) -> String {
    format!("{user}-{}", letters::<26>(LOWER))
}

/// What a stream URL calls `cell-number`: base64 that is not percent-encoded, so `+`, `/` and `=` occur raw.
pub(crate) fn cell() -> String {
    STANDARD.encode(bytes::<64>())
}

fn letters<const N: usize>(alphabet: &[u8]) -> String {
    // The remainder favours some letters by a little; there are enough of them.
    bytes::<N>().iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_ids_have_awss_forms_and_differ() {
        let key = access_key_id();
        assert!(key.len() == 20 && key.starts_with("AKIA"), "{key}");
        assert_eq!(secret_access_key().len(), 40);
        let id = session_id("alice");
        let suffix = id.strip_prefix("alice-").unwrap();
        assert!(
            suffix.len() == 26 && suffix.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
            "{id}"
        );
        assert_ne!(access_key_id(), key);
        assert_ne!(session_id("alice"), id);
        assert!(
            (0..100)
                .map(|_| cell())
                .any(|cell| cell.contains('+') && cell.contains('/') && cell.ends_with('='))
        );
    }
}
