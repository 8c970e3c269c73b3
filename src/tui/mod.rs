//! The app. To be filled.
