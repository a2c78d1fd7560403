//! `pin` and `unpin`.

use super::Place;
use crate::pin::{PinTime, parse_time};
use clap::Args;

/// Part of the help of both.
pub const PIN_EXAMPLES: &str = "\
Examples:
  nodemon-recorder pin                                  # the last five minutes, named by the time
  nodemon-recorder pin slow-login --from -10m --to +60s --text 'seen by two users'
  nodemon-recorder pin disk-full --from 03:12 --to 03:20
  nodemon-recorder pin --list
  nodemon-query range --pin slow-login -t cpu           # what is kept, whatever the ring has
  nodemon-recorder unpin slow-login                     # the ring may have it again

A recorder that runs sees a pin with its next commit, within a second; what was pinned meanwhile
it sees when it starts. A segment is kept as a whole, so a pin keeps some time around its span.";

/// `pin`.
#[derive(Debug, Args)]
pub struct Pin {
    /// Of which recording.
    #[command(flatten)]
    pub place: Place,
    /// What it is called, in letters, digits and -_.:@+; without one by the time
    #[arg(conflicts_with = "list")]
    pub name: Option<String>,
    /// Start of the span: -5m for five minutes ago, 03:12, '2026-11-20 03:12'
    #[arg(
        long,
        value_name = "TIME",
        default_value = "-5m",
        allow_hyphen_values = true,
        value_parser = parse_time
    )]
    pub from: PinTime,
    /// End of the span: now, -1m, +60s for in a minute, 03:14
    #[arg(
        long,
        value_name = "TIME",
        default_value = "now",
        allow_hyphen_values = true,
        value_parser = parse_time
    )]
    pub to: PinTime,
    /// Whatever else there is to say
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub text: String,
    /// List what is pinned, and pin nothing
    #[arg(long)]
    pub list: bool,
}

/// `unpin`.
#[derive(Debug, Args)]
pub struct Unpin {
    /// Of which recording.
    #[command(flatten)]
    pub place: Place,
    /// What it is called; all of this name go
    pub name: String,
}
