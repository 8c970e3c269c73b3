//! SSO OIDC, 2019-06-10: RegisterClient, StartDeviceAuthorization, CreateToken (RFC 8628 for the device code).

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Client, Consent, Device, Reply, Request, Sso, after};
use crate::sim::api::random;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const REFRESH_GRANT: &str = "refresh_token";
/// How long a registration is good.
const CLIENT_LIFETIME: std::time::Duration = std::time::Duration::from_secs(90 * 86_400);
/// How much too early a poll may come: clients' timers are no clocks.
const HASTE: f64 = 0.2;

/// An error, as OAuth names it and as the model does.
pub(super) fn refuse(name: &'static str, error: &str, description: &str) -> Reply {
    let status =
        if name == "InvalidClientException" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    let body = json!({ "error": error, "error_description": description });
    Reply { status, kind: "application/json", error: Some(name), body: body.to_string() }
}

fn invalid(description: &str) -> Reply {
    refuse("InvalidRequestException", "invalid_request", description)
}

fn unknown_client() -> Reply {
    refuse("InvalidClientException", "invalid_client", "Invalid client")
}

fn bad_grant(description: &str) -> Reply {
    refuse("InvalidGrantException", "invalid_grant", description)
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
}

/// RegisterClient.
pub(super) fn register_client(sso: &Sso, request: &Request<'_>, now: Timestamp) -> Reply {
    let input = request.json();
    if input["clientName"].as_str().is_none_or(str::is_empty) {
        return invalid("clientName is missing");
    }
    if input["clientType"] != "public" {
        let text = "Invalid client type. Only public is supported.";
        return refuse("InvalidClientMetadataException", "invalid_client_metadata", text);
    }
    let grants = texts(&input["grantTypes"]);
    let supported =
        |grant: &String| [DEVICE_GRANT, REFRESH_GRANT, "authorization_code"].contains(&grant.as_str());
    if !grants.iter().all(supported) {
        let text = "One or more requested grant types are not supported";
        return refuse("UnsupportedGrantTypeException", "unsupported_grant_type", text);
    }
    let scopes = texts(&input["scopes"]);
    if scopes.iter().any(|scope| !scope.contains(':') && scope != "openid") {
        return refuse("InvalidScopeException", "invalid_scope", "Invalid scope");
    }
    let (id, secret, expires) = (random::opaque(), random::session_token(), after(now, CLIENT_LIFETIME));
    let mut book = sso.book();
    book.sweep(now);
    let client = Client { secret: secret.clone(), scoped: !scopes.is_empty(), grants, expires };
    book.clients.insert(id.clone(), client);
    Reply::json(&json!({
        "clientId": id,
        "clientSecret": secret,
        "clientIdIssuedAt": now.as_second(),
        "clientSecretExpiresAt": expires.as_second(),
    }))
}

/// The client that a request is of: its id, and whether it has scopes.
fn client(sso: &Sso, input: &Value, grant: &str, now: Timestamp) -> Result<(String, bool), Reply> {
    let (Some(id), Some(secret)) = (input["clientId"].as_str(), input["clientSecret"].as_str()) else {
        return Err(invalid("clientId or clientSecret is missing"));
    };
    let book = sso.book();
    let client = book.clients.get(id).filter(|client| client.secret == secret && client.expires > now);
    let client = client.ok_or_else(unknown_client)?;
    if !client.grants.is_empty() && !client.grants.iter().any(|known| known == grant) {
        let text = "Client is not authorized for this grant type";
        return Err(refuse("UnauthorizedClientException", "unauthorized_client", text));
    }
    Ok((id.to_owned(), client.scoped))
}

