//! `replay`.

use super::SpanArgs;
use super::span::TIMES;
use clap::{Args, ValueEnum};

/// Arguments of `replay`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{TIMES}\n\n{}", super::EXIT_CODES))]
pub struct ReplayArgs {
    /// The span of time.
    #[command(flatten)]
    pub span: SpanArgs,
    /// How many times faster than it happened; 0.1 is slow motion, 0 is as fast as it can be read
    /// [default: 1 on a terminal, else 0]
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true, value_parser = parse_speed)]
    pub speed: Option<f64>,
    /// Recorded time between two screens [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = crate::time::parse_duration_ns)]
    pub step: Option<i64>,
    /// A screen for people or a line of JSON for programs [default: screen]
    #[arg(long, short, value_name = "FORMAT")]
    pub format: Option<ReplayFormat>,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix(['x', 'X']).unwrap_or(text).trim_start_matches(['x', 'X']);
    match number.parse() {
        Ok(speed) if f64::is_finite(speed) && speed >= 0.0 => Ok(speed),
        _ => Err("expects a factor: 10 is ten times as fast, 0.1 slow motion, 0 without waiting"
            .to_owned()),
    }
}

/// What `replay` shows.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFormat {
    /// One screen a tick: CPU, memory, disks, network, latencies, top processes
    Screen,
    /// One JSON object a tick: time, load, kernel, cpu, memory, pressure, disk, net, process (those
    /// that used most CPU time or memory), histogram, event, gap
    Jsonl,
}

const EXAMPLES: &str = "\
Examples:
  nodemon-query replay --from '2026-11-20 03:12' --to +1m
  nodemon-query replay --from -10m --speed 10
  nodemon-query replay --from 03:12:07 --to +500ms --step 10ms --speed 0.1
  nodemon-query replay --from -1m -f jsonl | jq .cpu";
