//! Answers against a model that goes through rows one by one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod histograms;
mod law;
mod model;
mod table;

use super::answer_items;
use crate::error::{Outcome, QueryError};
use crate::question::{Aggregate, Plan, Question, Step, StepQuestion};
use crate::rows::{Batch, Missing, Sink};
use crate::sink::histogram::pairs;
use model::Model;
use nodemon_formats::reader::{Part, ReadError, ScanItem};
use nodemon_formats::{ColumnType, GapCause};
use proptest::prelude::*;
use table::{SECOND, Table, schema, table};

/// Collects an answer as text, a line a row or gap.
#[derive(Default)]
struct Lines {
    kinds: Vec<ColumnType>,
    lines: Vec<String>,
}

impl Sink for Lines {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        for row in 0..batch.len() {
            let cell = |(column, kind): (&crate::rows::BatchColumn, &ColumnType)| {
                let word = column.words[row];
                match (column.is_present(row), kind) {
                    (false, _) => "-".to_owned(),
                    (_, ColumnType::F64) => format!("{:.6e}", f64::from_bits(word)),
                    (_, ColumnType::Histogram) => {
                        let mut text = Vec::new();
                        pairs(batch.strings.get(word as u32), &mut text);
                        String::from_utf8(text).unwrap()
                    }
                    (_, ColumnType::String) => {
                        String::from_utf8_lossy(batch.strings.get(word as u32)).into_owned()
                    }
                    _ => word.to_string(),
                }
            };
            let cells: Vec<String> = batch.columns.iter().zip(&self.kinds).map(cell).collect();
            self.lines.push(format!("{} {}", batch.times[row], cells.join(" ")));
        }
        Ok(())
    }

    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        self.lines.push(format!("gap {} {}", gap.from, gap.lost));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        Ok(())
    }
}

fn ask(plan: &Plan, items: Vec<ScanItem>, gaps: Vec<Missing>) -> (Vec<String>, super::Answer) {
    let kinds = plan.header.fields.iter().map(|field| field.kind).collect();
    let mut lines = Lines { kinds, lines: Vec::new() };
    let items = items.into_iter().map(Ok::<_, ReadError>);
    let answer = answer_items(items, gaps, Vec::new(), plan, &mut lines, &mut |_| ()).unwrap();
    (lines.lines, answer)
}

fn question(rates: bool, filters: &[&str]) -> Question {
    let filters = filters.iter().map(|filter| filter.parse().unwrap()).collect();
    Question { from: 3 * SECOND, to: 40 * SECOND, filters, rates, ..Question::default() }
}

fn stepped(mut question: Question, length: i64, aggregates: &str) -> Question {
    let aggregates = aggregates.split(',').filter(|a| !a.is_empty());
    let aggregates: Vec<Aggregate> = aggregates.map(|a| a.parse().unwrap()).collect();
    question.step = Some(StepQuestion { step: Step { origin: 0, length }, aggregates });
    question
}

