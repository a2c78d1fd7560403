//! `/sys/class/infiniband` (`Documentation/ABI/stable/sysfs-class-infiniband` of the kernel): the
//! ports of RDMA devices, InfiniBand and RoCE alike.

mod table;

use crate::kernel_files::sysfs::{Attribute, AttributeReader, LIST_EVERY_NS, names};
use crate::kernel_files::text::{Fields, parse_f64, parse_u64, split_once};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::narrow::whole;
use nodemon_formats::schema::unit::BYTES;
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::{COUNTERS, WORD_BYTES};

/// The source of the tables `infiniband` and `infiniband_hw`.
pub const SOURCE: Descriptor = Descriptor {
    name: "infiniband",
    reads: "/sys/class/infiniband",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &table::tables,
    described: None,
    open: &open,
};

/// Attributes that are kept open at most: those of about ten ports.
const KEPT_ATTRIBUTES: usize = 512;

struct Port {
    device: String,
    number: u64,
    /// What describes the port; a device as a whole has none of it.
    standard: Option<Standard>,
    /// By name.
    hardware: Vec<(String, Attribute)>,
}

struct Standard {
    state: Option<Attribute>,
    physical_state: Option<Attribute>,
    link_layer: Option<Attribute>,
    rate: Option<Attribute>,
    counters: [Option<Attribute>; COUNTERS.len()],
}

struct Infiniband {
    base: PathBuf,
    ports: Vec<Port>,
    reader: AttributeReader,
    list_at_ns: u64,
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let base = context.sys.join("class/infiniband");
    if names(&base).is_empty() {
        return Err(SourceError::Unavailable {
            what: base.display().to_string(),
            why: "there is no RDMA device, or its driver is not loaded".to_owned(),
        });
    }
    let reader = AttributeReader::keeping(KEPT_ATTRIBUTES);
    Ok(Box::new(Infiniband { base, ports: Vec::new(), reader, list_at_ns: 0 }))
}

impl Source for Infiniband {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let now_ns = sink.time_ns();
        if now_ns >= self.list_at_ns {
            self.ports = list(&self.base);
            self.reader.start_over();
            self.list_at_ns = now_ns + LIST_EVERY_NS;
        }
        let Infiniband { ports, reader, .. } = self;
        let table = sink.table(0);
        table.begin_sample(now_ns);
        for Port { device, number, standard, .. } in ports.iter_mut() {
            let Some(standard) = standard else { continue };
            table.instance(|key| {
                key.str(device);
                key.u64(*number);
            });
            let Standard { state, physical_state, link_layer, rate, counters } = standard;
            for attribute in [state, physical_state, link_layer] {
                let text = attribute.as_mut().and_then(|attribute| reader.read(attribute).ok());
                match text {
                    Some(text) => table.bytes(after_number(text)),
                    None => table.absent(),
                }
            }
            let rate = rate.as_mut().and_then(|rate| reader.value(rate, bits_per_second));
            table.opt_u64(rate);
            for ((_, _, unit, _), counter) in COUNTERS.iter().zip(counters) {
                let value = counter.as_mut().and_then(|counter| reader.value(counter, parse_u64));
                let scale = if *unit == BYTES { WORD_BYTES } else { 1 };
                table.opt_u64(value.map(|value| value.wrapping_mul(scale)));
            }
        }
        table.end_sample();
        let time_ns = sink.time_ns();
        let table = sink.table(1);
        table.begin_sample(time_ns);
        for Port { device, number, hardware, .. } in ports {
            for (name, counter) in hardware {
                table.instance(|key| {
                    key.str(device);
                    key.u64(*number);
                    key.str(name);
                });
                table.opt_u64(reader.value(counter, parse_u64));
            }
        }
        table.end_sample();
        Ok(())
    }
}

/// `ACTIVE` of `4: ACTIVE`.
fn after_number(text: &[u8]) -> &[u8] {
    split_once(text, b':').map_or(text, |(_, name)| name.trim_ascii())
}

/// The number of `100 Gb/sec (4X EDR)`.
fn bits_per_second(text: &[u8]) -> Option<u64> {
    let gigabits = parse_f64(Fields::new(text).word()?)?;
    Some(whole(gigabits * 1e9))
}

/// Every port, and every device that counts as a whole.
fn list(base: &Path) -> Vec<Port> {
    let mut ports = Vec::new();
    for device in names(base) {
        let directory = base.join(&device);
        let whole = hardware(&directory.join("hw_counters"));
        if !whole.is_empty() {
            let device = device.clone();
            ports.push(Port { device, number: 0, standard: None, hardware: whole });
        }
        for number in names(&directory.join("ports")) {
            let directory = directory.join("ports").join(&number);
            let Some(number) = parse_u64(number.as_bytes()) else { continue };
            let find = |name: &str| Attribute::find(directory.join(name));
            let counter = |name| Attribute::find(directory.join("counters").join(name));
            let standard = Standard {
                state: find("state"),
                physical_state: find("phys_state"),
                link_layer: find("link_layer"),
                rate: find("rate"),
                counters: COUNTERS.map(|(name, ..)| counter(name)),
            };
            ports.push(Port {
                device: device.clone(),
                number,
                standard: Some(standard),
                hardware: hardware(&directory.join("hw_counters")),
            });
        }
    }
    ports
}

