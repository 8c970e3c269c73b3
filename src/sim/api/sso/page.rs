//! The page where a person compares the code and allows the sign-in with one click, or by fetching the link of that click.

use hyper::StatusCode;
use jiff::Timestamp;

use super::{Consent, PERSON, Reply, Request, Sso};

/// `/device`, `/device/approve`, `/device/deny`, and the portal's own address.
pub(super) fn answer(sso: &Sso, request: &Request<'_>, now: Timestamp) -> Reply {
    let Some(code) = request.query("user_code").map(|code| code.to_ascii_uppercase()) else {
        return html(StatusCode::OK, "Sign in", CODE_FORM);
    };
    let mut book = sso.book();
    let device = book.devices.values_mut().find(|device| device.user_code == code && device.expires > now);
    // Only a code that is known is repeated on the page, so nothing foreign ever is.
    let Some(device) = device else {
        let text = "<p>This code is not known, or it has expired. Start the sign-in again.</p>";
        return html(StatusCode::NOT_FOUND, "No such code", text);
    };
    match request.path {
        "/device/approve" => device.answer = Some(Consent::Given),
        "/device/deny" => device.answer = Some(Consent::Refused),
        _ => {}
    }
    match device.answer {
        Some(Consent::Given) => html(StatusCode::OK, "Request approved", "<p>You can close this window.</p>"),
        Some(Consent::Refused) => html(StatusCode::OK, "Request denied", "<p>You can close this window.</p>"),
        None => {
            let body = format!(
                "<p>A program asks to sign in as {PERSON}. Allow it only if it shows this code:</p><p class=\"code\">{code}</p>\
                 <p><a href=\"/device/approve?user_code={code}\">Confirm and continue</a> \
                 <a href=\"/device/deny?user_code={code}\">Deny</a></p>"
            );
            html(StatusCode::OK, "Authorization requested", &body)
        }
    }
}

const CODE_FORM: &str = "<form action=\"/device\"><label>Code: <input name=\"user_code\" autofocus></label> <button>Next</button></form>";

fn html(status: StatusCode, title: &str, body: &str) -> Reply {
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:16px sans-serif;max-width:32em;margin:4em auto}}.code{{font:bold 2em monospace}}a{{margin-right:2em}}</style>\
         <h1>{title}</h1>{body}<p><small>The simulated region of ssmtui: nothing here is AWS.</small></p></html>\n"
    );
    Reply { status, kind: "text/html; charset=utf-8", error: None, body }
}
