//! A ring in shared memory that a thread fills as the kernel does, as fast as it can.

#![allow(clippy::unwrap_used)]

use super::abi::{
    CPU_ONLINE, ELEMENT_BYTES, MAGIC, PRODUCER_EBPF, RingCpu, RingHeader, RingSlot, VERSION,
};
use super::{Drain, Memory, Ring, RingError};
use memmap2::{MmapOptions, MmapRaw};
use proptest::prelude::*;
use std::fs::File;
use std::mem::offset_of;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const CPUS: u32 = 3;
const SLOTS_OFFSET: u32 = 4096;

fn header(slots: u32) -> RingHeader {
    RingHeader {
        magic: MAGIC,
        version: VERSION,
        element_bytes: ELEMENT_BYTES as u32,
        slots_offset: SLOTS_OFFSET,
        slots,
        cpus: CPUS,
        producer: PRODUCER_EBPF,
        interval_ns: 1_000_000,
        ..RingHeader::default()
    }
}

/// The producer's side.
struct Producer {
    file: File,
    memory: MmapRaw,
    slots: u64,
    position: u64,
}

impl Producer {
    fn new(header: &RingHeader) -> Producer {
        let slots = u64::from(header.slots);
        let size =
            SLOTS_OFFSET as usize + slots as usize * (1 + header.cpus as usize) * ELEMENT_BYTES;
        let file = tempfile::tempfile().unwrap();
        file.set_len(size as u64).unwrap();
        let memory = MmapOptions::new().map_raw(&file).unwrap();
        let producer = Producer { file, memory, slots, position: 0 };
        let words: [u64; ELEMENT_BYTES / 8] = words(header);
        words
            .iter()
            .enumerate()
            .for_each(|(at, word)| producer.word(at * 8).store(*word, Ordering::Relaxed));
        producer
    }

    fn word(&self, offset_bytes: usize) -> &AtomicU64 {
        assert!(offset_bytes + 8 <= self.memory.len());
        // SAFETY: within the mapping, as just asserted, aligned, and only used as atomics.
        unsafe { &*self.memory.as_ptr().add(offset_bytes).cast::<AtomicU64>() }
    }

    fn ring(&self) -> Ring {
        Ring::open(Memory::map(self.file.as_fd(), self.memory.len()).unwrap()).unwrap()
    }

    /// Writes the next sample, in the order that the header of the ABI lays down. Every word that
    /// is not the sequence is the position, so that a mixture of two shows.
    fn write(&mut self, missed: u64) {
        let position = self.position;
        let sequence = position.wrapping_mul(2);
        let elements = (position % self.slots) as usize * (1 + CPUS as usize);
        let start = SLOTS_OFFSET as usize + elements * ELEMENT_BYTES;
        self.word(start).store(sequence.wrapping_add(1), Ordering::Release);
        std::sync::atomic::fence(Ordering::SeqCst);
        for at in 1..(1 + CPUS as usize) * ELEMENT_BYTES / 8 {
            self.word(start + at * 8).store(position, Ordering::Relaxed);
        }
        self.word(start + offset_of!(RingSlot, missed)).store(missed, Ordering::Relaxed);
        for cpu in 1..=CPUS as usize {
            let flags = start + cpu * ELEMENT_BYTES + offset_of!(RingCpu, running);
            self.word(flags).store(u64::from(CPU_ONLINE) << 32, Ordering::Relaxed);
        }
        self.word(start).store(sequence.wrapping_add(2), Ordering::Release);
        self.position = position.wrapping_add(1);
        self.word(offset_of!(RingHeader, written)).store(self.position, Ordering::Release);
    }
}

/// A structure of the ABI as words.
fn words(header: &RingHeader) -> [u64; ELEMENT_BYTES / 8] {
    // SAFETY: both are ELEMENT_BYTES of integers without padding.
    unsafe { std::mem::transmute(*header) }
}

