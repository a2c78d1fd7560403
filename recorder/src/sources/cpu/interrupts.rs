//! `/proc/interrupts`: how often each CPU was interrupted by what.

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::{Fields, leading_u64, lines, split_once, trim};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the table `interrupt`.
///
/// Every 10 s: the kernel prints some 11 bytes for each line and CPU, 60 µs of work on 2 CPUs but
/// 1.4 MB and several ms on 128 with a thousand lines. The time that each CPU spends in interrupts
/// is in the table `cpu` at a finer grain.
pub const SOURCE: Descriptor = Descriptor {
    name: "interrupts",
    reads: "/proc/interrupts",
    default_interval: Duration::from_secs(10),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

fn tables() -> Vec<Schema> {
    let doc = "How often each CPU served each interrupt since boot. A CPU that has never served \
               an interrupt has no row for it, because on a large machine nearly all pairs are \
               like that: where a row begins, the count before was 0. Counts that the kernel keeps \
               for the whole machine (ERR, MIS) stand under the first CPU.";
    let schema = Schema::sample("interrupt", "/proc/interrupts", doc)
        .key("irq", ColumnType::String, "number or abbreviation of the interrupt")
        .key("device", ColumnType::String, "what raises it: drivers, or the kernel's description")
        .key("cpu", ColumnType::U64, "number of the CPU")
        .counter("count", unit::COUNT, "interrupts served");
    vec![schema]
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let file = ProcFile::open(context.proc.join("interrupts"), Rendering::Lines)?;
    Ok(Box::new(Interrupts { file, cpus: Vec::new(), counts: Vec::new() }))
}

struct Interrupts {
    file: ProcFile,
    /// The CPUs of the header.
    cpus: Vec<u64>,
    /// The counts of one line.
    counts: Vec<u64>,
}

impl Source for Interrupts {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let Interrupts { file, cpus, counts } = self;
        let text = file.read()?;
        let time_ns = sink.time_ns();
        let mut lines = lines(text);
        cpus.clear();
        let mut header = Fields::new(lines.next().unwrap_or_default());
        while let Some(cpu) = header.word() {
            let number = cpu.strip_prefix(b"CPU").and_then(leading_u64);
            cpus.push(number.map_or(cpus.len() as u64, |(number, _)| number));
        }
        let table = sink.table(0);
        table.begin_sample(time_ns);
        for line in lines {
            let Some((irq, rest)) = split_once(line, b':') else { continue };
            let mut fields = Fields::new(rest);
            counts.clear();
            while counts.len() < cpus.len()
                && let Some(count) = fields.u64()
            {
                counts.push(count);
            }
            // When a CPU comes or goes while the file is read, the lines after that no longer fit
            // the header, and whose counts they hold is not known.
            if counts.len() != cpus.len() && counts.len() > 1 {
                continue;
            }
            let (irq, device) = (trim(irq), device(fields.rest()));
            for (cpu, count) in cpus.iter().zip(counts.iter()).filter(|(_, count)| **count > 0) {
                table.instance(|key| {
                    key.bytes(irq);
                    key.bytes(device);
                    key.u64(*cpu);
                });
                table.u64(*count);
            }
        }
        table.end_sample();
        Ok(())
    }
}

