//! Real actors on real threads, writing a real recording.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    Alert, Close, Drain, EndSource, Opening, RunSource, SamplerThread, SamplerThreadOptions,
    SourceState, Workers, Writer,
};
use crate::actor::test_support::{FED, MOODY, STARTS_IN, STEADY, context, set_mood};
use crate::config::PlannedSource;
use crate::overhead::{Overhead, SourceOverhead};
use crate::source::{Asked, Descriptor};
use actix::{Actor, Addr, Arbiter, System};
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::reader::{Recording, ScanItem, ScanRequest, WallGap};
use nodemon_formats::units::exact_duration;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{GapCause, Schema};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const INTERVAL: Duration = Duration::from_millis(10);

/// A thread and a writer.
struct Trial {
    dir: TempDir,
    thread: Addr<SamplerThread>,
    options: SamplerThreadOptions,
    writer: Addr<Writer>,
    writer_thread: Arbiter,
    overhead: Arc<Overhead>,
    opened_ns: u64,
    began_wall_ns: i64,
}

impl Trial {
    /// Runs `test` on a thread whose queue holds `queue_size_bytes`.
    fn run<F: Future<Output = ()>>(queue_size_bytes: u64, test: impl FnOnce(Trial) -> F) {
        System::new().block_on(async move { test(Trial::start(queue_size_bytes)).await });
    }

    fn start(queue_size_bytes: u64) -> Trial {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path(), "good");
        let overhead = context.overhead.clone();
        let options = WriterOptions::new(64 << 20);
        let recording = RecordingWriter::open(&dir.path().join("recording"), options).unwrap();
        let opened_ns = recording.opened_ns();
        let writer_thread = Arbiter::new();
        let counted = overhead.clone();
        let writer = Writer::start_in_arbiter(&writer_thread.handle(), move |_| {
            Writer::new(recording, counted)
        });
        let options = SamplerThreadOptions {
            writer: writer.clone(),
            alert: Alert::new().0,
            context,
            workers: Workers::default(),
            offset_ns: ClockOffset::now().offset_ns,
            queue_size_bytes,
        };
        let thread = SamplerThread::start(c"thread", options.clone(), options.outbox());
        let began_wall_ns = wall_ns();
        let thread = thread.unwrap();
        Trial { dir, thread, options, writer, writer_thread, overhead, opened_ns, began_wall_ns }
    }

    async fn start_source(&self, descriptor: &'static Descriptor, interval: Duration) -> Opening {
        let interval_ns = interval.as_nanos() as u64;
        let table = |schema: Schema| (Schema { interval_ns, ..schema }, true);
        let tables = (descriptor.tables)().into_iter().map(table).collect();
        let asked = Asked::every(interval);
        let plan = PlannedSource { descriptor, asked, tables };
        let (answer, answered) = tokio::sync::oneshot::channel();
        let SamplerThreadOptions { context, offset_ns, .. } = &self.options;
        let watch = SourceState::watched(plan, context, *offset_ns, self.opened_ns, answer);
        self.thread.send(RunSource(watch)).await.unwrap();
        answered.await.unwrap()
    }

    fn counts(&self, descriptor: &Descriptor) -> Arc<SourceOverhead> {
        self.overhead.source(descriptor.name)
    }

    /// Waits until `descriptor` has taken `more` samples more.
    async fn wait_for_samples(&self, descriptor: &Descriptor, more: u64) {
        let counts = self.counts(descriptor);
        let enough = counts.samples.get() + more;
        wait_until(&format!("{more} more samples"), || counts.samples.get() >= enough).await;
    }

    /// Ends everything and opens what was recorded.
    async fn end(self) -> Ended {
        self.thread.send(Drain).await.unwrap();
        let closed = self.writer.send(Close).await.unwrap();
        closed.last.unwrap();
        self.writer_thread.stop();
        let recording = Recording::open(&self.recording()).unwrap();
        Ended {
            recording,
            overhead: self.overhead,
            began_wall_ns: self.began_wall_ns,
            _dir: self.dir,
        }
    }

    fn recording(&self) -> PathBuf {
        self.dir.path().join("recording")
    }
}

struct Ended {
    recording: Recording,
    overhead: Arc<Overhead>,
    began_wall_ns: i64,
    _dir: TempDir,
}

impl Ended {
    fn stored(&self, table: &str) -> u64 {
        self.recording.table(table).unwrap().map_or(0, |table| table.rows)
    }