/// Reads what there is: positions, and samples that were overrun before each.
fn positions(ring: &mut Ring) -> Vec<(u64, u64)> {
    let mut read = Vec::new();
    ring.drain(|sample| {
        let position = sample.slot.monotonic_ns;
        for cpu in sample.cpus {
            assert!(cpu.is_online());
            assert_eq!((cpu.states_ns, cpu.irqs), ([position; 10], position), "torn");
        }
        read.push((position, sample.overrun));
        Drain::On
    });
    read
}

#[test]
fn every_sample_is_read_once_in_order_from_the_opening_on() {
    let mut producer = Producer::new(&header(16));
    (0..5).for_each(|_| producer.write(0));
    let mut ring = producer.ring();
    assert_eq!(positions(&mut ring), [], "what was there before is somebody else's");
    (0..9).for_each(|_| producer.write(0));
    let expected: Vec<_> = (5..14).map(|position| (position, 0)).collect();
    assert_eq!(positions(&mut ring), expected);
    assert_eq!(positions(&mut ring), []);
}

#[test]
fn samples_that_were_overwritten_are_counted_before_the_next_one() {
    let mut producer = Producer::new(&header(16));
    let mut ring = producer.ring();
    (0..100).for_each(|_| producer.write(0));
    let read = positions(&mut ring);
    let overrun: u64 = read.iter().map(|(_, overrun)| overrun).sum();
    assert_eq!(overrun + read.len() as u64, 100, "samples in = read + overrun: {read:?}");
    assert_eq!(read[0].1, read[0].0, "the gap is where the samples are missing");
    assert_eq!(read.last().unwrap().0, 99);
}

#[test]
fn deadlines_that_the_producer_missed_are_told_with_the_sample_after_them() {
    let mut producer = Producer::new(&header(16));
    let mut ring = producer.ring();
    [7, 7, 9, 9].iter().for_each(|missed| producer.write(*missed));
    let mut missed = Vec::new();
    ring.drain(|sample| {
        missed.push(sample.missed);
        Drain::On
    });
    assert_eq!(missed, [0, 0, 2, 0], "what was missed before the opening is not ours");
}

#[test]
fn a_reader_that_had_enough_goes_on_where_it_was() {
    let mut producer = Producer::new(&header(16));
    let mut ring = producer.ring();
    (0..10).for_each(|_| producer.write(0));
    let mut left = 4;
    let taken = ring.drain(|_| {
        left -= 1;
        if left == 0 { Drain::Stop } else { Drain::On }
    });
    assert_eq!(taken, 4);
    assert_eq!(positions(&mut ring)[0].0, 4);
}

#[test]
fn no_sample_is_torn_and_none_is_lost_uncounted_while_a_thread_writes_as_fast_as_it_can() {
    let mut producer = Producer::new(&header(64));
    let mut ring = producer.ring();
    let stop = AtomicBool::new(false);
    let (mut read, mut overrun, mut next) = (0u64, 0u64, 0u64);
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                producer.write(0);
            }
            producer.position
        });
        let begun = std::time::Instant::now();
        while begun.elapsed().as_millis() < 500 {
            for (position, lost) in positions(&mut ring) {
                assert_eq!(position, next + lost, "what is missing is counted where it is missing");
                next = position + 1;
                (read, overrun) = (read + 1, overrun + lost);
            }
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    for (_, lost) in positions(&mut ring) {
        (read, overrun) = (read + 1, overrun + lost);
    }
    assert_eq!(read + overrun, written, "samples in = read + overrun");
    assert!(read > 0 && overrun > 0, "{read} read, {overrun} overrun: neither was put to the test");
}

