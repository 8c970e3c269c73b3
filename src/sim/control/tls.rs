//! TLS for agents: the official one speaks nothing else to the message gateway. A certificate authority that lives as long
//! as the region signs a certificate for this machine; whoever trusts it (`SSL_CERT_FILE`) can talk to the region.

use std::{io, sync::Arc};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// The names by which agents on this machine may call the region.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The first byte of every TLS connection: a handshake record (RFC 8446, 5.1). No HTTP request begins so.
pub(crate) const HANDSHAKE: u8 = 0x16;

/// What the region shows to those who connect by TLS.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    authority: String,
}

impl Tls {
    /// A new authority and a certificate by it. Neither key is ever written down.
    pub(crate) fn new(now: Timestamp) -> io::Result<Tls> {
        let fault = |error: rcgen::Error| io::Error::other(format!("cannot make a certificate: {error}"));
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "ssmtui simulated region");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        limit(&mut params, now);
        let authority_key = KeyPair::generate().map_err(fault)?;
        let authority = params.self_signed(&authority_key).map_err(fault)?;
        let issuer = Issuer::new(params, authority_key);

        let mut params = CertificateParams::new(NAMES.map(str::to_owned)).map_err(fault)?;
        params.distinguished_name.push(DnType::CommonName, NAMES[0]);
        params.use_authority_key_identifier_extension = true;
        limit(&mut params, now);
        let key = KeyPair::generate().map_err(fault)?;
        let certificate = params.signed_by(&key, &issuer).map_err(fault)?;

        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(io::Error::other)?;
        // The region speaks HTTP/1.1 alone; who offers more is told so.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), authority: authority.pem() })
    }

    /// What takes connections.
    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// The authority's certificate, in PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

/// Good from yesterday, for those whose clock is behind, for a year.
fn limit(params: &mut CertificateParams, now: Timestamp) {
    let day = |timestamp: Timestamp| {
        let date = timestamp.to_zoned(TimeZone::UTC).date();
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    let hours = |hours: i64| now.checked_add(hours.hours()).unwrap_or(now);
    params.not_before = day(hours(-24));
    params.not_after = day(hours(365 * 24));
}
