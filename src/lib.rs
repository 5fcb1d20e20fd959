//! launchgate.
