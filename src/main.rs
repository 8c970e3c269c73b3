//! The binary: parse, run, print a failure once, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ssmtui::cli::run()
}
