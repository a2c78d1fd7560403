//! The table `sensor`: the kinds of sensors there are.

use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};

/// A kind of sensor: how its files are called, its column, the kernel's unit.
pub struct Kind {
    /// What the names of its files begin with.
    pub prefix: &'static str,
    /// What they end with, the best first.
    pub suffixes: &'static [&'static str],
    /// Its column.
    pub column: &'static str,
    /// The unit of that.
    pub unit: &'static str,
    /// How many of the kernel's units make one of the column's.
    pub divisor: f64,
    /// What it is.
    pub doc: &'static str,
}

/// The kinds, in the order of the columns.
pub const KINDS: [Kind; 5] = [
    Kind {
        prefix: "temp",
        suffixes: &["_input"],
        column: "temperature_celsius",
        unit: unit::CELSIUS,
        divisor: 1e3,
        doc: "temperature (tempN_input; thermal_zoneN/temp)",
    },
    Kind {
        prefix: "fan",
        suffixes: &["_input"],
        column: "fan_rpm",
        unit: unit::RPM,
        divisor: 1.0,
        doc: "speed of a fan (fanN_input)",
    },
    Kind {
        prefix: "in",
        suffixes: &["_input"],
        column: "voltage_v",
        unit: unit::VOLT,
        divisor: 1e3,
        doc: "voltage (inN_input)",
    },
    Kind {
        prefix: "power",
        suffixes: &["_input", "_average"],
        column: "power_w",
        unit: unit::WATT,
        divisor: 1e6,
        doc: "power, or its average where the device gives no other (powerN_input, powerN_average)",
    },
    Kind {
        prefix: "curr",
        suffixes: &["_input"],
        column: "current_a",
        unit: unit::AMPERE,
        divisor: 1e3,
        doc: "current (currN_input)",
    },
];

/// The schema.
pub fn tables() -> Vec<Schema> {
    let schema = Schema::sample(
        "sensor",
        "/sys/class/hwmon, /sys/class/thermal",
        "What sensors measure. Each row has a value in the columns of what its sensors are; those \
         that share a label (the voltage and the current of one rail) share a row.",
    )
    .key("chip", ColumnType::String, "driver and device, nvme:nvme0; or the thermal zone")
    .key(
        "label",
        ColumnType::String,
        "what is measured, as the driver calls it, or its number",
    );
    let add = |schema: Schema, kind: &Kind| {
        schema.gauge(kind.column, ColumnType::F64, kind.unit, kind.doc)
    };
    vec![KINDS.iter().fold(schema, add)]
}
