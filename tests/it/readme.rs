//! The README says what is so: its tables of keys and of the query language are those that the program obeys.

use std::{fs, path::Path, sync::Mutex};

use ssmtui::{fleet::query, tui::keymap};

/// One test at a time writes the page.
static WRITING: Mutex<()> = Mutex::new(());

/// Holds what stands between two marks to a table, or writes it anew.
fn holds(begin: &str, end: &str, table: &str) {
    let _one = WRITING.lock().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(begin).expect("the README has its mark before the table");
    let (held, after) = rest.split_once(end).expect("the README has its mark after the table");
    if std::env::var_os("README_UPDATE").is_some() {
        fs::write(&path, format!("{before}{begin}\n{}\n\n{end}{after}", table.trim())).unwrap();
        return;
    }
    assert_eq!(held.trim(), table.trim(), "README_UPDATE=1 writes the table anew");
}

#[test]
fn the_keys_are_those_of_the_app() {
    holds(
        "<!-- keys: printed from the table of actions, held by a test -->\n",
        "<!-- end of keys -->",
        &keymap::markdown(),
    );
}

#[test]
fn the_queries_are_those_of_the_language() {
    holds(
        "<!-- queries: printed from the table of fields, held by a test -->\n",
        "<!-- end of queries -->",
        &query::markdown(),
    );
}
