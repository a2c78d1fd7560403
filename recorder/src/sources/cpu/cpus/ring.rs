//! Fed by the kernel, out of a ring.

use super::tables::{Shape, tables};
use crate::ring::abi::{
    HAS_IDLE, HAS_IRQS, HAS_RUNNING, HAS_SOFTIRQS, HAS_STATES, HAS_SWITCHES, IDLE, IOWAIT, RingCpu,
    RingHeader, STATES,
};
use crate::ring::{Attached, Drain, Sample};
use crate::source::Feed;
use crate::source::{Context, Feeding, Sink, Source, SourceError};
use nodemon_formats::narrow::duration_ns;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::{GapCause, Schema};
use std::time::Duration;

/// A producer from which nothing comes for so many of its intervals has vanished; and for as long
/// as this, should it sample very fast.
const SILENT_INTERVALS: u64 = 50;
const SILENT_AT_LEAST_NS: u64 = 300_000_000;
/// The ring is drained before more than this part of it is full.
const DRAINED_PART: u64 = 4;
/// Cells of a CPU in a sample, about, and of all samples that are taken out at once.
const CELLS: usize = 16;
const MOST_CELLS: usize = 1 << 16;
/// The longest that a sample waits in the ring: what is drained is durable with the next commit.
const LONGEST_DRAIN: Duration = Duration::from_millis(250);
/// Time of suspension below this is the jitter between two clocks.
const SUSPENDED_AT_LEAST_NS: u64 = 1_000_000;

/// A ring, and what was last seen in it.
pub struct Ringed {
    attached: Attached,
    present: u64,
    interval_ns: u64,
    every: Duration,
    /// Samples that are taken out at once.
    most: usize,
    tables: Vec<Schema>,
    notes: Vec<String>,
    last: Last,
}

/// What the last sample said.
struct Last {
    /// Its time, or that of the opening, `CLOCK_BOOTTIME` ns.
    time_ns: u64,
    /// How long the machine was suspended before it since boot, ns.
    suspended_ns: Option<u64>,
    /// Busy time of each CPU, which never goes back.
    busy_ns: Vec<u64>,
}

impl Ringed {
    /// Attaches to the ring of `feed`. `why_not` says why it is not fed by something better.
    ///
    /// # Errors
    /// A sentence that says what is missing, and what to do.
    pub fn open(context: &Context, feed: Feed, why_not: Vec<String>) -> Result<Ringed, String> {
        let attached = match feed {
            Feed::Module => Attached::to_module(),
            Feed::Ebpf => Attached::to_timer(context.asked.interval_ns(), context.cpu),
            Feed::Proc => return Err("it has no ring".to_owned()),
        }?;
        let header = *attached.ring.header();
        let mut notes = why_not;
        if header.present & (HAS_STATES | HAS_IDLE | HAS_SOFTIRQS)
            != HAS_STATES | HAS_IDLE | HAS_SOFTIRQS
        {
            notes.push(format!("{} does not provide every column on this kernel", feed.phrase()));
        }
        if header.interval_ns != context.asked.interval_ns() {
            notes.push(format!(
                "{} samples every {} µs, which is what is recorded; its parameter interval_us \
                 changes that",
                feed.phrase(),
                header.interval_ns / 1000
            ));
        }
        let shape = Shape::from_ring(feed.phrase(), &header);
        if !shape.is_exact() {
            notes.push("idle time is counted in ticks: this kernel has nothing finer".to_owned());
        }
        Ok(Ringed {
            present: header.present,
            interval_ns: header.interval_ns,
            every: cadence(context.asked.drain, &header),
            most: (MOST_CELLS / (header.cpus as usize * CELLS)).max(1),
            tables: tables(shape, &notes),
            notes,
            last: Last {
                time_ns: nodemon_formats::clock::boottime_ns(),
                suspended_ns: None,
                busy_ns: vec![0; header.cpus as usize],
            },
            attached,
        })
    }

