//! The README says what is so: its table of keys is the one that the app obeys.

use std::{fs, path::Path};

use ssmtui::tui::keymap;

const BEGIN: &str = "<!-- keys: printed from the table of actions, held by a test -->\n";
const END: &str = "<!-- end of keys -->";

#[test]
fn the_keys_are_those_of_the_app() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the README has its mark before the keys");
    let (keys, after) = rest.split_once(END).expect("the README has its mark after the keys");
    let table = keymap::markdown();
    if std::env::var_os("README_UPDATE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}\n{END}{after}")).unwrap();
        return;
    }
    assert_eq!(keys.trim(), table.trim(), "README_UPDATE=1 writes the table anew");
}
