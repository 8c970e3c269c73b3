//! Patterns of policies: `*` and `?` match, `${aws:userid}` stands for a value of the request, whose own stars match only themselves.

use super::Keys;

/// One place of a pattern.
#[derive(Clone, Copy)]
enum Token {
    Byte(u8),
    One,
    Many,
}

/// Whether a text matches a pattern with wildcards. `variables`: whether it may have such (policies of 2012 may).
pub(super) fn matches(pattern: &str, text: &str, keys: &Keys, variables: bool) -> bool {
    tokens(pattern, keys, variables, true).is_some_and(|tokens| walk(&tokens, text.as_bytes()))
}

/// The plain text that a value without wildcards stands for; `None` when a variable in it has no value.
pub(super) fn expand(value: &str, keys: &Keys, variables: bool) -> Option<String> {
    let bytes = tokens(value, keys, variables, false)?.into_iter().map(|token| match token {
        Token::Byte(byte) => byte,
        Token::One => b'?',
        Token::Many => b'*',
    });
    String::from_utf8(bytes.collect()).ok()
}

/// Whether an action matches: without regard to case.
pub(super) fn action(pattern: &str, action: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase(), &Keys::default(), false)
}

fn tokens(pattern: &str, keys: &Keys, variables: bool, wildcards: bool) -> Option<Vec<Token>> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(first) = rest.bytes().next() {
        if variables
            && let Some((name, behind)) = rest.strip_prefix("${").and_then(|rest| rest.split_once('}'))
        {
            tokens.extend(value(name, keys)?.bytes().map(Token::Byte));
            rest = behind;
            continue;
        }
        let length = rest.chars().next().map_or(1, char::len_utf8);
        match first {
            b'*' if wildcards => tokens.push(Token::Many),
            b'?' if wildcards => tokens.push(Token::One),
            _ => tokens.extend(rest.as_bytes()[..length].iter().copied().map(Token::Byte)),
        }
        rest = &rest[length..];
    }
    Some(tokens)
}

/// `${*}`, `${?}` and `${$}` are those characters; `${key, 'value'}` has a value for want of another.
fn value(name: &str, keys: &Keys) -> Option<String> {
    if ["*", "?", "$"].contains(&name) {
        return Some(name.to_owned());
    }
    let (name, otherwise) = name.split_once(',').map_or((name, None), |(name, rest)| (name, Some(rest)));
    match keys.values(name.trim()) {
        Some([one]) => Some(one.clone()),
        _ => otherwise.map(|text| text.trim().trim_matches('\'').to_owned()),
    }
}

fn walk(pattern: &[Token], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Token::Many) => {
                retry = Some((p, t));
                p += 1;
            }
            Some(Token::One) => (p, t) = (p + 1, t + 1),
            Some(Token::Byte(byte)) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match retry {
                Some((star, from)) => {
                    (p, t) = (star + 1, from + 1);
                    retry = Some((star, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|token| matches!(token, Token::Many))
}
