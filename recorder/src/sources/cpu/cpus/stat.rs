//! The CPUs of `/proc/stat`.

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::{Fields, leading_u64, lines};
use crate::ring::abi::{IDLE, IOWAIT, STATES};
use crate::source::{Context, SourceError};
use nodemon_formats::record::RecordBuilder;

/// States before `guest`, whose time is in `user` already.
const OWN_STATES: usize = 8;

/// The file, kept open.
pub struct Stat {
    file: ProcFile,
    tick_ns: u64,
}

impl Stat {
    /// Opens it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(context: &Context) -> Result<Stat, SourceError> {
        let file = ProcFile::open(context.proc.join("stat"), Rendering::Whole)?;
        Ok(Stat { file, tick_ns: tick_ns() })
    }

    /// Reads it, and puts a sample of every CPU into `cpus` under the time that `time_ns` gives
    /// after the read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn sample(
        &mut self,
        cpus: &mut RecordBuilder,
        time_ns: impl FnOnce() -> u64,
    ) -> Result<(), SourceError> {
        let text = self.file.read()?;
        cpus.begin_sample(time_ns());
        // The first line is the sum of all CPUs, which are the lines behind it.
        for line in lines(text).skip(1).map_while(|line| line.strip_prefix(b"cpu")) {
            push_cpu(cpus, line, self.tick_ns);
        }
        cpus.end_sample();
        Ok(())
    }
}

/// The unit of the file's times (`USER_HZ`, sysconf(3) `_SC_CLK_TCK`), ns.
pub fn tick_ns() -> u64 {
    1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)
}

/// Adds the row of one CPU; `line` is its line after `cpu`.
fn push_cpu(table: &mut RecordBuilder, line: &[u8], tick_ns: u64) {
    let Some((cpu, times)) = leading_u64(line) else { return };
    table.instance(|key| key.u64(cpu));
    let mut fields = Fields::new(times);
    let mut busy_ns = 0u64;
    for state in 0..STATES {
        let time_ns = fields.u64().map(|ticks| ticks.wrapping_mul(tick_ns));
        if state < OWN_STATES && !matches!(state, IDLE | IOWAIT) {
            busy_ns = busy_ns.wrapping_add(time_ns.unwrap_or(0));
        }
        table.opt_u64(time_ns);
    }
    table.u64(busy_ns);
}