#[test]
fn a_ring_of_another_version_or_of_none_is_told() {
    let open = |header: RingHeader| {
        let producer = Producer::new(&self::header(16));
        let words = words(&header);
        words
            .iter()
            .enumerate()
            .for_each(|(at, word)| producer.word(at * 8).store(*word, Ordering::Relaxed));
        let memory = Memory::map(producer.file.as_fd(), producer.memory.len()).unwrap();
        Ring::open(memory).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(open(header(16)), Ok(()));
    let newer = open(RingHeader { version: 2, ..header(16) }).unwrap_err();
    assert!(newer.contains("version 2") && newer.contains("same release"), "{newer}");
    for wrong in [
        RingHeader { magic: 0, ..header(16) },
        RingHeader { slots: 24, ..header(16) },
        RingHeader { slots: 1 << 20, ..header(16) },
        RingHeader { cpus: 0, ..header(16) },
        RingHeader { cpus: u32::MAX, ..header(16) },
        RingHeader { element_bytes: 128, ..header(16) },
        RingHeader { slots_offset: 12, ..header(16) },
        RingHeader { interval_ns: 0, ..header(16) },
    ] {
        assert!(open(wrong).is_err(), "{wrong:?}");
    }
}

/// What a producer does, if it is none of ours.
#[derive(Clone, Debug)]
enum Step {
    /// Writes so many samples as it should.
    Write(u8),
    /// Says that it has written so many, and goes on from there.
    Claim(u64),
    /// Writes the sequence of a slot.
    Spoil(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let number =
        || prop_oneof![0..40u64, any::<u64>(), (0..4u64).prop_map(|below| u64::MAX - below)];
    prop_oneof![
        4 => (0..20u8).prop_map(Step::Write),
        1 => number().prop_map(Step::Claim),
        2 => (0..8usize, number()).prop_map(|(slot, sequence)| Step::Spoil(slot, sequence)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_memory_makes_the_opening_panic(
        mut words in prop::collection::vec(prop_oneof![Just(0u64), 0..64u64, any::<u64>()], 64..600),
        honest in any::<bool>(),
    ) {
        if honest {
            let header = RingHeader { cpus: 1, slots_offset: 160, written: words[10], ..header(8) };
            words[..20].copy_from_slice(&self::words(&header));
        }
        let file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        std::io::Write::write_all(&mut &file, &bytes).unwrap();
        let memory = Memory::map(file.as_fd(), bytes.len()).unwrap();
        match Ring::open(memory) {
            Ok(mut ring) => prop_assert_eq!(ring.drain(|_| Drain::On), 0, "all of it is old"),
            Err(RingError::Magic(_) | RingError::Version { .. } | RingError::Header(_)) => {}
        }
    }

    #[test]
    fn whatever_a_producer_does_a_sample_is_shown_only_if_it_is_that_of_its_position(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut producer = Producer::new(&header(8));
        let mut ring = producer.ring();
        let (mut next, slots) = (0u64, 8);
        for step in steps {
            match step {
                Step::Write(samples) => (0..samples).for_each(|_| producer.write(0)),
                Step::Claim(written) => {
                    let claimed = offset_of!(RingHeader, written);
                    producer.word(claimed).store(written, Ordering::Relaxed);
                    producer.position = written;
                }
                Step::Spoil(slot, sequence) => {
                    let elements = slot * (1 + CPUS as usize);
                    let at = SLOTS_OFFSET as usize + elements * ELEMENT_BYTES;
                    producer.word(at).store(sequence, Ordering::Relaxed);
                }
            }
            let mut shown = 0;
            let mut wrong = None;
            let taken = ring.drain(|sample| {
                next = next.wrapping_add(sample.overrun);
                let whole = next.wrapping_mul(2).wrapping_add(2);
                if sample.slot.sequence != whole {
                    wrong = Some((next, sample.slot.sequence));
                }
                next = next.wrapping_add(1);
                shown += 1;
                Drain::On
            });
            prop_assert_eq!(wrong, None, "a position, and the sequence that was shown for it");
            prop_assert!(taken == shown && shown <= slots, "{} of {} slots", shown, slots);
        }
    }
}
