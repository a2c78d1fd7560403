//! `/proc/loadavg`: the load averages.

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::{Fields, parse_u64, split_once};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the table `load`.
pub const SOURCE: Descriptor = Descriptor {
    name: "loadavg",
    reads: "/proc/loadavg",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

fn tables() -> Vec<Schema> {
    let load = |schema: Schema, name, minutes| {
        let doc = format!("running and uninterruptible tasks, averaged over {minutes}");
        schema.gauge(name, ColumnType::F64, unit::COUNT, doc)
    };
    let schema = Schema::sample(
        "load",
        "/proc/loadavg",
        "Load averages, which the kernel computes anew every five seconds, and the number of tasks",
    );
    let schema = load(schema, "load1", "one minute");
    let schema = load(schema, "load5", "five minutes");
    let schema = load(schema, "load15", "fifteen minutes");
    let schema = schema
        .gauge("runnable", ColumnType::U64, unit::COUNT, "tasks that run or are ready to run")
        .gauge("tasks", ColumnType::U64, unit::COUNT, "processes and threads that exist");
    vec![schema]
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let file = ProcFile::open(context.proc.join("loadavg"), Rendering::Whole)?;
    Ok(Box::new(Loadavg { file }))
}

struct Loadavg {
    file: ProcFile,
}

impl Source for Loadavg {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let text = self.file.read()?;
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        let mut fields = Fields::new(text);
        for _ in 0..3 {
            match fields.f64() {
                Some(load) => table.f64(load),
                None => table.absent(),
            }
        }
        let tasks = fields.word().and_then(|word| split_once(word, b'/'));
        table.opt_u64(tasks.and_then(|(runnable, _)| parse_u64(runnable)));
        table.opt_u64(tasks.and_then(|(_, tasks)| parse_u64(tasks)));
        table.end_sample();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::SOURCE;
    use crate::source::Context;
    use crate::source::test_support::{assert_steady_state_allocates_nothing, context, sample_of};
    use nodemon_formats::Value;
    use procfs::Current;

    #[test]
    fn the_averages_are_those_that_procfs_reads() {
        let theirs = || {
            let load = procfs::LoadAverage::current().unwrap();
            [load.one, load.five, load.fifteen].map(|load| load.to_string())
        };
        // They change every five seconds, so a pair of equal reads comes soon.
        for _ in 0..100 {
            let before = theirs();
            let table = sample_of(&SOURCE, &Context::default());
            let ours = ["load1", "load5", "load15"].map(|name| table.value(&[], name).to_string());
            if before == theirs() {
                assert_eq!(ours, before);
                return;
            }
        }
        panic!("no two reads of procfs were alike");
    }

    #[test]
    fn every_field_has_its_column() {
        let (_dir, context) = context(&[("loadavg", "0.20 10.18 200.12 3/1080 11206\n")]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.value(&[], "load1"), Value::F64(0.2));
        assert_eq!(table.value(&[], "load5"), Value::F64(10.18));
        assert_eq!(table.value(&[], "load15"), Value::F64(200.12));
        assert_eq!(table.u64(&[], "runnable"), 3);
        assert_eq!(table.u64(&[], "tasks"), 1080);
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        let (_dir, context) = context(&[("loadavg", "0.20 n/a\n")]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.value(&[], "load1"), Value::F64(0.2));
        assert_eq!(table.value(&[], "load5"), Value::Absent);
        assert_eq!(table.value(&[], "tasks"), Value::Absent);
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