const FILTERS: [&[&str]; 6] = [
    &[],
    &["cpu=1"],
    &["level>40"],
    &["name=a*"],
    &["grows>30", "cpu!=0"],
    &["level<=90", "name!=b"],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rows_are_what_was_sampled_in_whatever_chunks_it_comes(
        table in table(), rates: bool, filters in prop::sample::select(&FILTERS[..]),
    ) {
        let plan = question(rates, filters).plan(&schema(), "").unwrap();
        let (lines, answer) = ask(&plan, table.chunks(&plan), Vec::new());
        prop_assert_eq!(&lines, &Model::new(&table, &plan).rows());
        prop_assert_eq!(answer.rows, lines.len() as u64);
    }

    #[test]
    fn a_row_a_step_joins_what_the_rows_say(
        table in table(),
        rates: bool,
        length in prop::sample::select(&[SECOND, 4 * SECOND, 60 * SECOND][..]),
        filters in prop::sample::select(&FILTERS[..]),
        aggregates in prop::sample::select(
            &["", "avg", "min,max", "sum,count", "first,last", "p50,p99", "avg,max,p90"][..],
        ),
    ) {
        let plan = stepped(question(rates, filters), length, aggregates).plan(&schema(), "").unwrap();
        let (lines, _) = ask(&plan, table.chunks(&plan), Vec::new());
        prop_assert_eq!(lines, Model::new(&table, &plan).steps());
    }

    #[test]
    fn summaries_of_blocks_answer_as_their_rows_do(
        table in table(),
        rates: bool,
        length in prop::sample::select(&[SECOND, 4 * SECOND, 60 * SECOND][..]),
        aggregates in prop::sample::select(&["", "avg", "avg,sum,count", "last,count"][..]),
    ) {
        // The last rate of a block is not in its rollup, nor are sums and means of raw counters.
        let rates = rates && aggregates != "last,count";
        let mut asked = stepped(question(rates, &[]), length, aggregates);
        if !rates && !matches!(aggregates, "" | "last,count") {
            asked.columns = vec!["level".into(), "name".into()];
        }
        let plan = asked.plan(&schema(), "").unwrap();
        let rollup = plan.request().rollup;
        prop_assert!(rollup.is_some(), "rollups suffice and are not asked for");
        let (of_rows, _) = ask(&plan, table.chunks(&plan), Vec::new());
        let (of_blocks, _) = ask(&plan, table.summaries(&plan), Vec::new());
        prop_assert_eq!(of_blocks, of_rows);
    }

    #[test]
    fn each_gap_stands_behind_the_last_row_that_is_not_later_than_its_start(
        table in table(), starts in prop::collection::vec(0..45i64, 0..8),
    ) {
        let mut starts: Vec<i64> = starts.iter().map(|second| second * SECOND / 2).collect();
        starts.sort_unstable();
        let plan = question(false, &[]).plan(&schema(), "").unwrap();
        let (lines, answer) = ask(&plan, table.chunks(&plan), starts.iter().map(|s| gap(*s)).collect());
        prop_assert_eq!(answer.gaps, starts.len() as u64);
        let mut last_row = i64::MIN;
        let mut gaps = starts.iter();
        let mut pending = gaps.next();
        for line in &lines {
            match line.strip_prefix("gap ") {
                Some(_) => pending = gaps.next(),
                None => {
                    last_row = line.split(' ').next().unwrap().parse().unwrap();
                    prop_assert!(pending.is_none_or(|gap| last_row <= *gap), "{line} hides a gap");
                }
            }
        }
        prop_assert!(pending.is_none() && last_row < plan.to);
    }
}

fn gap(from: i64) -> Missing {
    Missing { from, to: from + SECOND, cause: GapCause::Late, lost: 1, detail: String::new() }
}

#[test]
fn gaps_of_one_cause_in_one_step_are_told_as_one() {
    let plan = stepped(question(false, &[]), 60 * SECOND, "").plan(&schema(), "").unwrap();
    let gaps = [5, 6, 7, 61].map(|second| gap(second * SECOND)).to_vec();
    let (lines, answer) = ask(&plan, Vec::new(), gaps);
    assert_eq!(lines, [format!("gap {} 3", 5 * SECOND), format!("gap {} 1", 61 * SECOND)]);
    assert_eq!(answer.gaps, 2);
}

#[test]
fn damage_is_told_and_the_rest_is_answered() {
    let plan = question(false, &[]).plan(&schema(), "").unwrap();
    let table = Table::steady();
    let mut items = table.chunks(&plan);
    let rows = items.len();
    items.insert(
        1,
        ScanItem::Problem(ReadError::Damaged {
            path: "s".into(),
            part: Part::Whole,
            what: "block 7".into(),
        }),
    );
    let mut told = Vec::new();
    let mut lines = Lines { kinds: Vec::new(), lines: Vec::new() };
    let items = items.into_iter().map(Ok::<_, ReadError>);
    let answer = answer_items(items, Vec::new(), Vec::new(), &plan, &mut lines, &mut |problem| {
        told.push(problem.to_string());
    })
    .unwrap();
    assert!(rows > 1 && answer.rows > 0);
    assert_eq!(answer.outcome, Outcome::Damaged);
    assert_eq!(told, ["s is damaged: block 7"]);
}

#[test]
fn keys_that_are_there_are_named_when_none_passes() {
    let plan = question(false, &["cpu=99"]).plan(&schema(), "").unwrap();
    let (lines, answer) = ask(&plan, Table::steady().chunks(&plan), Vec::new());
    assert!(lines.is_empty() && answer.seen > 0);
    assert_eq!(answer.other_keys, ["0", "1", "2"]);
}
