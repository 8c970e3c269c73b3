//! From keys to actions: a tree per context, built from the table of actions and the user's changes.
//!
//! A lookup has three answers: more keys may follow (with what may follow, for the panel), an action, or nothing.

use std::collections::{BTreeMap, HashMap};

use super::{
    action::{Action, Context, Entry},
    action_table::TABLE,
    key,
};
use crate::config::{Binding, Chord, Position, Problem, nearest};

/// A node of the tree: an action, or the keys that may follow in the order of the table.
#[derive(Clone, Debug)]
enum Node {
    Leaf(Action),
    Branch(Vec<(Chord, Node)>),
}

/// The answer of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// More keys may follow: these, each with the action it leads to (none: yet more keys).
    Pending(Vec<(Chord, Option<Action>)>),
    /// That is an action.
    Matched(Action),
    /// Nothing.
    Unbound,
}

/// The keys in force.
#[derive(Clone, Debug)]
pub struct Keymap {
    leader: Chord,
    trees: HashMap<Context, Node>,
    keys: Vec<(Context, Action, Vec<Chord>)>,
}

impl Keymap {
    /// The default keys with the user's leader and changes laid over: an action named there loses its default keys.
    ///
    /// A key of the user's that prints goes behind the leader where the default does, and is left out where letters
    /// are text.
    ///
    /// # Errors
    /// An unknown action, a key that two actions claim in one place, a key that can be used nowhere.
    pub fn new(leader: Chord, changes: &BTreeMap<String, Binding>) -> Result<Self, Problem> {
        for (name, binding) in changes {
            if Action::named(name).is_none() {
                let what = match nearest(name, TABLE.iter().map(|entry| entry.name)) {
                    Some(near) => format!("there is no action `{name}`; did you mean `{near}`?"),
                    None => format!(
                        "there is no action `{name}`; the page of keys (`?` in the app) has their names"
                    ),
                };
                return Err(Problem { position: binding.position, what });
            }
        }
        let mut keymap = Self { leader, trees: HashMap::new(), keys: Vec::new() };
        for entry in TABLE {
            match changes.get(entry.name) {
                None => keymap.bind_defaults(entry, changes)?,
                Some(binding) => keymap.bind_changed(entry, binding)?,
            }
        }
        Ok(keymap)
    }

    fn bind_defaults(&mut self, entry: &Entry, changes: &BTreeMap<String, Binding>) -> Result<(), Problem> {
        for (contexts, keys) in entry.keys {
            let keys = self.sequence(keys);
            if keys == [self.leader] {
                continue; // A leader of the user's own choosing displaces what had that key.
            }
            for context in Context::ALL.into_iter().filter(|c| contexts.contains(*c)) {
                self.bind(context, entry.action, &keys).map_err(|what| Problem {
                    // The other one is the user's: it came earlier in the table.
                    position: changes.values().next().map_or(Position { line: 1, column: 1 }, |b| b.position),
                    what,
                })?;
            }
        }
        Ok(())
    }

    fn bind_changed(&mut self, entry: &Entry, binding: &Binding) -> Result<(), Problem> {
        let refused = |what| Problem { position: binding.position, what };
        for chord in &binding.chords {
            let mut bound = false;
            for context in Context::ALL.into_iter().filter(|c| entry.exists_in(*c)) {
                let led =
                    entry.keys.iter().any(|(c, keys)| c.contains(context) && keys.starts_with("leader "));
                let only_led = led
                    && entry.keys.iter().all(|(c, keys)| !c.contains(context) || keys.starts_with("leader "));
                let prints = key::typed(*chord).is_some();
                let keys = match (prints, led) {
                    (true, true) if only_led || context.types_text() || context == Context::Pane => {
                        vec![self.leader, *chord]
                    }
                    (true, false) if context.types_text() || context == Context::Pane => continue,
                    _ => vec![*chord],
                };
                self.bind(context, entry.action, &keys).map_err(refused)?;
                bound = true;
            }
            if !bound {
                return Err(refused(format!(
                    "`{chord}` is text where `{}` is wanted; start it with `ctrl-` or `alt-`",
                    entry.name
                )));
            }
        }
        Ok(())
    }

    /// The keys as they are without any change.
    pub fn standard() -> Self {
        Self::new(Chord::control(']'), &BTreeMap::new())
            .expect("the table's own keys are unique: a test builds them")
    }

    /// The leader key.
    pub fn leader(&self) -> Chord {
        self.leader
    }

    fn sequence(&self, text: &str) -> Vec<Chord> {
        text.split(' ')
            .map(|word| match word {
                "leader" => self.leader,
                word => word.parse().expect("the table spells its keys rightly: a test builds it"),
            })
            .collect()
    }