/// What raises an interrupt, out of what stands after its counts: the chip, the number there and
/// the trigger, two blanks, the drivers. Of the interrupts that belong to no device it is all a
/// description. Without a driver the line ends in blanks.
fn device(rest: &[u8]) -> &[u8] {
    if rest.ends_with(b" ") {
        return b"";
    }
    let gap = memchr::memmem::rfind(rest, b"  ");
    trim(gap.and_then(|at| rest.get(at..)).unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{SOURCE, device};
    use crate::source::Context;
    use crate::source::test_support::{assert_steady_state_allocates_nothing, context, sample_of};
    use std::collections::HashMap;
    use std::fmt::Write;

    /// The counts of `/proc/interrupts` in a plain way, by line and CPU.
    fn plainly() -> HashMap<(String, String), u64> {
        let text = std::fs::read_to_string("/proc/interrupts").unwrap();
        let mut lines = text.lines();
        let cpus: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        let mut counts = HashMap::new();
        for line in lines {
            let mut words = line.split_whitespace();
            let irq = words.next().unwrap().trim_end_matches(':');
            for (cpu, count) in cpus.iter().zip(words.map_while(|word| word.parse().ok())) {
                counts.insert((irq.to_owned(), cpu.trim_start_matches("CPU").to_owned()), count);
            }
        }
        counts
    }

    #[test]
    fn each_count_lies_between_reads_before_and_after_and_only_zeros_have_no_row() {
        let before = plainly();
        let table = sample_of(&SOURCE, &Context::default());
        let after = plainly();
        let ours: HashMap<(String, String), u64> = table
            .rows
            .iter()
            .map(|(keys, cells)| {
                let count = cells[0].to_string().parse().unwrap();
                ((keys[0].to_string(), keys[2].to_string()), count)
            })
            .collect();
        assert!(ours.keys().any(|(irq, _)| irq == "LOC" || irq.parse::<u32>().is_ok()));
        for (key, a) in &before {
            let (ours, b) = (ours.get(key).copied().unwrap_or(0), after[key]);
            assert!(*a <= ours && ours <= b, "{key:?}: {a} <= {ours} <= {b}");
        }
    }

    #[test]
    fn devices_are_found_in_the_lines_of_every_architecture() {
        let expected: [(&str, &str); 9] = [
            ("  IO-APIC   5-edge      ACPI:Ged", "ACPI:Ged"),
            (" PCI-MSIX-0000:00:01.0   0-edge      virtio0-config", "virtio0-config"),
            ("   PCI-MSI 512000-edge      ahci[0000:00:1f.2]", "ahci[0000:00:1f.2]"),
            ("  IO-APIC   16-fasteoi   ehci_hcd:usb1, i801_smbus", "ehci_hcd:usb1, i801_smbus"),
            ("     GICv3  27 Level     arch_timer", "arch_timer"),
            ("   Non-maskable interrupts", "Non-maskable interrupts"),
            ("  IO-APIC   9-edge    ", ""),
            ("", ""),
            (" one", "one"),
        ];
        for (rest, wanted) in expected {
            assert_eq!(str::from_utf8(device(rest.as_bytes())).unwrap(), wanted, "{rest:?}");
        }
    }

    #[test]
    fn of_256_cpus_those_that_never_served_an_interrupt_have_no_row() {
        let mut text = String::from("      ");
        (0..256).filter(|cpu| *cpu != 7).for_each(|cpu| write!(text, "CPU{cpu} ").unwrap());
        text += "\n 24:";
        (0..255).for_each(|at| write!(text, " {}", if at == 200 { 9 } else { 0 }).unwrap());
        text += "  PCI-MSI 1-edge      nvme0q1\nLOC:";
        (0..255).for_each(|at| write!(text, " {}", at + 1).unwrap());
        text += "   Local timer interrupts\nTHR:";
        (0..255).for_each(|_| text += " 0");
        text += "   Threshold APIC interrupts\nERR:          3\nMIS:          0\n";
        let (_dir, context) = context(&[("interrupts", &text)]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.rows.len(), 1 + 255 + 1);
        assert_eq!(table.u64(&["24", "nvme0q1", "201"], "count"), 9, "CPU 7 is offline");
        assert_eq!(table.u64(&["LOC", "Local timer interrupts", "255"], "count"), 255);
        assert_eq!(table.u64(&["ERR", "", "0"], "count"), 3, "a count of the whole machine");
    }

    #[test]
    fn lines_that_do_not_fit_the_header_belong_to_nobody() {
        let text = "   CPU0 CPU1 CPU2\n 1: 1 2 3  chip  a\n 2: 4 5  chip  b\nno colon\n 3:\n";
        let (_dir, context) = context(&[("interrupts", text)]);
        assert_eq!(sample_of(&SOURCE, &context).keys(), ["1 a 0", "1 a 1", "1 a 2"]);
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