/// StartDeviceAuthorization.
pub(super) fn start_device_authorization(sso: &Sso, request: &Request<'_>, now: Timestamp) -> Reply {
    let input = request.json();
    let (client, _) = match client(sso, &input, DEVICE_GRANT, now) {
        Ok(client) => client,
        Err(refusal) => return refusal,
    };
    // There is one portal here, and its address is the region's.
    if input["startUrl"].as_str().is_none_or(|url| !url.starts_with("http")) {
        return invalid("Invalid startUrl");
    }
    let (device_code, user_code) = (random::opaque(), random::user_code());
    let page = format!("{}/device", sso.endpoint);
    let mut book = sso.book();
    book.sweep(now);
    let expires = after(now, sso.code_lifetime);
    let device = Device { user_code: user_code.clone(), client, expires, last_poll: None, answer: None };
    book.devices.insert(device_code.clone(), device);
    Reply::json(&json!({
        "deviceCode": device_code,
        "userCode": user_code,
        "verificationUri": page,
        "verificationUriComplete": format!("{page}?user_code={user_code}"),
        "expiresIn": sso.code_lifetime.as_secs(),
        "interval": sso.interval.as_secs(),
    }))
}

/// CreateToken.
pub(super) fn create_token(sso: &Sso, request: &Request<'_>, now: Timestamp) -> Reply {
    let input = request.json();
    let grant = input["grantType"].as_str().unwrap_or_default();
    let (client, scoped) = match client(sso, &input, grant, now) {
        Ok(client) => client,
        Err(refusal) => return refusal,
    };
    let granted = match grant {
        DEVICE_GRANT => by_device_code(sso, &input, &client, now),
        REFRESH_GRANT => by_refresh_token(sso, &input, &client),
        _ => {
            let text = "Grant type is not supported";
            Err(refuse("UnsupportedGrantTypeException", "unsupported_grant_type", text))
        }
    };
    if let Err(refusal) = granted {
        return refusal;
    }
    let mut book = sso.book();
    let (access, refresh) =
        (format!("aoa{}", random::session_token()), format!("aor{}", random::session_token()));
    book.sessions.insert(access.clone(), after(now, sso.token_lifetime));
    let mut token = json!({
        "accessToken": access,
        "tokenType": "Bearer",
        "expiresIn": sso.token_lifetime.as_secs(),
    });
    if scoped {
        book.refresh.insert(refresh.clone(), client);
        token["refreshToken"] = Value::from(refresh);
    }
    Reply::json(&token)
}

fn by_device_code(sso: &Sso, input: &Value, client: &str, now: Timestamp) -> Result<(), Reply> {
    let code = input["deviceCode"].as_str().ok_or_else(|| invalid("deviceCode is missing"))?;
    let mut book = sso.book();
    let device = book.devices.get_mut(code).filter(|device| device.client == client);
    let device = device.ok_or_else(|| bad_grant("Invalid device code"))?;
    if device.expires <= now {
        return Err(refuse("ExpiredTokenException", "expired_token", "Device code has expired"));
    }
    let least = sso.interval.mul_f64(1.0 - HASTE);
    if device.last_poll.is_some_and(|last| after(last, least) > now) {
        return Err(refuse("SlowDownException", "slow_down", "Polling too fast"));
    }
    device.last_poll = Some(now);
    match device.answer {
        None => {
            let text = "Authorization is still pending";
            Err(refuse("AuthorizationPendingException", "authorization_pending", text))
        }
        Some(Consent::Refused) => {
            Err(refuse("AccessDeniedException", "access_denied", "The request was denied"))
        }
        // It is good for one token.
        Some(Consent::Given) => {
            book.devices.remove(code);
            Ok(())
        }
    }
}

fn by_refresh_token(sso: &Sso, input: &Value, client: &str) -> Result<(), Reply> {
    let token = input["refreshToken"].as_str().ok_or_else(|| invalid("refreshToken is missing"))?;
    let mut book = sso.book();
    if book.refresh.get(token).is_none_or(|of| of != client) {
        return Err(bad_grant("Invalid refresh token provided"));
    }
    // Each is good once: the answer brings the next.
    book.refresh.remove(token);
    Ok(())
}
