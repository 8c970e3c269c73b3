//! The other end's encryption, written with the library alone, and data keys for the tests.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::Bytes;

use crate::session::{random::Random, service::DataKey};

/// What KMS would give both ends.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) plaintext: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
}

impl Keys {
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut bytes = |count: usize| (0..count).map(|_| random.next() as u8).collect();
        Self { plaintext: bytes(64), ciphertext: bytes(184) }
    }

    pub(super) fn data_key(&self) -> DataKey {
        DataKey::new(self.plaintext.clone(), self.ciphertext.clone()).unwrap()
    }

    /// As the agent does.
    pub(super) fn seal(&self, count: u64, content: &[u8]) -> Bytes {
        seal(&self.plaintext[..32], count, content)
    }

    /// As the agent does.
    pub(super) fn open(&self, sealed: &[u8]) -> Vec<u8> {
        open(&self.plaintext[32..], sealed)
    }

    /// What the agent sealed, as the client opens it.
    pub(super) fn open_output(&self, sealed: &[u8]) -> Vec<u8> {
        open(&self.plaintext[..32], sealed)
    }
}

fn seal(key: &[u8], count: u64, content: &[u8]) -> Bytes {
    let mut nonce = [0x5a; 12];
    nonce[..8].copy_from_slice(&count.to_le_bytes());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let mut sealed = content.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).unwrap();
    [&nonce[..], &sealed].concat().into()
}

fn open(key: &[u8], sealed: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&sealed[..12]).unwrap();
    let mut content = sealed[12..].to_vec();
    key.open_in_place(nonce, Aad::empty(), &mut content).expect("sealed with this key").to_vec()
}
