//! The app without its shells: events in, state, effects and screens out.

mod documents;
mod fleet;
mod forwards;
mod kept;
mod login;
mod look;
mod places;
mod query;
mod screens;
mod sessions;
mod sizes;
mod stage;
mod why;
