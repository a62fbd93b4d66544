//! TLS from files, read again when they change.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use crate::config::Tls;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// The certificate that is shown now.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// What connections begin with. A task looks after the files for as long as the process runs.
pub(crate) fn acceptor(files: &Tls) -> Result<TlsAcceptor, String> {
    let current = Arc::new(Current(RwLock::new(Arc::new(read(files)?))));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let mut config = config.map_err(|err| err.to_string())?.with_no_client_auth().with_cert_resolver(current.clone());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    tokio::spawn(keep_current(files.clone(), current));
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn keep_current(files: Tls, current: Arc<Current>) {
    let mut known = changed(&files);
    loop {
        tokio::time::sleep(LOOK).await;
        let now = changed(&files);
        if now == known {
            continue;
        }
        match read(&files) {
            Ok(key) => {
                *current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                info!("the certificate was read again");
                known = now;
            }
            // One file may have changed before the other: the old certificate serves until both fit.
            Err(err) => warn!(error = %err, "the certificate changed and cannot be read; the one before it serves on"),
        }
    }
}

/// When the files changed.
fn changed(files: &Tls) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}

fn read(files: &Tls) -> Result<CertifiedKey, String> {
    let said = |path: &Path, what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let certificates = CertificateDer::pem_file_iter(&files.certificate).map_err(|err| said(&files.certificate, &err))?;
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|err| said(&files.certificate, &err))?;
    if certificates.is_empty() {
        return Err(said(&files.certificate, &"there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|err| said(&files.key, &err))?;
    let key = ring::sign::any_supported_type(&key).map_err(|err| said(&files.key, &err))?;
    let key = CertifiedKey::new(certificates, key);
    match key.keys_match() {
        // Of some keys it cannot be told.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(key),
        Err(err) => Err(said(&files.key, &err)),
    }
}
