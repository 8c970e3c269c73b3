//! The encryption of a session's payloads (`crypto/blockcipher.go`, `nonce.go`): AES-256-GCM, the nonce in front. What the agent sends is
//! sealed by the first half of the data key, what it gets by the second.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
    rand,
};
use bytes::Bytes;

/// One half of a data key.
const HALF: usize = 32;
/// Nonce and tag.
const OVERHEAD: usize = NONCE_LEN + 16;

/// Both directions of a session.
pub(super) struct Cipher {
    seal: LessSafeKey,
    open: LessSafeKey,
    /// A number of 96 bits, little-endian; starts anywhere and goes up by one.
    nonce: u128,
}

impl Cipher {
    /// From the data key; `None` if it does not have 64 bytes.
    pub(super) fn new(data_key: &[u8]) -> Option<Self> {
        if data_key.len() != 2 * HALF {
            return None;
        }
        let key = |half: &[u8]| UnboundKey::new(&AES_256_GCM, half).ok().map(LessSafeKey::new);
        let mut start = [0; NONCE_LEN];
        rand::fill(&mut start).ok()?;
        let mut number = [0; 16];
        number[..NONCE_LEN].copy_from_slice(&start);
        Some(Self {
            seal: key(&data_key[..HALF])?,
            open: key(&data_key[HALF..])?,
            nonce: u128::from_le_bytes(number),
        })
    }

    /// Encrypts.
    pub(super) fn seal(&mut self, plain: &[u8]) -> Result<Bytes, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&self.nonce.to_le_bytes()[..NONCE_LEN]);
        self.nonce = (self.nonce + 1) & ((1 << 96) - 1);
        let mut sealed = plain.to_vec();
        self.seal.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)?;
        Ok([&nonce[..], &sealed].concat().into())
    }

    /// Decrypts, and refuses what was not encrypted with the right key.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Bytes, Unspecified> {
        if sealed.len() < OVERHEAD {
            return Err(Unspecified);
        }
        let (nonce, rest) = sealed.split_at(NONCE_LEN);
        let mut plain = rest.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let length = self.open.open_in_place(nonce, Aad::empty(), &mut plain)?.len();
        plain.truncate(length);
        Ok(plain.into())
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: u8, second: u8) -> Vec<u8> {
        [[first; HALF], [second; HALF]].concat()
    }

    #[test]
    fn each_direction_has_its_half_of_the_key_and_nothing_else_opens() {
        let mut agent = Cipher::new(&key(1, 2)).unwrap();
        let mut client = Cipher::new(&key(2, 1)).unwrap();
        let sealed = agent.seal(b"output").unwrap();
        assert_eq!(sealed.len(), 6 + OVERHEAD);
        assert_eq!(client.open(&sealed).unwrap(), "output");
        assert!(agent.open(&sealed).is_err());
        assert_eq!(agent.open(&client.seal(b"typed").unwrap()).unwrap(), "typed");
        for at in [0, 12, sealed.len() - 1] {
            let mut bent = sealed.to_vec();
            bent[at] ^= 1;
            assert!(client.open(&bent).is_err(), "byte {at}");
        }
        assert!(client.open(&sealed[..27]).is_err());
        assert!(Cipher::new(&[0; 32]).is_none());
    }

    #[test]
    fn the_nonce_counts_up_and_carries() {
        let mut agent = Cipher::new(&key(1, 2)).unwrap();
        agent.nonce = 0xffff;
        assert_eq!(agent.seal(b"x").unwrap()[..3], [0xff, 0xff, 0]);
        assert_eq!(agent.seal(b"x").unwrap()[..3], [0, 0, 1]);
        agent.nonce = (1 << 96) - 1;
        agent.seal(b"x").unwrap();
        assert_eq!(agent.nonce, 0);
    }
}
