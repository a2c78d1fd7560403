//! What the watchdog sees to, on real threads that write a real recording.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::sampler_threads::SamplerThreads;
use super::watchdog::{Watchdog, give_up, new_watch};
use crate::actor::test_support::{HANGS_FOR, MOODY, STEADY, context, set_mood};
use crate::actor::{
    Alert, Close, Notice, Opening, Raised, SamplerThreadOptions, Watch, Workers, Writer,
};
use crate::config::PlannedSource;
use crate::overhead::{Overhead, SourceOverhead};
use crate::source::{Asked, Descriptor};
use actix::{Actor, Addr, Arbiter, System};
use nodemon_formats::Schema;
use nodemon_formats::clock::{ClockOffset, boottime_ns};
use nodemon_formats::reader::{Recording, ScanItem, ScanRequest, WallGap};
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::oneshot::Receiver;

const INTERVAL: Duration = Duration::from_secs(1);
const SECOND_NS: i64 = 1_000_000_000;

struct Rig {
    dir: TempDir,
    threads: SamplerThreads,
    options: SamplerThreadOptions,
    writer: Addr<Writer>,
    writer_thread: Arbiter,
    overhead: Arc<Overhead>,
    opened_ns: u64,
}

impl Rig {
    fn run<F: Future<Output = ()>>(mood: &str, test: impl FnOnce(Rig) -> F) {
        System::new().block_on(async move { test(Rig::start(mood)).await });
    }

    fn start(mood: &str) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path(), mood);
        let overhead = context.overhead.clone();
        let options = WriterOptions::new(64 << 20);
        let recording = RecordingWriter::open(&dir.path().join("recording"), options).unwrap();
        let opened_ns = recording.opened_ns();
        let (writer_thread, counted) = (Arbiter::new(), overhead.clone());
        let writer = Writer::start_in_arbiter(&writer_thread.handle(), move |_| {
            Writer::new(recording, counted)
        });
        let options = SamplerThreadOptions {
            writer: writer.clone(),
            alert: Alert::new().0,
            context,
            workers: Workers::default(),
            offset_ns: ClockOffset::now().offset_ns,
            queue_size_bytes: 1 << 20,
        };
        let threads = SamplerThreads::new(options.clone());
        actix::spawn(Watchdog::new(threads.clone(), options.clone()).run());
        Rig { dir, threads, options, writer, writer_thread, overhead, opened_ns }
    }

    fn ask(&self, descriptor: &'static Descriptor) -> (Arc<Watch>, Receiver<Opening>) {
        let interval_ns = INTERVAL.as_nanos() as u64;
        let table = |schema: Schema| (Schema { interval_ns, ..schema }, true);
        let tables = (descriptor.tables)().into_iter().map(table).collect();
        let plan = PlannedSource { descriptor, asked: Asked::every(INTERVAL), tables };
        let (watch, answer) = new_watch(&self.options, &plan, self.opened_ns);
        self.threads.run(&plan, watch.clone()).unwrap();
        (watch, answer)
    }

    fn counts(&self, descriptor: &Descriptor) -> Arc<SourceOverhead> {
        self.overhead.source(descriptor.name)
    }

    async fn wait_for_samples(&self, descriptor: &Descriptor, more: u64) {
        let counts = self.counts(descriptor);
        let enough = counts.samples.get() + more;
        wait_until(&format!("{more} more samples"), || counts.samples.get() >= enough).await;
    }

    /// Every gap of `table` whose words have `part` in them, as is durable now.
    fn gaps(&self, table: &str, part: &str) -> Vec<WallGap> {
        let gaps = self.open().gaps(Some(table), i64::MIN, i64::MAX).unwrap();
        gaps.into_iter().filter(|gap| gap.gap.detail.contains(part)).collect()
    }

    fn open(&self) -> Recording {
        Recording::open(&self.recording()).unwrap()
    }

    fn recording(&self) -> PathBuf {
        self.dir.path().join("recording")
    }

    async fn close(&self) {
        self.writer.send(Close).await.unwrap().last.unwrap();
        self.writer_thread.stop();
    }

    async fn end(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        let (left, busy) = self.threads.drain(deadline).await;
        assert!(left.is_empty() && busy == 0, "{} sources and {busy} closings left", left.len());
        self.close().await;
    }

    /// The whole seconds of the wall clock in which `table` has a row, which have one each.
    fn seconds(&self, table: &str) -> Vec<i64> {
        let request = ScanRequest {
            table: table.to_owned(),
            from: i64::MIN,
            to: i64::MAX,
            ..ScanRequest::default()
        };
        let chunks = self.open().scan(request).unwrap().map(|item| match item.unwrap() {
            ScanItem::Chunk(chunk) => chunk.times.to_vec(),
            _ => panic!("neither a problem nor a summary"),
        });
        chunks.flatten().map(|time| time.div_euclid(SECOND_NS)).collect()
    }
}

