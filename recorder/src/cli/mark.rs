//! `mark`.

use super::Place;
use clap::Args;

/// Part of its help.
pub const MARK_EXAMPLES: &str = "\
Examples:
  nodemon-recorder mark deploy version 1.2              # a name to find it by, and a text
  nodemon-recorder mark job-4711-begin

  nodemon-query range -t mark                           # what was marked";

/// `mark`.
#[derive(Debug, Args)]
pub struct Mark {
    /// Of which recording.
    #[command(flatten)]
    pub place: Place,
    /// What kind of thing it is: deploy, job-4711
    pub name: String,
    /// Whatever else there is to say
    pub text: Vec<String>,
}
