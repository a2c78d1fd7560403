//! What `/proc` says of the same things, and load to make them move.

use std::collections::BTreeMap;
use std::fs::{File, read_to_string};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The numbers of each line of a file that starts with a word, by that word.
fn rows(path: &str) -> BTreeMap<String, Vec<u64>> {
    let text = read_to_string(path).unwrap();
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.trim_end_matches(':').to_owned();
        Some((name, words.map_while(|word| word.parse().ok()).collect()))
    };
    text.lines().filter_map(row).collect()
}

/// `/proc/stat`: states of each CPU in units of 10 ms, `ctxt`, `intr` and so on.
pub fn stat() -> BTreeMap<String, Vec<u64>> {
    rows("/proc/stat")
}

/// `/proc/softirqs`: the ten vectors in their order, each with one number a CPU.
pub fn softirqs() -> Vec<Vec<u64>> {
    let text = read_to_string("/proc/softirqs").unwrap();
    let numbers =
        |line: &str| line.split_whitespace().skip(1).map(|w| w.parse().unwrap()).collect();
    text.lines().skip(1).map(numbers).collect()
}

/// Interrupts of devices on each CPU: the numbered lines of `/proc/interrupts`.
pub fn device_interrupts(cpus: usize) -> Vec<u64> {
    let mut sums = vec![0; cpus];
    for (name, counts) in rows("/proc/interrupts") {
        if name.parse::<u32>().is_ok() {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }
    sums
}

/// Has the disk interrupt.
pub fn write_through() {
    let path = std::env::temp_dir().join(format!("nodemon-write-{}", std::process::id()));
    let mut file = File::create(&path).unwrap();
    for _ in 0..8 {
        file.write_all(&[1; 4096]).unwrap();
        file.sync_all().unwrap();
    }
    std::fs::remove_file(path).unwrap();
}

/// Threads that spin until this is dropped.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn with_threads(threads: usize) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let spin = |stop: Arc<AtomicBool>| {
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        let spawn = |_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || spin(stop))
        };
        Load { threads: (0..threads).map(spawn).collect(), stop }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
