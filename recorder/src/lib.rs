//! The recorder of nodemon: sources, the writer, configuration, control.

pub mod overhead;
pub mod parse;
pub mod procfile;
pub mod source;