async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_source_that_hangs_is_a_gap_while_it_lasts_and_the_others_on_its_thread_have_every_sample() {
    Rig::run("good", |rig| async move {
        let (_, steady) = rig.ask(&STEADY);
        let (_, moody) = rig.ask(&MOODY);
        assert!(matches!(steady.await.unwrap(), Opening::Ready(_)));
        assert!(matches!(moody.await.unwrap(), Opening::Ready(_)));
        rig.wait_for_samples(&MOODY, 2).await;
        set_mood(rig.dir.path(), "hang");
        let counts = rig.counts(&MOODY);
        wait_until("it is found to hang", || counts.stuck_ns.get() > 0).await;
        set_mood(rig.dir.path(), "good");
        let part = "timed out being sampled, waiting for";
        wait_until("a gap is durable", || !rig.gaps("moody", part).is_empty()).await;
        assert!(counts.stuck_ns.get() > 0, "the gap came only after it came back");
        rig.wait_for_samples(&STEADY, 1).await;
        assert!(counts.stuck_ns.get() > 0, "the other waited until it came back");
        wait_until("it has come back", || counts.stuck_ns.get() == 0).await;
        rig.wait_for_samples(&MOODY, 3).await;
        rig.end().await;

        let seconds = rig.seconds("steady");
        let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
        let gaps = rig.gaps("steady", "");
        assert!(last - first >= 5, "{seconds:?}");
        // The first sample is taken at once, in whatever second that is.
        assert!(seconds.len() as i64 > last - first, "{seconds:?} {gaps:?}");
        assert!(gaps.is_empty(), "{gaps:?}");

        let (seconds, gaps) = (rig.seconds("moody"), rig.gaps("moody", ""));
        let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
        let lost: u64 = gaps.iter().map(|gap| gap.gap.lost).sum();
        let accounted = seconds.len() as i64 + lost as i64;
        let due = last - first + 1;
        assert!((due..=due + 1).contains(&accounted), "{accounted} of {due}: {seconds:?} {gaps:?}");
        assert!(lost >= HANGS_FOR.as_secs() - 1, "{lost} lost: {gaps:?}");
        assert_eq!(lost, counts.late_ticks.get(), "the count and the gaps agree");
    });
}

#[test]
fn a_source_that_hangs_while_it_is_opened_holds_up_no_other_and_works_once_it_is_open() {
    Rig::run("hang on open", |rig| async move {
        let (_, mut moody) = rig.ask(&MOODY);
        let (_, steady) = rig.ask(&STEADY);
        assert!(matches!(steady.await.unwrap(), Opening::Ready(_)));
        rig.wait_for_samples(&STEADY, 1).await;
        assert!(moody.try_recv().is_err(), "it is open already");
        let part = "timed out being opened";
        wait_until("a gap is durable", || !rig.gaps("moody", part).is_empty()).await;
        set_mood(rig.dir.path(), "good");
        assert!(matches!(moody.await.unwrap(), Opening::Ready(_)));
        rig.wait_for_samples(&MOODY, 2).await;
        rig.end().await;
        assert!(rig.gaps("steady", "").is_empty(), "{:?}", rig.gaps("steady", ""));
        assert!(rig.seconds("moody").len() >= 3);
    });
}

