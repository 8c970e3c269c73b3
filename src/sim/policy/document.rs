//! Policy documents: parsed and checked as IAM does when they are handed in, with the place of each statement in the text.

use serde_json::{Map, Value};

use super::{Keys, Principal, Request, condition, condition::Condition, pattern};

/// A parsed document.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) text: String,
    /// Of 2012: such documents may have variables.
    variables: bool,
    statements: Vec<Statement>,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It is no JSON.
    Json,
    /// It is no policy.
    Syntax,
    /// Something that IAM has own words for.
    Text(String),
}

impl std::fmt::Display for Malformed {
    /// In IAM's words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Malformed::Json => "This policy contains invalid Json",
            Malformed::Syntax => "Syntax errors in policy.",
            Malformed::Text(text) => text,
        })
    }
}

/// What a statement does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// A place in a document's text; lines and columns from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// One statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    principals: Option<Set<Named>>,
    actions: Set<String>,
    /// A role's trust policy has none: it speaks on the role itself.
    resources: Option<Set<String>>,
    conditions: Vec<Condition>,
    pub(crate) start: Position,
    pub(crate) end: Position,
}

/// These, or all but these.
#[derive(Clone, Debug)]
enum Set<T> {
    Only(Vec<T>),
    AllBut(Vec<T>),
}

impl<T> Set<T> {
    fn holds(&self, matches: impl Fn(&T) -> bool) -> bool {
        match self {
            Set::Only(list) => list.iter().any(matches),
            Set::AllBut(list) => !list.iter().any(matches),
        }
    }
}

/// A principal as a document names it.
#[derive(Clone, Debug)]
enum Named {
    Everybody,
    Aws(String),
    Service(String),
    /// Identity providers and canonical users, which nobody here is.
    Other,
}

impl Policy {
    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Policy, Malformed> {
        let value: Value = serde_json::from_str(text).map_err(|_| Malformed::Json)?;
        let document = value.as_object().ok_or(Malformed::Syntax)?;
        only(document, &["Version", "Id", "Statement"])?;
        let variables = match document.get("Version").map(Value::as_str) {
            None | Some(Some("2008-10-17")) => false,
            Some(Some("2012-10-17")) => true,
            _ => return Err(Malformed::Syntax),
        };
        let spans = spans(text);
        let one = |at: usize, value: &Value| {
            let (start, end) = spans.get(at).copied().unwrap_or_default();
            Statement::parse(value.as_object().ok_or(Malformed::Syntax)?, start, end)
        };
        let statements = match document.get("Statement") {
            Some(Value::Array(list)) => {
                list.iter().enumerate().map(|(at, value)| one(at, value)).collect::<Result<Vec<_>, _>>()?
            }
            Some(value) => vec![one(0, value)?],
            None => return Err(Malformed::Syntax),
        };
        if statements.is_empty() {
            return Err(Malformed::Syntax);
        }
        Ok(Policy { text: text.to_owned(), variables, statements })
    }

    /// Refuses what a policy of a principal may not have, and misses what it must have.
    pub(crate) fn for_principals(self) -> Result<Policy, Malformed> {
        let wrong = |text: &str| Err(Malformed::Text(text.to_owned()));
        if self.statements.iter().any(|statement| statement.principals.is_some()) {
            return wrong("Policy document should not specify a principal.");
        }
        if self.statements.iter().any(|statement| statement.resources.is_none()) {
            return wrong("Policy statement must contain resources.");
        }
        Ok(self)
    }

    /// The same for a role's trust policy.
    pub(crate) fn for_trust(self) -> Result<Policy, Malformed> {
        let wrong = |text: &str| Err(Malformed::Text(text.to_owned()));
        if self.statements.iter().any(|statement| statement.resources.is_some()) {
            return wrong("Has prohibited field Resource");
        }
        if self.statements.iter().any(|statement| statement.principals.is_none()) {
            return wrong("Missing required field Principal");
        }
        let sts = |action: &String| action.to_ascii_lowercase().starts_with("sts:");
        let assumes =
            |statement: &Statement| matches!(&statement.actions, Set::Only(list) if list.iter().all(sts));
        if !self.statements.iter().all(assumes) {
            return wrong("AssumeRole policy may only specify STS AssumeRole actions.");
        }
        Ok(self)
    }

    /// The statements that speak on a request.
    pub(crate) fn matching<'a>(&'a self, request: &'a Request<'_>) -> impl Iterator<Item = &'a Statement> {
        self.statements.iter().filter(|statement| statement.matches(request, self.variables))
    }

    /// The condition keys that it asks for and that are not given.
    pub(super) fn missing<'a>(&'a self, keys: &'a Keys) -> impl Iterator<Item = String> + 'a {
        (self.statements.iter().flat_map(|statement| &statement.conditions))
            .filter(|condition| keys.values(&condition.key).is_none())
            .map(|condition| condition.key.clone())
    }
}

