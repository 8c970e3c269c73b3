//! The portal of IAM Identity Center (`sso`, 2019-06-10): which accounts and roles are assigned, and keys of them.

use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{PERSON, Reply, Request, Sso};

/// How long the keys of a permission set last.
const SESSION: Duration = Duration::from_secs(3600);

/// An error, as the model names it.
pub(super) fn refuse(status: u16, name: &'static str, message: &str) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        kind: "application/json",
        error: Some(name),
        body: json!({ "message": message }).to_string(),
    }
}

fn signed_in(sso: &Sso, request: &Request<'_>, now: Timestamp) -> Result<(), Reply> {
    let Some(token) = request.token.filter(|token| !token.is_empty()) else {
        return Err(refuse(400, "InvalidRequestException", "Missing session token"));
    };
    match sso.book().sessions.get(token) {
        Some(expires) if *expires > now => Ok(()),
        _ => Err(refuse(401, "UnauthorizedException", "Session token not found or invalid")),
    }
}

/// One page of a list: the token is the number of the first row.
fn page(request: &Request<'_>, name: &str, rows: Vec<Value>) -> Reply {
    let number = |name| request.query(name).map(|text| text.parse::<usize>());
    let (Ok(from), Ok(size @ 1..=100)) =
        (number("next_token").unwrap_or(Ok(0)), number("max_result").unwrap_or(Ok(20)))
    else {
        return refuse(400, "InvalidRequestException", "Invalid max_result or next_token");
    };
    let more = rows.len() > from.saturating_add(size);
    let mut answer = json!({ name: rows.into_iter().skip(from).take(size).collect::<Vec<_>>() });
    if more {
        answer["nextToken"] = Value::from((from + size).to_string());
    }
    Reply::json(&answer)
}

/// ListAccounts.
pub(super) fn list_accounts(sso: &Sso, request: &Request<'_>, now: Timestamp) -> Reply {
    if let Err(refusal) = signed_in(sso, request, now) {
        return refusal;
    }
    let rows = sso.directory.accounts.iter().map(|account| {
        let (id, alias) = (&account.facts.id, &account.facts.alias);
        json!({ "accountId": id, "accountName": alias, "emailAddress": format!("{alias}@shop.example") })
    });
    page(request, "accountList", rows.collect())
}

/// ListAccountRoles.
pub(super) fn list_account_roles(sso: &Sso, request: &Request<'_>, now: Timestamp) -> Reply {
    if let Err(refusal) = signed_in(sso, request, now) {
        return refusal;
    }
    let Some(account) = request.query("account_id").and_then(|id| sso.directory.account(&id)) else {
        return refuse(404, "ResourceNotFoundException", "No access");
    };
    let sets = account.roles.iter().filter_map(|role| role.permission_set.as_ref());
    let rows = sets.map(|name| json!({ "roleName": name, "accountId": account.facts.id }));
    page(request, "roleList", rows.collect())
}

/// GetRoleCredentials.
pub(super) fn get_role_credentials(sso: &Sso, request: &Request<'_>, now: Timestamp) -> Reply {
    if let Err(refusal) = signed_in(sso, request, now) {
        return refusal;
    }
    let (Some(name), Some(account)) = (request.query("role_name"), request.query("account_id")) else {
        return refuse(400, "InvalidRequestException", "role_name or account_id is missing");
    };
    let roles = sso.directory.account(&account).map(|account| &account.roles);
    let role = roles.into_iter().flatten().find(|role| role.permission_set.as_deref() == Some(&name));
    // Identity Center says the same of an account or a role that is not there and of one that is not assigned.
    let Some(role) = role else { return refuse(403, "ForbiddenException", "No access") };
    let held = sso.directory.issue(role.session(PERSON, Vec::new(), None), SESSION, now);
    let Some(temporary) = &held.temporary else {
        return refuse(500, "InternalServerException", "no temporary keys");
    };
    Reply::json(&json!({
        "roleCredentials": {
            "accessKeyId": held.credentials.access_key_id,
            "secretAccessKey": held.credentials.secret_access_key,
            "sessionToken": temporary.token,
            "expiration": temporary.expires.as_millisecond(),
        }
    }))
}

/// Logout.
pub(super) fn logout(sso: &Sso, request: &Request<'_>, now: Timestamp) -> Reply {
    if let Err(refusal) = signed_in(sso, request, now) {
        return refusal;
    }
    if let Some(token) = request.token {
        sso.book().sessions.remove(token);
    }
    Reply { status: StatusCode::OK, kind: "application/json", error: None, body: String::new() }
}
