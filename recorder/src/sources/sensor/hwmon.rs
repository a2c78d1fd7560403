//! `/sys/class/hwmon` (`Documentation/hwmon/sysfs-interface.rst` of the kernel) and
//! `/sys/class/thermal` (`Documentation/driver-api/thermal/sysfs-api.rst`).

use super::kinds::{KINDS, Kind, tables};
use crate::kernel_files::sysfs::{Attribute, AttributeReader, LIST_EVERY_NS, names, text};
use crate::kernel_files::text::parse_i64;
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The source of the table `sensor`.
pub const SOURCE: Descriptor = Descriptor {
    name: "sensor",
    reads: "/sys/class/hwmon, /sys/class/thermal",
    default_interval: Duration::from_secs(10),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

/// What is measured at one place.
struct Place {
    chip: String,
    label: String,
    sensors: [Option<Attribute>; KINDS.len()],
}

struct Sensors {
    sys: PathBuf,
    places: Vec<Place>,
    reader: AttributeReader,
    list_at_ns: u64,
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let places = list(&context.sys);
    if places.is_empty() {
        return Err(SourceError::Unavailable {
            what: context.sys.join("class/hwmon").display().to_string(),
            why: "this machine shows no sensors (a virtual machine has none; on hardware, load \
                  the drivers that sensors-detect names)"
                .to_owned(),
        });
    }
    let reader = AttributeReader::opening();
    Ok(Box::new(Sensors { sys: context.sys.clone(), places, reader, list_at_ns: 0 }))
}

impl Source for Sensors {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let now_ns = sink.time_ns();
        if now_ns >= self.list_at_ns {
            self.places = list(&self.sys);
            self.list_at_ns = now_ns + LIST_EVERY_NS;
        }
        let Sensors { places, reader, .. } = self;
        let table = sink.table(0);
        table.begin_sample(now_ns);
        for Place { chip, label, sensors } in places {
            table.instance(|key| {
                key.str(chip);
                key.str(label);
            });
            for (kind, sensor) in KINDS.iter().zip(sensors) {
                let value = sensor.as_mut().and_then(|sensor| reader.value(sensor, parse_i64));
                match value {
                    Some(value) => table.f64(value as f64 / kind.divisor),
                    None => table.absent(),
                }
            }
        }
        table.end_sample();
        Ok(())
    }
}

/// Every place that has a sensor.
fn list(sys: &Path) -> Vec<Place> {
    let mut places = Vec::new();
    let hwmon = sys.join("class/hwmon");
    let mut chips: Vec<String> = Vec::new();
    for name in names(&hwmon) {
        let directory = hwmon.join(&name);
        let mut chip = chip_of(&directory, &name);
        // Several of one driver may be of one device.
        if chips.contains(&chip) {
            chip = format!("{chip} ({name})");
        }
        chips.push(chip.clone());
        for file in names(&directory) {
            for (kind, found) in KINDS.iter().enumerate() {
                let Some(number) = number_of(&directory, found, &file) else { continue };
                let sensor = format!("{}{number}", found.prefix);
                let label = text(&directory.join(format!("{sensor}_label")));
                let label = label.unwrap_or_else(|| sensor.clone());
                add(
                    &mut places,
                    &chip,
                    label,
                    &sensor,
                    kind,
                    Attribute::find(directory.join(&file)),
                );
            }
        }
    }
    let thermal = sys.join("class/thermal");
    for name in names(&thermal).into_iter().filter(|name| name.starts_with("thermal_zone")) {
        let directory = thermal.join(&name);
        // Most zones are shown as hwmon too, in a directory of their own.
        if names(&directory).iter().any(|name| name.starts_with("hwmon")) {
            continue;
        }
        let label = text(&directory.join("type")).unwrap_or_else(|| name.clone());
        add(&mut places, &name, label, "temp", 0, Attribute::find(directory.join("temp")));
    }
    places
}

/// Driver and device of a directory of hwmon.
fn chip_of(directory: &Path, name: &str) -> String {
    let driver = text(&directory.join("name")).unwrap_or_else(|| name.to_owned());
    let device = directory.join("device").canonicalize().ok();
    let device = device.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    format!("{driver}:{}", device.unwrap_or(name))
}

