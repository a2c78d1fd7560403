//! The law of growth: what a counter grew by over a span is one number, whatever start, step,
//! aggregate or ring it is asked of, and adjoining steps add up to the whole.
//!
//! Random recordings, with instances that come and go, resets, wraps, pauses, several runs and
//! tiers, of which the oldest rows may be gone, are asked random questions. The truth is computed
//! from what was written by a few lines that share nothing with the answer.

use crate::answer::answer;
use crate::error::QueryError;
use crate::question::{Question, Step, StepQuestion};
use crate::rows::{Batch, Missing, Sink};
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::reader::Recording;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use nodemon_formats::{ColumnType, Schema};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::collections::BTreeMap;
use std::path::Path;

const SECOND: u64 = 1_000_000_000;
/// Questions of each recording.
const QUESTIONS: usize = 25;

/// What is done to the three instances before a sample.
#[derive(Clone, Debug)]
struct Move {
    pause_s: u64,
    /// Whether another recorder takes this sample.
    restarts: bool,
    commits: bool,
    /// For each instance how many dice it threw, and by how much it grows.
    instances: [(u8, u32); 3],
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Disk,
    Process,
    Cpu,
}

fn schema(kind: Kind) -> Schema {
    let schema = match kind {
        Kind::Disk => Schema::sample("disk", "a test", "").key("device", ColumnType::U64, ""),
        Kind::Cpu => Schema::sample("cpu", "a test", "").key("cpu", ColumnType::U64, ""),
        Kind::Process => Schema::sample("process", "a test", "")
            .key("pid", ColumnType::U64, "")
            .key("start_ns", ColumnType::U64, ""),
    };
    let mut schema = schema.counter("grows", unit::COUNT, "");
    schema.interval_ns = SECOND;
    schema
}

/// A sample as it was written: for each pid (and start) the counter.
#[derive(Clone, Debug)]
struct Sample {
    time: u64,
    restarted: bool,
    commits: bool,
    rows: BTreeMap<(u64, u64), u64>,
}

/// Plays the moves: an instance lives or not, grows, is reset, wraps, is left out of a sample.
fn play(kind: Kind, moves: &[Move], start: u64) -> Vec<Sample> {
    let mut time = start;
    // For each: alive since, and the counter.
    let mut alive: [Option<(u64, u64)>; 3] = [Some((1, 1000)), None, Some((1, (1 << 32) - 500))];
    let mut samples = Vec::new();
    for step in moves {
        time += step.pause_s * SECOND;
        let mut rows = BTreeMap::new();
        for (pid, (dice, by)) in step.instances.iter().enumerate() {
            let began = (time - SECOND / 2, u64::from(*by % 50));
            let mut left_out = false;
            alive[pid] = match (alive[pid], dice) {
                (Some(_), 0..10) => None,
                (None, 0..80) => Some(began),
                // Gone and there again, between two samples.
                (Some(_), 10..16) => Some(began),
                (Some((since, word)), 16..22) if kind != Kind::Process => Some((since, word / 20)),
                (Some((since, word)), 22..30) => {
                    left_out = true;
                    Some((since, word))
                }
                (Some((since, word)), _) => Some((since, word + u64::from(*by) % 1000)),
                (None, _) => None,
            };
            if let Some((_, word)) = &mut alive[pid]
                && kind == Kind::Cpu
            {
                *word %= 1 << 32;
            }
            if let Some((since, word)) = alive[pid].filter(|_| !left_out) {
                let since = if kind == Kind::Process { since } else { 0 };
                rows.insert((pid as u64, since), word);
            }
        }
        samples.push(Sample { time, restarted: step.restarts, commits: step.commits, rows });
    }
    samples
}

