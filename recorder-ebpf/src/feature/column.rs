//! A column: what it is in C, and how people see it.

use crate::names::{self, Names};
use crate::stack::UserStack;

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, units last: `run_ns`.
    pub name: &'static str,
    /// What it is in the C structure.
    pub cell: Cell,
    /// How it is shown.
    pub show: Show,
    /// What the difference of two samples means.
    pub meaning: Meaning,
    /// The unit: `ns`, `bytes`, `count`, or nothing.
    pub unit: &'static str,
    /// What it is, in a phrase.
    pub doc: &'static str,
}

/// What a column is in C. Each is aligned to its size, texts and bytes to one. A number of which all
/// bits are set stands for one that could not be had, and so does one that is behind the end of a
/// structure which was sent in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// `__u8`
    U8,
    /// `__u16`
    U16,
    /// `__u32`
    U32,
    /// `__u64`
    U64,
    /// `__s32`
    I32,
    /// `__s64`
    I64,
    /// `char[N]`, or `__u8[N]`
    Bytes(usize),
}

/// How a column is shown.
#[derive(Clone, Copy)]
pub enum Show {
    /// As the number that it is.
    Number,
    /// As true or false.
    Flag,
    /// As a number of bytes; C has pages.
    Pages,
    /// As text, up to the first zero byte.
    Text,
    /// By the name of that number; a number beyond them stays one.
    Named(&'static [&'static str]),
    /// As a stack of calls: so many addresses of the kernel, the innermost first, and what
    /// [`user_stack`](crate::stack) has of user space behind them, if anything.
    Stack(usize),
    /// As text that is made of its bytes and put into the buffer, which is empty.
    Decoded(fn(&mut Names, &[u8], &mut Vec<u8>)),
}

/// What the difference of two samples of a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It only grows.
    Counter,
    /// It is a level.
    Gauge,
    /// It is a name or an identity.
    State,
}

impl std::fmt::Debug for Show {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Show::Number => "Number",
            Show::Flag => "Flag",
            Show::Pages => "Pages",
            Show::Text => "Text",
            Show::Named(_) => "Named",
            Show::Stack(_) => "Stack",
            Show::Decoded(_) => "Decoded",
        })
    }
}

impl Show {
    /// Whether what people see is text.
    pub fn is_text(&self) -> bool {
        matches!(self, Show::Text | Show::Named(_) | Show::Decoded(_))
    }
}

impl Cell {
    /// How many bytes it takes.
    pub const fn size_bytes(self) -> usize {
        match self {
            Cell::U8 => 1,
            Cell::U16 => 2,
            Cell::U32 | Cell::I32 => 4,
            Cell::U64 | Cell::I64 => 8,
            Cell::Bytes(size) => size,
        }
    }

    /// To what its place is a multiple of.
    pub const fn align_bytes(self) -> usize {
        match self {
            Cell::Bytes(_) => 1,
            number => number.size_bytes(),
        }
    }

    /// Whether it has a sign.
    pub const fn is_signed(self) -> bool {
        matches!(self, Cell::I32 | Cell::I64)
    }

    /// Whether the number that `bytes` are stands for one that could not be had.
    pub fn is_absent(self, bytes: &[u8]) -> bool {
        match self {
            Cell::U8 | Cell::U16 => bytes.is_empty(),
            Cell::Bytes(_) => bytes.is_empty(),
            _ => bytes.is_empty() || bytes.iter().all(|byte| *byte == 0xff),
        }
    }

    /// The number that `bytes` are, of this size; those with a sign are extended.
    pub fn number(self, bytes: &[u8]) -> u64 {
        let mut word = [0; 8];
        let size = self.size_bytes().min(8).min(bytes.len());
        word[..size].copy_from_slice(&bytes[..size]);
        match self {
            Cell::I32 => {
                let [a, b, c, d, ..] = word;
                i64::from(i32::from_le_bytes([a, b, c, d])).cast_unsigned()
            }
            _ => u64::from_le_bytes(word),
        }
    }
}

impl Column {
    /// A number that tells instances or events apart, or that is one of their properties.
    pub const fn id(name: &'static str, cell: Cell, doc: &'static str) -> Column {
        Column { name, cell, show: Show::Number, meaning: Meaning::State, unit: "", doc }
    }