    fn bind(&mut self, context: Context, action: Action, keys: &[Chord]) -> Result<(), String> {
        let twice = |first: Action| {
            let (first, second, place) = (first.entry().name, action.entry().name, context.title());
            format!("`{}` means both `{first}` and `{second}` ({place})", spell(keys))
        };
        let mut node = self.trees.entry(context).or_insert_with(|| Node::Branch(Vec::new()));
        for (at, key) in keys.iter().enumerate() {
            let Node::Branch(children) = node else {
                unreachable!("a leaf is never walked into: refused below")
            };
            let last = at + 1 == keys.len();
            let place = match children.iter().position(|(k, _)| k == key) {
                Some(place) => {
                    match &children[place].1 {
                        Node::Leaf(first) => return Err(twice(*first)),
                        Node::Branch(_) if last => return Err(twice(first_action(&children[place].1))),
                        Node::Branch(_) => {}
                    }
                    place
                }
                None => {
                    children.push((*key, if last { Node::Leaf(action) } else { Node::Branch(Vec::new()) }));
                    children.len() - 1
                }
            };
            node = &mut children[place].1;
        }
        self.keys.push((context, action, keys.to_vec()));
        Ok(())
    }

    /// What these keys mean here.
    pub fn lookup(&self, context: Context, keys: &[Chord]) -> Lookup {
        let Some(mut node) = self.trees.get(&context) else { return Lookup::Unbound };
        for key in keys {
            let Node::Branch(children) = node else { return Lookup::Unbound };
            match children.iter().find(|(k, _)| k == key) {
                Some((_, next)) => node = next,
                None => return Lookup::Unbound,
            }
        }
        match node {
            Node::Leaf(action) => Lookup::Matched(*action),
            Node::Branch(children) => Lookup::Pending(
                children
                    .iter()
                    .map(|(key, node)| match node {
                        Node::Leaf(action) => (*key, Some(*action)),
                        Node::Branch(_) => (*key, None),
                    })
                    .collect(),
            ),
        }
    }

    /// Every way to ask for this action here, as the user types it, the first default first.
    pub fn keys_of(&self, context: Context, action: Action) -> Vec<String> {
        self.keys
            .iter()
            .filter(|(c, a, _)| *c == context && *a == action)
            .map(|(_, _, keys)| spell(keys))
            .collect()
    }

    /// The shortest way to ask for this action here, the first of them.
    pub fn key_of(&self, context: Context, action: Action) -> Option<String> {
        let keys = self.keys.iter().filter(|(c, a, _)| *c == context && *a == action);
        keys.map(|(_, _, keys)| keys).min_by_key(|keys| keys.len()).map(|keys| spell(keys))
    }
}

/// Keys one after the other, as the user reads them.
pub fn spell(keys: &[Chord]) -> String {
    keys.iter().map(Chord::to_string).collect::<Vec<_>>().join(" ")
}

fn first_action(node: &Node) -> Action {
    match node {
        Node::Leaf(action) => *action,
        Node::Branch(children) => first_action(&children[0].1),
    }
}

/// The table of default keys as the README shows it (Markdown); a test compares the two.
pub fn markdown() -> String {
    let keymap = Keymap::standard();
    let mut page = String::new();
    for context in [Context::Search, Context::List, Context::Pane, Context::Ended, Context::Scroll] {
        page.push_str(&format!("\n**{}**\n\n| keys | does |\n| --- | --- |\n", context.title()));
        for (keys, doc) in lines(&keymap, context) {
            page.push_str(&format!("| {} | {doc} |\n", keys.replace('|', "\\|")));
        }
    }
    page
}

