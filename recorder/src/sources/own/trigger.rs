//! Which rules fired, as rows.

use crate::source::{Context, Descriptor, Feeding, Sink, Source, SourceError, SourceKind};
use crate::trigger::{Firing, TABLE, Triggers};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::sync::Arc;
use std::time::Duration;

/// The source of the table `trigger`.
pub const SOURCE: Descriptor = Descriptor {
    name: TABLE,
    reads: "rules of the configuration",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &|| vec![schema()],
    described: None,
    open: &|context| Ok(Box::new(Fired::new(context))),
};

fn schema() -> Schema {
    let text = ColumnType::String;
    let float = ColumnType::F64;
    Schema::event(
        TABLE,
        "rules of the configuration",
        "Which rules fired (docs/triggers.md), when the sample that decided was taken, and for how \
         long they raise the rates of sources.",
    )
    .key("rule", text, "its name, as in [trigger.NAME]")
    .state("is_extended", ColumnType::Bool, "it had fired before and holds on: rates stay raised")
    .state("table", text, "the table that it looks at")
    .state("column", text, "the column; empty where it counts rows")
    .state("instance", text, "the row that decided, by its keys; empty where there is only one")
    .gauge("value", float, unit::NONE, "what it was there; of a counter the rate a second")
    .gauge("threshold", float, unit::NONE, "what it was to be above, or below")
    .state("unit", text, "the unit of both; percent of the time for counters of ns")
    .gauge("held_ns", ColumnType::U64, unit::NS, "for how long it had been so")
    .gauge("raised_ns", ColumnType::U64, unit::NS, "for how long rates are raised from then on")
    .state("raises", text, "the sources whose rates are raised")
}

struct Fired {
    triggers: Arc<Triggers>,
    every: Duration,
    /// Time of the newest row: no two have the same.
    last_ns: u64,
}

impl Fired {
    fn new(context: &Context) -> Fired {
        Fired { triggers: context.triggers.clone(), every: context.asked.interval, last_ns: 0 }
    }

    fn put(&mut self, firing: &Firing, sink: &mut Sink) {
        self.last_ns = firing.time_ns.max(self.last_ns + 1);
        let rule = &firing.rule;
        let lasts_ns = firing.until_ns.saturating_sub(firing.time_ns);
        let table = sink.table(0);
        table.begin_event(self.last_ns);
        table.str(&rule.name);
        table.bool(firing.is_extended);
        table.str(&rule.table);
        table.str(rule.column.as_deref().unwrap_or_default());
        table.str(&firing.instance);
        table.f64(firing.value);
        table.f64(firing.threshold);
        table.str(&firing.unit);
        table.u64(firing.time_ns.saturating_sub(firing.since_ns));
        table.u64(if rule.raises.is_empty() { 0 } else { lasts_ns });
        table.str(&rule.raises.join(" "));
        table.end_event();
    }
}

impl Source for Fired {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        for firing in self.triggers.take_waiting() {
            self.put(&firing, sink);
        }
        Ok(())
    }

    fn feeding(&self) -> Option<Feeding> {
        Some(Feeding { tables: vec![schema()], every: self.every, drains: true })
    }
}
