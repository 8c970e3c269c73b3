//! The command line: flags declared once, one file per subcommand. To be filled.
pub mod args;
pub use args::Args;