    /// Whether nothing has come for so long that nothing will.
    fn is_silent(&self, now_ns: u64) -> bool {
        let longest_ns = (SILENT_INTERVALS * self.interval_ns).max(SILENT_AT_LEAST_NS);
        let longest_ns = longest_ns.max(2 * duration_ns(self.every));
        now_ns.saturating_sub(self.last.time_ns) > longest_ns
    }
}

/// How often to drain: as asked, and in time.
fn cadence(asked: Option<Duration>, header: &RingHeader) -> Duration {
    let fills = Duration::from_nanos(u64::from(header.slots) * header.interval_ns / DRAINED_PART);
    asked.unwrap_or(LONGEST_DRAIN).min(fills)
}

impl Source for Ringed {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let Ringed { attached, present, interval_ns, last, .. } = self;
        let mut room = self.most;
        let taken = attached.ring.drain(|sample| {
            account(sample, *interval_ns, last, sink);
            let time_ns = sample.slot.boottime_ns;
            put_cpus(sink.table(0), sample, *present, &mut last.busy_ns);
            put_softirqs(sink.table(1), time_ns, sample.cpus, *present);
            last.time_ns = time_ns;
            room -= 1;
            if room == 0 { Drain::Stop } else { Drain::On }
        });
        if room == 0 {
            sink.set_more();
        }
        if taken == 0 && self.is_silent(nodemon_formats::clock::boottime_ns()) {
            return Err(SourceError::Silent { what: self.attached.name });
        }
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn feeding(&self) -> Option<Feeding> {
        Some(Feeding { tables: self.tables.clone(), every: self.every, drains: true })
    }
}

/// Turns what is missing between the last sample and `sample` into gaps. All the time before the
/// first one is a gap already, whatever was sampled and overwritten meanwhile.
fn account(sample: &Sample<'_>, interval_ns: u64, last: &mut Last, sink: &mut Sink) {
    let slot = sample.slot;
    let suspended_ns = slot.boottime_ns.saturating_sub(slot.monotonic_ns);
    let Some(before_ns) = last.suspended_ns.replace(suspended_ns) else { return };
    let slept_ns = suspended_ns.saturating_sub(before_ns);
    let mut gap = |cause, lost, detail| {
        if lost > 0 {
            sink.gap(cause, last.time_ns, slot.boottime_ns, lost, detail);
        }
    };
    gap(GapCause::Overrun, sample.overrun, "");
    gap(GapCause::Late, sample.missed, "the sampling timer fired late");
    if slept_ns > SUSPENDED_AT_LEAST_NS {
        gap(GapCause::Suspended, slept_ns / interval_ns, "");
    }
}

fn put_cpus(table: &mut RecordBuilder, sample: &Sample<'_>, present: u64, busy_ns: &mut [u64]) {
    table.begin_sample(sample.slot.boottime_ns);
    for (number, (cpu, busy_ns)) in sample.cpus.iter().zip(busy_ns).enumerate() {
        if !cpu.is_online() {
            continue;
        }
        table.instance(|key| key.u64(number as u64));
        for state in 0..STATES {
            let has = if matches!(state, IDLE | IOWAIT) { HAS_IDLE } else { HAS_STATES };
            if present & has != 0 {
                table.u64(cpu.states_ns[state]);
            } else {
                table.absent();
            }
        }
        if present & HAS_IDLE != 0 {
            let idle_ns = cpu.states_ns[IDLE].saturating_add(cpu.states_ns[IOWAIT]);
            // Idle time may be read a moment after the clock was.
            *busy_ns = sample.slot.monotonic_ns.saturating_sub(idle_ns).max(*busy_ns);
            table.u64(*busy_ns);
        } else {
            table.absent();
        }
        if present & HAS_RUNNING != 0 {
            table.u64(cpu.running.into());
        }
        if present & HAS_SWITCHES != 0 {
            table.u64(cpu.switches);
        }
        if present & HAS_IRQS != 0 {
            table.u64(cpu.irqs);
        }
    }
    table.end_sample();
}

