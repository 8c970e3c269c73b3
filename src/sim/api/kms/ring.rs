//! The keys themselves: what is sealed under one opens under it alone, and with the same encryption context.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::{
    super::{random, sigv4::hmac_sha256},
    KeyState,
};
use crate::sim::{gateway::Keys, world::Key};

/// The first byte of a blob.
const FORM: u8 = 1;
/// How long a key's id stands in a blob: a UUID as text.
const ID: usize = 36;

/// All keys of a region. What they seal means nothing to another region.
pub(crate) struct Ring {
    front: String,
    keys: Vec<Held>,
}

/// A key and its secret.
pub(crate) struct Held {
    pub(super) key: Key,
    secret: [u8; 32],
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// No such key; how AWS says so depends on how it was named.
    NotFound(String),
    Disabled(String),
    PendingDeletion(String),
    /// Sealed elsewhere, changed, or with another context.
    Ciphertext,
    /// Sealed under another key than the one that was named.
    Incorrect,
    Context,
}

impl KeyError {
    /// The code and, where there is one, the message.
    pub(crate) fn words(self) -> (&'static str, Option<String>) {
        match self {
            KeyError::NotFound(text) => ("NotFoundException", Some(text)),
            KeyError::Disabled(arn) => ("DisabledException", Some(format!("{arn} is disabled."))),
            KeyError::PendingDeletion(arn) => {
                ("KMSInvalidStateException", Some(format!("{arn} is pending deletion.")))
            }
            KeyError::Ciphertext => ("InvalidCiphertextException", None),
            KeyError::Incorrect => (
                "IncorrectKeyException",
                Some(
                    "The key ID in the request does not identify a CMK that can perform this operation."
                        .to_owned(),
                ),
            ),
            KeyError::Context => ("ValidationException", Some("Invalid EncryptionContext".to_owned())),
        }
    }
}

impl Ring {
    /// The keys of a region, with new secrets.
    pub(crate) fn new(region: &str, account: &str, keys: &[Key]) -> Ring {
        let secret: [u8; 32] = random::bytes();
        let held = |key: &Key| {
            let mut own = [0; 32];
            own.copy_from_slice(&hmac_sha256(&secret, key.id.as_bytes())[..32]);
            Held { key: key.clone(), secret: own }
        };
        Ring { front: format!("arn:aws:kms:{region}:{account}:"), keys: keys.iter().map(held).collect() }
    }

    /// A key's ARN.
    pub(crate) fn arn(&self, held: &Held) -> String {
        format!("{}key/{}", self.front, held.key.id)
    }

    /// A key by its id, its alias, or the ARN of either.
    pub(crate) fn find(&self, name: &str) -> Result<&Held, KeyError> {
        let bare = match name.strip_prefix("arn:") {
            None => name,
            Some(_) => match name.strip_prefix(&self.front) {
                Some(rest) => rest.strip_prefix("key/").unwrap_or(rest),
                None => return Err(KeyError::NotFound(format!("Invalid arn {name}"))),
            },
        };
        let found = match bare.strip_prefix("alias/") {
            Some(alias) => self.keys.iter().find(|held| held.key.alias == alias),
            None => self.keys.iter().find(|held| held.key.id == bare),
        };
        found.ok_or_else(|| {
            KeyError::NotFound(if bare.starts_with("alias/") {
                format!("Alias {}{bare} is not found.", self.front)
            } else {
                format!("Key '{}key/{bare}' does not exist", self.front)
            })
        })
    }

    /// Whether a key is in a state to be used.
    pub(crate) fn usable(&self, held: &Held) -> Result<(), KeyError> {
        match held.key.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(KeyError::Disabled(self.arn(held))),
            KeyState::PendingDeletion => Err(KeyError::PendingDeletion(self.arn(held))),
        }
    }

    /// The key that a blob was sealed under, which must be the one that is named, if one is.
    pub(crate) fn of_blob(&self, blob: &[u8], named: Option<&str>) -> Result<&Held, KeyError> {
        let id = blob.get(1..=ID).filter(|_| blob[0] == FORM).ok_or(KeyError::Ciphertext)?;
        let held = self.keys.iter().find(|held| held.key.id.as_bytes() == id).ok_or(KeyError::Ciphertext)?;
        match named {
            Some(name) if self.find(name)?.key.id != held.key.id => Err(KeyError::Incorrect),
            _ => Ok(held),
        }
    }

    /// A blob that only [`open`](Self::open) with the same context makes the plaintext of.
    pub(crate) fn seal(
        &self,
        held: &Held,
        plaintext: &[u8],
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, KeyError> {
        let aad = self.aad(held, context)?;
        let nonce: [u8; NONCE_LEN] = random::bytes();
        let mut sealed = plaintext.to_vec();
        cipher(held)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut sealed)
            .map_err(|_| KeyError::Ciphertext)?;
        Ok([&[FORM], held.key.id.as_bytes(), &nonce, &sealed].concat())
    }

    /// The plaintext of a blob.
    pub(crate) fn open(
        &self,
        held: &Held,
        blob: &[u8],
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, KeyError> {
        self.usable(held)?;
        let aad = self.aad(held, context)?;
        let rest = blob.get(1 + ID..).ok_or(KeyError::Ciphertext)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Ciphertext)?;
        let mut sealed = sealed.to_vec();
        let plaintext = cipher(held)
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut sealed)
            .map_err(|_| KeyError::Ciphertext)?;
        Ok(plaintext.to_vec())
    }

    /// The context in a form in which no two are alike.
    fn aad(&self, held: &Held, context: &BTreeMap<String, String>) -> Result<Vec<u8>, KeyError> {
        let mut aad = self.arn(held).into_bytes();
        for (name, value) in context {
            if name.is_empty() || value.is_empty() {
                return Err(KeyError::Context);
            }
            for text in [name, value] {
                aad.extend((text.len() as u64).to_be_bytes());
                aad.extend(text.as_bytes());
            }
        }
        Ok(aad)
    }
}

