//! Sessions that KMS encrypts.

use super::*;

/// A KMS with one data key.
struct OneKey {
    challenged: bool,
}

const DATA_KEY: [u8; 64] = [7; 64];

impl Keys for OneKey {
    fn decrypt(
        &self,
        ciphertext: &[u8],
        key_id: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, String> {
        let is = |name: &str, value: &str| context.get(name).is_some_and(|is| is == value);
        let fits = ciphertext == b"sealed"
            && key_id == "arn:key"
            && is("aws:ssm:SessionId", ID)
            && is("aws:ssm:TargetId", "i-0123456789abcdef0")
            && context.contains_key("aws:ssm:RandomChallenge") == self.challenged;
        let mut key = DATA_KEY;
        key[32..].fill(9);
        fits.then(|| key.to_vec()).ok_or_else(|| "InvalidCiphertextException: ".to_owned())
    }
}

fn encrypted(challenge: bool, require_challenge: bool, challenged: bool) -> NewSession {
    let keys = Arc::new(OneKey { challenged });
    let kms = KmsSetup { key_id: "arn:key".to_owned(), keys, challenge, require_challenge };
    NewSession { kms: Some(kms), ..session(Plan::shell()) }
}

fn key_answer(cipher_text_key: &[u8], challenge_acknowledged: bool) -> ActionResult {
    ActionResult::Kms {
        cipher_text_key: cipher_text_key.to_vec(),
        cipher_text_hash: None,
        challenge_acknowledged,
    }
}

#[tokio::test]
async fn an_encrypted_shell_proves_its_key_and_hides_what_is_said() {
    for challenge in [false, true] {
        let gateway = Gateway::new(unpaced());
        let token = gateway.start(encrypted(challenge, challenge, challenge));
        let mut client = Client::open(&gateway, ID, &token).await;
        let request = client.answer("1.2.804.0", key_answer(b"sealed", challenge)).await;
        let RequestedAction::KmsEncryption { key_id, challenge: asked } = &request.actions[1] else {
            panic!()
        };
        assert_eq!((key_id.as_str(), asked.is_some()), ("arn:key", challenge));
        let question = |client: &Client| client.payloads(PayloadType::EncChallengeRequest).first().cloned();
        client.wait_until("a challenge", |client| question(client).is_some()).await;
        let mut key = DATA_KEY;
        key[32..].fill(9);
        let mut cipher = Cipher::new(&key);
        let proof = cipher.open(&EncryptionChallenge::parse(&question(&client).unwrap()).unwrap().challenge);
        assert_eq!(proof.len(), 64);
        // A wrong answer is not acknowledged, and the right one, under the same number, is taken.
        let wrong = EncryptionChallenge { challenge: cipher.seal(&[0; 64]) };
        client.post(PayloadType::EncChallengeResponse, &wrong.encode()).await;
        client.unacknowledged.remove(&1);
        client.next = 1;
        let right = EncryptionChallenge { challenge: cipher.seal(&proof) };
        client.post(PayloadType::EncChallengeResponse, &right.encode()).await;
        client.wait_until("the handshake's end", |client| client.complete().is_some()).await;
        assert_eq!(client.complete().unwrap().customer_message, "This session is encrypted using AWS KMS.");
        let typed = cipher.seal(b"echo $((6*7))\r");
        client.post(PayloadType::Size, br#"{"cols":80,"rows":24}"#).await;
        client.post(PayloadType::Output, &typed).await;
        client.cipher = Some(cipher);
        let shown = |client: &Client| {
            let cipher = client.cipher.as_ref().unwrap();
            let plain: Vec<u8> =
                client.payloads(PayloadType::Output).iter().flat_map(|sealed| cipher.open(sealed)).collect();
            String::from_utf8_lossy(&plain).into_owned()
        };
        client.wait_until("the result", |client| shown(client).contains("\n42")).await;
        assert!(!client.text().contains("42\r"), "in the clear");
        gateway.shutdown().await;
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_decrypted_ends_the_session_with_the_words_of_kms() {
    let title = "\n----------ERROR-------\nEncountered error while initiating handshake. ";
    for (new, answer, words) in [
        (
            encrypted(false, false, false),
            key_answer(b"wrong", false),
            "Fetching data key failed: Unable to retrieve data key, Error when decrypting data key InvalidCiphertextException: ",
        ),
        (
            encrypted(true, true, false),
            key_answer(b"sealed", false),
            "client does not support required encryption context random challenge",
        ),
    ] {
        let gateway = Gateway::new(unpaced());
        let token = gateway.start(new);
        let mut client = Client::open(&gateway, ID, &token).await;
        client.answer("1.2.804.0", answer).await;
        assert_eq!(client.until_closed().await, format!("{title}{words}"));
        assert_eq!(gateway.status(ID).unwrap().state, SessionState::Failed);
        gateway.shutdown().await;
    }
}
