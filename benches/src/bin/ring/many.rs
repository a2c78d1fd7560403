//! 128 CPUs, computed: a simulated node of 64 of them, encoded twice over.

use crate::thread_cpu_ns;
use nodemon_benches::frec;
use nodemon_formats::block::{Encoder, Rows};
use nodemon_formats::record::{RecordBuilder, RecordView};
use nodemon_formats::schema::{Schema, unit};
use std::error::Error;
use std::path::Path;

/// How many times over the input's CPUs are taken.
const TIMES: usize = 2;
/// Samples a second.
const RATE: usize = 1000;
/// The ring that is to last.
const RING_BYTES: f64 = (8_u64 << 30) as f64;

/// Prints what 128 CPUs would take.
pub fn measure(inputs: &Path) -> Result<(), Box<dyn Error>> {
    let input = frec::read(&inputs.join("synth64_cpu.frec.zst"))?;
    let columns = input.columns.len() * TIMES;
    let schema = (0..columns)
        .fold(Schema::sample("cpu", "FREC", "a simulated node"), |schema, column| {
            schema.counter(&format!("c{column}"), unit::NS, "")
        });
    let mut record = RecordBuilder::new(&schema);
    let (mut archive, mut encoder, mut block) =
        (Default::default(), Encoder::default(), Vec::new());
    let (mut bytes, mut took_ns, mut values) = (0, 0, 0);
    for start in (0..input.times.len()).step_by(RATE) {
        let rows = start..(start + RATE).min(input.times.len());
        for row in rows.clone() {
            record.begin_sample(input.times[row]);
            for _ in 0..TIMES {
                input.columns.iter().for_each(|column| record.u64(column[row]));
            }
            record.end_sample();
        }
        values += rows.len() * columns;
        let begun_ns = thread_cpu_ns();
        record.finish(0, &mut archive)?;
        let mut rows = Rows::new(&schema);
        rows.append(&RecordView::access(&archive, schema.row_width(), schema.key_width())?)?;
        block.clear();
        encoder.encode(&rows, &schema, 0, &mut block)?;
        took_ns += thread_cpu_ns() - begun_ns;
        bytes += block.len();
    }
    let value_bytes = bytes as f64 / values as f64;
    let value_ns = took_ns as f64 / values as f64;
    let a_second = (columns * RATE) as f64;
    println!("Computed to 128 CPUs in 8 states, out of 64 simulated ones taken twice:\n");
    println!(
        "| values a second | bytes a value | MB/s to disk | ns a value | CPU, % of a core | 8 GiB last |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {a_second:.0} | {value_bytes:.3} | {:.2} | {value_ns:.2} | {:.2} | {:.1} h |",
        value_bytes * a_second / 1e6,
        value_ns * a_second / 1e9 * 100.0,
        RING_BYTES / (value_bytes * a_second) / 3600.0,
    );
    println!(
        "\nArchiving, turning into columns, encoding and compressing; every state is random to the nanosecond there, which no kernel's are.\n"
    );
    Ok(())
}
