//! What was put into a check and is nobody's business: it is taken out of all that is told of a run.

use std::borrow::Cow;

use serde_json::Value;

/// What stands in the place of a secret.
const HIDDEN: &str = "***";
/// What is shorter stands everywhere, and to take it out would hide nothing and spoil the rest.
const CHARS_MIN: usize = 3;

#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.chars().count() < CHARS_MIN {
            return;
        }
        // As it is, as an address has it in its path or its query, and as JSON has it in a text.
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let in_path = encoded.replace('+', "%20");
        let in_address = url::Url::parse(&format!("http://x/?{secret}"));
        let in_address = in_address.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default();
        let in_json = Value::from(secret).to_string();
        let in_json = in_json.trim_matches('"').to_owned();
        for form in [secret.to_owned(), encoded, in_path, in_address, in_json] {
            if !form.is_empty() && !self.0.contains(&form) {
                self.0.push(form);
            }
        }
        // A secret may be part of another.
        self.0.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    pub(crate) fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut hidden = Cow::Borrowed(text);
        for secret in &self.0 {
            if hidden.contains(secret.as_str()) {
                hidden = Cow::Owned(hidden.replace(secret.as_str(), HIDDEN));
            }
        }
        hidden
    }

    /// In all texts of a value.
    pub(crate) fn hide_in(&self, value: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        match value {
            Value::String(text) => {
                if let Cow::Owned(hidden) = self.hide(text) {
                    *text = hidden;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.hide_in(member)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_in_whatever_form_they_take() {
        let mut secrets = Secrets::default();
        secrets.add("a b/c\"d");
        secrets.add("a b/c\"d-more");
        secrets.add("x");
        let mut value = json!({"url": "http://h/?k=a%20b%2Fc%22d&x=1", "form": "k=a+b%2Fc%22d", "query": "?a%20b/c%22d",
            "steps": [{"text": "it is a b/c\"d-more, not a b/c\"d"}], "body": "{\"k\":\"a b/c\\\"d\"}"});
        secrets.hide_in(&mut value);
        assert_eq!(
            value,
            json!({"url": "http://h/?k=***&x=1", "form": "k=***", "query": "?***", "steps": [{"text": "it is ***, not ***"}], "body": "{\"k\":\"***\"}"})
        );
    }
}
