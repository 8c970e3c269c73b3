//! One integration binary, a module per capability: the built program on a real pty against a real simulated region.
