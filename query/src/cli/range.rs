//! `range`.

use super::SpanArgs;
use super::span::TIMES;
use crate::filter::{FILTERS, Filter};
use crate::format;
use crate::question::Aggregate;
use crate::rows::Format;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `range`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{TIMES}\n\n{FILTERS}\n\n{ANSWERS}\n\n{}", super::EXIT_CODES))]
pub struct RangeArgs {
    /// The span of time.
    #[command(flatten)]
    pub span: SpanArgs,
    /// Tables, separated by commas; without it every table, one after the other
    #[arg(long = "table", short = 't', value_name = "TABLE", value_delimiter = ',')]
    pub tables: Vec<String>,
    /// Columns, separated by commas, with or without their unit, or patterns such as 'pgscan_*';
    /// without it all of them
    #[arg(long, short, value_name = "COLUMN", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Rows to show: cpu=3, device=sd*, 'rss_bytes>1GiB'; may be given more than once
    #[arg(long = "where", short = 'w', value_name = "FILTER")]
    pub filters: Vec<Filter>,
    /// One row a step of this length: 1s, 100ms, 5m
    #[arg(long, value_name = "DURATION", value_parser = crate::time::parse_duration_ns)]
    pub step: Option<i64>,
    /// Aggregation per step: min, max, avg, sum, first, last, count, p50, p99,
    /// p99.9 [default: avg; last of states and of raw counters; p50, p99 and max of histograms; the
    /// number of events]
    #[arg(long = "agg", value_name = "AGGREGATE", value_delimiter = ',', requires = "step")]
    pub aggregates: Vec<Aggregate>,
    /// Show counters as rates a second [default for -f table]
    #[arg(long, conflicts_with = "raw")]
    pub rate: bool,
    /// Show counters as they are, digit by digit [default for the other formats]
    #[arg(long)]
    pub raw: bool,
    /// Show rows of nothing but zeros too, which -f table leaves out of tables of rates where
    /// neither -c nor -w is given
    #[arg(long)]
    pub idle: bool,
    /// How rows are written down [default: by the name of the -o file, else table]
    #[arg(long, short, value_name = "FORMAT", value_parser = format::parser(|_| true))]
    pub format: Option<&'static Format>,
    /// Write to this file instead of standard output. It appears under this name when it is whole
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  nodemon-query range --from -5m -t cpu
  nodemon-query range --from '2026-11-20 03:12' --to +4s -t disk -w 'device!=loop*' -c read,write
  nodemon-query range --from -1d -t memory -c mem_available --step 1m --agg min,avg
  nodemon-query range --from -10s -t process -w 'rss_bytes>1GiB' -f jsonl | jq .pid
  nodemon-query range --from -1h -t net -o net.parquet";

const ANSWERS: &str = "\
Answers:
  Rows are ordered by time, then by instance. The rate of a counter is its growth since the sample
  before of the same instance, over the time between them, also where a gap lies between; where the
  counter went down (it was reset, or wrapped) there is none, and none where the samples are further
  apart than three minutes, ten intervals, and one and a half steps. In tables the rate of ns is
  shown in %: 100 % is one CPU, or one device, for the whole time.
  With --step every step that the span touches is answered whole and has the time of its start; avg
  of a rate is the growth over the time, sum of it the growth. Percentiles are exact for up to 1024
  values in a step and within 1 % beyond. Events of a step are counted.
  Histograms of a step are merged, and what is asked for is made of all their values: count says how
  many, min and max the ends of the lowest and the highest bucket, percentiles the middle of theirs,
  within 12.5 %. Without --step, tables show n, p50, p99 and max, and the other formats every bucket
  that has values, as its lower end and how many: csv and jsonl as text, \"4096:12 5120:3\", parquet
  and arrow as a list of structures with the fields lower and count.
  A stack is text: the names of its calls from the outermost to the innermost, ; between them.
  Tables show the innermost that fit. `nodemon-query stacks` adds up a span of them.
  Gaps are shown in every format: as a line beginning with -- in tables; as {\"gap\": ...} in jsonl;
  in csv as a line with the start of the gap as its time, no values, and its end and cause in the
  last column, which is called gap and otherwise empty; in parquet and arrow in the metadata.
  Where rows are no longer in the ring, a downsampled tier answers with the last sample of each of
  its steps, and a note says so. Percentiles are then those of the means of its steps, but of
  histograms, which a tier keeps whole.
  Times in csv and jsonl are RFC 3339 in UTC; in parquet and arrow ns since 1970.";
