//! The eBPF programs of this recorder that run in the kernel, for what tells their cost.

use nodemon_recorder_ebpf::load::RunningProgram;
use std::sync::{Arc, Mutex, PoisonError};

/// The programs of this recorder that run in the kernel.
#[derive(Debug, Default)]
pub struct Programs {
    entries: Mutex<Vec<Arc<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    feature: &'static str,
    program: RunningProgram,
}

/// Programs that are known as long as this lives.
#[derive(Debug)]
pub struct Registered {
    of: Arc<Programs>,
    entries: Vec<Arc<Entry>>,
}

impl Programs {
    /// Makes the programs of a feature known.
    pub fn register(
        self: &Arc<Programs>,
        name: &'static str,
        all: &[RunningProgram],
    ) -> Registered {
        let entry = |program: &RunningProgram| {
            let program = program.try_clone()?;
            Some(Arc::new(Entry { feature: name, program }))
        };
        let entries: Vec<Arc<Entry>> = all.iter().filter_map(entry).collect();
        let mut known = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(entries.iter().cloned());
        Registered { of: self.clone(), entries }
    }

    /// Does something with the feature, the name and the cost of each.
    pub fn each(&self, mut one: impl FnMut(&'static str, &'static str, u64, u64)) {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.iter() {
            if let Some((runs, run_ns)) = entry.program.cost() {
                one(entry.feature, entry.program.name, runs, run_ns);
            }
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut known = self.of.entries.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|entry| !self.entries.iter().any(|own| Arc::ptr_eq(own, entry)));
    }
}