/// What the counter of each pid grew by in each sample.
fn truth(kind: Kind, samples: &[Sample]) -> Vec<BTreeMap<u64, u64>> {
    const LONGEST: u64 = 180 * SECOND;
    let grown = |n: usize, id: &(u64, u64), word: u64| -> Option<u64> {
        let before = &samples[n.checked_sub(1)?];
        let (now, pause) = (samples[n].time, samples[n].time - before.time);
        if pause > LONGEST {
            return None;
        }
        let earlier = samples[..n].iter().rev().take_while(|s| now - s.time <= LONGEST);
        let last = earlier.filter_map(|s| Some((s.time, *s.rows.get(id)?))).next();
        let is_first = |m: &usize| *m == 0 || samples[*m].restarted;
        let since = (0..=n).rev().find(is_first).map_or(0, |m| samples[m].time);
        let of_pair = |old: u64| {
            let wraps = old < 1 << 32 && old > (1u64 << 32) - (1 << 28) && word < 1 << 28;
            match word {
                _ if word >= old => Some(word - old),
                _ if wraps => Some((1 << 32) - old + word),
                _ if word <= old / 8 => Some(word),
                _ => None,
            }
        };
        match (kind, last) {
            (Kind::Process, Some((_, old))) => of_pair(old),
            (Kind::Process, None) => (id.1 >= before.time).then_some(word),
            (_, Some((at, old))) if at == before.time => of_pair(old),
            (Kind::Disk, Some((at, _))) if at >= since => None,
            (Kind::Disk, _) if samples[n].restarted => None,
            (Kind::Disk, _) => (pause <= 3 * SECOND).then_some(word),
            (Kind::Cpu, _) => None,
        }
    };
    let of_sample = |n: usize| {
        let mut by_pid = BTreeMap::new();
        for (id, word) in &samples[n].rows {
            *by_pid.entry(id.0).or_insert(0) += grown(n, id, *word).unwrap_or(0);
        }
        by_pid
    };
    (0..samples.len()).map(of_sample).collect()
}

fn write(dir: &Path, kind: Kind, samples: &[Sample], segment_size_bytes: u64) {
    let mut writer: Option<(RecordingWriter, u32)> = None;
    let schema = schema(kind);
    for sample in samples {
        if sample.restarted
            && let Some((writer, _)) = writer.take()
        {
            writer.close().unwrap();
        }
        let (writer, table) = writer.get_or_insert_with(|| {
            let mut options = WriterOptions::new(8 * LEAST_RING_BYTES);
            let tier = |s: u64| TierOptions { step_ns: s * SECOND, size_bytes: LEAST_RING_BYTES };
            options.tiers = vec![tier(4), tier(60)];
            options.segment_size_bytes = segment_size_bytes;
            // Shortly before its first sample.
            let clock = ClockOffset { from_ns: sample.time - SECOND / 2 - 1, ..ClockOffset::now() };
            let mut writer = RecordingWriter::open_at(dir, options, clock).unwrap();
            let table = writer.add_table(schema.clone());
            (writer, table)
        });
        let mut record = RecordBuilder::new(&schema);
        record.begin_sample(sample.time);
        for ((pid, start), word) in &sample.rows {
            record.instance(|key| {
                key.u64(*pid);
                if kind == Kind::Process {
                    key.u64(*start);
                }
            });
            record.u64(*word);
        }
        record.end_sample();
        let mut archive = rkyv::util::AlignedVec::new();
        record.finish(*table, &mut archive).unwrap();
        writer.push(&archive).unwrap();
        if sample.commits {
            writer.commit().unwrap();
        }
    }
    if let Some((writer, _)) = writer {
        writer.close().unwrap();
    }
}

/// Adds up the first value of the answer by the first key.
#[derive(Default)]
struct Sums {
    value: usize,
    sums: BTreeMap<u64, u64>,
}

impl Sink for Sums {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        let values = &batch.columns[self.value];
        for row in (0..batch.len()).filter(|row| values.is_present(*row)) {
            *self.sums.entry(batch.columns[0].words[row]).or_default() += values.words[row];
        }
        Ok(())
    }
    fn gap(&mut self, _: &Missing) -> Result<(), QueryError> {
        Ok(())
    }
    fn finish(&mut self) -> Result<(), QueryError> {
        Ok(())
    }
}

