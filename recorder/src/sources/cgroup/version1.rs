//! The files of version 1 (`Documentation/admin-guide/cgroup-v1` of the kernel).

use super::values::{Values, each, single};
use crate::kernel_files::text::{Fields, lines};

/// What version 1 shows for no limit: the largest number of pages, in bytes.
const NO_LIMIT_BYTES: u64 = 1 << 62;

/// `cpuacct.usage`
pub fn cpuacct_usage(text: &[u8], values: &mut Values) {
    values.cpu_ns = single(text);
}

/// `cpuacct.usage_user`
pub fn cpuacct_usage_user(text: &[u8], values: &mut Values) {
    values.cpu_user_ns = single(text);
}

/// `cpuacct.usage_sys`
pub fn cpuacct_usage_sys(text: &[u8], values: &mut Values) {
    values.cpu_system_ns = single(text);
}

/// `cpu.stat`
pub fn cpu_stat(text: &[u8], values: &mut Values) {
    each(text, |name, value| match name {
        b"nr_periods" => values.cpu_periods = Some(value),
        b"nr_throttled" => values.cpu_throttled_periods = Some(value),
        b"throttled_time" => values.cpu_throttled_ns = Some(value),
        _ => {}
    });
}

/// `cpu.cfs_quota_us`, to be divided by what [`cpu_period`] reads after it.
pub fn cpu_quota(text: &[u8], values: &mut Values) {
    values.cpu_limit = single(text).map(|quota_us| quota_us as f64);
}

/// `cpu.cfs_period_us`
pub fn cpu_period(text: &[u8], values: &mut Values) {
    let period_us = single(text).filter(|&period_us| period_us > 0);
    values.cpu_limit = values.cpu_limit.zip(period_us).map(|(quota, period)| quota / period as f64);
}

/// `memory.usage_in_bytes`
pub fn memory_usage(text: &[u8], values: &mut Values) {
    values.memory_bytes = single(text);
}

/// `memory.limit_in_bytes`
pub fn memory_limit(text: &[u8], values: &mut Values) {
    values.memory_limit_bytes = single(text).filter(|&limit| limit < NO_LIMIT_BYTES);
}

/// `memory.stat`: the lines that count the groups within, as version 2 does.
pub fn memory_stat(text: &[u8], values: &mut Values) {
    each(text, |name, value| {
        let place = match name {
            b"total_rss" => &mut values.anon_bytes,
            b"total_cache" => &mut values.file_bytes,
            b"total_shmem" => &mut values.shmem_bytes,
            b"total_swap" => &mut values.swap_bytes,
            b"total_pgfault" => &mut values.faults,
            b"total_pgmajfault" => &mut values.major_faults,
            _ => return,
        };
        *place = Some(value);
    });
}

/// `memory.failcnt`
pub fn memory_failcnt(text: &[u8], values: &mut Values) {
    values.memory_max_events = single(text);
}

/// `memory.oom_control`
pub fn memory_oom_control(text: &[u8], values: &mut Values) {
    each(text, |name, value| {
        if name == b"oom_kill" {
            values.oom_kills = Some(value);
        }
    });
}

/// `memory.kmem.usage_in_bytes`
pub fn memory_kmem_usage(text: &[u8], values: &mut Values) {
    values.kernel_bytes = single(text);
}

/// `blkio.throttle.io_service_bytes_recursive`
pub fn blkio_bytes(text: &[u8], values: &mut Values) {
    (values.read_bytes, values.write_bytes) = read_and_write(text);
}

/// `blkio.throttle.io_serviced_recursive`
pub fn blkio_operations(text: &[u8], values: &mut Values) {
    (values.reads, values.writes) = read_and_write(text);
}

/// `pids.current`
pub fn pids_current(text: &[u8], values: &mut Values) {
    values.pids = single(text);
}

/// `pids.max`
pub fn pids_max(text: &[u8], values: &mut Values) {
    values.pids_limit = single(text);
}

/// The sums of the lines `8:0 Read 17` and `8:0 Write 4` over all devices. The kernel counts where
/// a device has a rule for its speed only; without any such line nothing is known.
fn read_and_write(text: &[u8]) -> (Option<u64>, Option<u64>) {
    let (mut read, mut written) = (None, None);
    for line in lines(text) {
        let mut fields = Fields::new(line);
        fields.skip(1);
        let sum = match fields.word() {
            Some(b"Read") => &mut read,
            Some(b"Write") => &mut written,
            _ => continue,
        };
        *sum = Some(sum.unwrap_or(0_u64).wrapping_add(fields.u64().unwrap_or(0)));
    }
    (read, written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_are_summed_over_devices_and_totals_are_left_out() {
        let mut values = Values::default();
        let text = b"8:0 Read 100\n8:0 Write 20\n8:0 Sync 110\n8:0 Async 10\n8:0 Discard 5\n\
                     8:0 Total 120\n253:0 Read 1\n253:0 Write 2\n253:0 Total 3\nTotal 123\n";
        blkio_bytes(text, &mut values);
        assert_eq!((values.read_bytes, values.write_bytes), (Some(101), Some(22)));
        blkio_operations(b"Total 0\n", &mut values);
        assert_eq!((values.reads, values.writes), (None, None), "no device has a rule");
    }

    #[test]
    fn a_quota_is_a_number_of_cpus_and_minus_one_is_none() {
        let mut values = Values::default();
        cpu_quota(b"-1\n", &mut values);
        cpu_period(b"100000\n", &mut values);
        assert_eq!(values.cpu_limit, None);
        cpu_quota(b"150000\n", &mut values);
        cpu_period(b"100000\n", &mut values);
        assert_eq!(values.cpu_limit, Some(1.5));
    }

    #[test]
    fn the_largest_number_of_pages_is_no_limit() {
        let mut values = Values::default();
        memory_limit(b"9223372036854771712\n", &mut values);
        assert_eq!(values.memory_limit_bytes, None);
        memory_limit(b"1073741824\n", &mut values);
        assert_eq!(values.memory_limit_bytes, Some(1 << 30));
    }
}
