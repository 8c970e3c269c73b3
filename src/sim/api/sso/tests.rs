//! A sign-in from its start to its end, with a clock of the test's own.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::sim::world::World;

struct Desk {
    sso: Sso,
    now: Timestamp,
}

impl Desk {
    fn new() -> Desk {
        let options = Options { sso_interval: Duration::from_secs(5), ..Options::default() };
        let directory = Arc::new(Directory::new(World::accounts(), &options));
        Desk {
            sso: Sso::new(directory, "http://127.0.0.1:4000".to_owned(), &options),
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    fn post(&self, path: &str, body: &Value) -> Reply {
        let body = body.to_string();
        let request = Request { method: "POST", path, query: "", token: None, body: body.as_bytes() };
        self.sso.answer(&request, self.now)
    }

    fn get(&self, path: &str, query: &str, token: Option<&str>) -> Reply {
        self.sso.answer(&Request { method: "GET", path, query, token, body: b"" }, self.now)
    }

    /// A client, and the device code and the user code that wait for a click.
    fn start(&self, scopes: &[&str]) -> (Value, String) {
        let client = json!({ "clientName": "test", "clientType": "public", "scopes": scopes });
        let client = read(&self.post("/client/register", &client));
        let mut request = json!({
            "clientId": client["clientId"], "clientSecret": client["clientSecret"], "startUrl": "http://127.0.0.1:4000/start",
        });
        let started = read(&self.post("/device_authorization", &request));
        assert_eq!((started["interval"].as_u64(), started["expiresIn"].as_u64()), (Some(5), Some(600)));
        let user_code = started["userCode"].as_str().unwrap().to_owned();
        assert_eq!(
            started["verificationUriComplete"],
            json!(format!("http://127.0.0.1:4000/device?user_code={user_code}"))
        );
        request["grantType"] = json!("urn:ietf:params:oauth:grant-type:device_code");
        request["deviceCode"] = started["deviceCode"].clone();
        (request, user_code)
    }

    /// An access token and all that came with it.
    fn sign_in(&mut self, scopes: &[&str]) -> (Value, Value) {
        let (request, code) = self.start(scopes);
        assert_eq!(self.get("/device/approve", &format!("user_code={code}"), None).status, 200);
        let token = read(&self.post("/token", &request));
        (request, token)
    }
}

fn read(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{reply:?}");
    serde_json::from_str(&reply.body).unwrap()
}

fn refusal(reply: &Reply) -> (&'static str, String) {
    assert_ne!(reply.status, 200, "{reply:?}");
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    let word = body["error"].as_str().or(body["message"].as_str()).unwrap_or_default();
    (reply.error.unwrap(), word.to_owned())
}

#[test]
fn a_click_makes_a_token_and_a_token_keys() {
    let mut desk = Desk::new();
    let (request, code) = desk.start(&["sso:account:access"]);
    assert_eq!(refusal(&desk.post("/token", &request)).0, "AuthorizationPendingException");
    desk.wait(1);
    assert_eq!(refusal(&desk.post("/token", &request)), ("SlowDownException", "slow_down".to_owned()));
    let page = desk.get("/device", &format!("user_code={}", code.to_lowercase()), None);
    assert!(page.kind.starts_with("text/html") && page.body.contains(&code), "{page:?}");
    assert!(
        desk.get("/device/approve", &format!("user_code={code}"), None).body.contains("Request approved")
    );
    desk.wait(5);
    let token = read(&desk.post("/token", &request));
    assert_eq!((token["tokenType"].as_str(), token["expiresIn"].as_u64()), (Some("Bearer"), Some(3600)));
    desk.wait(5);
    assert_eq!(refusal(&desk.post("/token", &request)).0, "InvalidGrantException", "a code is good once");

    let bearer = token["accessToken"].as_str();
    let accounts = read(&desk.get("/assignment/accounts", "max_result=2", bearer));
    assert_eq!(accounts["accountList"].as_array().map(Vec::len), Some(2));
    let rest = format!("max_result=2&next_token={}", accounts["nextToken"].as_str().unwrap());
    let rest = read(&desk.get("/assignment/accounts", &rest, bearer));
    assert_eq!(rest["accountList"][0]["accountName"], json!("shop-data"));
    assert!(rest.get("nextToken").is_none());
    let roles = read(&desk.get("/assignment/roles", "account_id=345678901234", bearer));
    assert_eq!(roles["roleList"][0], json!({ "roleName": "Operators", "accountId": "345678901234" }));
    let query = "role_name=Operators&account_id=345678901234";
    let keys = read(&desk.get("/federation/credentials", query, bearer));
    let keys = &keys["roleCredentials"];
    assert_eq!(keys["expiration"], json!((desk.now + SignedDuration::from_hours(1)).as_millisecond()));
    let held = desk.sso.directory.find(keys["accessKeyId"].as_str().unwrap()).unwrap();
    assert_eq!(held.token(), keys["sessionToken"].as_str());
    let arn = &held.caller.arn;
    assert!(
        arn.starts_with("arn:aws:sts::345678901234:assumed-role/AWSReservedSSO_Operators_")
            && arn.ends_with("/sam@shop.example"),
        "{arn}"
    );

    let elsewhere =
        refusal(&desk.get("/federation/credentials", "role_name=Moon&account_id=345678901234", bearer));
    assert_eq!(elsewhere, ("ForbiddenException", "No access".to_owned()));
    let request = Request { method: "POST", path: "/logout", query: "", token: bearer, body: b"" };
    assert_eq!(desk.sso.answer(&request, desk.now).status, 200);
    for path in ["/assignment/accounts", "/federation/credentials"] {
        assert_eq!(refusal(&desk.get(path, query, bearer)).0, "UnauthorizedException", "{path}");
    }
}

#[test]
fn an_access_token_ends_and_a_refresh_token_brings_the_next() {
    let mut desk = Desk::new();
    let (client, token) = desk.sign_in(&["sso:account:access"]);
    desk.wait(3600);
    let old = token["accessToken"].as_str();
    assert_eq!(refusal(&desk.get("/assignment/accounts", "", old)).0, "UnauthorizedException");
    let mut request = client.clone();
    request["grantType"] = json!("refresh_token");
    request["refreshToken"] = token["refreshToken"].clone();
    let next = read(&desk.post("/token", &request));
    assert_eq!(desk.get("/assignment/accounts", "", next["accessToken"].as_str()).status, 200);
    assert_eq!(refusal(&desk.post("/token", &request)).0, "InvalidGrantException", "good once");
    request["clientSecret"] = json!("wrong");
    let (name, word) = refusal(&desk.post("/token", &request));
    assert_eq!((name, word.as_str()), ("InvalidClientException", "invalid_client"));
    let (_, legacy) = desk.sign_in(&[]);
    assert!(legacy.get("refreshToken").is_none(), "without a scope there is none");
}

#[test]
fn a_code_that_is_denied_or_too_old_makes_nothing() {
    let mut desk = Desk::new();
    let (request, code) = desk.start(&[]);
    desk.get("/device/deny", &format!("user_code={code}"), None);
    assert_eq!(
        refusal(&desk.post("/token", &request)),
        ("AccessDeniedException", "access_denied".to_owned())
    );
    let (request, code) = desk.start(&[]);
    desk.wait(600);
    assert_eq!(
        refusal(&desk.post("/token", &request)),
        ("ExpiredTokenException", "expired_token".to_owned())
    );
    assert_eq!(desk.get("/device/approve", &format!("user_code={code}"), None).status, 404);
    let strange = desk.get("/device", "user_code=%3Cscript%3E", None);
    assert!(strange.status == 404 && !strange.body.contains("<script>"), "{strange:?}");
}

#[test]
fn wrong_requests_are_told_what_is_wrong() {
    let desk = Desk::new();
    for (path, body, name) in [
        ("/client/register", json!({ "clientType": "public" }), "InvalidRequestException"),
        (
            "/client/register",
            json!({ "clientName": "x", "clientType": "confidential" }),
            "InvalidClientMetadataException",
        ),
        (
            "/client/register",
            json!({ "clientName": "x", "clientType": "public", "grantTypes": ["password"] }),
            "UnsupportedGrantTypeException",
        ),
        (
            "/client/register",
            json!({ "clientName": "x", "clientType": "public", "scopes": ["all"] }),
            "InvalidScopeException",
        ),
        ("/device_authorization", json!({}), "InvalidRequestException"),
        ("/device_authorization", json!({ "clientId": "x", "clientSecret": "y" }), "InvalidClientException"),
        ("/token", json!({ "grantType": "refresh_token" }), "InvalidRequestException"),
    ] {
        assert_eq!(refusal(&desk.post(path, &body)).0, name, "{path} {body}");
    }
    let (mut request, _) = desk.start(&[]);
    request["grantType"] = json!("password");
    assert_eq!(refusal(&desk.post("/token", &request)).0, "UnsupportedGrantTypeException");
    assert_eq!(refusal(&desk.get("/assignment/accounts", "", None)).0, "InvalidRequestException");
    assert_eq!(refusal(&desk.get("/assignment/accounts", "", Some("aoaX"))).0, "UnauthorizedException");
}

#[test]
fn what_is_over_is_forgotten() {
    let mut desk = Desk::new();
    for _ in 0..20 {
        desk.sign_in(&["sso:account:access"]);
    }
    desk.start(&[]);
    desk.wait(91 * 86_400);
    desk.start(&[]);
    let book = desk.sso.book();
    assert_eq!((book.clients.len(), book.devices.len(), book.sessions.len()), (1, 1, 0));
}
