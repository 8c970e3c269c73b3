//! The binary: parse, run, print a failure once, exit code.

fn main() {}