    fn gaps(&self, table: &str, cause: GapCause) -> Vec<WallGap> {
        let gaps = self.recording.gaps(Some(table), self.began_wall_ns, i64::MAX).unwrap();
        gaps.into_iter().filter(|gap| gap.gap.cause == cause).collect()
    }

    fn lost(&self, table: &str, cause: GapCause) -> u64 {
        self.gaps(table, cause).iter().map(|gap| gap.gap.lost).sum()
    }
}

async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn wall_ns() -> i64 {
    let now = ClockOffset::now();
    now.from_ns.cast_signed() + now.offset_ns
}

#[test]
fn a_source_that_fails_is_reopened_alone_and_the_time_between_is_a_gap_with_the_reason() {
    Trial::run(1 << 20, |trial| async move {
        trial.start_source(&STEADY, INTERVAL).await;
        assert!(matches!(trial.start_source(&MOODY, INTERVAL).await, Opening::Ready(_)));
        trial.wait_for_samples(&MOODY, 20).await;
        set_mood(trial.dir.path(), "panic");
        let counts = trial.counts(&MOODY);
        wait_until("the panic", || counts.errors.get() == 1).await;
        // A thread that gets no CPU in time counts the deadlines that it missed.
        let steady = trial.counts(&STEADY);
        let steady_due = || steady.samples.get() + steady.late_ticks.get();
        let (steady_before, samples_before) = (steady_due(), steady.samples.get());
        set_mood(trial.dir.path(), "good");
        trial.wait_for_samples(&MOODY, 20).await;
        let steady_meanwhile = steady_due() - steady_before;
        assert!(steady.samples.get() > samples_before, "the other took no sample meanwhile");
        let ended = trial.end().await;

        let gaps = ended.gaps("moody", GapCause::SourceFailed);
        let told = |gap: &WallGap| gap.gap.detail.contains("the mood is panic");
        assert!(gaps.iter().any(told), "no gap says why: {gaps:?}");
        let first = gaps.iter().map(|gap| gap.from).min().unwrap();
        let last = gaps.iter().map(|gap| gap.to).max().unwrap();
        let seconds = (last - first) as f64 / 1e9;
        assert!((1.0..5.0).contains(&seconds), "it was reopened after {seconds} s");
        let (lost, due) = (ended.lost("moody", GapCause::SourceFailed), (seconds * 100.0) as u64);
        assert!(lost.abs_diff(due) <= 2, "{lost} deadlines counted, {due} were due: {gaps:?}");

        assert!(
            steady_meanwhile >= 90,
            "the other took or counted only {steady_meanwhile} samples"
        );
        assert!(ended.gaps("steady", GapCause::SourceFailed).is_empty(), "the other has no gap");
    });
}

#[test]
fn every_deadline_since_the_first_sample_is_a_sample_or_counted_in_a_gap() {
    Trial::run(1 << 20, |trial| async move {
        // The first sample is taken, and then the source waits for the numbers of its tables.
        trial.writer_thread.spawn_fn(|| std::thread::sleep(10 * INTERVAL));
        trial.start_source(&STEADY, INTERVAL).await;
        trial.wait_for_samples(&STEADY, 50).await;
        let ended = trial.end().await;
        let (first, last) = ended.recording.table("steady").unwrap().unwrap().span;
        let interval_ns = INTERVAL.as_nanos() as i64;
        // The first sample is between two deadlines, the others are at one each.
        let due = last.div_euclid(interval_ns) - first.div_euclid(interval_ns) + 1;
        let lost = ended.lost("steady", GapCause::Late);
        assert!(lost >= 8, "only {lost} deadlines passed while it waited");
        let accounted = ended.stored("steady") + lost;
        assert!(accounted.abs_diff(due as u64) <= 1, "{accounted} of {due} deadlines");
    });
}

#[test]
fn what_the_kernel_did_not_sample_before_it_began_is_a_gap_from_the_opening_of_the_recording_on() {
    Trial::run(1 << 20, |trial| async move {
        // Others are opened before it, which takes a while too.
        let before = 5 * INTERVAL;
        tokio::time::sleep(before).await;
        trial.start_source(&FED, INTERVAL).await;
        trial.wait_for_samples(&FED, 10).await;
        let (counts, opened_ns) = (trial.counts(&FED), trial.opened_ns);
        let ended = trial.end().await;
        let gaps = ended.recording.gaps(Some("fed"), i64::MIN, i64::MAX).unwrap();
        let (starting, missed): (Vec<_>, Vec<_>) =
            gaps.iter().partition(|gap| gap.gap.detail == "sampler was starting");
        let [WallGap { gap: starting, to, .. }] = starting[..] else { panic!("{gaps:?}") };
        assert_eq!(starting.from_ns, opened_ns, "nothing between the two: {starting:?}");
        assert_eq!(*to, times(&ended.recording, "fed")[0], "up to the first sample");
        assert_eq!(starting.lost, (starting.to_ns - opened_ns) / INTERVAL.as_nanos() as u64);
        assert!(u128::from(starting.lost) >= (before + STARTS_IN).as_millis() / 10, "{starting:?}");
        let missed: u64 = missed.iter().map(|gap| gap.gap.lost).sum();
        assert_eq!(missed, ended.stored("fed") - 1, "one between each two: {gaps:?}");
        assert_eq!(counts.late_ticks.get(), starting.lost + missed);
    });
}

