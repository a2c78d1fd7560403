//! `/sys/class/powercap` (`Documentation/power/powercap/powercap.rst` of the kernel): the energy
//! that packages, cores and memory have used, as RAPL counts it. Only root may read it, since it
//! tells too much of what others compute (CVE-2020-8694).

use crate::kernel_files::sysfs::{Attribute, AttributeReader, LIST_EVERY_NS, names, text};
use crate::kernel_files::text::parse_u64;
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The source of the table `energy`.
pub const SOURCE: Descriptor = Descriptor {
    name: "energy",
    reads: "/sys/class/powercap",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

/// Counters that are kept open: more than a machine of eight packages has.
const KEPT_COUNTERS: usize = 64;

fn tables() -> Vec<Schema> {
    let schema = Schema::sample(
        "energy",
        "/sys/class/powercap",
        "Energy used by each domain of RAPL. The hardware's counters wrap every few minutes to \
         hours; this one goes on where they wrapped, and begins anew where they did.",
    );
    vec![schema.key("domain", ColumnType::String, "package-0, package-0/dram, psys, ...").counter(
        "energy_uj",
        unit::UJ,
        "energy (energy_uj)",
    )]
}

struct Domain {
    name: String,
    counter: Attribute,
    /// Where the hardware's counter wraps.
    range_uj: u64,
    /// What it said last, and what that is without wrapping.
    last_uj: Option<u64>,
    total_uj: u64,
}

struct Energy {
    base: PathBuf,
    domains: Vec<Domain>,
    reader: AttributeReader,
    list_at_ns: u64,
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let base = context.sys.join("class/powercap");
    let mut domains = list(&base);
    let mut reader = AttributeReader::keeping(KEPT_COUNTERS);
    let Some(first) = domains.first_mut() else {
        return Err(SourceError::Unavailable {
            what: base.join("*/energy_uj").display().to_string(),
            why: "this machine shows no energy counters (virtual machines have none; on hardware, \
                  load intel_rapl_msr)"
                .to_owned(),
        });
    };
    if let Err(error) = reader.read(&mut first.counter)
        && error.kind() == std::io::ErrorKind::PermissionDenied
    {
        return Err(SourceError::Unavailable {
            what: first.counter.path().display().to_string(),
            why: "only root may read energy counters: run the recorder as root".to_owned(),
        });
    }
    Ok(Box::new(Energy { base, domains, reader, list_at_ns: 0 }))
}

impl Source for Energy {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let now_ns = sink.time_ns();
        if now_ns >= self.list_at_ns {
            self.list_again();
            self.list_at_ns = now_ns + LIST_EVERY_NS;
        }
        let Energy { domains, reader, .. } = self;
        let table = sink.table(0);
        table.begin_sample(now_ns);
        for domain in domains {
            table.instance(|key| key.str(&domain.name));
            let now_uj = reader.value(&mut domain.counter, parse_u64);
            table.opt_u64(now_uj.map(|now_uj| domain.follow(now_uj)));
        }
        table.end_sample();
        Ok(())
    }
}

impl Energy {
    /// Takes up domains that are new, and keeps what is known of the others.
    fn list_again(&mut self) {
        let new = list(&self.base);
        if !new.iter().map(|domain| &domain.name).eq(self.domains.iter().map(|known| &known.name)) {
            self.domains = new;
            self.reader.start_over();
        }
    }
}

impl Domain {
    /// What the counter is without wrapping, now that it says `now_uj`. One that fell from anywhere
    /// but near the end of its range did not wrap: it began anew (the machine slept, the driver was
    /// loaded again), and so does this one.
    fn follow(&mut self, now_uj: u64) -> u64 {
        let near_uj = self.range_uj / 4;
        let has_wrapped =
            |last_uj: u64| near_uj > 0 && last_uj >= self.range_uj - near_uj && now_uj <= near_uj;
        self.total_uj = match self.last_uj {
            Some(last_uj) if now_uj >= last_uj => self.total_uj.saturating_add(now_uj - last_uj),
            Some(last_uj) if has_wrapped(last_uj) => {
                let grown_uj = self.range_uj.saturating_sub(last_uj).saturating_add(now_uj);
                self.total_uj.saturating_add(grown_uj)
            }
            _ => now_uj,
        };
        self.last_uj = Some(now_uj);
        self.total_uj
    }
}

