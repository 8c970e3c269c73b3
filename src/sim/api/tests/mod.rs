//! The region as a program sees it: raw HTTP, signed here by hand; and the real SDK.

mod call;
mod callers;
mod document;
mod door;
mod keys;
mod lists;
mod mending;
mod places;
mod rights;
mod sdk;
mod sessions;
mod sts;