/// The number of the sensor of `kind` that `file` is: `3` for `temp3_input`. None for a file that
/// tells nothing beyond another one.
fn number_of<'a>(directory: &Path, kind: &Kind, file: &'a str) -> Option<&'a str> {
    let rest = file.strip_prefix(kind.prefix)?;
    let found = kind.suffixes.iter().position(|suffix| rest.ends_with(suffix))?;
    let number = rest.strip_suffix(kind.suffixes.get(found)?)?;
    let better = kind
        .suffixes
        .get(..found)?
        .iter()
        .any(|suffix| directory.join(format!("{}{number}{suffix}", kind.prefix)).exists());
    (!better && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// Puts a sensor into the row of its chip and label, or into one of its own where that has a
/// sensor of the kind.
fn add(
    places: &mut Vec<Place>,
    chip: &str,
    label: String,
    sensor: &str,
    kind: usize,
    attribute: Option<Attribute>,
) {
    let Some(attribute) = attribute else { return };
    let same = |place: &&mut Place| place.chip == chip && place.label == label;
    let shared = places.iter_mut().find(same).and_then(|place| place.sensors.get_mut(kind));
    let taken = match shared {
        Some(free @ None) => {
            *free = Some(attribute);
            return;
        }
        taken => taken.is_some(),
    };
    let label = if taken { format!("{label} ({sensor})") } else { label };
    let mut sensors = [const { None }; KINDS.len()];
    if let Some(place) = sensors.get_mut(kind) {
        *place = Some(attribute);
    }
    places.push(Place { chip: chip.to_owned(), label, sensors });
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
    fn every_kind_has_its_column_and_a_rail_has_one_row() {
        let (_dir, context) = context(&[
            ("class/hwmon/hwmon0/name", "k10temp\n"),
            ("class/hwmon/hwmon0/temp1_input", "45125\n"),
            ("class/hwmon/hwmon0/temp1_label", "Tctl\n"),
            ("class/hwmon/hwmon0/temp1_crit", "95000\n"),
            ("class/hwmon/hwmon0/temp2_input", "-5000\n"),
            ("class/hwmon/hwmon10/name", "ina\n"),
            ("class/hwmon/hwmon10/in1_input", "12034\n"),
            ("class/hwmon/hwmon10/in1_label", "rail\n"),
            ("class/hwmon/hwmon10/curr1_input", "1500\n"),
            ("class/hwmon/hwmon10/curr1_label", "rail\n"),
            ("class/hwmon/hwmon10/power1_input", "18050000\n"),
            ("class/hwmon/hwmon10/power1_average", "17000000\n"),
            ("class/hwmon/hwmon10/power1_label", "rail\n"),
            ("class/hwmon/hwmon10/power2_average", "1000000\n"),
            ("class/hwmon/hwmon10/fan1_input", "3200\n"),
            ("class/hwmon/hwmon10/fan2_input", "n/a\n"),
            ("class/hwmon/hwmon10/in2_input", "900\n"),
            ("class/hwmon/hwmon10/in2_label", "rail\n"),
            ("class/hwmon/hwmon10/intrusion0_alarm", "1\n"),
            ("class/thermal/thermal_zone0/type", "acpitz\n"),
            ("class/thermal/thermal_zone0/temp", "27800\n"),
            ("class/thermal/thermal_zone1/temp", "1000\n"),
            ("class/thermal/thermal_zone1/hwmon3/temp1_input", "1000\n"),
            ("class/thermal/cooling_device0/type", "fan\n"),
        ]);
        let table = sample_of(&SOURCE, &context);
        let value = |chip: &str, label: &str, column: &str| table.value(&[chip, label], column);
        for (chip, label, column, expected) in [
            ("k10temp:hwmon0", "Tctl", "temperature_celsius", 45.125),
            ("k10temp:hwmon0", "temp2", "temperature_celsius", -5.0),
            ("ina:hwmon10", "rail", "voltage_v", 12.034),
            ("ina:hwmon10", "rail", "current_a", 1.5),
            ("ina:hwmon10", "rail", "power_w", 18.05),
            ("ina:hwmon10", "power2", "power_w", 1.0),
            ("ina:hwmon10", "fan1", "fan_rpm", 3200.0),
            ("ina:hwmon10", "rail (in2)", "voltage_v", 0.9),
            ("thermal_zone0", "acpitz", "temperature_celsius", 27.8),
        ] {
            assert_eq!(value(chip, label, column), Value::F64(expected), "{chip} {label}");
        }
        assert_eq!(value("ina:hwmon10", "fan2", "fan_rpm"), Value::Absent, "no number");
        assert_eq!(value("k10temp:hwmon0", "Tctl", "fan_rpm"), Value::Absent);
        assert_eq!(table.rows.len(), 8, "{:?}", table.keys());
    }

    #[test]
    fn two_chips_of_a_kind_are_told_apart_by_their_devices() {
        let (dir, context) = context(&[
            ("class/hwmon/hwmon0/name", "nvme\n"),
            ("class/hwmon/hwmon0/temp1_input", "1000\n"),
            ("class/hwmon/hwmon1/name", "nvme\n"),
            ("class/hwmon/hwmon1/temp1_input", "2000\n"),
            ("devices/nvme0/x", ""),
            ("devices/nvme1/x", ""),
        ]);
        for number in 0..2 {
            let link = dir.path().join(format!("class/hwmon/hwmon{number}/device"));
            let device = dir.path().join(format!("devices/nvme{number}"));
            std::os::unix::fs::symlink(device, link).unwrap();
        }
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.keys(), ["nvme:nvme0 temp1", "nvme:nvme1 temp1"]);
    }

    #[test]
    fn chips_of_one_device_and_labels_that_come_again_have_rows_of_their_own() {
        let (dir, context) = context(&[
            ("class/hwmon/hwmon0/name", "mt7996\n"),
            ("class/hwmon/hwmon0/temp1_input", "1000\n"),
            ("class/hwmon/hwmon1/name", "mt7996\n"),
            ("class/hwmon/hwmon1/temp1_input", "2000\n"),
            ("class/hwmon/hwmon2/name", "mt7996\n"),
            ("class/hwmon/hwmon2/temp1_input", "3000\n"),
            ("class/hwmon/hwmon2/temp2_input", "4000\n"),
            ("class/hwmon/hwmon2/temp2_label", "Ambient\n"),
            ("class/hwmon/hwmon2/temp3_input", "5000\n"),
            ("class/hwmon/hwmon2/temp3_label", "Ambient\n"),
            ("class/hwmon/hwmon2/temp4_input", "6000\n"),
            ("class/hwmon/hwmon2/temp4_label", "Ambient\n"),
            ("devices/phy0/x", ""),
        ]);
        for number in 0..3 {
            let link = dir.path().join(format!("class/hwmon/hwmon{number}/device"));
            std::os::unix::fs::symlink(dir.path().join("devices/phy0"), link).unwrap();
        }
        let table = sample_of(&SOURCE, &context);
        assert_eq!(
            table.keys(),
            [
                "mt7996:phy0 temp1",
                "mt7996:phy0 (hwmon1) temp1",
                "mt7996:phy0 (hwmon2) temp1",
                "mt7996:phy0 (hwmon2) Ambient",
                "mt7996:phy0 (hwmon2) Ambient (temp3)",
                "mt7996:phy0 (hwmon2) Ambient (temp4)",
            ]
        );
    }

    #[test]
    fn without_sensors_it_is_unavailable() {
        let (_dir, context) = context(&[("class/thermal/cooling_device0/type", "fan\n")]);
        let error = (SOURCE.open)(&context).err().unwrap();
        assert!(matches!(&error, SourceError::Unavailable { .. }), "{error}");
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        let (_dir, context) = context(&[
            ("class/hwmon/hwmon0/name", "k10temp\n"),
            ("class/hwmon/hwmon0/temp1_input", "45125\n"),
        ]);
        assert_steady_state_allocates_nothing_in(&context, &SOURCE);
    }
}
