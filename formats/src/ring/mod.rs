//! The ring of segments.