#[test]
fn a_source_that_dawdles_misses_ticks_and_every_one_of_them_is_counted() {
    Trial::run(1 << 20, |trial| async move {
        set_mood(trial.dir.path(), "dawdle");
        trial.start_source(&MOODY, INTERVAL).await;
        trial.wait_for_samples(&MOODY, 30).await;
        let counts = trial.counts(&MOODY);
        let ended = trial.end().await;
        let lost = ended.lost("moody", GapCause::Late);
        let samples = counts.samples.get();
        assert_eq!(ended.stored("moody"), samples, "what was sampled is stored");
        assert_eq!(lost, counts.late_ticks.get(), "what was missed is in gaps");
        // 35 ms of every 40 at a cadence of 10 ms.
        assert!(lost >= 2 * (samples - 2), "{lost} of {samples} samples were late");
    });
}

#[test]
fn a_gap_is_durable_no_later_than_the_first_row_behind_it() {
    Trial::run(1 << 20, |trial| async move {
        set_mood(trial.dir.path(), "stall");
        trial.start_source(&MOODY, INTERVAL).await;
        trial.wait_for_samples(&MOODY, 12).await;
        // As in a crash: what the source has not sent is gone, what the writer has is durable.
        trial.writer.send(Close).await.unwrap().last.unwrap();
        let recording = Recording::open(&trial.recording()).unwrap();
        let times = times(&recording, "moody");
        assert!(times.len() > 3, "only {} rows were sent", times.len());
        let gaps = recording.gaps(Some("moody"), i64::MIN, i64::MAX).unwrap();
        for pair in times.windows(2) {
            let told = gaps.iter().any(|gap| gap.from < pair[1] && gap.to >= pair[1]);
            let hole_ms = (pair[1] - pair[0]) as f64 / 1e6;
            assert!(hole_ms >= 45.0, "it did not stall: {hole_ms} ms");
            let newer = times.iter().filter(|time| **time > pair[1]).count();
            assert!(
                told,
                "{hole_ms} ms without a row are in no gap, {newer} rows before the newest: {gaps:?}"
            );
        }
    });
}

/// The times of the samples of a table, in order.
fn times(recording: &Recording, table: &str) -> Vec<i64> {
    let request = ScanRequest {
        table: table.to_owned(),
        from: i64::MIN,
        to: i64::MAX,
        ..ScanRequest::default()
    };
    let chunks = recording.scan(request).unwrap().map(|item| match item.unwrap() {
        ScanItem::Chunk(chunk) => chunk.times.to_vec(),
        ScanItem::Problem(problem) => panic!("{problem}"),
        ScanItem::Summary(_) => panic!("a summary came without being asked for"),
    });
    chunks.flatten().collect()
}

#[test]
fn a_writer_that_stands_still_costs_samples_that_are_counted_and_nobody_waits_for_it() {
    // Room for some records, not for all that come while the writer stands still.
    Trial::run(10_000, |trial| async move {
        trial.start_source(&STEADY, INTERVAL).await;
        trial.wait_for_samples(&STEADY, 30).await;
        let (go_on, stop) = std::sync::mpsc::channel::<()>();
        trial.writer_thread.spawn_fn(move || stop.recv().unwrap());
        let counts = trial.counts(&STEADY);
        wait_until("records are dropped", || counts.dropped.get() > 100).await;
        assert!(trial.overhead.writer.queue_bytes.get() <= 10_000, "the queue keeps its bound");
        go_on.send(()).unwrap();
        trial.wait_for_samples(&STEADY, 60).await;
        let ended = trial.end().await;

        let (taken, dropped) = (counts.samples.get(), counts.dropped.get());
        assert_eq!(ended.lost("steady", GapCause::QueueFull), dropped, "in gaps");
        assert_eq!(ended.stored("steady") + dropped, taken, "samples in = stored + in gaps");
        assert_eq!(ended.overhead.writer.queue_bytes.get(), 0, "nothing is under way any more");
    });
}

