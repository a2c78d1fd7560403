//! Which columns fit, how wide they are, and how their values are shown.

use super::cell::{Show, write_cell};
use super::scale::{own_units, scale};
use crate::rows::{Batch, Field, Header, Look, Role};
use nodemon_formats::text::printable;
use nodemon_formats::{ColumnType, Semantics, TableKind};

/// How a table is laid out; made from its first rows and kept for all of them.
pub struct Layout {
    /// Digits of the fraction of times.
    pub digits: usize,
    /// The columns that are shown.
    pub columns: Vec<Laid>,
    /// How many are not, because the terminal is too narrow. Those without a value go first, then
    /// what is wider than the room that is left.
    pub hidden: usize,
}

/// One column that is shown.
pub struct Laid {
    /// Its index in the header.
    pub index: usize,
    /// What stands above it.
    pub label: String,
    /// Its unit, below that.
    pub unit: &'static str,
    /// Its width, in characters.
    pub width: usize,
    /// How its values are shown.
    pub show: Show,
}

/// Text wider than this does not make its column wider; it pushes its own line aside.
const WIDEST_TEXT: usize = 32;

/// The same where not everything fits.
const NARROW_TEXT: usize = 15;

/// The same for keys, which tell rows apart, and for histograms, which are about alike.
const WIDEST_KEY: usize = 80;

/// A stack has as much where there is no terminal to fit.
const WIDEST_STACK: usize = 80;

/// A stack has at least so much: a name or two.
const LEAST_STACK: usize = 24;

/// Numbers that come later may be larger than those that were seen.
const LEAST_NUMBER: usize = 5;

/// The same where each has its unit: three digits, a point, and `us` or `MiB`.
const LEAST_WITH_UNIT: usize = 7;

/// Between two columns.
pub const GUTTER: usize = 2;

impl Layout {
    /// Lays a table out for `look`, having seen `batches`.
    pub fn new(header: &Header, batches: &[Batch], look: &Look) -> Layout {
        let digits = digits(header);
        let mut columns: Vec<Laid> =
            (0..header.fields.len()).map(|index| lay(header, index, batches, look)).collect();
        let count = columns.len();
        if let Some(room) = look.width {
            let is_key = |column: &Laid| header.fields[column.index].role == Role::Key;
            let width = |columns: &[Laid]| -> usize {
                columns.iter().map(|column| GUTTER + column.width).sum()
            };
            if time_width(digits) + width(&columns) > room {
                columns.retain(|column| is_key(column) || has_values(column.index, batches));
            }
            let all = time_width(digits) + width(&columns);
            let wanted = narrow_stacks(&mut columns, all, room);
            if time_width(digits) + width(&columns) > room {
                columns = chosen(header, columns, room.saturating_sub(time_width(digits)));
            }
            let left = room.saturating_sub(time_width(digits) + width(&columns));
            widen_stack(&mut columns, left, wanted);
        }
        let hidden = count - columns.len();
        Layout { digits, columns, hidden }
    }
}

/// Gives stacks the least that they have where `width` is more than `room`; returns the most that
/// one of them wants.
fn narrow_stacks(columns: &mut [Laid], width: usize, room: usize) -> usize {
    let mut wanted = 0;
    for column in columns.iter_mut().filter(|column| matches!(column.show, Show::Calls(_))) {
        wanted = wanted.max(column.width);
        if width > room {
            column.width = column.width.min(LEAST_STACK);
            column.show = Show::Calls(column.width);
        }
    }
    wanted
}

/// Gives the first stack what is `left` of the line, up to what it wants.
fn widen_stack(columns: &mut [Laid], left: usize, wanted: usize) {
    let mut stacks = columns.iter_mut().filter(|column| matches!(column.show, Show::Calls(_)));
    if let Some(column) = stacks.next() {
        column.width = column.width.max(wanted.min(column.width + left));
        column.show = Show::Calls(column.width);
    }
}

/// The columns that fit into `room`, in their order: every key and the first value, whatever they
/// take; of samples then what was measured, because it is what they are looked at for; then the
/// rest. What is too wide is passed over for what is not.
fn chosen(header: &Header, mut columns: Vec<Laid>, room: usize) -> Vec<Laid> {
    let field = |column: &Laid| &header.fields[column.index];
    let is_key = |column: &Laid| field(column).role == Role::Key;
    let first = columns.iter().position(|column| !is_key(column));
    for column in columns.iter_mut().filter(|column| !is_key(column)) {
        if matches!(column.show, Show::Text) {
            column.width = column.width.min(NARROW_TEXT.max(column.label.chars().count()));
        }
    }
    let rank = |at: usize, column: &Laid| match field(column).semantics {
        _ if is_key(column) || Some(at) == first => 0,
        Semantics::State if header.kind == TableKind::Sample => 2,
        _ => 1,
    };
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|at| (rank(*at, &columns[*at]), *at));
    let mut left = room;
    let mut fits = vec![false; columns.len()];
    for at in order {
        let width = GUTTER + columns[at].width;
        fits[at] = rank(at, &columns[at]) == 0 || width <= left;
        left = left.saturating_sub(if fits[at] { width } else { 0 });
    }
    let mut fits = fits.into_iter();
    columns.retain(|_| fits.next().unwrap_or_default());
    columns
}

