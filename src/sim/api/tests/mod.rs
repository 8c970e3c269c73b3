//! The region as a program sees it: raw HTTP, signed here by hand; and the real SDK.

mod call;
mod document;
mod door;
mod keys;
mod lists;
mod sdk;
mod sessions;
