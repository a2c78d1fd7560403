//! What a value costs on its way from the ring to the disk, stage by stage, on one thread.

use crate::thread_cpu_ns;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_recorder::source::{Asked, Context, Sink};
use nodemon_recorder::sources::SOURCES;
use std::error::Error;
use std::time::{Duration, Instant};

/// CPU time of the stages so far, ns, and the values that passed.
#[derive(Default)]
struct Stages {
    drain_ns: u64,
    archive_ns: u64,
    columns_ns: u64,
    commit_ns: u64,
    values: u64,
}

/// Drains as the recorder does, for `span`, and prints what each stage took.
pub fn measure(span: Duration) -> Result<(), Box<dyn Error>> {
    let descriptor = SOURCES.iter().find(|source| source.name == "cpus");
    let descriptor = descriptor.ok_or("there is no source cpus")?;
    let asked = Asked::every(Duration::from_millis(1));
    let mut source = (descriptor.open)(&Context { asked, ..Context::default() })?;
    let feeding = source.feeding().ok_or("the source does not say how it is fed")?;
    if !feeding.drains {
        return Err(source.limits().join("; ").into());
    }
    let scratch = tempfile::tempdir()?;
    let mut writer = RecordingWriter::open(scratch.path(), WriterOptions::new(256 << 20))?;
    let tables: Vec<u32> =
        feeding.tables.iter().map(|table| writer.add_table(table.clone())).collect();
    let mut sink = Sink::new(&feeding.tables);
    let mut archive = Default::default();
    let mut stages = Stages::default();
    let begun = Instant::now();
    let mut turn = 0;
    while begun.elapsed() < span {
        turn += 1;
        std::thread::sleep((feeding.every * turn).saturating_sub(begun.elapsed()));
        let start = thread_cpu_ns();
        source.sample(&mut sink)?;
        stages.drain_ns += thread_cpu_ns() - start;
        for (table, builder) in tables.iter().zip(sink.tables()) {
            let width = feeding.tables[*table as usize].row_width();
            stages.values += (builder.rows() * width) as u64;
            let start = thread_cpu_ns();
            builder.finish(*table, &mut archive)?;
            let archived = thread_cpu_ns();
            writer.push(&archive)?;
            stages.columns_ns += thread_cpu_ns() - archived;
            stages.archive_ns += archived - start;
        }
        if turn % 4 == 0 {
            let start = thread_cpu_ns();
            writer.commit()?;
            stages.commit_ns += thread_cpu_ns() - start;
        }
    }
    let start = thread_cpu_ns();
    writer.close()?;
    stages.commit_ns += thread_cpu_ns() - start;
    stages.print(&feeding.tables[0].source);
    Ok(())
}

impl Stages {
    fn print(&self, source: &str) {
        let all_ns = self.drain_ns + self.archive_ns + self.columns_ns + self.commit_ns;
        println!("CPU time of one thread on the way of {} values from {source}:\n", self.values);
        println!("| | ns a value |");
        println!("| --- | ---: |");
        for (stage, ns) in [
            ("out of the ring into a record", self.drain_ns),
            ("archiving the record", self.archive_ns),
            ("rows to columns", self.columns_ns),
            ("encoding and compressing blocks, and the commit to disk", self.commit_ns),
            ("all of it", all_ns),
        ] {
            println!("| {stage} | {:.2} |", ns as f64 / self.values.max(1) as f64);
        }
        println!();
    }
}
