//! E-mail, through a server that someone else runs.

use std::time::Duration;

use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::DeliverError;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Sends messages. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Whether mail can be sent to it.
pub fn check_address(text: &str) -> Result<(), DeliverError> {
    text.parse::<Address>().map(drop).map_err(|_| DeliverError::Mail(format!("{text:?} is no e-mail address")))
}

impl Mailer {
    /// `url` is as `smtps://user@mail.example.com` or `smtp://mail.example.com:587?tls=required`; the password may stand in it, or come by itself.
    pub fn new(url: &str, password: Option<&str>, from: &str) -> Result<Mailer, DeliverError> {
        let _ = rustls::crypto::CryptoProvider::install_default(rustls::crypto::ring::default_provider());
        let wrong = |err: &dyn std::fmt::Display| DeliverError::Mail(format!("{err}"));
        let from =
            from.parse().map_err(|_| DeliverError::Mail(format!("{from:?} is no sender such as Mitoshi <mitoshi@example.com>")))?;
        let parsed = reqwest::Url::parse(url).map_err(|err| wrong(&err))?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|err| wrong(&err))?;
        if let Some(password) = password {
            builder = builder.credentials(Credentials::new(parsed.username().to_owned(), password.to_owned()));
        }
        Ok(Mailer { transport: builder.timeout(Some(ANSWER_WITHIN)).build(), from })
    }

    /// Sends a text. Returns when the server took it.
    pub async fn send(&self, to: &str, subject: &str, text: &str, id: &str) -> Result<(), DeliverError> {
        let to = to.parse().map_err(|_| DeliverError::Mail(format!("{to:?} is no e-mail address")))?;
        let domain = self.from.email.domain().to_owned();
        // A subject is one line.
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .message_id(Some(format!("<{id}@{domain}>")))
            .header(header::ContentType::TEXT_PLAIN)
            .body(text.to_owned())
            .map_err(|err| DeliverError::Mail(err.to_string()))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(err) if err.is_permanent() => Err(DeliverError::Mail(crate::reason(&err))),
            Err(err) => Err(DeliverError::Unreachable(crate::reason(&err))),
        }
    }
}
