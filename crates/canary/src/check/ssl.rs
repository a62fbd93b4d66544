//! Checks of certificates.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use super::{Checked, assertion};
use crate::net::{connect, ms, now_us, roots};
use crate::recorder::Running;

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SslStep {
    hostname: String,
    #[serde(default = "https")]
    port: u16,
    #[serde(default = "yes")]
    sni: bool,
    #[serde(default = "yes")]
    verify_hostname: bool,
    #[serde(default)]
    allow_self_signed: bool,
}

fn https() -> u16 {
    443
}

fn yes() -> bool {
    true
}

pub(super) fn check(step: &Map<String, Value>) -> Result<(), String> {
    super::read::<SslStep>(step).map(drop)
}

/// Verifies, and keeps the certificate whether it is trusted or not: what is wrong with it is to be told, not that nothing came.
#[derive(Debug)]
struct Keeping {
    verifier: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<(Vec<u8>, Option<Error>)>>,
}

impl ServerCertVerifier for Keeping {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Some((end_entity.as_ref().to_vec(), verified.err()));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

pub(super) async fn run(given: &Map<String, Value>, running: &mut Running) -> Result<Checked, String> {
    let mut given = given.clone();
    if let Some(port) = given.get("port").and_then(Value::as_str).and_then(|port| port.parse::<u16>().ok()) {
        given.insert("port".to_owned(), port.into());
    }
    let step: SslStep = super::read(&given)?;
    let asserted = assertion::read(&given)?;
    let shaken = tokio::time::timeout(TIMEOUT, shake(&step, running)).await;
    let (bytes, wrong) =
        shaken.map_err(|_| format!("no TLS with {}:{} within {} s", step.hostname, step.port, TIMEOUT.as_secs()))??;
    let (_, certificate) = X509Certificate::from_der(&bytes).map_err(|err| format!("the certificate cannot be read: {err}"))?;
    // What is wrong first hides what else is: of a certificate that nobody issued, name and dates are looked at here.
    let wrong = match wrong {
        Some(wrong) if is_allowed(&wrong, &step) => of_self_signed(&bytes, &certificate, &step),
        other => other,
    };
    let error = wrong.map(|wrong| format!("the certificate of {} is not good: {}", step.hostname, why(&wrong)));
    let left_secs = certificate.validity().not_after.timestamp() - now_us() / 1_000_000;
    let assertions = asserted.iter().map(|one| match one.kind.as_str() {
        "CERTIFICATE_EXPIRY" => {
            let (unit, secs) = if one.unit.as_deref() == Some("HOURS") { ("hours", 3_600.0) } else { ("days", 86_400.0) };
            one.of_number(&format!("{unit} until it expires"), (left_secs as f64 / secs * 10.0).floor() / 10.0)
        }
        kind => {
            let (name, of) =
                if kind == "CERTIFICATE_SUBJECT" { (certificate.subject(), "subject") } else { (certificate.issuer(), "issuer") };
            let field = one.field.as_deref().unwrap_or("CN");
            one.of_text(&format!("{of} {field}"), field_of(name, field).as_deref())
        }
    });
    let text =
        format!("subject {}\nissuer {}\nexpires {}", certificate.subject(), certificate.issuer(), certificate.validity().not_after);
    Ok(Checked { assertions: assertions.collect(), text: Some(text), error })
}

async fn shake(step: &SslStep, running: &mut Running) -> Result<(Vec<u8>, Option<Error>), String> {
    let host = &step.hostname;
    let failed = |err: &dyn std::fmt::Display| format!("cannot connect to {host}:{}: {err}", step.port);
    let begun = Instant::now();
    let addresses: Vec<_> = tokio::net::lookup_host((host.as_str(), step.port)).await.map_err(|err| failed(&err))?.collect();
    running.step.timings.dns_ms = Some(ms(begun));
    let begun = Instant::now();
    let stream = connect(&addresses).await.map_err(|err| failed(&err))?;
    running.step.timings.connect_ms = Some(ms(begun));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(), provider.clone()).build().map_err(|err| failed(&err))?;
    let keeping = Arc::new(Keeping { verifier, seen: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|err| failed(&err))?;
    let mut config = config.dangerous().with_custom_certificate_verifier(keeping.clone()).with_no_client_auth();
    config.enable_sni = step.sni;
    let name = ServerName::try_from(host.clone()).map_err(|err| failed(&err))?;
    let begun = Instant::now();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|err| format!("no TLS with {host}:{}: {err}", step.port))?;
    running.step.timings.tls_ms = Some(ms(begun));
    let seen = keeping.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    seen.ok_or_else(|| format!("{host} showed no certificate"))
}

/// What is wrong with a certificate that nobody who is trusted issued, besides that.
fn of_self_signed(bytes: &[u8], certificate: &X509Certificate<'_>, step: &SslStep) -> Option<Error> {
    if !certificate.validity().is_valid() {
        return Some(Error::InvalidCertificate(CertificateError::Expired));
    }
    if !step.verify_hostname {
        return None;
    }
    let der = CertificateDer::from(bytes.to_vec());
    let name = ServerName::try_from(step.hostname.clone()).ok()?;
    let parsed = ParsedCertificate::try_from(&der).ok()?;
    verify_server_name(&parsed, &name).err()
}

fn is_allowed(wrong: &Error, step: &SslStep) -> bool {
    match wrong {
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            !step.verify_hostname
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => step.allow_self_signed,
        // A self-signed certificate is mostly made for a server and yet says it is an authority, or the other way round.
        Error::InvalidCertificate(CertificateError::Other(_)) => step.allow_self_signed,
        _ => false,
    }
}

fn why(wrong: &Error) -> String {
    match wrong {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "nobody who is trusted here issued it; allowSelfSigned allows that".to_owned()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "it has expired".to_owned()
        }
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "it is for another name; verifyHostname false allows that".to_owned()
        }
        // That it says of itself that it is an authority: most that are self-signed do.
        Error::InvalidCertificate(CertificateError::Other(_)) => "it is self-signed; allowSelfSigned allows that".to_owned(),
        other => other.to_string(),
    }
}

fn field_of(name: &X509Name<'_>, field: &str) -> Option<String> {
    let mut found = match field {
        "CN" => name.iter_common_name().next(),
        "O" => name.iter_organization().next(),
        "OU" => name.iter_organizational_unit().next(),
        "C" => name.iter_country().next(),
        "ST" => name.iter_state_or_province().next(),
        "L" => name.iter_locality().next(),
        _ => None,
    };
    found.take().and_then(|attribute| attribute.as_str().ok().map(str::to_owned))
}
