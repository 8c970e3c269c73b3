//! A form: fields that are checked as one types, with choices below the one that has the keys.

mod field;

pub use field::{Choice, Field, Rule};

use super::{
    forward::{Run, Wish, listen, parse_near, spell_near},
    line::Line,
};
use crate::{
    config::Near,
    fleet::{
        AgentVersion, Document, Feature, InstanceId,
        document::Kind,
        feature,
        search::{Scorer, Skim},
    },
    tui::action::Action,
};

/// A form for something that is to be opened on an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// What it opens.
    pub subject: Subject,
    /// On which instance.
    pub instance: InstanceId,
    /// The instance's name.
    pub name: String,
    /// The version of its agent, as far as it is known.
    pub agent: Option<AgentVersion>,
    /// In the author's words, above the fields.
    pub about: String,
    /// The fields.
    pub fields: Vec<Field>,
    /// The one that has the keys.
    pub focus: usize,
    /// The user tried to open it: what is missing is told, too.
    pub tried: bool,
}

/// What a form opens.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A forward; the forwards that the user saved can be taken.
    Forward {
        /// From the configuration.
        saved: Vec<Saved>,
    },
    /// A session by a document.
    Document(Box<Document>),
}

/// A forward that the user saved under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// The TARGET that it is for, as on the command line.
    pub target: String,
    /// What is forwarded.
    pub wish: Wish,
}

impl Form {
    /// A form for a forward, with the values of the last time.
    pub fn forward(
        instance: InstanceId,
        name: String,
        agent: Option<AgentVersion>,
        last: Option<&Wish>,
        saved: Vec<Saved>,
    ) -> Self {
        let fields = vec![
            Field::new("remote port", "a number or a name: 80, postgres", Rule::RemotePort),
            Field::new("host", "the instance itself", Rule::Host),
            Field::new("local port", "a free one", Rule::Local),
            Field::new("sessions", "1: all connections share it", Rule::Lanes),
        ];
        let mut form = Self {
            subject: Subject::Forward { saved },
            instance,
            name,
            agent,
            about: String::new(),
            fields,
            focus: 0,
            tried: false,
        };
        if let Some(wish) = last {
            form.fill(wish);
        }
        form
    }

    /// A form for the parameters of a document, with the values of the last time.
    pub fn document(
        instance: InstanceId,
        name: String,
        agent: Option<AgentVersion>,
        document: Document,
        last: Option<&[(String, String)]>,
    ) -> Self {
        let fields = document
            .parameters
            .iter()
            .map(|parameter| {
                let empty = match parameter.default.as_deref() {
                    None => "needed".to_owned(),
                    Some("") => "may be left empty".to_owned(),
                    Some(default) => default.to_owned(),
                };
                let mut field = Field::new(&parameter.name, empty, Rule::Parameter(parameter.clone()));
                let before = last.and_then(|last| last.iter().find(|(name, _)| *name == parameter.name));
                if let Some((_, value)) = before {
                    field.line = Line::new(value.clone());
                }
                field
            })
            .collect();
        Self {
            about: document.description.clone(),
            subject: Subject::Document(Box::new(document)),
            instance,
            name,
            agent,
            fields,
            focus: 0,
            tried: false,
        }
    }

    fn fill(&mut self, wish: &Wish) {
        let lanes = if wish.lanes > 1 { wish.lanes.to_string() } else { String::new() };
        let values =
            [wish.port.to_string(), wish.host.clone().unwrap_or_default(), spell_near(&wish.near), lanes];
        for (field, value) in self.fields.iter_mut().zip(values) {
            field.line = Line::new(value);
            field.picked = None;
        }
    }