impl Statement {
    fn parse(members: &Map<String, Value>, start: Position, end: Position) -> Result<Statement, Malformed> {
        only(
            members,
            &[
                "Sid",
                "Effect",
                "Principal",
                "NotPrincipal",
                "Action",
                "NotAction",
                "Resource",
                "NotResource",
                "Condition",
            ],
        )?;
        let effect = match members.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err(Malformed::Syntax),
        };
        let actions = set(members, "Action", "NotAction", texts)?
            .ok_or_else(|| Malformed::Text("Policy statement must contain actions.".to_owned()))?;
        let (Set::Only(list) | Set::AllBut(list)) = &actions;
        if list.iter().any(|action| action != "*" && !action.contains(':')) {
            let text = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
            return Err(Malformed::Text(text.to_owned()));
        }
        let resources = set(members, "Resource", "NotResource", texts)?;
        if let Some(Set::Only(list) | Set::AllBut(list)) = &resources
            && let Some(bad) = list.iter().find(|text| *text != "*" && !text.starts_with("arn:"))
        {
            return Err(Malformed::Text(format!("Resource {bad} must be in ARN format or \"*\".")));
        }
        Ok(Statement {
            effect,
            principals: set(members, "Principal", "NotPrincipal", principals)?,
            actions,
            resources,
            conditions: members.get("Condition").map_or(Ok(Vec::new()), condition::parse)?,
            start,
            end,
        })
    }

    fn matches(&self, request: &Request<'_>, variables: bool) -> bool {
        self.actions.holds(|action| pattern::action(action, request.action))
            && self.resources.as_ref().is_none_or(|set| {
                set.holds(|resource| pattern::matches(resource, request.resource, request.keys, variables))
            })
            && self.principals.as_ref().is_none_or(|set| set.holds(|named| named.is(request.principal)))
            && self.conditions.iter().all(|condition| condition.holds(request.keys, variables))
    }
}

impl Named {
    fn is(&self, who: &Principal) -> bool {
        match self {
            // A service is nobody's user: `*` means all of AWS's principals.
            Named::Everybody => true,
            Named::Aws(name) if name == "*" => who.service.is_none(),
            Named::Aws(name) => {
                let account = name.strip_suffix(":root").and_then(|rest| rest.rsplit(':').next());
                who.service.is_none()
                    && (who.arns.contains(name) || account.unwrap_or(name) == who.account.as_str())
            }
            Named::Service(name) => who.service.as_ref() == Some(name),
            Named::Other => false,
        }
    }
}

fn only(members: &Map<String, Value>, known: &[&str]) -> Result<(), Malformed> {
    if members.keys().all(|name| known.contains(&name.as_str())) { Ok(()) } else { Err(Malformed::Syntax) }
}

/// An element and its `Not…`; at most one of the two.
fn set<T>(
    members: &Map<String, Value>,
    name: &str,
    not: &str,
    read: fn(&Value) -> Result<Vec<T>, Malformed>,
) -> Result<Option<Set<T>>, Malformed> {
    match (members.get(name), members.get(not)) {
        (Some(value), None) => Ok(Some(Set::Only(read(value)?))),
        (None, Some(value)) => Ok(Some(Set::AllBut(read(value)?))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Malformed::Syntax),
    }
}

fn texts(value: &Value) -> Result<Vec<String>, Malformed> {
    let one = |value: &Value| value.as_str().map(str::to_owned).ok_or(Malformed::Syntax);
    match value {
        Value::Array(list) => list.iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}

fn principals(value: &Value) -> Result<Vec<Named>, Malformed> {
    if value.as_str() == Some("*") {
        return Ok(vec![Named::Everybody]);
    }
    let mut named = Vec::new();
    for (kind, value) in value.as_object().ok_or(Malformed::Syntax)? {
        for name in texts(value)? {
            named.push(match kind.as_str() {
                "AWS" => Named::Aws(name),
                "Service" => Named::Service(name),
                "Federated" | "CanonicalUser" => Named::Other,
                _ => return Err(Malformed::Syntax),
            });
        }
    }
    Ok(named)
}

/// Where the statements of a well-formed document begin and end: the objects in the array `Statement`, or that object.
fn spans(text: &str) -> Vec<(Position, Position)> {
    let mut spans = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    let mut word = String::new();
    // The brackets that are open, and at which depth the statements stand.
    let (mut depth, mut of_statements, mut start) = (0_usize, None, Position::default());
    let mut place = Position { line: 1, column: 0 };
    for c in text.chars() {
        place = match c {
            '\n' => Position { line: place.line + 1, column: 0 },
            _ => Position { column: place.column + 1, ..place },
        };
        if in_string {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                c => word.push(c),
            }
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                word.clear();
            }
            ':' if depth == 1 && word == "Statement" => of_statements = Some(depth + 1),
            '[' if of_statements == Some(2) && depth == 1 => {
                depth += 1;
                of_statements = Some(depth + 1);
            }
            '{' | '[' => {
                depth += 1;
                if c == '{' && of_statements == Some(depth) {
                    start = place;
                }
            }
            '}' | ']' => {
                if c == '}' && of_statements == Some(depth) {
                    spans.push((start, place));
                }
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    of_statements = None;
                }
            }
            _ => {}
        }
    }
    spans
}
