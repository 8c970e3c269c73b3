//! `ssmtui why`: the deep check of one target. On a terminal each answer is a line as it comes; then the verdict, its first
//! line what stands in the way, the command that mends it alone on a line.

mod message;

use std::{
    io::{self, IsTerminal, Read},
    process::ExitCode,
};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Failure, args::Why, clean, inventory, print, target};
use crate::{
    aws::{Client, Connector},
    fleet::{
        Cause, Certainty, Context, Evidence, Finding, Instance, Piece, State, Verdict,
        cache::Cache,
        reach::{self, Check, CheckState, LineKind, Purpose},
    },
};

/// A session cannot be started.
const NOT_NOW: u8 = 4;
/// Answers that may wait to be told.
const WAITING: usize = 32;

pub(super) async fn run(connector: &Connector, why: &Why) -> Result<ExitCode, Failure> {
    if let Some(message) = &why.message {
        return told(connector, message, why.target.as_deref());
    }
    let client = connector.connect().await?;
    if why.policy {
        return policies(&client).await;
    }
    let target = why.target.as_deref().expect("clap demands it without --message and --policy");
    let (found, context) = futures_util::future::join(target::row(&client, target), context(&client)).await;
    let (row, lists, usage) = found?;
    let context = Context { lists, usage, ..context };
    let mut evidence = look(&client, &row, &context, why.document.as_deref()).await;
    remember(connector, &row, &mut evidence);
    let now = Timestamp::now();
    let verdict = reach::examine(&row, &evidence, &context, now);
    let text = if why.json {
        let report = reach::report(&row, &evidence, &context, now);
        let mut text = serde_json::to_string_pretty(&report).expect("plain data has a JSON form");
        text.push('\n');
        text
    } else if why.report {
        multiline(&reach::report(&row, &evidence, &context, now).text())
    } else {
        text(&verdict)
    };
    print(text.as_bytes())?;
    Ok(if can_start(&verdict) { ExitCode::SUCCESS } else { ExitCode::from(NOT_NOW) })
}

/// What the lists of the last time, which the app keeps, say of it: here, or where else for one that no list has now.
fn remember(connector: &Connector, row: &Instance, evidence: &mut Evidence) {
    let (Some(key), Some(cache)) = (connector.cache_key(), Cache::platform()) else { return };
    let is_listed = row.agent.seen().is_some() || row.machine.seen().is_some();
    let here = cache.load(&key).and_then(|listing| listing.memory(&row.id));
    let memory = here.or_else(|| if is_listed { None } else { cache.seen(&row.id) });
    memory.into_iter().for_each(|memory| evidence.take(Piece::Memory(memory)));
}

/// Who asks, and where; without a name the verdict says "you".
async fn context(client: &Client) -> Context {
    let mut context = inventory::context(client, Default::default());
    if let Ok(identity) = client.identity().await {
        context.who = Some(identity.principal);
        context.account = Some(identity.account);
    }
    context
}

/// Makes the calls, and says what they came to, a line a check, where somebody looks on.
async fn look(client: &Client, row: &Instance, context: &Context, document: Option<&str>) -> Evidence {
    let (sender, mut pieces) = mpsc::channel(WAITING);
    let looks_on = io::stderr().is_terminal() && io::stdout().is_terminal();
    let take = async {
        let mut evidence = Evidence::default();
        let mut before = Vec::new();
        while let Some(piece) = pieces.recv().await {
            evidence.take(piece);
            if looks_on {
                let checks = reach::checklist(row, &evidence, context, Timestamp::now());
                for check in news(&before, &checks) {
                    eprintln!("{}", clean(&line(check)));
                }
                before = checks;
            }
        }
        evidence
    };
    let ((), evidence) =
        futures_util::future::join(client.examine(row, context, document, sender), take).await;
    evidence
}

/// The checks that were not settled in this way before.
fn news<'a>(before: &'a [Check], now: &'a [Check]) -> impl Iterator<Item = &'a Check> {
    let settled = |check: &Check| {
        !matches!(check.state, CheckState::Waiting | CheckState::Asking | CheckState::NotNeeded)
    };
    now.iter().filter(move |check| settled(check) && !before.contains(check))
}

fn line(check: &Check) -> String {
    let says = if check.says.is_empty() { String::new() } else { format!(": {}", check.says) };
    format!("{} {}{says}", check.state.mark(), check.title)
}

/// Nothing that is known keeps a session from starting.
fn can_start(verdict: &Verdict) -> bool {
    let blocks = |finding: &Finding| finding.certainty == Certainty::Proves && finding.cause.blocks();
    // A young one that SSM may not be asked about may have registered.
    let may_be = verdict.findings.first().is_some_and(|first| first.cause == Cause::NotVisible);
    verdict.explains_refusal().is_none()
        && !verdict.findings.iter().any(blocks)
        && (may_be || matches!(verdict.state, State::Ready | State::Online | State::Unknown))
}

/// What stands in the way first; a command stands alone on its line, so that it can be pasted.
fn text(verdict: &Verdict) -> String {
    let mut text = String::new();
    for (kind, words) in verdict.lines() {
        let words = clean(&words);
        text.push_str(&match kind {
            LineKind::Flag | LineKind::Headline | LineKind::Command => words,
            LineKind::Evidence => format!("  seen  {words}"),
            LineKind::Fix => format!("  mend  {words}"),
            LineKind::Then => format!("  then  {words}"),
            LineKind::Also => format!("\nalso: {words}"),
            LineKind::NotVisible => format!("  not visible: {words}"),
        });
        text.push('\n');
    }
    text
}

/// No control character but the ends of lines.
fn multiline(text: &str) -> String {
    text.lines().map(|line| clean(line) + "\n").collect()
}

/// `--policy`: a policy for each purpose, for this account and region.
async fn policies(client: &Client) -> Result<ExitCode, Failure> {
    let context = context(client).await;
    let mut text = String::new();
    for purpose in Purpose::ALL {
        let policy = reach::policy(&[purpose], &context);
        text.push_str(&format!("# {}: {}\n{policy}\n\n", purpose.word(), purpose.doc()));
    }
    print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// `--message`: no call is made.
fn told(connector: &Connector, message: &str, target: Option<&str>) -> Result<ExitCode, Failure> {
    let mut text = message.to_owned();
    if message == "-" {
        text.clear();
        io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Failure::told("cannot read the message", error.to_string(), ""))?;
    }
    let region = match connector {
        Connector::Environment(scope) => scope.region.clone(),
        Connector::Simulated(simulated) => Some(simulated.region.clone()),
    };
    let Some(explained) = message::explain(&text, target, region.as_deref()) else {
        return Err(Failure::told(
            "this is no message that is known here",
            "it holds neither AWS's words for a denial nor those of a session that does not start",
            "paste the whole message; `ssmtui why TARGET` looks by itself",
        ));
    };
    print(explained.text().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(title: &'static str, state: CheckState) -> Check {
        Check { title, state, says: String::new() }
    }

    #[test]
    fn a_check_is_told_when_it_is_settled_and_again_only_when_it_changes() {
        let before = [check("runs", CheckState::Passed), check("role", CheckState::Asking)];
        let now = [
            check("runs", CheckState::Passed),
            check("role", CheckState::Hidden(Some("iam:GetRole".into()))),
        ];
        let told: Vec<_> = news(&before, &now).map(line).collect();
        assert_eq!(told, ["? role"]);
        assert_eq!(news(&now, &now).count(), 0);
    }
}
