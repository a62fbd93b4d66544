//! The ways out that the configuration opens for notifications.

use std::sync::Arc;

use api::NotificationSetup;
use control::delivery::Channels;
use deliver::{Deliver, Mailer};

use crate::StartError;
use crate::config::Config;

pub(crate) fn channels(config: &Config) -> Result<Channels, StartError> {
    let deliver = Deliver::new().map_err(|err| (format!("nothing can be sent to other servers: {err}"), String::new()))?;
    let smtp = &config.smtp;
    let mailer = match smtp.url.is_empty() {
        true => None,
        false => {
            let password = match smtp.password_file.as_os_str().is_empty() {
                true => None,
                false => Some(std::fs::read_to_string(&smtp.password_file).map_err(|err| {
                    let file = smtp.password_file.display();
                    (format!("smtp.password_file: cannot read {file}: {err}"), String::new())
                })?),
            };
            let mailer = Mailer::new(&smtp.url, password.as_deref().map(str::trim_end), &smtp.from);
            Some(mailer.map_err(|err| (format!("smtp: {err}"), "see [smtp] in `mitoshi print-config`".to_owned()))?)
        }
    };
    Ok(Channels { deliver, mailer, commands: Arc::new(config.notifications.commands.clone()) })
}

pub(crate) fn setup(channels: &Channels) -> NotificationSetup {
    NotificationSetup { has_mail: channels.mailer.is_some(), commands: channels.commands.keys().cloned().collect() }
}
