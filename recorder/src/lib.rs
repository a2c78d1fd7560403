//! The recorder of nodemon: sources, the writer, configuration, control.

pub mod source;
