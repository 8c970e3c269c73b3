//! The signature of the data channel's WebSocket upgrade (protocol.md 3.1): SigV4, service `ssmmessages`, as the
//! official client's Go code makes it. Go parses the query and encodes it anew, so a raw `+` of the cell number counts
//! as a space (`%20`); `aws-sigv4` reads a query the same way, which the tests pin against signatures computed apart.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign},
    sign::v4,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// SigV4's name of the gateway.
const SERVICE: &str = "ssmmessages";
/// Any of these in the query, in whatever case: the URL carries its own signature (official client: websocketchannel.go
/// `IsPresignedURL`).
const PRESIGNED: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

/// Whether the URL is signed already; such a session cannot be resumed.
pub fn is_presigned(stream_url: &str) -> bool {
    let query = stream_url.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .any(|name| PRESIGNED.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// The headers to send with the upgrade; none for a URL that is signed already.
pub(super) fn upgrade(
    stream_url: &str,
    region: &str,
    keys: &Credentials,
    at: SystemTime,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    if is_presigned(stream_url) {
        return Ok(headers);
    }
    let mut settings = SigningSettings::default();
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let identity = keys.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(at)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let request = SignableRequest::new("GET", stream_url, std::iter::empty(), SignableBody::Bytes(&[]))
        .map_err(|error| error.to_string())?;
    let (instructions, _) = sign(request, &params).map_err(|error| error.to_string())?.into_parts();
    let (signed, _) = instructions.into_parts();
    for header in signed {
        let mut value = HeaderValue::from_str(header.value()).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(header.name()), value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
