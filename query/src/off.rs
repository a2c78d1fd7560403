//! Tables that are recorded only when they are asked for.

/// Each such table, and the source that has it.
const OFF_BY_DEFAULT: [(&str, &str); 21] = [
    ("bind", "bind"),
    ("ebpf_program", "ebpf_program"),
    ("file_open", "file_open"),
    ("function_latency", "function_latency"),
    ("mount", "mount"),
    ("slow_syscall", "slow_syscall"),
    ("softirq_duration", "softirq_latency"),
    ("softirq_latency", "softirq_latency"),
    ("stack_alloc", "stack_alloc"),
    ("stack_cache", "stack_cache"),
    ("stack_cpu", "stack_cpu"),
    ("stack_fault", "stack_fault"),
    ("stack_io", "stack_io"),
    ("stack_lock", "stack_lock"),
    ("stack_wait", "stack_wait"),
    ("syn_backlog", "syn_backlog"),
    ("syscall", "syscall"),
    ("syscall_latency", "syscall_latency"),
    ("tcp_accept_latency", "tcp_accept_latency"),
    ("tcp_event", "tcp_event"),
    ("timer", "timer"),
];

/// The source to switch on for `table`, where it is off by default.
pub fn source_to_switch_on(table: &str) -> Option<&'static str> {
    OFF_BY_DEFAULT.iter().find(|(name, _)| *name == table).map(|(_, source)| *source)
}

#[cfg(test)]
mod tests {
    use super::OFF_BY_DEFAULT;

    /// The document is made from what the recorder has.
    const TABLES: &str = include_str!("../../docs/tables.md");

    #[test]
    fn they_are_those_that_the_recorder_leaves_out() {
        let mut off = Vec::new();
        for line in TABLES.lines().filter(|line| line.contains(", off by default |")) {
            let mut cells = line.trim_matches(['|', ' ']).split(" | ");
            let source = cells.next().unwrap_or_default();
            let tables = cells.last().unwrap_or_default().split(", ");
            let names = tables.filter_map(|link| link.trim_start_matches('[').split(']').next());
            off.extend(names.map(|name| (name, source)));
        }
        off.sort_unstable();
        assert_eq!(off, OFF_BY_DEFAULT);
    }
}
