//! `/proc/pressure`: how long tasks were held up for want of CPU, memory, I/O (PSI).

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::{Fields, lines, parse_f64, parse_u64, split_once};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::io;
use std::path::Path;
use std::time::Duration;

/// The source of the table `pressure`.
pub const SOURCE: Descriptor = Descriptor {
    name: "pressure",
    reads: "/proc/pressure/*",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

/// The resources, each a file. `irq` came with 6.1.
const RESOURCES: [&str; 4] = ["cpu", "memory", "io", "irq"];
/// Microseconds are what the kernel tells.
const NS_PER_US: u64 = 1_000;

fn tables() -> Vec<Schema> {
    let doc = "Time during which tasks were held up because a resource was short (PSI): some of \
               them, or all that were not idle at once (full). The averages are computed by the \
               kernel every two seconds; the totals are exact.";
    let mut schema = Schema::sample("pressure", "/proc/pressure/*", doc).key(
        "resource",
        ColumnType::String,
        "cpu, memory, io or irq",
    );
    for (kind, who) in [("some", "some tasks"), ("full", "all tasks at once")] {
        for (average, span) in [("avg10", "10 s"), ("avg60", "60 s"), ("avg300", "300 s")] {
            let doc = format!("share of the last {span} for which {who} were held up");
            let name = format!("{kind}_{average}");
            schema = schema.gauge(&name, ColumnType::F64, unit::PERCENT, doc);
        }
        let doc = format!("time for which {who} were held up since boot");
        schema = schema.counter(&format!("{kind}_total_ns"), unit::NS, doc).counted_in(NS_PER_US);
    }
    vec![schema]
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let directory = context.proc.join("pressure");
    let mut files = Vec::new();
    for resource in RESOURCES {
        match open_one(&directory.join(resource)) {
            Ok(file) => files.push((resource, file)),
            Err(SourceError::Unavailable { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if files.is_empty() {
        return Err(SourceError::Unavailable {
            what: directory.display().to_string(),
            why: "the kernel does not measure pressure; boot it with psi=1, on a kernel from 4.20 \
                  that was built with CONFIG_PSI=y"
                .to_owned(),
        });
    }
    Ok(Box::new(Pressure { files }))
}

/// Opens the file of a resource. It may be there and still not deliver: a kernel that has PSI
/// switched off answers `EOPNOTSUPP`, to `open` or to `read`, depending on its version.
fn open_one(path: &Path) -> Result<ProcFile, SourceError> {
    let opened = ProcFile::open(path, Rendering::Whole).and_then(|mut file| {
        file.read()?;
        Ok(file)
    });
    match opened {
        Err(SourceError::Read { path, source }) if source.kind() == io::ErrorKind::Unsupported => {
            let what = path.display().to_string();
            Err(SourceError::Unavailable { what, why: "PSI is switched off".to_owned() })
        }
        opened => opened,
    }
}

struct Pressure {
    files: Vec<(&'static str, ProcFile)>,
}

/// One line: `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
#[derive(Clone, Copy, Default)]
struct Stall {
    averages: [Option<f64>; 3],
    total_us: Option<u64>,
}

impl Source for Pressure {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let mut stalls = [[Stall::default(); 2]; RESOURCES.len()];
        for ((_, file), [some, full]) in self.files.iter_mut().zip(&mut stalls) {
            for line in lines(file.read()?) {
                let mut fields = Fields::new(line);
                match fields.word() {
                    Some(b"some") => *some = Stall::parse(fields),
                    Some(b"full") => *full = Stall::parse(fields),
                    _ => {}
                }
            }
        }
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        for ((resource, _), stalls) in self.files.iter().zip(&stalls) {
            table.instance(|key| key.str(resource));
            stalls.iter().for_each(|stall| stall.push(table));
        }
        table.end_sample();
        Ok(())
    }
}

impl Stall {
    fn parse(mut fields: Fields<'_>) -> Stall {
        let mut stall = Stall::default();
        while let Some((name, value)) = fields.word().and_then(|word| split_once(word, b'=')) {
            let [avg10, avg60, avg300] = &mut stall.averages;
            match name {
                b"avg10" => *avg10 = parse_f64(value),
                b"avg60" => *avg60 = parse_f64(value),
                b"avg300" => *avg300 = parse_f64(value),
                b"total" => stall.total_us = parse_u64(value),
                _ => {}
            }
        }
        stall
    }

    fn push(&self, table: &mut RecordBuilder) {
        for average in self.averages {
            match average {
                Some(percent) => table.f64(percent),
                None => table.absent(),
            }
        }
        table.opt_u64(self.total_us.map(|us| us.wrapping_mul(NS_PER_US)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::SOURCE;
    use crate::source::test_support::{assert_steady_state_allocates_nothing, context, sample_of};
    use crate::source::{Context, SourceError};
    use nodemon_formats::Value;
    use procfs::Current;

    #[test]
    fn each_total_lies_between_what_procfs_reads_before_and_after() {
        let Ok(before) = procfs::CpuPressure::current() else {
            let refused = (SOURCE.open)(&Context::default()).err().unwrap();
            assert!(matches!(refused, SourceError::Unavailable { .. }), "{refused}");
            return;
        };
        let memory = procfs::MemoryPressure::current().unwrap();
        let io = procfs::IoPressure::current().unwrap();
        let table = sample_of(&SOURCE, &Context::default());
        let after = procfs::CpuPressure::current().unwrap();
        let ours = table.u64(&["cpu"], "some_total_ns");
        let (a, b) = (before.some.total * 1000, after.some.total * 1000);
        assert!(a <= ours && ours <= b, "{a} <= {ours} <= {b}");
        assert!(table.u64(&["memory"], "full_total_ns") >= memory.full.total * 1000);
        assert!(table.u64(&["io"], "some_total_ns") >= io.some.total * 1000);
    }

    #[test]
    fn every_field_has_its_column_and_what_a_resource_lacks_is_absent() {
        let cpu = "some avg10=1.25 avg60=2.50 avg300=99.99 total=14010628\n";
        let irq = "full avg10=0.02 avg60=0.03 avg300=0.13 total=7\n";
        let (_dir, context) = context(&[("pressure/cpu", cpu), ("pressure/irq", irq)]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.keys(), ["cpu", "irq"]);
        assert_eq!(table.value(&["cpu"], "some_avg10"), Value::F64(1.25));
        assert_eq!(table.value(&["cpu"], "some_avg60"), Value::F64(2.5));
        assert_eq!(table.value(&["cpu"], "some_avg300"), Value::F64(99.99));
        assert_eq!(table.u64(&["cpu"], "some_total_ns"), 14_010_628_000);
        assert_eq!(table.value(&["cpu"], "full_avg10"), Value::Absent);
        assert_eq!(table.value(&["irq"], "some_total_ns"), Value::Absent);
        assert_eq!(table.u64(&["irq"], "full_total_ns"), 7000);
    }

    #[test]
    fn without_psi_it_is_unavailable_and_says_how_to_get_it() {
        let (_dir, context) = context(&[]);
        let told = (SOURCE.open)(&context).err().unwrap().to_string();
        assert!(told.contains("psi=1") && told.contains("CONFIG_PSI"), "{told}");
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
