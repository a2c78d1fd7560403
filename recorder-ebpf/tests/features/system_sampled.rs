//! Faults and I/O are sampled with the calls that they came from, and what samples stand for adds up
//! to what there was.

use crate::network_rows::{Row, rows, start_with};
use crate::system::{number, text};
use crate::system_rig::own_name;
use nodemon_recorder_ebpf::load::{Running, Settings};
use nodemon_skip::skip;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::ptr::{NonNull, null_mut};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

const PAGE: usize = 4096;

fn settings(events_per_s: u64) -> Settings {
    Settings { events_per_s, ..Settings::here().unwrap() }
}

/// Works on a thread of its own, and hands out the rows of that thread, and what came of it.
fn rows_of_thread<T: Send>(
    (name, feature): (&str, &str),
    running: &mut Running,
    work: impl FnOnce() -> T + Send,
) -> (Vec<Row>, T) {
    let mut found = Vec::new();
    let done = thread::scope(|scope| {
        let worker = thread::Builder::new().name(name.to_owned());
        let worker: ScopedJoinHandle<'_, T> = worker.spawn_scoped(scope, work).unwrap();
        while !worker.is_finished() {
            thread::sleep(Duration::from_millis(10));
            found.extend(rows(running, feature, feature));
        }
        worker.join().unwrap()
    });
    while let more @ [_, ..] = &rows(running, feature, feature)[..] {
        found.extend_from_slice(more);
    }
    let lost = running.take_losses();
    assert_eq!((lost.ring_full, lost.suppressed, lost.suppressed_precious), (0, 0, 0));
    let own = u64::from(std::process::id());
    found.retain(|row| number(row, "pid") == own && text(row, "command") == name);
    (found, done)
}

/// That weights add up to what there was, within four standard deviations: whether a row is there is a
/// throw of dice. Of few that came by chance the deviation seems less than it is, so it is at least
/// that of what was there, had all come with the largest weight.
pub fn assert_sum(found: &[Row], column: &str, was: f64) {
    let weights: Vec<f64> = found.iter().map(|row| number(row, column) as f64).collect();
    let sum = weights.iter().sum::<f64>();
    let squares = weights.iter().map(|weight| weight * weight).sum::<f64>();
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let sigma = squares.max(was * largest).sqrt();
    println!("{} rows stand for {sum:.4e} of {was:.4e}, sigma {sigma:.2e}", found.len());
    assert!(
        (sum - was).abs() <= 4.0 * sigma,
        "{} rows stand for {sum:.4e} of {was:.4e}, sigma {sigma:.2e}",
        found.len()
    );
}

/// Memory that is mapped as long as this lives.
struct Mapped(NonNull<u8>, usize);

// SAFETY: it is used by one thread, and dropped behind that.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Of a file, or of nothing; in small pages, and nothing is read ahead.
    fn new(bytes: usize, file: Option<&File>) -> Mapped {
        let flags = file.map_or(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, |_| libc::MAP_SHARED);
        let (rights, fd) =
            (libc::PROT_READ | libc::PROT_WRITE, file.map_or(-1, AsRawFd::as_raw_fd));
        // SAFETY: the kernel finds the place.
        let start = unsafe { libc::mmap(null_mut(), bytes, rights, flags, fd, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        for advice in [libc::MADV_NOHUGEPAGE, libc::MADV_RANDOM] {
            // SAFETY: it was just mapped. A kernel may have no huge pages, which is as well.
            unsafe { libc::madvise(start, bytes, advice) };
        }
        Mapped(NonNull::new(start.cast()).unwrap(), bytes)
    }

    fn holds(&self, address: u64) -> bool {
        (self.0.as_ptr() as u64..self.0.as_ptr() as u64 + self.1 as u64).contains(&address)
    }

    fn touch(&self, write: bool) {
        for page in (0..self.1).step_by(PAGE) {
            // SAFETY: it is within what is mapped.
            unsafe {
                let at = self.0.as_ptr().add(page);
                match write {
                    true => at.write_volatile(1),
                    false => _ = at.read_volatile(),
                }
            }
        }
    }

    fn forget(&self) {
        // SAFETY: nobody has references to what is in there.
        let done = unsafe { libc::madvise(self.0.as_ptr().cast(), self.1, libc::MADV_DONTNEED) };
        assert_eq!(done, 0);
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: nobody has references to it any more.
        unsafe { libc::munmap(self.0.as_ptr().cast(), self.1) };
    }
}

/// Minor and major faults of this thread.
fn faults() -> (u64, u64) {
    // SAFETY: a structure of numbers, of which each may be 0, which the kernel fills.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
        usage
    };
    (usage.ru_minflt.cast_unsigned(), usage.ru_majflt.cast_unsigned())
}

const FAULTS: &str = "stack_fault";

/// Touches memory that is not there until a thread has had so many faults.
fn fault(memory: &Mapped, wanted: u64) -> u64 {
    let before = faults().0;
    while faults().0 - before < wanted {
        memory.forget();
        memory.touch(true);
    }
    faults().0 - before
}

