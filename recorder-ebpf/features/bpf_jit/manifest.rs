use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, object,
};

pub static FEATURE: Feature = Feature {
    name: "bpf_jit",
    reads: "bpf_jit_current, bpf_jit_limit",
    default_interval_ms: 10_000,
    object: object!("bpf_jit"),
    symbols: &[("bpf_jit_current", "bpf_jit_current"), ("bpf_jit_limit", "bpf_jit_limit")],
    hooks: &[Hook::needed(&[Attach::Iterator("read_figures", "bpf_prog")])],
    filters: SupportedFilters::NONE,
    tables: &[Table {
        name: "bpf_jit",
        doc: "Memory that the machine code of BPF programs takes: of eBPF, and of the filters of \
              sockets and of seccomp. Needs a kernel that has the addresses of variables in \
              /proc/kallsyms (CONFIG_KALLSYMS_ALL).",
        origin: Origin::Iterator("read_figures"),
        keys: &[],
        values: &[
            Column::gauge("allocated_bytes", Cell::U64, "bytes", "what it takes"),
            Column::gauge(
                "limit_bytes",
                Cell::U64,
                "bytes",
                "what it may take (net.core.bpf_jit_limit), of those without CAP_BPF",
            ),
        ],
    }],
    ..COMMON
};
