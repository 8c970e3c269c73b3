//! The conditions of a statement: operators, their `IfExists`, and the quantifiers for keys with many values.

use std::{cmp::Ordering, net::IpAddr};

use jiff::Timestamp;
use serde_json::Value;

use super::{Keys, Malformed, pattern};
use crate::sim::cidr::Cidr;

/// One line of a Condition block: a key, compared with values.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    operator: Operator,
    /// `StringNotEquals` and the like: holds where no value matches.
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
    pub(super) key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    /// A key with one value.
    One,
    Any,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equals,
    EqualsIgnoreCase,
    Like,
    Numeric(&'static [Ordering]),
    Date(&'static [Ordering]),
    Bool,
    Address,
    Null,
}

const EQUAL: &[Ordering] = &[Ordering::Equal];
const LESS: &[Ordering] = &[Ordering::Less];
const AT_MOST: &[Ordering] = &[Ordering::Less, Ordering::Equal];
const GREATER: &[Ordering] = &[Ordering::Greater];
const AT_LEAST: &[Ordering] = &[Ordering::Greater, Ordering::Equal];

/// An operator's name, what it does, and whether it holds where that does not.
const OPERATORS: [(&str, Operator, bool); 27] = [
    ("StringEquals", Operator::Equals, false),
    ("StringNotEquals", Operator::Equals, true),
    ("StringEqualsIgnoreCase", Operator::EqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Operator::EqualsIgnoreCase, true),
    ("StringLike", Operator::Like, false),
    ("StringNotLike", Operator::Like, true),
    ("ArnEquals", Operator::Like, false),
    ("ArnNotEquals", Operator::Like, true),
    ("ArnLike", Operator::Like, false),
    ("ArnNotLike", Operator::Like, true),
    ("NumericEquals", Operator::Numeric(EQUAL), false),
    ("NumericNotEquals", Operator::Numeric(EQUAL), true),
    ("NumericLessThan", Operator::Numeric(LESS), false),
    ("NumericLessThanEquals", Operator::Numeric(AT_MOST), false),
    ("NumericGreaterThan", Operator::Numeric(GREATER), false),
    ("NumericGreaterThanEquals", Operator::Numeric(AT_LEAST), false),
    ("DateEquals", Operator::Date(EQUAL), false),
    ("DateNotEquals", Operator::Date(EQUAL), true),
    ("DateLessThan", Operator::Date(LESS), false),
    ("DateLessThanEquals", Operator::Date(AT_MOST), false),
    ("DateGreaterThan", Operator::Date(GREATER), false),
    ("DateGreaterThanEquals", Operator::Date(AT_LEAST), false),
    ("Bool", Operator::Bool, false),
    ("BinaryEquals", Operator::Equals, false),
    ("IpAddress", Operator::Address, false),
    ("NotIpAddress", Operator::Address, true),
    ("Null", Operator::Null, false),
];

/// The conditions of a `Condition` block; all of them must hold.
pub(super) fn parse(block: &Value) -> Result<Vec<Condition>, Malformed> {
    let mut conditions = Vec::new();
    for (written, keys) in block.as_object().ok_or(Malformed::Syntax)? {
        let unknown = || Malformed::Text(format!("Invalid Condition type : {written}."));
        let (quantifier, name) = match written.split_once(':') {
            None => (Quantifier::One, written.as_str()),
            Some(("ForAnyValue", name)) => (Quantifier::Any, name),
            Some(("ForAllValues", name)) => (Quantifier::All, name),
            Some(_) => return Err(unknown()),
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (_, operator, negated) =
            *(OPERATORS.iter()).find(|(known, ..)| known.eq_ignore_ascii_case(name)).ok_or_else(unknown)?;
        for (key, values) in keys.as_object().ok_or(Malformed::Syntax)? {
            let values = match values {
                Value::Array(values) => values.iter().map(scalar).collect::<Result<_, _>>()?,
                one => vec![scalar(one)?],
            };
            conditions.push(Condition { operator, negated, if_exists, quantifier, key: key.clone(), values });
        }
    }
    Ok(conditions)
}

fn scalar(value: &Value) -> Result<String, Malformed> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(Malformed::Syntax),
    }
}

impl Condition {
    /// Whether it holds. `variables`: whether its values may have such.
    pub(super) fn holds(&self, keys: &Keys, variables: bool) -> bool {
        let given = keys.values(&self.key).filter(|values| !values.is_empty());
        if self.operator == Operator::Null {
            let absent = if given.is_none() { "true" } else { "false" };
            return self.values.iter().any(|value| value.eq_ignore_ascii_case(absent));
        }
        let Some(given) = given else {
            // What is not there differs from everything, and is in every set (user guide: "Condition operators").
            return self.if_exists
                || match self.quantifier {
                    Quantifier::One => self.negated,
                    Quantifier::Any => false,
                    Quantifier::All => true,
                };
        };
        let one = |given: &String| {
            let matches = self.values.iter().any(|value| self.compare(value, given, keys, variables));
            matches != self.negated
        };
        match self.quantifier {
            Quantifier::All => given.iter().all(one),
            Quantifier::Any => given.iter().any(one),
            Quantifier::One if self.negated => given.iter().all(one),
            Quantifier::One => given.iter().any(one),
        }
    }

    fn compare(&self, value: &str, given: &str, keys: &Keys, variables: bool) -> bool {
        let plain = || pattern::expand(value, keys, variables);
        match self.operator {
            Operator::Equals => plain().is_some_and(|value| value == given),
            Operator::EqualsIgnoreCase => plain().is_some_and(|value| value.eq_ignore_ascii_case(given)),
            Operator::Like => pattern::matches(value, given, keys, variables),
            Operator::Bool => plain().is_some_and(|value| value.eq_ignore_ascii_case(given)),
            Operator::Numeric(orders) => {
                let pair = given.parse::<f64>().ok().zip(value.parse::<f64>().ok());
                let order = pair.and_then(|(given, value)| given.partial_cmp(&value));
                order.is_some_and(|order| orders.contains(&order))
            }
            Operator::Date(orders) => {
                let pair = time(given).zip(time(value));
                pair.is_some_and(|(given, value)| orders.contains(&given.cmp(&value)))
            }
            Operator::Address => {
                let pair = value.parse::<Cidr>().ok().zip(given.parse::<IpAddr>().ok());
                pair.is_some_and(|(block, address)| block.contains(address))
            }
            Operator::Null => false,
        }
    }
}

/// A time as policies have it: ISO 8601, a date alone, or seconds since 1970.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse() {
        return Timestamp::from_second(seconds).ok();
    }
    text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).ok()
}
