//! The codecs of Smithy's protocols whose operations have no paths. RPC v2 CBOR, and Query, which brings a form and gets XML, are read
//! into JSON values and written from them; [`Lenient`] reads typed input out of these. JSON itself needs none of this.

pub mod cbor;
pub mod form;
mod lenient;
#[cfg(test)]
mod tests;
pub mod xml;

pub use lenient::Lenient;

/// Members that are bytes: base64 in JSON and XML.
fn is_blob(name: &str) -> bool {
    name == "MetricWidgetImage"
}

/// Members that are times, in all services here: numbers in JSON, marked in CBOR, texts in XML.
fn is_time(member: &str) -> bool {
    matches!(
        member,
        "Timestamp"
            | "Timestamps"
            | "StartTime"
            | "EndTime"
            | "LastModified"
            | "CreationDate"
            | "LastUpdateDate"
            | "LastUpdatedTimestamp"
            | "AlarmConfigurationUpdatedTimestamp"
            | "StateUpdatedTimestamp"
            | "StateTransitionedTimestamp"
            | "StartDate"
            | "ExpireDate"
    )
}

/// Members that are maps, whose keys are no members.
fn is_map(member: &str) -> bool {
    matches!(member, "ExtendedStatistics" | "Attributes" | "ContributorAttributes" | "AlarmContributorAttributes")
}
