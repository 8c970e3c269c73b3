//! The way into a data channel: `GET /v1/data-channel/<session>`, signed, upgraded to a WebSocket (protocol 3.1).

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Request, Response, StatusCode, body::Incoming, header, header::HeaderValue};
use jiff::Timestamp;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::form_urlencoded;

use super::{
    Answer, Api,
    error::{ApiError, Wire},
    finish,
    sigv4::{self, Expected, Key, Signed},
};
use crate::sim::{
    gateway::Gateway,
    options::{StreamUrl, Upgrade},
};

/// Where data channels are.
pub(super) const PATH: &str = "/v1/data-channel/";

/// A data channel that is let in.
pub(super) struct Admitted {
    /// The session.
    pub(super) id: String,
    /// Where it is.
    pub(super) gateway: Gateway,
    /// What to answer.
    pub(super) answer: Answer,
}

impl Api {
    /// Checks an upgrade, all but the token, which comes in the first message.
    pub(super) fn admit(
        &self,
        request: &Request<Incoming>,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Admitted, Box<Answer>> {
        let refuse = |error: &ApiError| {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::FORBIDDEN);
            let mut answer =
                finish(status, "application/json", error.body(Wire::Json, request_id), request_id);
            answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error.code));
            Box::new(answer)
        };
        let answer =
            accept(request.headers()).map_err(|text| refuse(&ApiError::common("BadRequest", text)))?;
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let signed =
            Signed { method: request.method().as_str(), path, query, headers: request.headers(), body: b"" };
        let expected =
            Expected { service: "ssmmessages", regions: &[&self.options.region], plus: self.options.plus };
        let held = sigv4::key_id(request.headers()).and_then(|id| self.directory.find(id));
        let held = held.filter(|held| held.caller.account == self.account);
        let known =
            held.as_ref().map(|held| Key::Secret { credentials: &held.credentials, token: held.token() });
        let id = session_in(path);
        let caller = match sigv4::verify(&signed, &expected, known.as_ref(), now) {
            Ok(()) if self.expired(now) || held.as_ref().is_some_and(|held| held.expired(now)) => {
                return Err(refuse(&ApiError::expired(Wire::Json).status(403)));
            }
            Ok(()) => held.map(|held| held.caller),
            // Some clients put something of their own there (pyssm-client: `Bearer` and the token); AWS takes them.
            Err(_) if self.options.upgrade == Upgrade::AcceptUnsigned && !is_signed(request.headers()) => {
                self.session_owner(&id)
            }
            Err(refusal) => return Err(refuse(&ApiError::refusal(Wire::Json, refusal).status(403))),
        };
        if let Some(caller) = caller {
            self.permit_session_of(&caller, &self.world(), now, "ssmmessages:OpenDataChannel", &id)
                .map_err(|error| refuse(&error.status(403)))?;
        }
        if !role_and_cell(query).is_some_and(|cell| self.opens(&id, &cell)) {
            let text = match self.options.stream_url {
                StreamUrl::Newest => "no such session, or not its newest stream URL",
                StreamUrl::Issued => "no such session, or not a stream URL of it",
            };
            return Err(refuse(&ApiError::common("BadRequest", text)));
        }
        Ok(Admitted { id, gateway: self.gateway.clone(), answer })
    }
}

/// The answer to a proper WebSocket request.
pub(super) fn accept(headers: &HeaderMap) -> Result<Answer, &'static str> {
    let accept = derive_accept_key(websocket_key(headers)?);
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(
        header::SEC_WEBSOCKET_ACCEPT,
        HeaderValue::from_str(&accept).expect("base64 is visible ASCII"),
    );
    Ok(answer)
}

/// The session id of a path, decoded.
pub(super) fn session_in(path: &str) -> String {
    let encoded = path.strip_prefix(PATH).unwrap_or_default().replace('+', "%2B");
    // Of a form the first name is all there is, since a session id has neither `&` nor, encoded, `=`.
    form_urlencoded::parse(encoded.replace('=', "%3D").as_bytes())
        .next()
        .map(|(id, _)| id.into_owned())
        .unwrap_or_default()
}

/// The cell-number of a query whose role is right. A raw `+` is one, however it was signed.
fn role_and_cell(query: &str) -> Option<String> {
    let query = query.replace('+', "%2B");
    let value = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    value("role").filter(|role| role == "publish_subscribe")?;
    value("cell-number")
}

/// Whether it claims to be signed as AWS signs.
fn is_signed(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"))
}

/// The key of a proper WebSocket request (RFC 6455, 4.2.1).
fn websocket_key(headers: &HeaderMap) -> Result<&[u8], &'static str> {
    let text =
        |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let names = |name, token: &str| text(name).split(',').any(|part| part.trim().eq_ignore_ascii_case(token));
    if !names(header::UPGRADE, "websocket") || !names(header::CONNECTION, "upgrade") {
        return Err("a data channel is a WebSocket: Upgrade and Connection are missing");
    }
    if text(header::SEC_WEBSOCKET_VERSION) != "13" {
        return Err("Sec-WebSocket-Version must be 13");
    }
    let key = text(header::SEC_WEBSOCKET_KEY);
    match STANDARD.decode(key) {
        Ok(bytes) if bytes.len() == 16 => Ok(key.as_bytes()),
        _ => Err("Sec-WebSocket-Key must be 16 bytes in base64"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_cells_are_read_as_they_were_written() {
        assert_eq!(session_in("/v1/data-channel/alice@example.com-0a1b"), "alice@example.com-0a1b");
        assert_eq!(session_in("/v1/data-channel/alice%40example.com-0a1b"), "alice@example.com-0a1b");
        assert_eq!(session_in("/v1/data-channel/a+b=c,d-0a1b"), "a+b=c,d-0a1b");
        assert_eq!(role_and_cell("role=publish_subscribe&cell-number=A+/b=="), Some("A+/b==".to_owned()));
        assert_eq!(
            role_and_cell("cell-number=A%2B%2Fb%3D%3D&role=publish_subscribe"),
            Some("A+/b==".to_owned())
        );
        assert_eq!(role_and_cell("role=subscribe&cell-number=A"), None);
        assert_eq!(role_and_cell("role=publish_subscribe"), None);
    }

    #[test]
    fn only_a_proper_websocket_request_is_taken() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect::<HeaderMap>()
        };
        let good = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        assert_eq!(
            websocket_key(&headers(&good)).map(derive_accept_key),
            Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned())
        );
        for spoilt in 0..good.len() {
            let mut pairs = good.to_vec();
            pairs[spoilt].1 = "x";
            assert!(websocket_key(&headers(&pairs)).is_err(), "{}", good[spoilt].0);
        }
    }
}
