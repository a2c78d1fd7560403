//! What tests of actors share: a source that behaves as a file says.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::source::{Context, Descriptor, Feeding, Sink, Source, SourceError, SourceKind};
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::{ColumnType, GapCause, Schema, schema::unit};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A source that reads the file `mood` below the procfs of its context each time: it fails, panics,
/// dawdles, hangs, stalls (in the kernel, before it has read anything), goes
/// back in time, or counts.
pub static MOODY: Descriptor = Descriptor {
    name: "moody",
    reads: "mood",
    default_interval: Duration::from_millis(10),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &|| vec![schema("moody")],
    described: None,
    open: &open_moody,
};

/// A source that always counts.
pub static STEADY: Descriptor = Descriptor {
    name: "steady",
    reads: "nothing",
    default_interval: Duration::from_millis(10),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &|| vec![schema("steady")],
    described: None,
    open: &|_| Ok(Box::new(Steady { taken: 0 })),
};

/// A source that is fed by a kernel which takes [`STARTS_IN`] to begin, and misses every other
/// deadline.
pub static FED: Descriptor = Descriptor {
    name: "fed",
    reads: "nothing",
    default_interval: Duration::from_millis(10),
    default_on: true,
    kind: SourceKind::KernelSampled { keys: "" },
    tables: &|| vec![schema("fed")],
    described: None,
    open: &|context| {
        let now_ns = boottime_ns();
        Ok(Box::new(Fed {
            first_ns: now_ns + STARTS_IN.as_nanos() as u64,
            last_ns: None,
            interval_ns: context.asked.interval_ns(),
        }))
    },
};

/// How long the kernel of [`FED`] takes to begin.
pub const STARTS_IN: Duration = Duration::from_millis(100);

/// For how long [`MOODY`] does not come back when it hangs.
pub const HANGS_FOR: Duration = Duration::from_secs(3);

/// A context whose source [`MOODY`] is in the given mood.
pub fn context(dir: &Path, mood: &str) -> Context {
    set_mood(dir, mood);
    Context { proc: dir.to_owned(), ..Context::default() }
}

/// Puts [`MOODY`] into another mood.
pub fn set_mood(dir: &Path, mood: &str) {
    // Renamed, so that nobody reads half of it.
    std::fs::write(dir.join("mood.new"), mood).unwrap();
    std::fs::rename(dir.join("mood.new"), dir.join("mood")).unwrap();
}

fn schema(name: &str) -> Schema {
    Schema::sample(name, "test", "How often it was sampled")
        .key("half", ColumnType::U64, "one of two instances")
        .counter("taken", unit::COUNT, "samples taken")
}

fn open_moody(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let mut source = Moody { path: context.proc.join("mood"), taken: 0 };
    match source.mood()?.as_str() {
        "gone" => Err(SourceError::Unavailable { what: "mood".into(), why: "it is gone".into() }),
        "panic on open" => panic!("the mood is bad"),
        "hang on open" => {
            std::thread::sleep(HANGS_FOR);
            Ok(Box::new(source))
        }
        _ => Ok(Box::new(source)),
    }
}

struct Moody {
    path: PathBuf,
    taken: u64,
}

impl Moody {
    fn mood(&mut self) -> Result<String, SourceError> {
        std::fs::read_to_string(&self.path).map_err(|error| SourceError::read(&self.path, error))
    }
}

impl Source for Moody {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let mood = self.mood()?;
        if mood == "stall" {
            std::thread::sleep(Duration::from_millis(45));
        }
        let mut time_ns = sink.time_ns();
        if mood == "older" {
            // Not as far back as it has run by then, and further than it stays in this mood.
            time_ns -= 1_500_000_000;
        }
        let table = sink.table(0);
        table.begin_sample(time_ns);
        table.instance(|key| key.u64(0));
        table.u64(self.taken);
        // Half way through the sample.
        match mood.as_str() {
            "fail" => return Err(SourceError::parse(&self.path, "a bad mood")),
            "panic" => panic!("the mood is {mood}"),
            "dawdle" => std::thread::sleep(Duration::from_millis(35)),
            "hang" => std::thread::sleep(HANGS_FOR),
            _ => {}
        }
        table.instance(|key| key.u64(1));
        table.u64(self.taken);
        table.end_sample();
        self.taken += 1;
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        vec![format!("limited after {} samples", self.taken)]
    }
}

struct Steady {
    taken: u64,
}

impl Source for Steady {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        for half in [0, 1] {
            table.instance(|key| key.u64(half));
            table.u64(self.taken);
        }
        table.end_sample();
        self.taken += 1;
        Ok(())
    }
}

struct Fed {
    first_ns: u64,
    last_ns: Option<u64>,
    interval_ns: u64,
}

impl Source for Fed {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let (now_ns, step_ns) = (boottime_ns(), 2 * self.interval_ns);
        // What comes first is drained together with what comes next, and with what is missing
        // between the two.
        if now_ns < self.first_ns + step_ns {
            return Ok(());
        }
        let mut next_ns = self.last_ns.map_or(self.first_ns, |last_ns| last_ns + step_ns);
        while next_ns <= now_ns {
            if let Some(last_ns) = self.last_ns {
                sink.gap(GapCause::Late, last_ns, next_ns, 1, "missed");
            }
            let table = sink.table(0);
            table.begin_sample(next_ns);
            table.instance(|key| key.u64(0));
            table.u64(next_ns);
            table.end_sample();
            self.last_ns = Some(next_ns);
            next_ns += step_ns;
        }
        Ok(())
    }

    fn feeding(&self) -> Option<Feeding> {
        let table = Schema { interval_ns: self.interval_ns, ..schema("fed") };
        Some(Feeding { tables: vec![table], every: Duration::from_millis(20), drains: true })
    }
}
