//! `/sys/devices/system/node` (`Documentation/ABI/stable/sysfs-devices-node` of the kernel): where
//! memory was given out, and what it is used for, node by node.

use crate::kernel_files::keyed::{Field, Row, with_fields};
use crate::kernel_files::sysfs::{Attribute, AttributeReader, LIST_EVERY_NS, names};
use crate::kernel_files::text::{Fields, leading_u64, lines};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Schema, Semantics};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The source of the table `numa`.
pub const SOURCE: Descriptor = Descriptor {
    name: "numa",
    reads: "/sys/devices/system/node",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

/// Files that are kept open: two for each of 64 nodes.
const KEPT_FILES: usize = 128;

/// The lines of `numastat`: what was given out where, in pages
/// (`Documentation/admin-guide/numastat.rst`).
const PAGES: [(&str, &str); 6] = [
    ("numa_hit", "pages given out here as intended"),
    ("numa_miss", "pages given out here though another node was preferred"),
    ("numa_foreign", "pages given out elsewhere though this node was preferred"),
    ("interleave_hit", "interleaved pages given out here as intended"),
    ("local_node", "pages given out here to tasks that ran here"),
    ("other_node", "pages given out here to tasks that ran on another node"),
];

/// The lines of `meminfo` that are in kB, and their columns.
const MEMORY: [(&str, &str, &str); 25] = [
    ("MemTotal", "mem_total_bytes", "memory of the node"),
    ("MemFree", "mem_free_bytes", "unused memory"),
    ("MemUsed", "mem_used_bytes", "the rest"),
    ("Active(anon)", "active_anon_bytes", "anonymous memory used recently"),
    ("Inactive(anon)", "inactive_anon_bytes", "anonymous memory not used recently"),
    ("Active(file)", "active_file_bytes", "page cache used recently"),
    ("Inactive(file)", "inactive_file_bytes", "page cache not used recently"),
    ("Unevictable", "unevictable_bytes", "memory that cannot be reclaimed"),
    ("Mlocked", "mlocked_bytes", "memory locked with mlock(2)"),
    ("Dirty", "dirty_bytes", "page cache to be written"),
    ("Writeback", "writeback_bytes", "page cache being written"),
    ("FilePages", "file_pages_bytes", "page cache, shared memory included"),
    ("Mapped", "mapped_bytes", "files mapped by processes"),
    ("AnonPages", "anon_pages_bytes", "anonymous memory mapped by processes"),
    ("Shmem", "shmem_bytes", "shared memory and tmpfs"),
    ("KernelStack", "kernel_stack_bytes", "kernel stacks of tasks"),
    ("PageTables", "page_tables_bytes", "page tables of processes"),
    ("SecPageTables", "sec_page_tables_bytes", "page tables of virtual machines and IOMMUs"),
    ("KReclaimable", "kreclaimable_bytes", "kernel memory reclaimed under pressure"),
    ("Slab", "slab_bytes", "caches of kernel objects"),
    ("SReclaimable", "sreclaimable_bytes", "of these, reclaimable"),
    ("SUnreclaim", "sunreclaim_bytes", "of these, not reclaimable"),
    ("AnonHugePages", "anon_huge_pages_bytes", "anonymous memory in transparent huge pages"),
    ("ShmemHugePages", "shmem_huge_pages_bytes", "shared memory in huge pages"),
    ("FileHugePages", "file_huge_pages_bytes", "page cache in huge pages"),
];

/// The lines of `meminfo` that count huge pages of the default size.
const HUGE_PAGES: [(&str, &str, &str); 3] = [
    ("HugePages_Total", "huge_pages_total", "huge pages of the default size"),
    ("HugePages_Free", "huge_pages_free", "of these, unused"),
    ("HugePages_Surp", "huge_pages_surp", "of these, beyond what was asked for"),
];

fn fields() -> Vec<Field> {
    let field = |name: &str, column: Column, scale| Field { name: name.into(), column, scale };
    let pages = PAGES.iter().map(|(name, doc)| {
        let counter = Semantics::Counter;
        field(name, Column::new(name, ColumnType::U64, counter, unit::COUNT, *doc), 1)
    });
    let gauge = |column: &str, unit, name, doc: &str| {
        let doc = format!("{doc} ({name})");
        Column::new(column, ColumnType::U64, Semantics::Gauge, unit, doc)
    };
    let memory = MEMORY.iter().map(|(name, column, doc)| {
        let mut column = gauge(column, unit::BYTES, name, doc);
        column.quantum = 1024;
        field(name, column, 1024)
    });
    let huge = HUGE_PAGES
        .iter()
        .map(|(name, column, doc)| field(name, gauge(column, unit::COUNT, name, doc), 1));
    pages.chain(memory).chain(huge).collect()
}

fn tables() -> Vec<Schema> {
    let schema = Schema::sample(
        "numa",
        "/sys/devices/system/node/nodeN/{numastat,meminfo}",
        "Where memory was given out, and what it is used for, by NUMA node",
    )
    .key("node", ColumnType::U64, "number of the node");
    vec![with_fields(schema, &fields())]
}

struct Node {
    number: u64,
    pages: Option<Attribute>,
    memory: Option<Attribute>,
}

struct Numa {
    base: PathBuf,
    nodes: Vec<Node>,
    reader: AttributeReader,
    row: Row,
    list_at_ns: u64,
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let base = context.sys.join("devices/system/node");
    if list(&base).is_empty() {
        return Err(SourceError::Unavailable {
            what: base.join("node*").display().to_string(),
            why: "this kernel was built without CONFIG_NUMA".to_owned(),
        });
    }
    let reader = AttributeReader::keeping(KEPT_FILES);
    Ok(Box::new(Numa { base, nodes: Vec::new(), reader, row: Row::new(&fields()), list_at_ns: 0 }))
}

impl Source for Numa {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let now_ns = sink.time_ns();
        if now_ns >= self.list_at_ns {
            self.nodes = list(&self.base);
            self.reader.start_over();
            self.list_at_ns = now_ns + LIST_EVERY_NS;
        }
        let Numa { nodes, reader, row, .. } = self;
        let table = sink.table(0);
        table.begin_sample(now_ns);
        for Node { number, pages, memory } in nodes {
            row.clear();
            let text = pages.as_mut().and_then(|pages| reader.read(pages).ok());
            for line in lines(text.unwrap_or_default()) {
                row.take(line);
            }
            let text = memory.as_mut().and_then(|memory| reader.read(memory).ok());
            for line in lines(text.unwrap_or_default()) {
                // `Node 0 MemTotal:  7563476 kB`
                let mut fields = Fields::new(line);
                fields.skip(2);
                row.take(fields.rest().trim_ascii_start());
            }
            table.instance(|key| key.u64(*number));
            row.push(table);
        }
        table.end_sample();
        Ok(())
    }
}

