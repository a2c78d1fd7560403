//! Functions as lines of a list.

use super::functions::Function;
use crate::listing::show_many;
use crate::stacks::measure::{Unit, percent};
use crate::stacks::page::{Page, fit};
use crate::stacks::profile::Call;
use nodemon_formats::text::printable;
use std::collections::BTreeMap;

/// The most characters of a module.
const WIDEST_MODULE: usize = 16;
/// A function has at least so many.
const LEAST_FUNCTION: usize = 16;
/// Where a line may be as long as it is, functions longer than this push their modules aside.
const WIDEST_FUNCTION: usize = 60;

/// Writes the first `limit` functions of a profile that is `all` in a `unit`.
pub fn list(
    found: &[Function<'_>],
    (limit, all, unit): (usize, u64, Unit),
    page: &Page,
    text: &mut String,
) {
    let shown = &found[..found.len().min(limit)];
    let names = Names::new(shown.iter().map(|function| function.call), page, FIGURES_WIDTH);
    let seconds = unit.heading();
    let figures = |own: &str, total: &str, own_weight: &str, total_weight: &str| {
        format!("{own:>6} {total:>6} {own_weight:>9} {total_weight:>9}")
    };
    let heading = figures("self", "total", &format!("self{seconds}"), &format!("total{seconds}"));
    page.heading(&names.line(&heading, "function", "module"), text);
    for function in shown {
        let figures = figures(
            &format!("{:.1}%", percent(function.own, all)),
            &format!("{:.1}%", percent(function.total, all)),
            &unit.cell(function.own),
            &unit.cell(function.total),
        );
        names.put(&figures, function.call, text);
    }
    more(found.len() - shown.len(), page, text);
}

/// What [`list`] writes before the name.
const FIGURES_WIDTH: usize = 6 + 1 + 6 + 1 + 9 + 1 + 9;

/// How much of a profile a function has, in percent, and how much it had of another.
pub struct Change<'a> {
    call: &'a Call,
    own: (f64, f64),
    total: (f64, f64),
}

impl<'a> Change<'a> {
    /// Those of all functions of two profiles, each with what it is in all; most changed first.
    pub fn all(
        (now, all_now): (Vec<Function<'a>>, u64),
        (before, all_before): (Vec<Function<'a>>, u64),
    ) -> Vec<Change<'a>> {
        let key = |function: &Function<'a>| (&*function.call.name, &*function.call.module);
        let mut changes: BTreeMap<(&str, &str), Change<'a>> = BTreeMap::new();
        let fresh = |call| Change { call, own: (0.0, 0.0), total: (0.0, 0.0) };
        for function in &now {
            let change = changes.entry(key(function)).or_insert_with(|| fresh(function.call));
            change.own.0 += percent(function.own, all_now);
            change.total.0 += percent(function.total, all_now);
        }
        for function in &before {
            let change = changes.entry(key(function)).or_insert_with(|| fresh(function.call));
            change.own.1 += percent(function.own, all_before);
            change.total.1 += percent(function.total, all_before);
        }
        let mut changes: Vec<Change<'a>> = changes.into_values().collect();
        let moved = |(now, before): (f64, f64)| (now - before).abs();
        changes.sort_by(|a, b| {
            let by_own = moved(b.own).total_cmp(&moved(a.own));
            by_own.then(moved(b.total).total_cmp(&moved(a.total)))
        });
        changes
    }
}

/// Writes the first `limit` changes.
pub fn changes(found: &[Change<'_>], limit: usize, page: &Page, text: &mut String) {
    let shown = &found[..found.len().min(limit)];
    let names = Names::new(shown.iter().map(|change| change.call), page, CHANGES_WIDTH);
    let figures = |own: [&str; 3], total: [&str; 3]| {
        let three = |[now, before, change]: [&str; 3]| format!("{now:>6} {before:>6} {change:>6}");
        format!("{} {}", three(own), three(total))
    };
    let heading = figures(["self", "before", "change"], ["total", "before", "change"]);
    page.heading(&names.line(&heading, "function", "module"), text);
    let three = |(now, before): (f64, f64)| {
        [format!("{now:.1}%"), format!("{before:.1}%"), format!("{:+.1}", now - before)]
    };
    for change in shown {
        let (own, total) = (three(change.own), three(change.total));
        let figures =
            figures(own.each_ref().map(String::as_str), total.each_ref().map(String::as_str));
        names.put(&figures, change.call, text);
    }
    more(found.len() - shown.len(), page, text);
}

/// What [`changes`] writes before the name.
const CHANGES_WIDTH: usize = 6 * 7 - 1;

fn more(functions: usize, page: &Page, text: &mut String) {
    if functions > 0 {
        let more = show_many(functions as u64, "more function");
        page.head(&format!("{more}; --limit N shows more"), text);
    }
}

/// How wide functions and modules are.
struct Names {
    function: usize,
    module: usize,
    /// Whether what is wider is cut.
    is_cut: bool,
}

impl Names {
    fn new<'a>(calls: impl Iterator<Item = &'a Call>, page: &Page, before: usize) -> Names {
        let (mut function, mut module) = ("function".len(), "module".len());
        for call in calls {
            function = function.max(printable(&call.name).chars().count());
            module = module.max(printable(call.short_module()).chars().count());
        }
        let Some(room) = page.room else {
            return Names { function: function.min(WIDEST_FUNCTION), module: 0, is_cut: false };
        };
        let module = module.min(WIDEST_MODULE);
        let left = room.saturating_sub(before + 2 * GUTTER + module);
        Names { function: function.min(left.max(LEAST_FUNCTION)), module, is_cut: true }
    }

    fn put(&self, figures: &str, call: &Call, text: &mut String) {
        let (function, module) = (printable(&call.name), printable(call.short_module()));
        text.push_str(self.line(figures, &function, &module).trim_end());
        text.push('\n');
    }

    fn line(&self, figures: &str, function: &str, module: &str) -> String {
        let width = self.function;
        let (function, module) = match self.is_cut {
            true => (fit(function, width), fit(module, self.module)),
            false => (function.to_owned(), module.to_owned()),
        };
        format!("{figures}  {function:width$}  {module}")
    }
}

/// Between figures, function and module.
const GUTTER: usize = 2;
