//! The fleet, pure: instances joined from SSM and EC2, their states and the reasons behind them, the
//! query language, the search and the order of the list. No I/O, no SDK, no screen, no clock: time
//! comes in as an argument.
//!
//! | file | job |
//! | --- | --- |
//! | `id` | ids of rows and targets |
//! | `place` | account, region and profile of a row |
//! | `record` | what the sources say, and the updates that carry it here |
//! | `instance` | one row, joined, and its state |
//! | `inventory` | all rows; merging pages, generations, completeness |
//! | `version`, `feature` | agent versions; what needs which |
//! | `document` | session documents: parameters and their checks, preferences |
//! | `denial` | AWS's access-denied sentences, decoded |
//! | `statement` | ARNs, and the smallest statement that allows something |
//! | `evidence` | what a deep check reads of one instance and its surroundings |
//! | `reach` | why can't I start a session here: evidence in, verdict out |
//! | `query` | the query language: parsing, meaning, completion |
//! | `target` | TARGET of the command line: one instance or none |
//! | `login` | whom SSH logs in where nobody said |
//! | `search` | fuzzy matching, ranking, the worker that runs it |
//! | `order` | columns and the order by them |
//! | `history` | what was opened when, favourites, frecency |
//! | `phrase` | counts, ages and moments in words |
//!
//! Beside it, with I/O: `cache`, the list of the last time on the disk; `history_file`; `private`, files for their owner alone.

pub mod cache;
pub mod denial;
pub mod document;
pub mod evidence;
pub mod feature;
pub mod history;
mod history_file;
mod id;
pub mod instance;
pub mod inventory;
pub mod login;
pub mod order;
pub mod phrase;
mod place;
mod private;
pub mod query;
pub mod reach;
pub mod record;
pub mod search;
pub mod statement;
pub mod target;
pub mod version;

pub use denial::Denial;
pub use document::{Document, DocumentSummary, Parameter, Preferences};
pub use evidence::{Call, Evidence, HostManagement, Piece, Surroundings, Tier, Usage};
pub use feature::Feature;
pub use history_file::HistoryFile;
pub use instance::{Instance, Part, State};
pub use inventory::{Changes, Completeness, Counts, Fleet, Phase, SourceStatus};
pub use order::{Column, Direction, order};
pub use place::Place;
pub use query::{Query, Saved};
pub use reach::{Cause, Certainty, Context, Finding, Owner, Verdict, diagnose, next_calls};
pub use record::{
    AgentRecord, Connection, Fact, InstanceId, MachineRecord, MachineState, MetadataEndpoint, Outcome, Ping,
    Platform, Properties, Source, StatusCheck, Tag, Text, Update,
};
pub use target::{Target, resolve_target};
pub use version::AgentVersion;
