//! The fleet, pure: instances joined from SSM and EC2, their states and the reasons behind them, the
//! query language, the search and the order of the list. No I/O, no SDK, no screen, no clock: time
//! comes in as an argument.
//!
//! | file | job |
//! | --- | --- |
//! | `id` | ids of rows and targets |
//! | `record` | what the sources say, and the updates that carry it here |
//! | `instance` | one row, joined, and its state |
//! | `inventory` | all rows; merging pages, generations, completeness |
//! | `version`, `feature` | agent versions; what needs which |
//! | `document` | session documents: parameters and their checks, preferences |
//! | `reach` | why can't I start a session here: evidence in, verdict out |
//! | `query` | the language of the search box |
//! | `target` | TARGET of the command line: one instance or none |
//! | `login` | whom SSH logs in where nobody said |
//! | `search` | fuzzy matching, ranking, the worker that runs it |
//! | `order` | columns and the order by them |
//! | `phrase` | counts, ages and moments in words |

pub mod document;
pub mod feature;
mod id;
pub mod instance;
pub mod inventory;
pub mod login;
pub mod order;
pub mod phrase;
pub mod query;
pub mod reach;
pub mod record;
pub mod search;
pub mod target;
pub mod version;

pub use document::{Document, DocumentSummary, Parameter, Preferences};
pub use feature::Feature;
pub use instance::{Instance, Part, State};
pub use inventory::{Changes, Completeness, Counts, Fleet, Phase, SourceStatus};
pub use order::{Column, Direction, order};
pub use query::Query;
pub use reach::{Certainty, Context, Finding, Owner, Verdict, diagnose};
pub use record::{
    AgentRecord, Connection, Fact, InstanceId, MachineRecord, MachineState, MetadataEndpoint, Outcome, Ping,
    Platform, Source, StatusCheck, Tag, Text, Update,
};
pub use target::{Target, resolve_target};
pub use version::AgentVersion;
