//! Actions against real scripts and a real listener.
