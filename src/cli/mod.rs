//! To be filled: see lib.rs for this room's job.
