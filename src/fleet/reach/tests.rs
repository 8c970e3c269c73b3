//! Every cause that the two lists and GetConnectionStatus can show, under every set of rights.