    /// What can be taken into the field that has the keys.
    pub fn choices(&self) -> Vec<Choice> {
        let Some(field) = self.fields.get(self.focus) else { return Vec::new() };
        let mut choices = Vec::new();
        if let (Subject::Forward { saved }, Rule::RemotePort) = (&self.subject, &field.rule) {
            let text = field.text();
            for (at, saved) in saved.iter().enumerate() {
                if text.is_empty() || Skim.score(&saved.name, text).is_some() {
                    choices.push(Choice {
                        value: saved.wish.port.to_string(),
                        label: saved.name.clone(),
                        detail: format!("saved: {}", saved.wish.destination(&self.name)),
                        saved: Some(at),
                    });
                }
            }
        }
        choices.extend(field.choices());
        choices
    }

    /// Types a character.
    pub fn insert(&mut self, c: char) {
        if let Some(field) = self.fields.get_mut(self.focus) {
            field.line.insert(c);
            field.picked = None;
        }
    }

    /// Types a text.
    pub fn insert_text(&mut self, text: &str) {
        if let Some(field) = self.fields.get_mut(self.focus) {
            field.line.insert_text(text);
            field.picked = None;
        }
    }

    /// Edits the field that has the keys.
    pub fn edit(&mut self, action: Action) {
        if let Some(field) = self.fields.get_mut(self.focus)
            && field.line.edit(action)
        {
            field.picked = None;
        }
    }

    /// To the next field or the one before, round about.
    pub fn go(&mut self, forward: bool) {
        self.take();
        let count = self.fields.len().max(1);
        self.focus = (self.focus + if forward { 1 } else { count - 1 }) % count;
    }

    /// Moves through the choices, or to another field where there are none.
    pub fn by(&mut self, lines: isize) {
        let last = self.choices().len();
        let Some(field) = self.fields.get_mut(self.focus) else { return };
        if last == 0 {
            return self.go(lines > 0);
        }
        field.picked = match (field.picked, lines) {
            (None, 1..) => Some(0),
            (None, _) => return self.go(false),
            (Some(0), ..0) => None,
            (Some(at), lines) => Some(at.saturating_add_signed(lines).min(last - 1)),
        };
    }

    /// Takes the choice under the cursor; whether there was one.
    pub fn take(&mut self) -> bool {
        let choices = self.choices();
        let Some(field) = self.fields.get_mut(self.focus) else { return false };
        let Some(choice) = field.picked.take().and_then(|at| choices.into_iter().nth(at)) else {
            return false;
        };
        field.line = Line::new(choice.value);
        if let (Some(at), Subject::Forward { saved }) = (choice.saved, &self.subject)
            && let Some(saved) = saved.get(at).cloned()
        {
            self.fill(&saved.wish);
        }
        true
    }

    /// Why it cannot be opened on this instance at all: its agent is too old. Said before the start.
    pub fn refusal(&self) -> Option<String> {
        let wanted: Vec<Feature> = match &self.subject {
            Subject::Forward { .. } => {
                let remote = self.fields.get(1).is_some_and(|host| host.value().is_some());
                let mut wanted = vec![Feature::PortForwarding];
                wanted.extend(remote.then_some(Feature::RemoteHostForwarding));
                wanted
            }
            Subject::Document(document) => match document.kind {
                Kind::Port => vec![Feature::PortForwarding],
                Kind::InteractiveCommands => vec![Feature::InteractiveCommand],
                Kind::NonInteractiveCommands => vec![Feature::NonInteractiveCommand],
                Kind::Shell | Kind::Other(_) => vec![Feature::SessionManager],
            },
        };
        wanted.into_iter().find_map(|feature| feature::check(self.agent, feature).err())
    }

    /// What is in the way of opening it: the field, and why.
    pub fn problem(&self) -> Option<(usize, String)> {
        let wrong = self.fields.iter().enumerate().find_map(|(at, field)| Some((at, field.problem()?)));
        wrong.or_else(|| {
            let missing = |field: &Field| field.is_required() && field.value().is_none();
            let at = self.fields.iter().position(missing)?;
            Some((at, format!("{} is needed", self.fields[at].label)))
        })
    }