#[test]
fn what_still_hangs_at_the_end_is_left_and_told_within_a_second() {
    Rig::run("good", |rig| async move {
        let (_, moody) = rig.ask(&MOODY);
        assert!(matches!(moody.await.unwrap(), Opening::Ready(_)));
        rig.wait_for_samples(&MOODY, 1).await;
        set_mood(rig.dir.path(), "hang");
        let counts = rig.counts(&MOODY);
        wait_until("it hangs", || counts.stuck_ns.get() > 0).await;
        let began = Instant::now();
        let deadline = tokio::time::Instant::now() + Duration::from_millis(300);
        let (left, _) = rig.threads.drain(deadline).await;
        assert_eq!(left.len(), 1, "it came back too early for this test");
        let outbox = rig.options.outbox();
        give_up(&left, &outbox);
        outbox.send();
        rig.close().await;
        assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
        let gaps = rig.gaps("moody", "timed out, waiting for");
        let lost: u64 = gaps.iter().map(|gap| gap.gap.lost).sum();
        assert!(lost >= 1, "{:?}", rig.gaps("moody", ""));
    });
}

#[test]
fn an_actor_that_panics_is_a_gap_and_a_restart() {
    Rig::run("good", |rig| async move {
        let (watch, steady) = rig.ask(&STEADY);
        assert!(matches!(steady.await.unwrap(), Opening::Ready(_)));
        rig.wait_for_samples(&STEADY, 1).await;
        watch.break_actor();
        let counts = rig.counts(&STEADY);
        wait_until("it is noticed", || counts.errors.get() == 1).await;
        rig.wait_for_samples(&STEADY, 2).await;
        rig.end().await;
        let gaps = rig.gaps("steady", "internal error in the recorder");
        assert_eq!(gaps.len(), 1, "{:?}", rig.gaps("steady", ""));
    });
}

#[test]
fn of_two_raises_at_once_the_higher_rate_and_the_later_end_count_and_then_all_is_as_before() {
    Rig::run("good", |rig| async move {
        let (watch, steady) = rig.ask(&STEADY);
        assert!(matches!(steady.await.unwrap(), Opening::Ready(_)));
        rig.wait_for_samples(&STEADY, 2).await;
        let counts = rig.counts(&STEADY);
        let (before, now_ns) = (counts.samples.get(), boottime_ns());
        let raise = |every_ms: u64, lasts_s: u64| {
            let until_ns = now_ns + lasts_s * SECOND_NS.unsigned_abs();
            watch.tell(Notice::Raise(Raised { every: Duration::from_millis(every_ms), until_ns }));
        };
        raise(500, 4);
        raise(100, 1);
        raise(5000, 2);
        let passed_s = || (boottime_ns() - now_ns) / SECOND_NS.unsigned_abs();
        wait_until("the raised time is over", || passed_s() >= 4).await;
        let raised = counts.samples.get() - before;
        assert!((25..=42).contains(&raised), "{raised} samples in 4 s, ten times a second");
        wait_until("some time more", || passed_s() >= 9).await;
        rig.end().await;
        let after = counts.samples.get() - before - raised;
        assert!((4..=7).contains(&after), "{after} samples in the 5 s after");
        let gaps = rig.gaps("steady", "");
        assert!(gaps.is_empty(), "{gaps:?}");
        let schema = rig.open().schema("steady").unwrap();
        assert_eq!(schema.interval_ns, SECOND_NS.unsigned_abs());
        let segments = rig.open().segments().unwrap();
        assert_eq!(segments.iter().filter(|segment| segment.tier_ns == 0).count(), 1);
    });
}
