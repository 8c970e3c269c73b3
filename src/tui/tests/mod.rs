//! The app without its shells: events in, state, effects and screens out.

mod documents;
mod fleet;
mod forwards;
mod screens;
mod sessions;
mod sizes;
mod stage;