    /// An instant by `CLOCK_BOOTTIME`, ns, that tells instances or events apart.
    pub const fn instant(name: &'static str, doc: &'static str) -> Column {
        Column { unit: "ns", ..Column::id(name, Cell::U64, doc) }
    }

    /// A text of at most `size` bytes.
    pub const fn text(name: &'static str, size: usize, doc: &'static str) -> Column {
        let cell = Cell::Bytes(size);
        Column { name, cell, show: Show::Text, meaning: Meaning::State, unit: "", doc }
    }

    /// A number that stands for a name.
    pub const fn named(
        name: &'static str,
        cell: Cell,
        names: &'static [&'static str],
        doc: &'static str,
    ) -> Column {
        let show = Show::Named(names);
        Column { name, cell, show, meaning: Meaning::State, unit: "", doc }
    }

    /// Something that is shown as text.
    pub const fn decoded(
        name: &'static str,
        cell: Cell,
        decode: fn(&mut Names, &[u8], &mut Vec<u8>),
        doc: &'static str,
    ) -> Column {
        let show = Show::Decoded(decode);
        Column { name, cell, show, meaning: Meaning::State, unit: "", doc }
    }

    /// An address of 16 bytes and a port of 2, as text.
    pub const fn endpoint(name: &'static str, doc: &'static str) -> Column {
        let column = Column::decoded(name, Cell::Bytes(18), names::endpoint, doc);
        Column { unit: "ip:port", ..column }
    }

    /// A stack of so many frames of the kernel, and of so many KiB of user space behind them.
    pub const fn stack(
        name: &'static str,
        frames: usize,
        user_kib: usize,
        doc: &'static str,
    ) -> Column {
        let user_bytes = match user_kib {
            0 => 0,
            kib => UserStack::HEAD_BYTES + (kib << 10),
        };
        let cell = Cell::Bytes(frames * size_of::<u64>() + user_bytes);
        Column { name, cell, show: Show::Stack(frames), meaning: Meaning::State, unit: "", doc }
    }

    /// A number of 64 bits that only grows.
    pub const fn counter(name: &'static str, unit: &'static str, doc: &'static str) -> Column {
        let (cell, show) = (Cell::U64, Show::Number);
        Column { name, cell, show, meaning: Meaning::Counter, unit, doc }
    }

    /// A level.
    pub const fn gauge(
        name: &'static str,
        cell: Cell,
        unit: &'static str,
        doc: &'static str,
    ) -> Column {
        Column { name, cell, show: Show::Number, meaning: Meaning::Gauge, unit, doc }
    }

    /// Memory, of which C has the number of pages in 64 bits.
    pub const fn pages(name: &'static str, doc: &'static str) -> Column {
        let (cell, show) = (Cell::U64, Show::Pages);
        Column { name, cell, show, meaning: Meaning::Gauge, unit: "bytes", doc }
    }

    /// True or false.
    pub const fn flag(name: &'static str, cell: Cell, doc: &'static str) -> Column {
        Column { name, cell, show: Show::Flag, meaning: Meaning::State, unit: "", doc }
    }

    /// The histogram of a table of histograms. It is in no structure.
    pub const fn histogram(name: &'static str, unit: &'static str, doc: &'static str) -> Column {
        let (cell, show) = (Cell::U64, Show::Number);
        Column { name, cell, show, meaning: Meaning::Gauge, unit, doc }
    }
}

/// The columns of `struct task_id`: the control group, process, thread and program.
pub const TASK: [Column; 4] = [
    Column::id("cgroup_id", Cell::U64, "its control group (version 2); the table cgroup names it"),
    Column::id("pid", Cell::U32, "number of the process"),
    Column::id("tid", Cell::U32, "number of the thread"),
    Column::text("command", 16, "name of the program, as the kernel has it (comm)"),
];

/// Columns behind other columns, for `columns_of_task`.
pub const fn join<const N: usize>(first: &[Column], then: &[Column]) -> [Column; N] {
    let mut all = [TASK[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() { first[at] } else { then[at - first.len()] };
        at += 1;
    }
    all
}

/// The columns of `struct task_id`, and those behind it.
macro_rules! columns_of_task {
    ($($column:expr),* $(,)?) => {{
        const THEN: &[$crate::feature::Column] = &[$($column),*];
        const ALL: [$crate::feature::Column; 4 + THEN.len()] =
            $crate::feature::join(&$crate::feature::TASK, THEN);
        &ALL
    }};
}
pub(crate) use columns_of_task;
