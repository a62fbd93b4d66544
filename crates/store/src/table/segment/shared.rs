//! What many documents say alike, in columns of their own, where each such text is kept once: of the member `otel`, which documents of
//! spans have, what the kind of span, its scope and its resource say, and the resource's members of `metadata`.

use std::borrow::Cow;

use model::segment::{Json, Members};

/// The member of a document.
pub(super) const OTEL: &str = "otel";
/// Its members that say the same in many documents.
const ALIKE: [&str; 6] = ["kind", "name", "flags", "same", "annotations", "scope"];
const RESOURCE: &str = "resource";
/// Two numbers that are small and different in each document.
const NANOS: &str = "ns";

/// Where metadata has what the resource says, and how such members begin.
const DEFAULT: &str = "default";
const RESOURCE_PREFIX: &str = "otel.resource.";

/// Objects of more members than this are left as they are.
const MEMBERS_MAX: usize = 32;

/// The member `otel` in its parts.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Otel<'a> {
    pub(super) alike: Option<Cow<'a, str>>,
    pub(super) resource: Option<Cow<'a, str>>,
    pub(super) nanos: [Option<i64>; 2],
    /// What is left of it.
    pub(super) rest: Members<'a>,
}

/// Takes the member apart, where it is an object that can be put together again from its parts.
pub(super) fn split_otel<'a>(otel: &Json<'a>) -> Option<Otel<'a>> {
    let members = otel.members();
    let is_twice = |place: usize| members.0[..place].iter().any(|(key, _)| *key == members.0[place].0);
    if members.is_empty() || members.0.len() > MEMBERS_MAX || (0..members.0.len()).any(is_twice) {
        return None;
    }
    let (mut parts, mut alike) = (Otel::default(), Members::default());
    for (key, value) in members.0 {
        match &*key {
            RESOURCE => parts.resource = Some(value.into_text()),
            NANOS => match nanos(value.as_str()) {
                Some([start, end]) => parts.nanos = [Some(start), Some(end)],
                None => parts.rest.0.push((key, value)),
            },
            _ if ALIKE.contains(&&*key) => alike.0.push((key, value)),
            _ => parts.rest.0.push((key, value)),
        }
    }
    parts.alike = (!alike.is_empty()).then(|| alike.to_json().into());
    let is_apart = parts.alike.is_some() || parts.resource.is_some() || parts.nanos[0].is_some();
    is_apart.then_some(parts)
}

impl<'a> Otel<'a> {
    /// The member again; none where no part says anything.
    pub(super) fn join(self) -> Option<Json<'a>> {
        let mut members = self.alike.map(|text| members_of(text)).unwrap_or_default();
        if let [Some(start), Some(end)] = self.nanos {
            members.0.push((NANOS.into(), Json::from_well_formed(format!("[{start},{end}]"))));
        }
        members.0.extend(self.resource.map(|text| (RESOURCE.into(), Json::from_well_formed(text))));
        members.0.extend(self.rest.0);
        (!members.is_empty()).then(|| Json::from_well_formed(members.to_json()))
    }
}

fn members_of(text: Cow<'_, str>) -> Members<'_> {
    Json::from_well_formed(text).members()
}

/// Two numbers, where they are written as `join` writes them.
fn nanos(text: &str) -> Option<[i64; 2]> {
    let (start, end) = text.strip_prefix('[')?.strip_suffix(']')?.split_once(',')?;
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    Some([number(start)?, number(end)?])
}

/// Takes what the resource says out of metadata: what is left, and that, each an object. None where it says nothing.
pub(super) fn split_metadata(metadata: &Json<'_>) -> Option<(String, String)> {
    if !metadata.as_str().contains(RESOURCE_PREFIX) {
        return None;
    }
    let mut namespaces = metadata.members();
    let mut defaults = namespaces.0.iter_mut().filter(|(key, _)| key == DEFAULT);
    let (Some((_, default)), None) = (defaults.next(), defaults.next()) else { return None };
    let (resource, rest): (Vec<_>, Vec<_>) = default.members().0.into_iter().partition(|(key, _)| key.starts_with(RESOURCE_PREFIX));
    if resource.is_empty() {
        return None;
    }
    *default = Json::from_well_formed(Members(rest).to_json());
    Some((namespaces.to_json(), Members(resource).to_json()))
}

/// Puts it in again.
pub(super) fn join_metadata(rest: &str, resource: &str) -> Json<'static> {
    let mut namespaces = members_of(rest.into());
    if let Some((_, default)) = namespaces.0.iter_mut().find(|(key, _)| key == DEFAULT) {
        let mut members = members_of(resource.into());
        members.0.extend(default.members().0);
        *default = Json::from_well_formed(members.to_json());
    }
    Json::from_well_formed(namespaces.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn otel_through(text: &str) -> Option<String> {
        let parts = split_otel(&Json::from_well_formed(text))?;
        parts.join().map(|json| json.as_str().to_owned())
    }

    #[test]
    fn a_member_of_a_span_is_put_together_again() {
        let text = r#"{"kind":2,"name":"GET /","same":["url.path"],"scope":{"name":"s"},"ns":[-38,7],"resource":{"attributes":{"a":1}},"events":[1]}"#;
        assert_eq!(otel_through(text).as_deref(), Some(text));
        let parts = split_otel(&Json::from_well_formed(text)).unwrap();
        assert_eq!((parts.nanos, parts.rest.to_json().as_str()), ([Some(-38), Some(7)], r#"{"events":[1]}"#));
    }

    #[test]
    fn what_would_not_come_back_is_left() {
        for text in [r#"{}"#, r#"{"a":1}"#, r#"[]"#, r#""x""#, r#"{"kind":1,"kind":2}"#, r#"{"ns":[1.0,2]}"#, r#"{"ns":[01,2,3]}"#]
        {
            assert_eq!(split_otel(&Json::from_well_formed(text)), None, "{text}");
        }
        assert_eq!(otel_through(r#"{"ns":[ 1,2],"kind":1}"#).as_deref(), Some(r#"{"kind":1,"ns":[ 1,2]}"#));
    }

    #[test]
    fn what_the_resource_says_is_taken_out_of_metadata_and_put_back() {
        let text = r#"{"default":{"otel.resource.a":1,"b":2},"other":{"c":"otel.resource."}}"#;
        let (rest, resource) = split_metadata(&Json::from_well_formed(text)).unwrap();
        assert_eq!(
            (rest.as_str(), resource.as_str()),
            (r#"{"default":{"b":2},"other":{"c":"otel.resource."}}"#, r#"{"otel.resource.a":1}"#)
        );
        assert_eq!(join_metadata(&rest, &resource).as_str(), text);
        for text in [
            r#"{"x":{"otel.resource.a":1}}"#,
            r#"{"default":["otel.resource.a"]}"#,
            r#""otel.resource.a""#,
            r#"{"default":{"a":"otel.resource."}}"#,
        ] {
            assert_eq!(split_metadata(&Json::from_well_formed(text)), None, "{text}");
        }
    }
}
