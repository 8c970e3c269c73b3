//! Percent-encoding, read: documents of IAM and the logins of proxies have it.

/// The text; what is no escape stays as it is.
pub fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn escapes_are_decoded_and_what_is_none_left_alone() {
        assert_eq!(decoded("%7B%22a%22%3A%20%22%C3%A9%22%7D"), "{\"a\": \"é\"}");
        assert_eq!(decoded(r#"{"a":"100%"}"#), r#"{"a":"100%"}"#);
        assert_eq!(decoded("%é%4"), "%é%4");
    }
}