fn cipher(held: &Held) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, &held.secret).expect("a key of 32 bytes is one of AES-256");
    LessSafeKey::new(key)
}

/// KMS as a node's role sees it.
pub(crate) struct NodeKeys {
    pub(crate) ring: std::sync::Arc<Ring>,
    /// The role, as an ARN.
    pub(crate) principal: String,
    /// The sentence by which the role is refused every key, if it is; `{key}` stands for the key.
    pub(crate) refused: Option<String>,
}

impl Keys for NodeKeys {
    /// The words are those of the official agent's SDK: code, message, status, request.
    fn decrypt(
        &self,
        ciphertext: &[u8],
        key_id: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, String> {
        let told = |code: &str, message: Option<String>| {
            let request = uuid::Uuid::new_v4();
            format!("{code}: {}\n\tstatus code: 400, request id: {request}", message.unwrap_or_default())
        };
        let failed = |error: KeyError| {
            let (code, message) = error.words();
            told(code, message)
        };
        let named = Some(key_id).filter(|key| !key.is_empty());
        let held = self.ring.of_blob(ciphertext, named).map_err(failed)?;
        let arn = self.ring.arn(held);
        if let Some(sentence) = &self.refused {
            return Err(told("AccessDeniedException", Some(sentence.replace("{key}", &arn))));
        }
        if held.key.nodes_lack.iter().any(|lacking| lacking == "kms:Decrypt") {
            return Err(told("AccessDeniedException", Some(nodes_denial(&self.principal, &arn))));
        }
        self.ring.open(held, ciphertext, context).map_err(failed)
    }
}

/// The sentence by which a key's policy refuses a node's role.
pub(super) fn nodes_denial(principal: &str, arn: &str) -> String {
    format!(
        "User: {principal} is not authorized to perform: kms:Decrypt on resource: {arn} because no resource-based policy allows the \
         kms:Decrypt action"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Ring {
        let key = |n: u8, state| Key {
            id: format!("5e551011-0000-4000-8000-00000000000{n}"),
            alias: format!("k{n}"),
            state,
            caller_lacks: Vec::new(),
            nodes_lack: Vec::new(),
        };
        let keys = [key(1, KeyState::Enabled), key(2, KeyState::Enabled), key(3, KeyState::Disabled)];
        Ring::new("eu-west-1", "123456789012", &keys)
    }

    fn context(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_context_alone() {
        let ring = ring();
        let (one, two) = (ring.find("alias/k1").unwrap(), ring.find("alias/k2").unwrap());
        let right = context(&[("a", "b"), ("c", "d")]);
        let blob = ring.seal(one, b"secret", &right).unwrap();
        assert_eq!(ring.open(ring.of_blob(&blob, None).unwrap(), &blob, &right).unwrap(), b"secret");
        assert_ne!(ring.seal(one, b"secret", &right).unwrap(), blob);
        for wrong in [
            context(&[]),
            context(&[("a", "b")]),
            context(&[("a", "bc"), ("", "d")]),
            context(&[("ab", ""), ("c", "d")]),
            context(&[("a", "bcd")]),
        ] {
            assert!(ring.open(one, &blob, &wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(ring.open(two, &blob, &right), Err(KeyError::Ciphertext));
        assert_eq!(ring.of_blob(&blob, Some("alias/k2")).err(), Some(KeyError::Incorrect));
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            let opened = ring.of_blob(&changed, None).and_then(|held| ring.open(held, &changed, &right));
            assert!(opened.is_err(), "byte {at}");
            assert!(
                ring.of_blob(&blob[..at], None)
                    .and_then(|held| ring.open(held, &blob[..at], &right))
                    .is_err()
            );
        }
        assert_eq!(ring.seal(one, b"", &context(&[("a", "")])), Err(KeyError::Context));
        let elsewhere = Ring::new("eu-west-1", "123456789012", std::slice::from_ref(&one.key));
        assert!(
            elsewhere.open(elsewhere.find("alias/k1").unwrap(), &blob, &right).is_err(),
            "another region's secret"
        );
    }

    #[test]
    fn keys_are_found_by_all_their_names() {
        let ring = ring();
        let id = "5e551011-0000-4000-8000-000000000001";
        let arn = format!("arn:aws:kms:eu-west-1:123456789012:key/{id}");
        for name in [id, &arn, "alias/k1", "arn:aws:kms:eu-west-1:123456789012:alias/k1"] {
            assert_eq!(ring.arn(ring.find(name).unwrap()), arn);
        }
        for (name, words) in [
            ("alias/no", "Alias arn:aws:kms:eu-west-1:123456789012:alias/no is not found."),
            ("k1", "Key 'arn:aws:kms:eu-west-1:123456789012:key/k1' does not exist"),
            (
                "arn:aws:kms:eu-north-1:123456789012:alias/k1",
                "Invalid arn arn:aws:kms:eu-north-1:123456789012:alias/k1",
            ),
        ] {
            assert_eq!(ring.find(name).err(), Some(KeyError::NotFound(words.to_owned())));
        }
        let retired = ring.find("alias/k3").unwrap();
        assert_eq!(ring.usable(retired).unwrap_err().words().0, "DisabledException");
    }
}
