use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, object,
};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "timer",
    reads: "timer_start",
    default_on: false,
    object: object!("timer"),
    hooks: &[Hook::needed(&[Attach::Typed("started", "timer_start")])],
    sized: &["starts"],
    filters: SupportedFilters::NONE,
    tables: &[Table {
        name: "timer",
        doc: "Timers of the kernel that were started, by the function that they call; timers of \
              programs are others (hrtimers). Costs some 280 ns a timer, which a busy network \
              starts by the hundred thousand.",
        origin: Origin::Counters("starts"),
        keys: &[Column::decoded("function", Cell::U64, names::function, "that is to be called")],
        values: &[Column::counter("starts", "count", "times that such a timer was started")],
    }],
    ..COMMON
};
