//! The calls behind a verdict: each question of a deep check one call (or a few), its answer a [`Piece`] in plain types.
//!
//! | file | answers |
//! | --- | --- |
//! | `answers` | what was answered, kept for a while; who waits for whom |
//! | `identity` | the instance's profile, role and rights; status checks; image |
//! | `network` | the way out of one VPC |
//! | `surroundings` | what holds for account and region |
//! | `own` | what the caller may do |
//!
//! Which calls are worth their while is decided by [`reach::next_calls`]; here they are made, at most six at once, and none
//! twice. Knows no verdict.

mod answers;
mod identity;
mod network;
mod own;
mod surroundings;

use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

pub(super) use answers::Answers;
pub(super) use surroundings::TIER;

use self::answers::Answer;
use super::{Client, Error, Kind, error::Task};
use crate::fleet::{
    Context, Instance,
    evidence::{Call, Evidence, Piece, Refused},
    reach,
    record::Fact,
};
use crate::session::BoxFuture;

/// What is being looked at.
struct Case<'a> {
    instance: &'a Instance,
    context: &'a Context,
    /// The session document that is asked about; none for the default.
    document: Option<&'a str>,
}

impl Client {
    /// Asks everything that can still change the verdict on an instance, and sends what comes as it comes: for each call that
    /// it is on its way, AWS's words where they refused, the answer. Returns when nothing is left to ask, or at once when the
    /// receiver is gone. `document`: by which a session shall be opened; none for a plain shell.
    pub async fn examine(
        &self,
        instance: &Instance,
        context: &Context,
        document: Option<&str>,
        pieces: Sender<Piece>,
    ) {
        let case = Case { instance, context, document };
        let mut evidence = Evidence::default();
        let mut asked = Vec::new();
        let mut running = FuturesUnordered::new();
        loop {
            let mut calls = reach::next_calls(instance, &evidence, context, Timestamp::now());
            calls.retain(|call| call.is_made_here() && !asked.contains(call));
            for call in calls {
                asked.push(call);
                evidence.take(Piece::Asking(call));
                if pieces.send(Piece::Asking(call)).await.is_err() {
                    return;
                }
                // What it needs of the evidence is taken now: later answers do not change it.
                running.push(self.answer(call, &case, &evidence));
            }
            let Some(Answer { refused, piece, .. }) = running.next().await else { return };
            for piece in refused.map(Piece::Refused).into_iter().chain([piece]) {
                evidence.take(piece.clone());
                if pieces.send(piece).await.is_err() {
                    return;
                }
            }
        }
    }

    /// The answer to one call. Each in a box of its own: together they would take a megabyte of every stack.
    fn answer<'a>(&'a self, call: Call, case: &'a Case<'_>, evidence: &Evidence) -> BoxFuture<'a, Answer> {
        let machine = case.instance.machine.seen();
        let text = |text: Option<&crate::fleet::Text>| text.map(|text| text.to_string()).unwrap_or_default();
        let vpc = text(machine.and_then(|machine| machine.vpc.as_ref()));
        let role = || reach::role_arn(case.instance, evidence, case.context).unwrap_or_default();
        let last = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
        match call {
            Call::ConnectionStatus => Box::pin(async {
                Answer::new(Piece::Connection(self.connection(case.instance.target()).await))
            }),
            Call::StatusCheck => Box::pin(self.status(&case.instance.id)),
            Call::ProfileAssociation => Box::pin(self.association(&case.instance.id)),
            Call::InstanceProfile => {
                let name = last(&text(machine.and_then(|machine| machine.profile_arn.as_ref())));
                Box::pin(async move { self.instance_profile(&name).await })
            }
            Call::Role => {
                let name = last(&role());
                Box::pin(async move { self.role(&name).await })
            }
            Call::RoleRights => {
                let arn = role();
                Box::pin(async move { self.role_rights(&arn).await })
            }
            Call::RecordingRights => {
                let arn = role();
                let questions = reach::recording_questions(case.instance, evidence, case.context);
                Box::pin(async move { self.recording_rights(&arn, questions).await })
            }
            Call::Image => {
                let id = text(machine.and_then(|machine| machine.image.as_ref()));
                Box::pin(async move { self.image(&id).await })
            }
            Call::Subnet => {
                let id = text(machine.and_then(|machine| machine.subnet.as_ref()));
                Box::pin(async move { self.subnet(&id).await })
            }
            Call::VpcAttributes => Box::pin(async move { self.vpc(&vpc).await }),
            Call::RouteTables => Box::pin(async move { self.route_tables(&vpc).await }),
            Call::Endpoints => Box::pin(async move { self.endpoints(&vpc).await }),
            Call::NetworkAcls => Box::pin(async move { self.network_acls(&vpc).await }),
            Call::SecurityGroups => {
                Box::pin(self.security_groups(reach::endpoint_groups(case.instance, evidence, case.context)))
            }
            Call::NatGateways => Box::pin(self.nat_gateways(reach::nat_gateways(case.instance, evidence))),
            Call::CoreProfiles => Box::pin(self.core_profiles()),
            Call::HostManagement => Box::pin(self.host_management()),
            Call::Tier => Box::pin(self.tier()),
            Call::Activations => Box::pin(self.activations()),
            Call::Preferences => Box::pin(self.session_preferences(case.document)),
            Call::Documents => Box::pin(self.session_documents()),
            Call::Key => Box::pin(self.session_key(case.document)),
            Call::OptIn => Box::pin(self.opt_in()),
            Call::OwnRights => Box::pin(self.own_rights(case)),
            Call::Metrics | Call::Trail => {
                unreachable!("the loop leaves out what this program does not call")
            }
        }
    }

    /// One call, when it is its turn. What is denied for everything at once is not asked again.
    async fn ask<T, E>(
        &self,
        task: &Task<'_>,
        call: impl Future<Output = Result<T, SdkError<E, Response>>>,
    ) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        if let Some(denied) = self.0.answers.denied(task.action) {
            return Err(denied);
        }
        let turn = self.0.answers.turn().await;
        let answer = call.await;
        drop(turn);
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let error = self.failed(task, &error).await;
        self.0.answers.remember(task.action, &error);
        Err(error)
    }
}

/// What a question came to: what was answered, or that there is no such thing.
fn or_none<T>(answer: Result<T, Error>, absent: &[&str]) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code().is_some_and(|code| absent.contains(&code)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answer as a fact in its piece, beside AWS's words where it refused.
fn fact<T>(call: Call, answer: Result<T, Error>, piece: impl FnOnce(Fact<T>) -> Piece) -> Answer {
    let error = match answer {
        Ok(value) => return Answer::new(piece(Fact::Known { value, at: Timestamp::now() })),
        Err(error) => error,
    };
    if error.kind != Kind::Denied {
        return Answer { is_final: false, ..Answer::new(piece(Fact::Failed(error.why))) };
    }
    let (message, request_id) = (error.message().to_owned(), error.request_id().map(str::to_owned));
    Answer {
        refused: Some(Refused { call, message, request_id }),
        ..Answer::new(piece(Fact::Denied { action: call.action().to_owned() }))
    }
}

fn task(verb: &str, action: &'static str) -> Task<'static> {
    Task { verb: verb.to_owned(), action, target: None }
}

fn moment(at: Option<aws_smithy_types::DateTime>) -> Option<Timestamp> {
    let at = at?;
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()
}
