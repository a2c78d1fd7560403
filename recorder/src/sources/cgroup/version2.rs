//! The files of version 2 (`Documentation/admin-guide/cgroup-v2.rst` of the kernel).

use super::values::{Values, each, single, us};
use crate::kernel_files::text::{Fields, leading_u64, lines, split_once};

/// `cpu.stat`
pub fn cpu_stat(text: &[u8], values: &mut Values) {
    each(text, |name, value| match name {
        b"usage_usec" => values.cpu_ns = us(value),
        b"user_usec" => values.cpu_user_ns = us(value),
        b"system_usec" => values.cpu_system_ns = us(value),
        b"nr_periods" => values.cpu_periods = Some(value),
        b"nr_throttled" => values.cpu_throttled_periods = Some(value),
        b"throttled_usec" => values.cpu_throttled_ns = us(value),
        _ => {}
    });
}

/// `cpu.max`
pub fn cpu_max(text: &[u8], values: &mut Values) {
    let mut fields = Fields::new(text.trim_ascii());
    let quota = fields.word().and_then(leading_u64);
    values.cpu_limit = match (quota, fields.u64()) {
        (Some((quota, [])), Some(period)) if period > 0 => Some(quota as f64 / period as f64),
        _ => None,
    };
}

/// `memory.current`
pub fn memory_current(text: &[u8], values: &mut Values) {
    values.memory_bytes = single(text);
}

/// `memory.max`
pub fn memory_max(text: &[u8], values: &mut Values) {
    values.memory_limit_bytes = single(text);
}

/// `memory.swap.current`
pub fn memory_swap_current(text: &[u8], values: &mut Values) {
    values.swap_bytes = single(text);
}

/// `memory.stat`
pub fn memory_stat(text: &[u8], values: &mut Values) {
    each(text, |name, value| {
        let place = match name {
            b"anon" => &mut values.anon_bytes,
            b"file" => &mut values.file_bytes,
            b"shmem" => &mut values.shmem_bytes,
            b"kernel" => &mut values.kernel_bytes,
            b"pgfault" => &mut values.faults,
            b"pgmajfault" => &mut values.major_faults,
            _ => return,
        };
        *place = Some(value);
    });
}

/// `memory.events`
pub fn memory_events(text: &[u8], values: &mut Values) {
    each(text, |name, value| {
        let place = match name {
            b"high" => &mut values.memory_high_events,
            b"max" => &mut values.memory_max_events,
            b"oom_kill" => &mut values.oom_kills,
            _ => return,
        };
        *place = Some(value);
    });
}

/// `io.stat`: one line a device.
pub fn io_stat(text: &[u8], values: &mut Values) {
    let (mut read_bytes, mut write_bytes, mut reads, mut writes) = (0u64, 0u64, 0u64, 0u64);
    for line in lines(text) {
        let mut fields = Fields::new(line);
        while let Some(field) = fields.word() {
            let Some((name, value)) = split_once(field, b'=') else { continue };
            let Some((value, _)) = leading_u64(value) else { continue };
            let sum = match name {
                b"rbytes" => &mut read_bytes,
                b"wbytes" => &mut write_bytes,
                b"rios" => &mut reads,
                b"wios" => &mut writes,
                _ => continue,
            };
            *sum = sum.wrapping_add(value);
        }
    }
    values.read_bytes = Some(read_bytes);
    values.write_bytes = Some(write_bytes);
    values.reads = Some(reads);
    values.writes = Some(writes);
}

/// `pids.current`
pub fn pids_current(text: &[u8], values: &mut Values) {
    values.pids = single(text);
}

/// `pids.max`
pub fn pids_max(text: &[u8], values: &mut Values) {
    values.pids_limit = single(text);
}

/// `cpu.pressure`
pub fn cpu_pressure(text: &[u8], values: &mut Values) {
    values.cpu_some_ns = stalled(text, b"some");
}

/// `memory.pressure`
pub fn memory_pressure(text: &[u8], values: &mut Values) {
    values.memory_some_ns = stalled(text, b"some");
    values.memory_full_ns = stalled(text, b"full");
}

/// `io.pressure`
pub fn io_pressure(text: &[u8], values: &mut Values) {
    values.io_some_ns = stalled(text, b"some");
    values.io_full_ns = stalled(text, b"full");
}

/// The total of the line `kind` of a pressure file.
fn stalled(text: &[u8], kind: &[u8]) -> Option<u64> {
    lines(text).find_map(|line| {
        let mut fields = Fields::new(line);
        if fields.word()? != kind {
            return None;
        }
        while let Some(field) = fields.word() {
            if let Some(total) = field.strip_prefix(b"total=") {
                return us(leading_u64(total)?.0);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::cgroup::values::Take;

    #[test]
    fn devices_are_summed_up_and_what_is_no_number_is_passed_over() {
        let mut values = Values::default();
        io_stat(
            b"8:16 rbytes=1000 wbytes=20 rios=3 wios=4 dbytes=5 dios=6\n\
              253:0 rbytes=1 wbytes=2 rios=3 wios=4 cost.usage=5 foo rbytes=x\n8:0 \n",
            &mut values,
        );
        assert_eq!((values.read_bytes, values.write_bytes), (Some(1001), Some(22)));
        assert_eq!((values.reads, values.writes), (Some(6), Some(8)));
        io_stat(b"", &mut values);
        assert_eq!((values.read_bytes, values.reads), (Some(0), Some(0)), "no I/O yet is none");
    }

    #[test]
    fn no_limit_is_absent() {
        let mut values = Values { pids_limit: Some(1), cpu_limit: Some(1.0), ..Values::default() };
        pids_max(b"max\n", &mut values);
        cpu_max(b"max 100000\n", &mut values);
        assert_eq!(values, Values::default());
        cpu_max(b"250000 100000\n", &mut values);
        assert_eq!(values.cpu_limit, Some(2.5));
    }

    #[test]
    fn pressure_is_the_total_and_old_kernels_have_no_full_line() {
        let mut values = Values::default();
        let some = b"some avg10=66.84 avg60=89.48 avg300=81.45 total=1268120173\n";
        io_pressure(some, &mut values);
        assert_eq!((values.io_some_ns, values.io_full_ns), (Some(1_268_120_173_000), None));
        let both = [&some[..], b"full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"].concat();
        memory_pressure(&both, &mut values);
        assert_eq!(values.memory_full_ns, Some(7_000));
    }

    #[test]
    fn nonsense_makes_nothing_panic() {
        let takes: [Take; 6] = [cpu_stat, cpu_max, memory_stat, io_stat, io_pressure, pids_max];
        for text in
            [&b""[..], b"\n\n", b"usage_usec", b"=", b"8:0 rbytes=", b"\xff 1", b"some total="]
        {
            let mut values = Values::default();
            takes.iter().for_each(|take| take(text, &mut values));
        }
    }
}
