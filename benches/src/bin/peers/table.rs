//! The table that comes out.

/// One contender's line.
pub struct Row {
    /// The contender.
    pub name: &'static str,
    /// User and system time of all its processes over wall time, percent of one core.
    pub cpu_percent: f64,
    /// Resident memory at the end, bytes.
    pub rss_bytes: u64,
    /// Values in one sample, where that is known.
    pub values: Option<u64>,
    /// Bytes recorded for one sample, where it records.
    pub bytes_a_sample: Option<f64>,
    /// Bytes a second that went to a block device.
    pub written_a_second: f64,
}

/// Prints the rows as a table in Markdown.
pub fn print(rows: &[Row]) {
    println!(
        "| | CPU, % of a core | RSS, MB | values a sample | bytes a sample | bytes a value | to disk, kB/s |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for row in rows {
        let values = row.values.map_or_else(|| "-".into(), |values| values.to_string());
        let bytes = row.bytes_a_sample.map_or_else(|| "-".into(), |bytes| format!("{bytes:.0}"));
        let ratio = row.bytes_a_sample.zip(row.values).filter(|(_, values)| *values > 0);
        let ratio = ratio
            .map_or_else(|| "-".into(), |(bytes, values)| format!("{:.2}", bytes / values as f64));
        println!(
            "| {} | {:.3} | {:.1} | {values} | {bytes} | {ratio} | {:.1} |",
            row.name,
            row.cpu_percent,
            row.rss_bytes as f64 / 1e6,
            row.written_a_second / 1e3,
        );
    }
}
