//! The search box: errors that point while the rows stay, and completion.

use super::stage::{SMALL, Stage, USUAL};
use crate::{fleet::Saved, term::Size};

fn names(stage: &Stage) -> Vec<&str> {
    let found = stage.state.fleet.list.found.as_ref().unwrap();
    found.hits.iter().map(|hit| found.rows[*hit as usize].label()).collect()
}

/// The search box, and the line below it.
fn head(stage: &Stage) -> String {
    stage.screen().lines().skip(1).take(2).map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn a_wrong_query_is_pointed_at_and_the_rows_stay() {
    let mut stage = Stage::listed(USUAL);
    stage.types("web agent:<");
    let before: Vec<String> = names(&stage).into_iter().map(str::to_owned).collect();
    assert!(!before.is_empty());
    stage.types("x");
    assert_eq!(names(&stage), before);
    insta::assert_snapshot!(head(&stage));
    // Far to the right the words stand before the mark; the row is opened all the same.
    stage.press("ctrl-u").types("web-1 web-1 web-1 web-1 web-1 is:zz");
    insta::assert_snapshot!("far_to_the_right", head(&stage));
    stage.press("enter");
    assert_eq!(stage.state.tabs.current().unwrap().name, "web-1");
}

#[test]
fn what_more_letters_can_mend_is_no_error() {
    let mut stage = Stage::listed(USUAL);
    for letter in "state:lost or (!web seen:>1".chars() {
        stage.types(&letter.to_string());
        assert_eq!(stage.state.fleet.asked.problem, None, "{}", stage.state.fleet.query.text());
    }
}

#[test]
fn a_field_and_a_value_are_offered_and_taken() {
    let mut stage = Stage::listed(USUAL);
    stage.types("sta");
    assert!(head(&stage).contains(" ctrl-f state:"), "{}", head(&stage));
    stage.press("ctrl-f").types("lo").press("right");
    assert_eq!(stage.state.fleet.query.text(), "state:lost ");
    assert!(!names(&stage).is_empty() && names(&stage).iter().all(|name| name.starts_with("lost")));
    stage.types("tag:");
    insta::assert_snapshot!(head(&stage));
    stage.press("ctrl-u").types("web").press("ctrl-f right");
    assert_eq!(stage.state.fleet.query.text(), "web", "a word is no field");
    assert!(head(&stage).contains("name"), "the headings are back");
}

#[test]
fn saved_queries_are_offered_and_used() {
    let mut stage = Stage::listed(SMALL);
    stage.state.fleet.asked.saved =
        Saved::new([("down".to_owned(), "state:lost or state:stopped".to_owned())]);
    stage.types("@d").press("ctrl-f");
    assert_eq!(stage.state.fleet.query.text(), "@down ");
    assert!(!names(&stage).is_empty());
}

#[test]
fn no_size_is_too_small_for_an_error_or_a_completion() {
    for (rows, cols) in [(1, 1), (2, 3), (5, 20), (6, 8), (4, 40)] {
        let mut stage = Stage::listed(Size { rows, cols });
        stage.types("st");
        stage.screen();
        stage.types("ate:zz web web web web web agent:<x");
        stage.screen();
    }
}
