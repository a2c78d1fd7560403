//! The same rows out of a recording: read, decoded, made into rows and written.

use crate::workload::Workload;
use crate::{Cost, measure};
use nodemon_formats::Schema;
use nodemon_formats::reader::Recording;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_query::answer::answer;
use nodemon_query::columnar::parquet::ParquetSink;
use nodemon_query::output::Output;
use nodemon_query::question::Question;
use nodemon_query::rows::Sink;
use rkyv::util::AlignedVec;
use std::error::Error;
use std::path::Path;

/// Records the rows of a workload into `dir`.
pub fn write(workload: &Workload, dir: &Path) -> Result<Recording, Box<dyn Error>> {
    let mut schema = Schema::sample("cpu", "simulated", "Time in each state");
    schema.interval_ns = 1_000_000;
    for field in &workload.header.fields {
        schema = schema.counter(&field.name, unit::NS, "");
    }
    let mut writer = RecordingWriter::open(dir, WriterOptions::new(8 << 30))?;
    let number = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let start = workload.batches.first().and_then(|batch| batch.times.first()).copied();
    let start = start.unwrap_or_default();
    for batch in &workload.batches {
        for (row, time) in batch.times.iter().enumerate() {
            record.begin_sample((time - start).cast_unsigned() + 1_000_000_000);
            batch.columns.iter().for_each(|column| record.u64(column.words[row]));
            record.end_sample();
        }
        let mut archive = AlignedVec::new();
        record.finish(number, &mut archive)?;
        writer.push(&archive)?;
        writer.commit()?;
    }
    writer.close()?;
    Ok(Recording::open(dir)?)
}

/// Exports it, encoding on `threads` threads, while the reader decodes on as many as it likes.
pub fn export(recording: &Recording, path: &Path, threads: usize) -> Result<Cost, Box<dyn Error>> {
    measure(path, || {
        let schema = recording.schema("cpu").ok_or("the recording has no table cpu")?;
        let question = Question { from: i64::MIN, to: i64::MAX, ..Question::default() };
        let plan = question.plan(&schema, recording.host())?;
        let mut sink = ParquetSink::new(Output::file(path)?, &plan.header, threads)?;
        answer(recording, &plan, &mut sink, &mut |_| ())?;
        Ok(sink.finish()?)
    })
}