#[test]
fn what_the_writer_refuses_is_counted_as_lost_and_its_gaps_lie_side_by_side() {
    Trial::run(1 << 20, |trial| async move {
        trial.start_source(&MOODY, INTERVAL).await;
        trial.wait_for_samples(&MOODY, 200).await;
        set_mood(trial.dir.path(), "older");
        trial.wait_for_samples(&MOODY, 60).await;
        set_mood(trial.dir.path(), "good");
        trial.wait_for_samples(&MOODY, 60).await;
        let (counts, overhead) = (trial.counts(&MOODY), trial.overhead.clone());
        let ended = trial.end().await;
        let lost = overhead.writer.samples_lost.get();
        assert!(lost >= 60, "the total leaves out what was refused: {lost} lost");
        assert_eq!(ended.stored("moody") + lost, counts.samples.get(), "stored and lost are all");
        assert_eq!(ended.lost("moody", GapCause::SourceFailed), lost, "in gaps");
        let gaps = ended.gaps("moody", GapCause::SourceFailed);
        let apart = gaps.windows(2).all(|two| two[0].to <= two[1].from);
        assert!(gaps.len() > 1 && apart, "time that is told twice: {gaps:?}");
    });
}

#[test]
fn a_source_that_is_ended_sends_what_it_has_and_can_be_started_anew_at_another_cadence() {
    Trial::run(1 << 20, |trial| async move {
        trial.start_source(&STEADY, INTERVAL).await;
        trial.wait_for_samples(&STEADY, 12).await;
        trial.thread.send(EndSource(STEADY.name)).await.unwrap();
        let taken = trial.counts(&STEADY).samples.get();
        let slower = Duration::from_millis(50);
        trial.start_source(&STEADY, slower).await;
        trial.wait_for_samples(&STEADY, 5).await;
        let all = trial.counts(&STEADY).samples.get();
        let ended = trial.end().await;
        assert!(ended.stored("steady") >= all, "{} stored of {all}", ended.stored("steady"));
        assert!(all >= taken + 5, "the counts go on where they were");
        let newest = ended.recording.table("steady").unwrap().unwrap().schema.interval_ns;
        assert_eq!(newest, slower.as_nanos() as u64, "{}", exact_duration(slower));
    });
}

#[test]
fn one_millisecond_is_kept_on_a_busy_thread() {
    Trial::run(1 << 20, |trial| async move {
        let interval = Duration::from_millis(1);
        trial.start_source(&STEADY, interval).await;
        trial.wait_for_samples(&STEADY, 10).await;
        let counts = trial.counts(&STEADY);
        let (start, before) = (Instant::now(), counts.samples.get() + counts.late_ticks.get());
        trial.wait_for_samples(&STEADY, 500).await;
        let due = start.elapsed().as_millis() as u64;
        let accounted = counts.samples.get() + counts.late_ticks.get() - before;
        assert!(
            accounted.abs_diff(due) <= 30,
            "in {due} ms {accounted} ticks were sampled or counted as missed"
        );
        let ended = trial.end().await;
        assert_eq!(ended.stored("steady"), counts.samples.get());
        assert_eq!(ended.lost("steady", GapCause::Late), counts.late_ticks.get());
    });
}

#[test]
fn a_source_that_hangs_does_not_keep_the_recording_from_being_closed() {
    Trial::run(1 << 20, |trial| async move {
        trial.start_source(&MOODY, INTERVAL).await;
        trial.wait_for_samples(&MOODY, 60).await;
        let reached = || trial.overhead.writer.samples_in.get();
        wait_until("some have reached the writer", || reached() > 20).await;
        set_mood(trial.dir.path(), "hang");
        let counts = trial.counts(&MOODY);
        let mut last = (0, Instant::now());
        wait_until("ten ticks without a sample", || {
            let samples = counts.samples.get();
            if samples != last.0 {
                last = (samples, Instant::now());
            }
            last.1.elapsed() > 10 * INTERVAL
        })
        .await;
        let begun = Instant::now();
        let patience = Duration::from_millis(300);
        let drained = tokio::time::timeout(patience, trial.thread.send(Drain)).await;
        assert!(drained.is_err(), "the thread answered although its source hangs");
        let closed = trial.writer.send(Close).await.unwrap();
        closed.last.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
        let recording = Recording::open(&trial.recording()).unwrap();
        let stored = recording.table("moody").unwrap().unwrap().rows;
        assert!(stored >= 20, "{stored} stored");
    });
}