/// What the page of keys says of one context: keys and what they do; the nine tabs are one line.
pub fn lines(keymap: &Keymap, context: Context) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for entry in TABLE {
        let keys = keymap.keys_of(context, entry.action);
        match entry.action {
            _ if keys.is_empty() => {}
            Action::GoTab(1) => {
                let range = keys.iter().map(|key| match key.strip_suffix('1') {
                    Some(stem) => format!("{stem}1…9"),
                    None => key.clone(),
                });
                lines.push((
                    range.collect::<Vec<_>>().join(", "),
                    "go to that tab; 1 is the fleet".to_owned(),
                ));
            }
            Action::GoTab(_) => {}
            _ => lines.push((keys.join(", "), entry.doc.to_owned())),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn keys(text: &str) -> Vec<Chord> {
        text.split(' ').map(|key| key.parse().unwrap()).collect()
    }

    fn configured(text: &str) -> Result<Keymap, String> {
        let config = Config::parse(text).unwrap();
        Keymap::new(config.leader, &config.keys).map_err(|problem| problem.to_string())
    }

    #[test]
    fn the_standard_keys_are_built_and_none_is_bound_twice() {
        Keymap::new(Chord::control(']'), &BTreeMap::new()).unwrap();
    }

    #[test]
    fn a_lookup_is_pending_matched_or_unbound() {
        let keymap = Keymap::standard();
        assert_eq!(keymap.lookup(Context::List, &keys("s")), Lookup::Matched(Action::Shell));
        assert_eq!(keymap.lookup(Context::Search, &keys("s")), Lookup::Unbound);
        assert_eq!(keymap.lookup(Context::Pane, &keys("ctrl-] n")), Lookup::Matched(Action::NextTab));
        assert_eq!(keymap.lookup(Context::Pane, &keys("ctrl-] ctrl-]")), Lookup::Matched(Action::SendLeader));
        assert_eq!(keymap.lookup(Context::Pane, &keys("ctrl-] @")), Lookup::Unbound);
        let Lookup::Pending(next) = keymap.lookup(Context::Pane, &keys("ctrl-]")) else {
            panic!("not pending")
        };
        assert!(next.contains(&(keys("x")[0], Some(Action::EndSession))));
    }

    #[test]
    fn a_session_gets_every_key_but_the_leader_and_alt_digits() {
        let keymap = Keymap::standard();
        let Lookup::Pending(first) = keymap.lookup(Context::Pane, &[]) else { panic!("no tree") };
        for (key, _) in first {
            let digit = matches!(key.key, crate::config::Key::Char('1'..='9')) && key.alt && !key.ctrl;
            assert!(key == keymap.leader() || digit, "{key} is taken from the instance");
        }
    }

    #[test]
    fn letters_are_text_where_text_is_typed() {
        let keymap = Keymap::standard();
        for context in Context::ALL.into_iter().filter(|c| c.types_text()) {
            let Lookup::Pending(first) = keymap.lookup(context, &[]) else { panic!("no tree") };
            assert!(first.iter().all(|(chord, _)| key::typed(*chord).is_none()), "{context:?} {first:?}");
        }
    }

    #[test]
    fn the_user_changes_keys() {
        let keymap = configured("[keys]\nrefresh = [\"F\", \"f5\"]\nend = \"z\"\nmark = []").unwrap();
        assert_eq!(keymap.lookup(Context::List, &keys("F")), Lookup::Matched(Action::Refresh));
        assert_eq!(keymap.lookup(Context::List, &keys("r")), Lookup::Unbound);
        assert_eq!(keymap.lookup(Context::Search, &keys("F")), Lookup::Unbound, "F is text in the box");
        assert_eq!(keymap.lookup(Context::Search, &keys("f5")), Lookup::Matched(Action::Refresh));
        assert_eq!(keymap.lookup(Context::Pane, &keys("ctrl-] z")), Lookup::Matched(Action::EndSession));
        assert_eq!(keymap.lookup(Context::Pane, &keys("z")), Lookup::Unbound, "z belongs to the instance");
        assert_eq!(keymap.keys_of(Context::List, Action::Mark), Vec::<String>::new());
    }

    #[test]
    fn another_leader_leads_everywhere_and_displaces_what_had_its_key() {
        let keymap = configured("leader = \"ctrl-a\"").unwrap();
        for context in [Context::Pane, Context::Search] {
            assert_eq!(keymap.lookup(context, &keys("ctrl-a n")), Lookup::Matched(Action::NextTab));
        }
        assert_eq!(keymap.lookup(Context::Pane, &keys("ctrl-a ctrl-a")), Lookup::Matched(Action::SendLeader));
        assert_eq!(keymap.lookup(Context::Pane, &keys("ctrl-]")), Lookup::Unbound);
    }

    #[test]
    fn wrong_changes_are_refused_with_what_would_be_right() {
        let nearest = configured("[keys]\nrefesh = \"r\"").unwrap_err();
        assert_eq!(nearest, "line 2, column 1: there is no action `refesh`; did you mean `refresh`?");
        let twice = configured("[keys]\nrefresh = \"q\"").unwrap_err();
        assert!(twice.contains("`q` means both `refresh` and `quit`"), "{twice}");
        let text = configured("[keys]\nerase = \"x\"").unwrap_err();
        assert!(
            text.ends_with("`x` is text where `erase` is wanted; start it with `ctrl-` or `alt-`"),
            "{text}"
        );
        let prefix = configured("[keys]\nrefresh = \"ctrl-]\"").unwrap_err();
        assert!(prefix.contains("means both"), "{prefix}");
    }
}
