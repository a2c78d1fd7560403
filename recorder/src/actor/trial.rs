//! What tests of actors share: a source that behaves as a file says.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::source::{Context, Descriptor, Nature, Sink, Source, SourceError};
use nodemon_formats::{ColumnType, Schema, schema::unit};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A source that reads the file `mood` below the procfs of its context each time: it fails, panics,
/// dawdles, hangs, stalls (in the kernel, before it has read anything), or counts.
pub static MOODY: Descriptor = Descriptor {
    name: "moody",
    reads: "mood",
    default_interval: Duration::from_millis(10),
    default_on: true,
    nature: Nature::Read,
    tables: &|| vec![schema("moody")],
    open: &open_moody,
};

/// A source that always counts.
pub static STEADY: Descriptor = Descriptor {
    name: "steady",
    reads: "nothing",
    default_interval: Duration::from_millis(10),
    default_on: true,
    nature: Nature::Read,
    tables: &|| vec![schema("steady")],
    open: &|_| Ok(Box::new(Steady { taken: 0 })),
};

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
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        table.instance(|key| key.u64(0));
        table.u64(self.taken);
        // Half way through the sample.
        match mood.as_str() {
            "fail" => return Err(SourceError::parse(&self.path, "a bad mood")),
            "panic" => panic!("the mood is {mood}"),
            "dawdle" => std::thread::sleep(Duration::from_millis(35)),
            "hang" => std::thread::sleep(Duration::from_secs(3)),
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