#[test]
fn what_samples_of_faults_stand_for_is_the_faults_that_a_thread_had() {
    let Some(mut running) = start_with(FAULTS, &settings(5000)) else { return };
    let memory = Mapped::new(16 << 20, None);
    let as_thread = ("nm-faults", FAULTS);
    let (mut found, had) = rows_of_thread(as_thread, &mut running, || fault(&memory, 300_000));
    found.retain(|row| text(row, "kind") == "minor");
    assert!(found.iter().all(|row| number(row, "weight") == 1009), "none was left out: {found:?}");
    assert_sum(&found, "weight", had as f64);
    let in_it = found.iter().filter(|row| memory.holds(number(row, "address"))).count();
    assert!(in_it * 10 >= found.len() * 9, "{in_it} of {} are where it touched", found.len());
}

#[test]
fn of_more_faults_than_are_wanted_fewer_are_told_and_stand_for_more() {
    let Some(mut running) = start_with(FAULTS, &settings(500)) else { return };
    let memory = Mapped::new(16 << 20, None);
    let (as_thread, until) = (("nm-many-faults", FAULTS), Instant::now() + Duration::from_secs(3));
    let (mut found, had) = rows_of_thread(as_thread, &mut running, || {
        let mut had = 0;
        while Instant::now() < until {
            had += fault(&memory, 1000);
        }
        had
    });
    found.retain(|row| text(row, "kind") == "minor");
    assert_sum(&found, "weight", had as f64);
    println!("{} of {}", found.len(), had / 1009);
    assert!(found.len() as u64 <= 100 * 6, "{} rows", found.len());
}

#[test]
fn each_fault_that_has_to_read_is_told() {
    const PAGES: usize = 100;
    let Some(mut running) = start_with(FAULTS, &settings(5000)) else { return };
    let path = std::env::temp_dir().join(own_name("faults"));
    std::fs::write(&path, vec![1; PAGES * PAGE]).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.sync_all().unwrap();
    // SAFETY: takes numbers only.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    let memory = Mapped::new(PAGES * PAGE, Some(&file));
    let (mut found, had) = rows_of_thread(("nm-major", FAULTS), &mut running, || {
        let before = faults().1;
        memory.touch(false);
        faults().1 - before
    });
    if had == 0 {
        return skip!("{}: what was written stays in memory", path.display());
    }
    found.retain(|row| text(row, "kind") == "major" && memory.holds(number(row, "address")));
    assert!(found.iter().all(|row| number(row, "weight") == 1), "{found:?}");
    assert_eq!(found.len() as u64, had, "{found:?}");
}

const IO: &str = "stack_io";

/// A file that is read past the memory of the kernel; removed when this is dropped.
struct Direct(File, PathBuf);

impl Direct {
    fn new(bytes: usize) -> Result<Direct, String> {
        let path = std::env::temp_dir().join(own_name("direct"));
        let told = |error| format!("{}: {error}", path.display());
        std::fs::write(&path, vec![1; bytes]).map_err(told)?;
        File::open(&path).and_then(|file| file.sync_all()).map_err(told)?;
        let file = File::options().read(true).custom_flags(libc::O_DIRECT).open(&path);
        match file {
            Ok(file) => Ok(Direct(file, path)),
            Err(error) => {
                let _ = std::fs::remove_file(&path);
                Err(told(error))
            }
        }
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.1);
    }
}

#[test]
fn what_samples_of_io_stand_for_is_what_was_read() {
    const LONGEST: usize = 256 << 10;
    let Some(mut running) = start_with(IO, &settings(500)) else { return };
    let file = match Direct::new(32 << 20) {
        Ok(file) => file,
        Err(why) => return skip!("{why}"),
    };
    let (mut found, read) = rows_of_thread(("nm-reads", IO), &mut running, || {
        let memory = Mapped::new(LONGEST, None);
        // SAFETY: nobody else has it.
        let buffer = unsafe { std::slice::from_raw_parts_mut(memory.0.as_ptr(), LONGEST) };
        let (mut random, mut read) = (1_u64, 0);
        for _ in 0..4000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let length = PAGE << ((random >> 40) % 7);
            let at = (random >> 45) % 8000 * PAGE as u64;
            match file.0.read_at(&mut buffer[..length], at) {
                Ok(length) => read += length as u64,
                Err(_) => return 0,
            }
        }
        read
    });
    if read == 0 {
        return skip!("{}: nothing can be read past memory", file.1.display());
    }
    found.retain(|row| text(row, "operation") == "read");
    if found.is_empty() {
        return skip!("{}: no block device", file.1.display());
    }
    assert_sum(&found, "weight_bytes", read as f64);
    for row in &found {
        assert!(number(row, "weight_bytes") >= number(row, "size_bytes"), "{row:?}");
        assert!(!text(row, "device").is_empty(), "{row:?}");
        let stack = text(row, "stack");
        assert!(stack.contains("sys_pread64"), "who asked for it: {row:?}");
        assert!(!stack.contains("bpf") && !stack.ends_with(';'), "the program itself: {row:?}");
    }
}