    /// A warning that keeps nobody from opening it.
    pub fn warning(&self) -> Option<String> {
        let Subject::Forward { .. } = self.subject else { return None };
        let near = parse_near(&self.fields.get(2)?.value()?).ok()?;
        let Near::Tcp { host, .. } = &near else { return None };
        let host = host.clone();
        let wish = Wish { near, ..Wish::default() };
        wish.is_open_to_others().then(|| {
            format!("whoever reaches {host} on this machine can use this forward, without a password")
        })
    }

    /// The forward that it describes; none while something is wrong.
    pub fn wish(&self) -> Option<Wish> {
        let value = |at: usize| self.fields.get(at).and_then(Field::value);
        if self.problem().is_some() {
            return None;
        }
        let near = match value(2) {
            Some(text) => parse_near(&text).ok()?,
            None => listen(0),
        };
        Some(Wish {
            port: value(0)?.parse().ok()?,
            host: value(1),
            near,
            lanes: value(3).and_then(|text| text.parse().ok()).unwrap_or(1),
            document: None,
        })
    }

    /// The document and its values; none while something is wrong. What was left empty is left to the document.
    pub fn run(&self) -> Option<Run> {
        let Subject::Document(document) = &self.subject else { return None };
        if self.problem().is_some() {
            return None;
        }
        let parameters = document
            .parameters
            .iter()
            .zip(&self.fields)
            .filter_map(|(parameter, field)| {
                Some((parameter.name.clone(), parameter.values(&field.value()?)))
            })
            .collect();
        Some(Run { document: document.name.clone(), parameters })
    }