/// What the hardware counts; `lifespan` says how old the numbers may be.
fn hardware(directory: &Path) -> Vec<(String, Attribute)> {
    let counters = names(directory).into_iter().filter(|name| name != "lifespan");
    counters
        .filter_map(|name| Some((name.clone(), Attribute::find(directory.join(name))?)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{COUNTERS, SOURCE, bits_per_second};
    use crate::source::test_support::{assert_steady_state_allocates_nothing_in, context, sample};
    use crate::source::{Context, SourceError};
    use nodemon_formats::Value;
    use tempfile::TempDir;

    fn device() -> (TempDir, Context) {
        let port = "class/infiniband/mlx5_0/ports/1";
        let mut files = vec![
            ("class/infiniband/mlx5_0/node_type".to_owned(), "1: CA\n".to_owned()),
            (format!("{port}/state"), "4: ACTIVE\n".to_owned()),
            (format!("{port}/phys_state"), "5: LinkUp\n".to_owned()),
            (format!("{port}/link_layer"), "InfiniBand\n".to_owned()),
            (format!("{port}/rate"), "100 Gb/sec (4X EDR)\n".to_owned()),
            (format!("{port}/hw_counters/lifespan"), "10\n".to_owned()),
            (format!("{port}/hw_counters/out_of_sequence"), "7\n".to_owned()),
            (format!("{port}/hw_counters/np_cnp_sent"), "8\n".to_owned()),
            ("class/infiniband/efa_0/ports/1/state".to_owned(), "1: DOWN\n".to_owned()),
            ("class/infiniband/efa_0/hw_counters/rx_drops".to_owned(), "9\n".to_owned()),
        ];
        for (at, (name, ..)) in COUNTERS.iter().enumerate() {
            files.push((format!("{port}/counters/{name}"), format!("{}\n", 100 + at)));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (&path[..], &text[..])).collect();
        context(&files)
    }

    #[test]
    fn every_counter_has_its_column_and_words_are_bytes() {
        let (_dir, context) = device();
        let mut source = (SOURCE.open)(&context).unwrap();
        let tables = sample(source.as_mut(), &(SOURCE.tables)()).unwrap();
        let [ports, hardware] = &tables[..] else { panic!("two tables") };
        assert_eq!(ports.keys(), ["efa_0 1", "mlx5_0 1"]);
        let key = ["mlx5_0", "1"];
        for (column, expected) in
            [("state", "ACTIVE"), ("physical_state", "LinkUp"), ("link_layer", "InfiniBand")]
        {
            assert_eq!(ports.value(&key, column), Value::String(expected.into()));
        }
        assert_eq!(ports.u64(&key, "rate_bit_per_s"), 100_000_000_000);
        for (at, (_, column, ..)) in COUNTERS.iter().enumerate() {
            let scale = if column.ends_with("_bytes") { 4 } else { 1 };
            assert_eq!(ports.u64(&key, column), (100 + at as u64) * scale, "{column}");
        }
        assert_eq!(ports.value(&["efa_0", "1"], "rx_bytes"), Value::Absent);
        let counted = ["efa_0 0 rx_drops", "mlx5_0 1 np_cnp_sent", "mlx5_0 1 out_of_sequence"];
        assert_eq!(hardware.keys(), counted);
        assert_eq!(hardware.u64(&["mlx5_0", "1", "out_of_sequence"], "value"), 7);
        assert_eq!(hardware.u64(&["efa_0", "0", "rx_drops"], "value"), 9);
    }

    #[test]
    fn a_port_that_goes_down_shows_in_the_next_sample() {
        let (dir, context) = device();
        let mut source = (SOURCE.open)(&context).unwrap();
        let mut state = || {
            let tables = sample(source.as_mut(), &(SOURCE.tables)()).unwrap();
            tables[0].value(&["mlx5_0", "1"], "state").to_string()
        };
        assert_eq!(state(), "ACTIVE");
        let path = dir.path().join("class/infiniband/mlx5_0/ports/1/state");
        std::fs::write(path, "1: DOWN\n").unwrap();
        assert_eq!(state(), "DOWN");
    }

    #[test]
    fn rates_are_read_with_their_fractions() {
        assert_eq!(bits_per_second(b"2.5 Gb/sec (1X SDR)"), Some(2_500_000_000));
        assert_eq!(bits_per_second(b"400 Gb/sec (4X NDR)"), Some(400_000_000_000));
        assert_eq!(bits_per_second(b""), None);
    }

    #[test]
    fn without_a_device_it_is_unavailable() {
        let (_dir, context) = context(&[]);
        let error = (SOURCE.open)(&context).err().unwrap();
        assert!(matches!(&error, SourceError::Unavailable { .. }), "{error}");
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        let (_dir, context) = device();
        assert_steady_state_allocates_nothing_in(&context, &SOURCE);
    }
}