/// The width of a time of day.
pub fn time_width(digits: usize) -> usize {
    if digits == 0 { 8 } else { 9 + digits }
}

/// As many digits as tell one row of an instance from the next.
fn digits(header: &Header) -> usize {
    match header.interval_ns {
        _ if header.kind == TableKind::Event && header.interval_ns == 0 => 6,
        0 => 3,
        interval if interval % 1_000_000_000 == 0 => 0,
        interval if interval >= 1_000_000 => 3,
        interval if interval >= 1_000 => 6,
        _ => 9,
    }
}

fn has_values(index: usize, batches: &[Batch]) -> bool {
    batches.iter().any(|batch| (0..batch.len()).any(|row| batch.columns[index].is_present(row)))
}

fn lay(header: &Header, index: usize, batches: &[Batch], look: &Look) -> Laid {
    let field = &header.fields[index];
    let (show, unit) = show(field, index, batches, look);
    let label = label(header, index);
    let mut width = label.chars().count().max(unit.chars().count());
    let is_wide = field.role == Role::Key || field.kind == ColumnType::Histogram;
    let widest = match show {
        Show::Calls(room) => room,
        _ if is_wide => WIDEST_KEY,
        _ => WIDEST_TEXT,
    };
    let mut text = String::new();
    for batch in batches {
        for row in 0..batch.len() {
            text.clear();
            write_cell(show, field.kind, batch, index, row, &mut text);
            let length = text.chars().count();
            let is_text = show.is_text();
            width = width.max(if is_text { length.min(widest) } else { length });
        }
    }
    if field.role == Role::Value {
        width = width.max(match show {
            Show::Scaled(_) | Show::Integer => LEAST_NUMBER,
            Show::OwnUnit(_) => LEAST_WITH_UNIT,
            _ => 0,
        });
    }
    Laid { index, label, unit, width, show }
}

/// The label, or the whole name where another column has the same label.
fn label(header: &Header, index: usize) -> String {
    let field = &header.fields[index];
    let same = header.fields.iter().filter(|other| other.label == field.label).count();
    let label = if same > 1 { &field.name } else { &field.label };
    printable(label).into_owned()
}

fn show(field: &Field, index: usize, batches: &[Batch], look: &Look) -> (Show, &'static str) {
    match field.kind {
        _ if field.is_stack && !look.exact => return (Show::Calls(WIDEST_STACK), ""),
        ColumnType::String | ColumnType::Stack => return (Show::Text, ""),
        ColumnType::Bytes => return (Show::Hexadecimal, ""),
        ColumnType::Histogram if look.exact => return (Show::Buckets, ""),
        ColumnType::Histogram => return (Show::Figures(known_unit(&field.unit)), ""),
        ColumnType::Bool => return (Show::Truth, ""),
        _ if field.role == Role::Key && field.unit.is_empty() => return (Show::Integer, ""),
        _ => {}
    }
    if look.exact && field.kind != ColumnType::F64 {
        return (Show::Integer, known_unit(&field.unit));
    }
    let (smallest, largest) = magnitudes(field.kind, index, batches);
    let Some(scale) = scale(field.kind, &field.unit, largest) else { return (Show::Integer, "") };
    match own_units(field.kind, &field.unit, scale, smallest) {
        Some(units) => (Show::OwnUnit(units), ""),
        None => (Show::Scaled(scale), scale.unit),
    }
}

/// The smallest and the largest magnitude of what is in a column and not zero; infinity and zero
/// where there is no such thing.
fn magnitudes(kind: ColumnType, index: usize, batches: &[Batch]) -> (f64, f64) {
    let all = batches.iter().flat_map(|batch| {
        let column = &batch.columns[index];
        let present = (0..batch.len()).filter(|row| column.is_present(*row));
        present.map(|row| crate::rows::as_f64(kind, column.words[row]).abs())
    });
    let some = all.filter(|value| value.is_finite() && *value > 0.0);
    some.fold((f64::INFINITY, 0.0), |(least, most), value| (least.min(value), most.max(value)))
}

/// The unit of exact numbers, written as in the schema.
fn known_unit(unit: &str) -> &'static str {
    use nodemon_formats::schema::unit::{BYTES, CELSIUS, HZ, NS, UJ};
    [NS, BYTES, UJ, HZ, CELSIUS].into_iter().find(|known| *known == unit).unwrap_or("")
}
