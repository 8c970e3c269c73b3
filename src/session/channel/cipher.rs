//! End-to-end encryption: AES-256-GCM without additional data, the nonce in front of each payload, the tag behind it
//! (the client's `encrypter.go`, the agent's `blockcipher.go`).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::Bytes;

use crate::session::message::PayloadType;

/// What a sealed payload has more than its content.
const TAG: usize = 16;

/// Whether payloads of this type are sealed in an encrypted session; all others stay in clear.
pub(super) fn is_sealed(kind: PayloadType) -> bool {
    matches!(kind, PayloadType::Output | PayloadType::StdErr | PayloadType::ExitCode)
}

/// Our direction: seals with a nonce that counts up from a random start, as the agent's does. The key is new in every
/// session and seals nothing else, so no nonce comes twice.
pub(super) struct Sealer {
    key: LessSafeKey,
    next: [u8; NONCE_LEN],
}

impl Sealer {
    pub(super) fn new(key: &[u8; 32], start: [u8; NONCE_LEN]) -> Self {
        Self { key: less_safe(key), next: start }
    }

    pub(super) fn seal(&mut self, content: &[u8]) -> Bytes {
        let nonce = self.next;
        for byte in &mut self.next {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        let mut sealed = Vec::with_capacity(NONCE_LEN + content.len() + TAG);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(content);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut sealed[NONCE_LEN..],
            )
            .expect("a message is far shorter than the cipher's limit");
        sealed.extend_from_slice(tag.as_ref());
        sealed.into()
    }
}

/// The agent's direction.
pub(super) struct Opener(LessSafeKey);

impl Opener {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(less_safe(key))
    }

    /// The content; `None` unless the agent sealed it with our key and nobody has touched it.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Bytes> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut content = rest.to_vec();
        let length = self.0.open_in_place(nonce, Aad::empty(), &mut content).ok()?.len();
        content.truncate(length);
        Some(content.into())
    }
}

fn less_safe(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has the cipher's length"))
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer([redacted])")
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::message::recording::unhex;

    /// The example with the longest key and no additional data of "The Galois/Counter Mode of Operation" (McGrew,
    /// Viega), test case 15.
    #[test]
    fn the_published_example_comes_out() {
        let key: [u8; 32] =
            unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").try_into().unwrap();
        let nonce: [u8; 12] = unhex("cafebabefacedbaddecaf888").try_into().unwrap();
        let content = unhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525
             b16aedf5aa0de657ba637b391aafd255",
        );
        let sealed = unhex(
            "cafebabefacedbaddecaf888
             522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838
             c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c",
        );
        assert_eq!(Sealer::new(&key, nonce).seal(&content), sealed);
        let opener = Opener::new(&key);
        assert_eq!(opener.open(&sealed).unwrap(), content);
        for at in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[at] ^= 1;
            assert_eq!(opener.open(&touched), None, "byte {at}");
            assert_eq!(opener.open(&sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn no_nonce_comes_twice_and_the_count_carries() {
        let mut sealer = Sealer::new(&[7; 32], [0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        let nonces: Vec<Bytes> = (0..3).map(|_| sealer.seal(b"x").slice(..12)).collect();
        assert_eq!(nonces[0][..], [0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(nonces[1][..], [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(nonces[2][..], [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert!(!format!("{sealer:?}").contains('7'));
    }

    #[test]
    fn an_empty_payload_is_sealed_too() {
        let sealed = Sealer::new(&[1; 32], [0; 12]).seal(b"");
        assert_eq!(sealed.len(), 28);
        assert_eq!(Opener::new(&[1; 32]).open(&sealed).unwrap(), "");
    }
}
