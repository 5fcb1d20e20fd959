//! The HTTP side over a real listener.
