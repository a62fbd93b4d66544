use proptest::prelude::*;

use super::*;

#[test]
fn trace_id_takes_both_forms_and_prints_one() {
    let text = "1-6b02ffc0-7a2ab790817c2e13796371a0";
    let id: TraceId = text.parse().unwrap();
    assert_eq!(id.to_string(), text);
    assert_eq!("6B02FFC07A2AB790817C2E13796371A0".parse::<TraceId>().unwrap(), id);
    assert_eq!(id.epoch_secs(), 0x6b02_ffc0);
}

#[test]
fn malformed_ids_are_refused() {
    for text in [
        "",
        "1-6b02ffc0-7a2ab790817c2e13796371a",
        "2-6b02ffc0-7a2ab790817c2e13796371a0",
        "1-6b02ffcg-7a2ab790817c2e13796371a0",
        "1-6b02ffc0x7a2ab790817c2e13796371a0",
        "1-6b02ffc0-7a2ab790817c2e13796371aé",
    ] {
        assert!(text.parse::<TraceId>().is_err(), "{text}");
    }
    for text in ["", "9ef9932aefb913d", "9ef9932aefb913ddd", "9ef9932aefb913dg"] {
        assert!(text.parse::<SegmentId>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn text_and_back(bytes: [u8; 16], id: u64) {
        let trace = TraceId(bytes);
        prop_assert_eq!(trace.to_string().parse::<TraceId>().unwrap(), trace);
        let segment = SegmentId(id);
        prop_assert_eq!(segment.to_string().parse::<SegmentId>().unwrap(), segment);
        prop_assert_ne!(segment.inferred(), segment);
    }
}