    /// The values as they were typed, to be remembered.
    pub fn typed(&self) -> Vec<(String, String)> {
        self.fields.iter().filter_map(|field| Some((field.label.clone(), field.value()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::forward(InstanceId::new("i-1"), "web-1".to_owned(), None, None, Vec::new())
    }

    fn typed(values: [&str; 4]) -> Form {
        let mut form = form();
        for (at, value) in values.into_iter().enumerate() {
            form.focus = at;
            form.insert_text(value);
        }
        form
    }

    #[test]
    fn a_name_stands_for_its_port_and_a_number_for_itself() {
        for (text, port) in [("postgres", 5432), ("post", 5432), ("543", 543), ("80", 80), ("rdp", 3389)] {
            assert_eq!(typed([text, "", "", ""]).wish().map(|wish| wish.port), Some(port), "{text}");
        }
        let wish = typed(["mysql", "db.internal", "13306", "4"]).wish().unwrap();
        assert_eq!(
            wish,
            Wish {
                port: 3306,
                host: Some("db.internal".into()),
                near: listen(13306),
                lanes: 4,
                ..Wish::default()
            }
        );
        assert_eq!(
            typed(["80", "", "0.0.0.0:8080", ""]).wish().unwrap().near,
            parse_near("0.0.0.0:8080").unwrap()
        );
        assert_eq!(
            typed(["80", "", "[::1]:8080", ""]).wish().unwrap().near,
            parse_near("[::1]:8080").unwrap()
        );
    }

    #[test]
    fn what_is_wrong_is_said_as_one_types() {
        for (values, at, words) in [
            (["70000", "", "", ""], 0, "no port"),
            (["0", "", "", ""], 0, "no port"),
            (["qqqq", "", "", ""], 0, "no service"),
            (["", "", "", ""], 0, "remote port is needed"),
            (["80", "http://db", "", ""], 1, "without a scheme"),
            (["80", "db:5432", "", ""], 1, "its own field"),
            (["80", "a b", "", ""], 1, "no spaces"),
            (["80", "", "99999", ""], 2, "no port"),
            (["80", "", "x", ""], 2, "no port's number"),
            (["80", "", "", "99"], 3, "1 to 16"),
        ] {
            let form = typed(values);
            let (field, why) = form.problem().unwrap_or_else(|| panic!("{values:?} is taken"));
            assert!(field == at && why.contains(words), "{values:?}: {field} {why}");
            assert_eq!(form.wish(), None);
        }
        assert!(typed(["80", "2001:db8::1", "", ""]).problem().is_none());
    }

    #[test]
    fn peers_c34_an_agent_that_is_too_old_is_told_before_the_start() {
        let old = |version: &str| Form { agent: version.parse().ok(), ..typed(["80", "", "", ""]) };
        let why = old("2.3.50.0").refusal().unwrap();
        assert!(why.contains("2.3.672.0") && why.contains("2.3.50.0"), "{why}");
        assert_eq!(old("3.0.1124.0").refusal(), None);
        let remote = Form { agent: "3.0.1124.0".parse().ok(), ..typed(["80", "db", "", ""]) };
        assert!(remote.refusal().unwrap().contains("3.1.1374.0"));
    }

    #[test]
    fn peers_c25_listening_off_loopback_is_warned_of() {
        assert_eq!(typed(["80", "", "8080", ""]).warning(), None);
        assert!(typed(["80", "", "0.0.0.0:8080", ""]).warning().unwrap().contains("0.0.0.0"));
    }

    #[test]
    fn choices_are_walked_through_and_taken() {
        let mut form = form();
        form.by(1);
        form.by(1);
        assert!(form.take());
        assert_eq!(form.fields[0].line.text(), "3306");
        form.edit(Action::EraseLine);
        form.insert_text("red");
        assert_eq!(form.choices()[0].label, "redis");
        form.by(1);
        form.go(true);
        assert_eq!((form.fields[0].line.text(), form.focus), ("6379", 1));
        form.by(-1);
        assert_eq!(form.focus, 0, "a field without choices: up is the field before");
    }

    #[test]
    fn peers_c26_a_saved_forward_fills_the_form() {
        let wish = Wish { port: 5432, host: Some("db".into()), near: listen(15432), ..Wish::default() };
        let saved = vec![Saved { name: "orders".to_owned(), target: "web-1".to_owned(), wish: wish.clone() }];
        let mut form = Form::forward(InstanceId::new("i-1"), "web-1".to_owned(), None, None, saved);
        form.insert_text("ord");
        form.by(1);
        assert!(form.take());
        assert_eq!(form.wish(), Some(wish.clone()));
        let again = Form::forward(InstanceId::new("i-1"), "web-1".to_owned(), None, Some(&wish), Vec::new());
        assert_eq!(again.wish(), Some(wish), "the values of the last time");
    }

    fn restart() -> Form {
        let content = r#"{"schemaVersion":"1.0","description":"restarts one","sessionType":"InteractiveCommands",
            "parameters":{
              "service":{"type":"String","allowedValues":["nginx","redis"],"description":"which"},
              "lines":{"type":"String","default":"10","allowedPattern":"^[0-9]+$","maxChars":3}},
            "properties":{"linux":{"commands":"x {{ service }} {{ lines }}"}}}"#;
        let document = Document::parse("Restart", content).unwrap();
        Form::document(InstanceId::new("i-1"), "web-1".to_owned(), None, document, None)
    }

    #[test]
    fn a_documents_own_rules_are_held_and_its_defaults_left_to_it() {
        let mut form = restart();
        assert_eq!(form.fields[0].label, "service", "what has no default comes first");
        assert!(form.problem().unwrap().1.contains("needed"));
        form.insert_text("apache");
        assert!(form.problem().unwrap().1.contains("nginx"));
        form.edit(Action::EraseLine);
        form.by(1);
        form.by(1);
        form.take();
        let run = form.run().unwrap();
        assert_eq!(run.parameters, [("service".to_owned(), vec!["redis".to_owned()])]);
        form.go(true);
        form.insert_text("12345");
        assert!(form.problem().is_some() && form.run().is_none());
        form.edit(Action::EraseLine);
        form.insert_text("x");
        assert!(form.problem().is_some());
    }
}