fn put_softirqs(table: &mut RecordBuilder, time_ns: u64, cpus: &[RingCpu], present: u64) {
    if present & HAS_SOFTIRQS == 0 {
        return;
    }
    table.begin_sample(time_ns);
    for (number, cpu) in cpus.iter().enumerate() {
        if cpu.is_online() {
            table.instance(|key| key.u64(number as u64));
            cpu.softirqs.iter().for_each(|count| table.u64(u64::from(*count)));
        }
    }
    table.end_sample();
}

#[cfg(test)]
mod tests {
    use super::{Last, account, cadence};
    use crate::ring::Sample;
    use crate::ring::abi::{RingHeader, RingSlot};
    use crate::source::{KernelGap, Sink};
    use nodemon_formats::GapCause;
    use std::time::Duration;

    const MS: u64 = 1_000_000;

    /// The gaps before a sample at 10 s, when the last one was at `from_ns`.
    fn gaps(from_ns: u64, slept_ns: u64, overrun: u64, missed: u64) -> Vec<KernelGap> {
        let to_ns = 10_000 * MS;
        let slot = RingSlot {
            boottime_ns: to_ns,
            monotonic_ns: to_ns - 5 * MS - slept_ns,
            ..RingSlot::default()
        };
        let last = Last { time_ns: from_ns, suspended_ns: Some(5 * MS), busy_ns: Vec::new() };
        gaps_before(&Sample { slot: &slot, cpus: &[], overrun, missed }, last)
    }

    fn gaps_before(sample: &Sample<'_>, mut last: Last) -> Vec<KernelGap> {
        let mut sink = Sink::new(&[]);
        account(sample, MS, &mut last, &mut sink);
        sink.take_gaps()
    }

    #[test]
    fn before_the_first_sample_there_is_nothing_to_be_missing_between_two() {
        let slot = RingSlot { boottime_ns: 9 * MS, monotonic_ns: 5 * MS, ..RingSlot::default() };
        let last = Last { time_ns: MS, suspended_ns: None, busy_ns: Vec::new() };
        assert_eq!(
            gaps_before(&Sample { slot: &slot, cpus: &[], overrun: 7, missed: 0 }, last),
            []
        );
    }

    #[test]
    fn what_is_missing_before_a_sample_is_a_gap_of_its_cause_between_its_neighbours() {
        let from_ns = 9_000 * MS;
        let gap = |cause, lost, detail: &'static str| KernelGap {
            table: None,
            cause,
            from_ns,
            to_ns: 10_000 * MS,
            lost,
            detail: detail.into(),
        };
        assert_eq!(gaps(from_ns, 0, 0, 0), []);
        assert_eq!(gaps(from_ns, 0, 7, 0), [gap(GapCause::Overrun, 7, "")]);
        let late = gap(GapCause::Late, 3, "the sampling timer fired late");
        assert_eq!(gaps(from_ns, 0, 0, 3), std::slice::from_ref(&late));
        assert_eq!(gaps(from_ns, 0, 7, 3), [gap(GapCause::Overrun, 7, ""), late]);
        assert_eq!(gaps(from_ns, 900 * MS, 0, 0), [gap(GapCause::Suspended, 900, "")]);
        assert_eq!(gaps(from_ns, 1_000, 0, 0), [], "two clocks are read a moment apart");
    }

    #[test]
    fn a_ring_is_drained_before_a_quarter_of_it_is_full_whatever_was_asked() {
        let ring = |slots| RingHeader { slots, interval_ns: MS, ..RingHeader::default() };
        let ms = Duration::from_millis;
        assert_eq!(cadence(None, &ring(4096)), ms(250));
        assert_eq!(cadence(None, &ring(64)), ms(16));
        assert_eq!(cadence(Some(ms(100)), &ring(4096)), ms(100));
        assert_eq!(cadence(Some(ms(5000)), &ring(4096)), ms(1024));
    }
}
