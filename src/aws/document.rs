//! Session documents: which there are, what one holds, and the account's preferences.

use std::collections::HashSet;

use aws_sdk_ssm::types as ssm;
use tokio::sync::mpsc::Sender;

use super::{
    Client, Error, Kind,
    error::{Task, made},
};
use crate::fleet::{
    Document, DocumentSummary, Platform, Preferences,
    document::{self, BadDocument},
};

/// ListDocuments takes 1 to 50.
const PAGE: i32 = 50;
const LIST: &str = "ssm:ListDocuments";
const GET: &str = "ssm:GetDocument";
/// Its own name in what is remembered as denied.
const PREFERENCES: &str = "ssm:GetDocument of the preferences";

impl Client {
    /// Streams the session documents that the caller may use, a page at a time: the account's own and Amazon's, then
    /// those that others share with it. Stops quietly when the receiver is gone.
    ///
    /// # Errors
    /// ListDocuments is denied or fails; what came before stays good.
    pub async fn documents(&self, pages: Sender<Vec<DocumentSummary>>) -> Result<(), Error> {
        let mut seen = HashSet::new();
        self.list_documents(None, &mut seen, &pages).await?;
        // What others share is not in the plain list; that it cannot be read takes nothing away.
        if let Err(error) = self.list_documents(Some("Private"), &mut seen, &pages).await {
            tracing::debug!(%error, "no list of shared documents");
        }
        Ok(())
    }

    async fn list_documents(
        &self,
        owner: Option<&str>,
        seen: &mut HashSet<String>,
        pages: &Sender<Vec<DocumentSummary>>,
    ) -> Result<(), Error> {
        let task = Task { verb: "list session documents".to_owned(), action: LIST, target: None };
        let filter =
            |key: &str, value: &str| ssm::DocumentKeyValuesFilter::builder().key(key).values(value).build();
        let mut token: Option<String> = None;
        loop {
            let mut call = self.0.ssm.list_documents().max_results(PAGE);
            call = call.filters(filter("DocumentType", "Session"));
            if let Some(owner) = owner {
                call = call.filters(filter("Owner", owner));
            }
            let page = match call.set_next_token(token.clone()).send().await {
                Ok(page) => page,
                Err(error) => return Err(self.failed(&task, &error).await),
            };
            let found = page.document_identifiers.unwrap_or_default().into_iter().filter_map(summary);
            let found: Vec<_> = found.filter(|summary| seen.insert(summary.name.clone())).collect();
            if !found.is_empty() && pages.send(found).await.is_err() {
                return Ok(());
            }
            let next = page.next_token.filter(|next| !next.is_empty());
            if next.is_none() || next == token {
                return Ok(());
            }
            token = next;
        }
    }

    /// One document, read and understood; its platforms from DescribeDocument, where that is allowed.
    ///
    /// # Errors
    /// There is none of that name, it is none for sessions, or it may not be read.
    pub async fn document(&self, name: &str) -> Result<Document, Error> {
        let verb = format!("read document {name}");
        let task = Task { verb: verb.clone(), action: GET, target: None };
        let get = self.0.ssm.get_document().name(name).document_format(ssm::DocumentFormat::Json).send();
        let describe = self.0.ssm.describe_document().name(name).send();
        let (content, description) = futures_util::future::join(get, describe).await;
        let content = match content {
            Ok(answer) => answer.content.unwrap_or_default(),
            Err(error) => return Err(self.failed(&task, &error).await),
        };
        let mut document = Document::parse(name, &content).map_err(|error| not_ours(&verb, &error))?;
        if let Some(described) = description.ok().and_then(|answer| answer.document) {
            document.platforms = platforms(described.platform_types.as_deref().unwrap_or_default());
            if document.description.is_empty() {
                document.description = described.description.unwrap_or_default();
            }
        }
        Ok(document)
    }

    /// The account's preferences; `None` where it has made none. A denial is remembered for a while and not asked again.
    ///
    /// # Errors
    /// As [`Client::document`].
    pub async fn preferences(&self) -> Result<Option<Preferences>, Error> {
        if let Some(denied) = self.0.denials.remembered(PREFERENCES) {
            return Err(denied);
        }
        match self.document(document::PREFERENCES).await {
            Ok(document) => Ok(Some(document.preferences)),
            Err(error) if error.kind == Kind::NoDocument => Ok(None),
            Err(error) => {
                self.0.denials.remember(PREFERENCES, &error);
                Err(error)
            }
        }
    }
}

fn not_ours(verb: &str, error: &BadDocument) -> Error {
    made(
        Kind::NoDocument,
        format!("cannot {verb}: it starts no sessions"),
        error.to_string(),
        "choose a document of type Session: `ssmtui run --list`",
    )
}

fn summary(found: ssm::DocumentIdentifier) -> Option<DocumentSummary> {
    Some(DocumentSummary {
        platforms: platforms(found.platform_types.as_deref().unwrap_or_default()),
        owner: found.owner.unwrap_or_default(),
        name: found.name.filter(|name| !name.is_empty())?,
    })
}

fn platforms(types: &[ssm::PlatformType]) -> Vec<Platform> {
    let known = types.iter().filter_map(|platform| match platform {
        ssm::PlatformType::Linux => Some(Platform::Linux),
        ssm::PlatformType::Windows => Some(Platform::Windows),
        ssm::PlatformType::Macos => Some(Platform::MacOs),
        _ => None,
    });
    known.collect()
}