/// A question: places of start and end in the recording, the step, what else is asked for.
type Asked = (f64, f64, u64, &'static str);

fn questions() -> impl Strategy<Value = Vec<Asked>> {
    let steps = prop::sample::select(&[1u64, 4, 7, 60, 120, 3600][..]);
    let aggregates = prop::sample::select(&["sum", "sum,avg", "sum,max", "sum,min,p90"][..]);
    prop::collection::vec((0.0..1.0f64, 0.0..1.0f64, steps, aggregates), QUESTIONS)
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let pause = prop_oneof![
        20 => Just(1u64), 2 => 2..6u64, 1 => Just(40u64), 1 => Just(180u64), 1 => Just(181u64),
    ];
    let one = (pause, 0..25u8, any::<bool>(), prop::array::uniform3((0..100u8, any::<u32>())));
    let one = one.prop_map(|(pause_s, dice, commits, instances)| Move {
        pause_s,
        restarts: dice == 0,
        commits,
        instances,
    });
    prop::collection::vec(one, 2..160)
}

/// What becomes of the ring of rows.
#[derive(Clone, Debug)]
struct Fate {
    /// Whether a run takes many segments, so that the oldest row may be in the middle of it.
    is_of_small_segments: bool,
    /// The part of its segments that is gone, less than 1.
    evicted: f64,
}

fn fates() -> impl Strategy<Value = Fate> {
    let evicted = prop_oneof![1 => Just(0.0), 3 => 0.0..1.0f64];
    (any::<bool>(), evicted)
        .prop_map(|(is_of_small_segments, evicted)| Fate { is_of_small_segments, evicted })
}

/// Checks one recording and its questions.
fn check(kind: Kind, moves: &[Move], asked: &[Asked], ring: &Fate) -> Result<(), String> {
    // What is asked is not whether a disk keeps it.
    let memory = Path::new("/dev/shm");
    let home = match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    };
    let offset = ClockOffset::now().offset_ns;
    // Samples lie in the middle of seconds of wall time, so that none is near the end of a step.
    let phase = offset.rem_euclid(SECOND as i64) as u64;
    let start = 10_000 * SECOND + SECOND + SECOND / 2 - phase;
    let samples = play(kind, moves, start);
    let truth = truth(kind, &samples);
    // As soon as there is something in a segment it is full, and closed by the commit behind that.
    let segment_size_bytes = if ring.is_of_small_segments { 1 } else { u64::MAX };
    write(home.path(), kind, &samples, segment_size_bytes);
    let mut raw: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().path()).collect();
    raw.retain(|path| path.extension().is_some_and(|e| e == "redb"));
    raw.sort();
    let evicted = (ring.evicted * raw.len() as f64) as usize;
    raw[..evicted].iter().for_each(|path| std::fs::remove_file(path).unwrap());
    let recording = Recording::open(home.path()).unwrap();
    let schema = recording.schema(&schema(kind).name).unwrap();
    let wall = |sample: &Sample| offset.saturating_add_unsigned(sample.time);
    let (first, last) = (wall(&samples[0]), wall(samples.last().unwrap()));
    for (from, to, step_s, aggregates) in asked {
        let place = |part: f64| first + ((last - first) as f64 * part) as i64;
        // Where rows are gone a part of a minute cannot be told from the rest of it.
        let (mut from, mut to) = (place(from.min(*to)), place(from.max(*to)) + 1);
        if evicted > 0 && step_s % 60 != 0 {
            (from, to) = (first - SECOND as i64, last + 120 * SECOND as i64);
        }
        let step = Step { origin: 0, length: (step_s * SECOND) as i64 };
        let aggregates_asked = aggregates.split(',').map(|a| a.parse().unwrap()).collect();
        let step = Some(StepQuestion { step, aggregates: aggregates_asked });
        let question = Question { from, to, rates: true, step, ..Question::default() };
        let plan = question.plan(&schema, "").unwrap();
        let mut sums = Sums { value: plan.keys.len(), ..Sums::default() };
        answer(&recording, &plan, &mut sums, &mut |problem| panic!("{problem}")).unwrap();
        let mut expected = BTreeMap::new();
        for (sample, grown) in samples.iter().zip(&truth) {
            if (plan.from..plan.to).contains(&wall(sample)) {
                grown.iter().for_each(|(pid, by)| *expected.entry(*pid).or_insert(0) += by);
            }
        }
        let mut told = sums.sums;
        expected.retain(|_, by| *by > 0);
        told.retain(|_, by| *by > 0);
        if told != expected {
            return Err(format!(
                "{kind:?}, --step {step_s}s --agg {aggregates} from {} s to {} s after the first \
                 sample, {evicted} of {} segments evicted: grew by {expected:?}, told {told:?}",
                (plan.from - first) as f64 / 1e9,
                (plan.to - first) as f64 / 1e9,
                raw.len(),
            ));
        }
    }
    Ok(())
}

/// `NODEMON_LAW_CASES` questions, 10,000 if it is not set; `NODEMON_LAW_SEED` is what they are made
/// from.
#[test]
fn the_growth_of_a_counter_is_one_number_whatever_is_asked() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let cases = number("NODEMON_LAW_CASES", 10_000).div_ceil(QUESTIONS as u64);
    let seed = number("NODEMON_LAW_SEED", 20_261_129);
    let config = Config {
        cases: cases as u32,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    let kinds = prop::sample::select(&[Kind::Disk, Kind::Process, Kind::Cpu][..]);
    let outcome = TestRunner::new(config).run(
        &(kinds, moves(), questions(), fates()),
        |(kind, moves, asked, ring)| {
            check(kind, &moves, &asked, &ring).map_err(TestCaseError::fail)
        },
    );
    assert!(outcome.is_ok(), "NODEMON_LAW_SEED={seed}: {}", outcome.unwrap_err());
}
