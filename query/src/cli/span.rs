//! `--from` and `--to`.

use crate::time::TimeSpec;
use clap::Args;

/// The span of time that is asked about.
#[derive(Args, Debug, Clone, Default)]
pub struct SpanArgs {
    /// Start of the span, inclusive; without it the start of the recording
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<TimeSpec>,
    /// End of the span, exclusive; without it now, or the end of a recording that is not live
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<TimeSpec>,
    /// The span around the Nth last trigger that fired, instead of --from and --to: from a minute
    /// before it held until rates were as before
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to", "pin"])]
    pub trigger: Option<usize>,
    /// The span that `nodemon-recorder pin NAME` keeps
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "to"])]
    pub pin: Option<String>,
}

/// How times are written; part of the help of every command that takes some.
pub const TIMES: &str = "\
Times:
  -5m  -1h30m  -2d         before now. Of a recording that is not live any more (its recorder
                           ended, or it is a copy) before its last row; a note says so
  +4s                      for --to: after --from
  2026-11-20T03:12:07Z     RFC 3339, also with an offset or a fraction
  '2026-11-20 03:12'       local date and time, with or without seconds and a fraction
  03:12  03:12:07.250      the most recent such time of day
  1795144327  @1795144327.5  seconds since 1970
  now  now-5m              the clock of this machine, whatever the recording
  start  end  end-5m       the first and the last row of the recording
  mark:deploy  mark:deploy-5m  when `nodemon-recorder mark deploy` was run last";
