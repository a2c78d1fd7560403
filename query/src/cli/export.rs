//! `export`.

use super::SpanArgs;
use super::span::TIMES;
use crate::format;
use crate::rows::Format;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `export`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{TIMES}\n\n{}", super::EXIT_CODES))]
pub struct ExportArgs {
    /// The span of time.
    #[command(flatten)]
    pub span: SpanArgs,
    /// Tables to write, separated by commas; without it every table
    #[arg(long = "table", short = 't', value_name = "TABLE", value_delimiter = ',')]
    pub tables: Vec<String>,
    /// The format of the files
    #[arg(
        long,
        short,
        value_name = "FORMAT",
        default_value = "parquet",
        value_parser = format::parser(|format| format.export.is_some())
    )]
    pub format: &'static Format,
    /// The directory for the files, made if it is missing; each is TABLE.parquet or TABLE.csv
    #[arg(long, short, value_name = "DIR")]
    pub output: PathBuf,
    /// Replace files that are there already
    #[arg(long)]
    pub force: bool,
}

const EXAMPLES: &str = "\
Examples:
  nodemon-query export --from -1h -f parquet -o incident/
  nodemon-query export --from '2026-11-20 03:10' --to +5m -t cpu,disk -f csv -o incident/
  duckdb -c \"select cpu, max(user_ns) from 'incident/cpu.parquet' group by cpu\"";
