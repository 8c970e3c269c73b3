//! Fuzzy search over the fleet: rows and a query in; the rows that match out, best first.
//!
//! It runs beside the screen: [`Worker`] takes the newest [`Request`] only, and hands [`Matches`] to a
//! callback with the generation that was asked for. The positions of matched letters are made for the
//! rows on the screen alone, by [`highlight`].

mod scorer;

pub use scorer::{Scorer, Skim};

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use jiff::Timestamp;

use super::instance::Instance;
use super::order::{self, Column, Direction};
use super::query::{Query, tag_text};

/// What to look for in what.
#[derive(Clone, Debug)]
pub struct Request {
    /// The asker's number; comes back with the matches.
    pub generation: u64,
    /// The rows, as [`super::Fleet::instances`] has them.
    pub rows: Arc<[Arc<Instance>]>,
    /// The search box.
    pub query: String,
    /// How to order what matches. `None`: best match first, and by name where there is no word.
    pub order: Option<(Column, Direction)>,
    /// The time at which states are judged.
    pub now: Timestamp,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Matches {
    /// As asked.
    pub generation: u64,
    /// The rows that were searched.
    pub rows: Arc<[Arc<Instance>]>,
    /// Indices into `rows`, in the order in which to show them.
    pub hits: Vec<u32>,
    /// The query, read.
    pub query: Query,
}

/// A searched field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Name.
    Name,
    /// Row id.
    Id,
    /// Private address.
    Ip,
    /// Platform in words.
    Platform,
    /// State's word.
    State,
    /// The tag with this index in [`Instance::tags`], as `key=value`.
    Tag(usize),
}

/// Letters of one field that matched: positions count characters, ascending, without repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Highlight {
    /// Which field.
    pub field: Field,
    /// Which characters of it.
    pub positions: Vec<usize>,
}

/// How well one row matches one word, over all its fields; `None` when none of them has it.
fn rate(scorer: &impl Scorer, instance: &Instance, word: &str, now: Timestamp) -> Option<i32> {
    fields(instance, now)
        .into_iter()
        .filter_map(|(field, text)| {
            scorer.score(&text, word).map(|score| score + i32::from(field == Field::Name) * 1_000)
        })
        .max()
}

/// The searched texts of a row.
fn fields(instance: &Instance, now: Timestamp) -> Vec<(Field, String)> {
    let mut fields = vec![
        (Field::Id, instance.id.as_str().to_owned()),
        (Field::State, instance.state(now).word().to_owned()),
    ];
    fields.extend(instance.name().map(|name| (Field::Name, name.to_owned())));
    fields.extend(instance.private_ip().map(|ip| (Field::Ip, ip.to_owned())));
    fields.extend(instance.platform_words().map(|words| (Field::Platform, words.into_owned())));
    fields.extend(instance.tags().iter().enumerate().map(|(index, tag)| (Field::Tag(index), tag_text(tag))));
    fields
}

/// Searches at once, on this thread.
pub fn search(request: &Request) -> Matches {
    let query = Query::parse(&request.query);
    let scorer = Skim::default();
    let mut rows: Vec<u32> = (0..request.rows.len() as u32).collect();
    let (column, direction) = request.order.unwrap_or((Column::Name, Direction::Ascending));
    order::order(&mut rows, &request.rows, column, direction, request.now);
    let mut found: Vec<(i32, u32)> = rows
        .into_iter()
        .filter_map(|row| {
            let instance = &request.rows[row as usize];
            let score =
                query.words().map(|word| rate(&scorer, instance, word, request.now)).sum::<Option<i32>>()?;
            query.admits(instance, request.now).then_some((score, row))
        })
        .collect();
    if request.order.is_none() {
        found.sort_by_key(|(score, _)| -score);
    }
    let hits = found.into_iter().map(|(_, row)| row).collect();
    Matches { generation: request.generation, rows: Arc::clone(&request.rows), hits, query }
}

/// Which letters of a row's fields to mark for this query; for rows on the screen.
pub fn highlight(query: &Query, instance: &Instance, now: Timestamp) -> Vec<Highlight> {
    let scorer = Skim::default();
    let mut highlights: Vec<Highlight> = Vec::new();
    for word in query.words() {
        for (field, text) in fields(instance, now) {
            if let Some((_, positions)) = scorer.positions(&text, word) {
                highlights.push(Highlight { field, positions });
            }
        }
    }
    highlights
}

/// A thread that searches: the newest request replaces one that waits and cancels one that runs.
pub struct Worker {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread; `deliver` runs on it, once for each request that wasn't overtaken.
    pub fn spawn(deliver: impl FnMut(Matches) + Send + 'static) -> std::io::Result<Self> {
        let (requests, queue) = mpsc::channel::<Request>();
        let mut deliver = deliver;
        let thread = std::thread::Builder::new().name("search".to_owned()).spawn(move || {
            while let Ok(mut request) = queue.recv() {
                while let Ok(newer) = queue.try_recv() {
                    request = newer;
                }
                deliver(search(&request));
            }
        })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Asks; never blocks.
    pub fn ask(&self, request: Request) {
        if let Some(requests) = &self.requests {
            // The thread ends only with this handle.
            let _ = requests.send(request);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
