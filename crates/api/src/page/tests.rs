use model::limit;

use super::*;

const NOW_US: i64 = 1_795_000_000_000_000;

#[test]
fn a_token_leads_back_to_its_place() {
    let token = token(&("a", 1), &(5, "x"), NOW_US).unwrap();
    assert_eq!(position::<(i32, String)>(&token, &("a", 1), NOW_US + 1_000_000).unwrap(), (5, "x".to_owned()));
}

#[test]
fn tokens_of_another_question_or_time_and_changed_ones_are_refused() {
    let token = token(&"question", &5, NOW_US).unwrap();
    assert!(position::<i32>(&token, &"other", NOW_US).is_err());
    assert!(position::<i32>(&token, &"question", NOW_US + (limit::PAGE_TOKEN_SECS + 1) * 1_000_000).is_err());
    for place in 0..token.len() {
        let mut changed: Vec<char> = token.chars().collect();
        changed[place] = if changed[place] == 'A' { 'B' } else { 'A' };
        let changed: String = changed.into_iter().collect();
        assert!(position::<i32>(&changed, &"question", NOW_US).is_err(), "{changed}");
    }
    for garbage in ["", "x", "not base64!", "AAAA"] {
        assert!(position::<i32>(garbage, &"question", NOW_US).is_err());
    }
}
