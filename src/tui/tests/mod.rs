//! The app without its shells: events in, state, effects and screens out.

mod fleet;
mod screens;
mod sessions;
mod sizes;
mod stage;