/// Every zone that counts energy. A zone within another is called after both.
fn list(base: &Path) -> Vec<Domain> {
    let mut domains: Vec<Domain> = Vec::new();
    for zone in names(base) {
        let directory = base.join(&zone);
        let Some(counter) = Attribute::find(directory.join("energy_uj")) else { continue };
        let range_uj = text(&directory.join("max_energy_range_uj"));
        let range_uj = range_uj.and_then(|range| parse_u64(range.as_bytes())).unwrap_or(0);
        let name = name_of(base, &zone);
        let taken = domains.iter().any(|domain| domain.name == name);
        let name = if taken { format!("{name} ({zone})") } else { name };
        domains.push(Domain { name, counter, range_uj, last_uj: None, total_uj: 0 });
    }
    domains
}

/// `intel-rapl:0:1` is `package-0/dram`; the same counters read in another way are told apart by
/// it: `intel-rapl-mmio package-0`.
fn name_of(base: &Path, zone: &str) -> String {
    let name = text(&base.join(zone).join("name")).unwrap_or_else(|| zone.to_owned());
    match zone.rsplit_once(':') {
        Some((parent, _)) if parent.contains(':') => format!("{}/{name}", name_of(base, parent)),
        Some((way, _)) if way != "intel-rapl" => format!("{way} {name}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::SOURCE;
    use crate::source::test_support::{
        assert_steady_state_allocates_nothing_in, context, sample, sample_of,
    };
    use crate::source::{Source, SourceError};

    const RAPL: [(&str, &str); 12] = [
        ("class/powercap/intel-rapl/enabled", "1\n"),
        ("class/powercap/intel-rapl:0/name", "package-0\n"),
        ("class/powercap/intel-rapl:0/energy_uj", "900\n"),
        ("class/powercap/intel-rapl:0/max_energy_range_uj", "1000\n"),
        ("class/powercap/intel-rapl:0:0/name", "core\n"),
        ("class/powercap/intel-rapl:0:0/energy_uj", "20\n"),
        ("class/powercap/intel-rapl:1/name", "package-1\n"),
        ("class/powercap/intel-rapl:1/energy_uj", "30\n"),
        ("class/powercap/intel-rapl:1:0/name", "core\n"),
        ("class/powercap/intel-rapl:1:0/energy_uj", "40\n"),
        ("class/powercap/intel-rapl-mmio:0/name", "package-0\n"),
        ("class/powercap/intel-rapl-mmio:0/energy_uj", "50\n"),
    ];

    #[test]
    fn every_zone_is_a_domain_called_after_where_it_is() {
        let (_dir, context) = context(&RAPL);
        let table = sample_of(&SOURCE, &context);
        let mut domains = table.keys();
        domains.sort();
        let expected = [
            "intel-rapl-mmio package-0",
            "package-0",
            "package-0/core",
            "package-1",
            "package-1/core",
        ];
        assert_eq!(domains, expected);
        assert_eq!(table.u64(&["package-1/core"], "energy_uj"), 40);
    }

    #[test]
    fn a_counter_that_wraps_goes_on_and_one_that_starts_over_does_not_jump() {
        let (dir, context) = context(&RAPL);
        let mut source = (SOURCE.open)(&context).unwrap();
        let told = |source: &mut dyn Source, hardware: u64| {
            let path = dir.path().join("class/powercap/intel-rapl:0/energy_uj");
            std::fs::write(path, format!("{hardware}\n")).unwrap();
            let tables = sample(source, &(SOURCE.tables)()).unwrap();
            tables[0].u64(&["package-0"], "energy_uj")
        };
        let told: Vec<u64> =
            [900, 990, 10, 500, 40, 60, 800, 5].map(|now| told(source.as_mut(), now)).to_vec();
        assert_eq!(told, [900, 990, 1010, 1500, 40, 60, 800, 1005]);
        // Nobody says where it wraps.
        let told = |source: &mut dyn Source, hardware: u64| {
            let path = dir.path().join("class/powercap/intel-rapl:1/energy_uj");
            std::fs::write(path, format!("{hardware}\n")).unwrap();
            let tables = sample(source, &(SOURCE.tables)()).unwrap();
            tables[0].u64(&["package-1"], "energy_uj")
        };
        let told: Vec<u64> = [30, 50, 20].map(|now| told(source.as_mut(), now)).to_vec();
        assert_eq!(told, [30, 50, 20]);
    }

    #[test]
    fn without_counters_it_is_unavailable() {
        let (_dir, context) = context(&RAPL[..2]);
        let error = (SOURCE.open)(&context).err().unwrap();
        assert!(matches!(&error, SourceError::Unavailable { .. }), "{error}");
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        let (_dir, context) = context(&RAPL);
        assert_steady_state_allocates_nothing_in(&context, &SOURCE);
    }
}
