//! `/sys/devices/system/cpu/cpuN/{cpufreq,thermal_throttle}`: how fast each CPU runs, and how often
//! heat slowed it down (`Documentation/admin-guide/pm/cpufreq.rst`,
//! `Documentation/ABI/testing/sysfs-devices-system-cpu` of the kernel).

use crate::kernel_files::sysfs::{Attribute, AttributeReader, LIST_EVERY_NS, names};
use crate::kernel_files::text::{leading_u64, parse_u64};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The source of the table `cpu_frequency`.
pub const SOURCE: Descriptor = Descriptor {
    name: "cpu_frequency",
    reads: "/sys/devices/system/cpu/cpuN/cpufreq",
    default_interval: Duration::from_secs(10),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

fn tables() -> Vec<Schema> {
    let schema = Schema::sample(
        "cpu_frequency",
        "/sys/devices/system/cpu",
        "How fast each CPU runs, and how often heat slowed it down",
    );
    let throttles = "times that heat slowed down";
    vec![
        schema
            .key("cpu", ColumnType::U64, "number of the CPU")
            .gauge(
                "frequency_hz",
                ColumnType::U64,
                unit::HZ,
                "current frequency (scaling_cur_freq)",
            )
            .counter("core_throttles", unit::COUNT, format!("{throttles} its core"))
            .counter("package_throttles", unit::COUNT, format!("{throttles} its package")),
    ]
}

struct Cpu {
    number: u64,
    frequency_khz: Option<Attribute>,
    core_throttles: Option<Attribute>,
    package_throttles: Option<Attribute>,
}

struct Frequencies {
    cpus: Vec<Cpu>,
    base: PathBuf,
    reader: AttributeReader,
    list_at_ns: u64,
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let base = context.sys.join("devices/system/cpu");
    let cpus = list(&base);
    if cpus.is_empty() {
        return Err(SourceError::Unavailable {
            what: base.join("cpu*/cpufreq").display().to_string(),
            why: "no driver scales the frequency of these CPUs (virtual machines have none)"
                .to_owned(),
        });
    }
    Ok(Box::new(Frequencies { cpus, base, reader: AttributeReader::opening(), list_at_ns: 0 }))
}

impl Source for Frequencies {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let now_ns = sink.time_ns();
        if now_ns >= self.list_at_ns {
            self.cpus = list(&self.base);
            self.list_at_ns = now_ns + LIST_EVERY_NS;
        }
        let Frequencies { cpus, reader, .. } = self;
        let table = sink.table(0);
        table.begin_sample(now_ns);
        for cpu in cpus {
            table.instance(|key| key.u64(cpu.number));
            let mut read = |attribute: &mut Option<Attribute>| {
                attribute.as_mut().and_then(|attribute| reader.value(attribute, parse_u64))
            };
            let frequency_khz = read(&mut cpu.frequency_khz);
            table.opt_u64(frequency_khz.map(|khz| khz.saturating_mul(1_000)));
            table.opt_u64(read(&mut cpu.core_throttles));
            table.opt_u64(read(&mut cpu.package_throttles));
        }
        table.end_sample();
        Ok(())
    }
}

/// The CPUs of which something is known.
fn list(base: &Path) -> Vec<Cpu> {
    let cpu = |name: String| {
        let (number, []) = leading_u64(name.strip_prefix("cpu")?.as_bytes())? else { return None };
        let find = |path: &str| Attribute::find(base.join(&name).join(path));
        let cpu = Cpu {
            number,
            frequency_khz: find("cpufreq/scaling_cur_freq"),
            core_throttles: find("thermal_throttle/core_throttle_count"),
            package_throttles: find("thermal_throttle/package_throttle_count"),
        };
        (cpu.frequency_khz.is_some() || cpu.core_throttles.is_some()).then_some(cpu)
    };
    names(base).into_iter().filter_map(cpu).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::SOURCE;
    use crate::source::SourceError;
    use crate::source::test_support::{
        assert_steady_state_allocates_nothing_in, context, sample_of,
    };
    use nodemon_formats::Value;

    #[test]
    fn each_cpu_has_its_frequency_in_hertz() {
        let (_dir, context) = context(&[
            ("devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2400000\n"),
            ("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n"),
            ("devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "4\n"),
            ("devices/system/cpu/cpu11/cpufreq/scaling_cur_freq", "<unknown>\n"),
            ("devices/system/cpu/cpu2/cpufreq/scaling_cur_freq", "800000\n"),
            ("devices/system/cpu/cpu3/online", "0\n"),
            ("devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1\n"),
        ]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.keys(), ["0", "2", "11"]);
        assert_eq!(table.u64(&["0"], "frequency_hz"), 2_400_000_000);
        assert_eq!(table.u64(&["0"], "core_throttles"), 3);
        assert_eq!(table.u64(&["0"], "package_throttles"), 4);
        assert_eq!(table.value(&["2"], "core_throttles"), Value::Absent);
        assert_eq!(table.value(&["11"], "frequency_hz"), Value::Absent, "the driver does not know");
    }

    #[test]
    fn without_a_driver_it_is_unavailable() {
        let (_dir, context) = context(&[("devices/system/cpu/cpu0/online", "1\n")]);
        let error = (SOURCE.open)(&context).err().unwrap();
        assert!(matches!(&error, SourceError::Unavailable { .. }), "{error}");
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        let (_dir, context) =
            context(&[("devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2400000\n")]);
        assert_steady_state_allocates_nothing_in(&context, &SOURCE);
    }
}