/// The nodes there are.
fn list(base: &Path) -> Vec<Node> {
    let node = |name: String| {
        let (number, []) = leading_u64(name.strip_prefix("node")?.as_bytes())? else { return None };
        let find = |file| Attribute::find(base.join(&name).join(file));
        Some(Node { number, pages: find("numastat"), memory: find("meminfo") })
    };
    names(base).into_iter().filter_map(node).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{HUGE_PAGES, MEMORY, PAGES, SOURCE};
    use crate::source::test_support::{assert_steady_state_allocates_nothing, context, sample_of};
    use crate::source::{Context, SourceError};
    use nodemon_formats::Value;

    #[test]
    fn every_line_has_its_column_on_every_node() {
        let pages: String =
            PAGES.iter().enumerate().map(|(at, (name, _))| format!("{name} {at}\n")).collect();
        let memory = |node: u64| {
            let kb = |(at, (name, ..)): (usize, &(&str, &str, &str))| {
                format!("Node {node} {name}:   {} kB\n", 100 + at)
            };
            let memory: String = MEMORY.iter().enumerate().map(kb).collect();
            let huge = HUGE_PAGES.iter().map(|(name, ..)| format!("Node {node} {name}:     5\n"));
            memory + "Node 0 SomethingNew:  9 kB\n" + &huge.collect::<String>()
        };
        let (_dir, context) = context(&[
            ("devices/system/node/node0/numastat", &pages),
            ("devices/system/node/node0/meminfo", &memory(0)),
            ("devices/system/node/node12/numastat", &pages),
            ("devices/system/node/node12/meminfo", &memory(12)),
            ("devices/system/node/node3/numastat", "numa_hit 7\n"),
            ("devices/system/node/power/control", "auto\n"),
        ]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.keys(), ["0", "3", "12"]);
        for node in ["0", "12"] {
            for (at, (column, _)) in PAGES.iter().enumerate() {
                assert_eq!(table.u64(&[node], column), at as u64, "{column}");
            }
            for (at, (_, column, _)) in MEMORY.iter().enumerate() {
                assert_eq!(table.u64(&[node], column), (100 + at as u64) * 1024, "{column}");
            }
            for (_, column, _) in HUGE_PAGES {
                assert_eq!(table.u64(&[node], column), 5, "{column}");
            }
        }
        assert_eq!(table.u64(&["3"], "numa_hit"), 7);
        assert_eq!(table.value(&["3"], "mem_free_bytes"), Value::Absent, "there is no such file");
    }

    #[test]
    fn the_nodes_of_this_machine_count_between_what_is_read_before_and_after() {
        let hits_of = |node: &str| {
            let path = format!("/sys/devices/system/node/node{node}/numastat");
            let text = std::fs::read_to_string(path).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("numa_hit ")).unwrap();
            line.parse::<u64>().unwrap()
        };
        let before = match (SOURCE.open)(&Context::default()) {
            Err(SourceError::Unavailable { .. }) => return,
            _ => hits_of("0"),
        };
        let table = sample_of(&SOURCE, &Context::default());
        let hits = table.u64(&["0"], "numa_hit");
        assert!(before <= hits && hits <= hits_of("0"), "{before} <= {hits}");
        for node in table.keys() {
            let bytes = |column| table.u64(&[&node], column);
            let (total, free) = (bytes("mem_total_bytes"), bytes("mem_free_bytes"));
            assert_eq!(bytes("mem_used_bytes"), total - free, "node {node}");
        }
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
