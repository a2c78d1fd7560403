//! Frames by number.

use nodemon_formats::narrow::count32;
use nodemon_formats::stack::{Frame, NO_ANSWER, SKIPPED, TRUNCATED};
use nodemon_formats::text::readable;
use std::cmp::Ordering;
use std::collections::HashMap;

/// What tells one frame from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What people call it.
    Name,
    /// That, and the file that it is from.
    Function,
    /// All that is known of it.
    Address,
}

/// What a frame stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A value by which the profile is grouped.
    Group,
    /// A call outside of the kernel.
    User,
    /// A call in the kernel.
    Kernel,
    /// No call that is known.
    Nothing,
}

/// A frame of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What people call it.
    pub name: String,
    /// What it stands for.
    pub origin: Origin,
    /// The function, empty where it is not known.
    pub function: String,
    /// The file that the code is from, or a name in brackets.
    pub module: String,
    /// The build id of the file.
    pub build_id: String,
    /// Where in the file the address is.
    pub offset: u64,
}

impl Call {
    fn named(name: &str, origin: Origin) -> Call {
        Call {
            name: name.to_owned(),
            origin,
            function: String::new(),
            module: String::new(),
            build_id: String::new(),
            offset: 0,
        }
    }

    /// The file's name without its directories.
    pub fn short_module(&self) -> &str {
        self.module.rsplit('/').next().unwrap_or_default()
    }

    /// By name, and where that is the same by the rest.
    pub fn order(&self, other: &Call) -> Ordering {
        let key = |call: &Call| (call.origin, call.offset);
        let by_text = self.name.cmp(&other.name).then_with(|| self.module.cmp(&other.module));
        by_text
            .then_with(|| self.build_id.cmp(&other.build_id))
            .then_with(|| key(self).cmp(&key(other)))
    }
}

/// What frames there are, each with a number.
pub struct Frames {
    detail: Detail,
    numbers: HashMap<Box<[u8]>, u32>,
    calls: Vec<Call>,
    size_bytes: usize,
    key: Vec<u8>,
}

impl Frames {
    /// None yet, which are told apart by `detail`.
    pub fn new(detail: Detail) -> Frames {
        Frames {
            detail,
            numbers: HashMap::new(),
            calls: Vec::new(),
            size_bytes: 0,
            key: Vec::new(),
        }
    }

    /// The number of a frame, given out now where it is new and `may_grow` is set.
    pub fn number(&mut self, frame: &Frame<'_>, may_grow: bool) -> Option<u32> {
        self.begin_key(b'f');
        let key = &mut self.key;
        let mut put = |field: &[u8]| {
            key.extend_from_slice(field);
            // Fields have none.
            key.push(b'\t');
        };
        let offset = frame.offset.to_le_bytes();
        match self.detail {
            Detail::Address => {
                [frame.function, frame.module, frame.build_id, &offset].into_iter().for_each(put);
            }
            Detail::Name => {
                put(frame.name().as_bytes());
                put(&[u8::from(frame.is_of_kernel())]);
            }
            Detail::Function => {
                put(frame.name().as_bytes());
                put(frame.module);
            }
        }
        let detail = self.detail;
        self.find(may_grow, || {
            let mut call = Call::named(&frame.name(), origin(frame));
            if detail != Detail::Name {
                call.module = readable(frame.module).into_owned();
            }
            if detail == Detail::Address {
                call.function = readable(frame.function).into_owned();
                call.build_id = readable(frame.build_id).into_owned();
                call.offset = frame.offset;
            }
            call
        })
    }

    /// The number of what stands for no call.
    pub fn nothing(&mut self, name: &str) -> u32 {
        self.begin_key(b'n');
        self.key.extend_from_slice(name.as_bytes());
        self.find(true, || Call::named(name, Origin::Nothing)).unwrap_or_default()
    }

    /// The number of a value of a group; `level` says of which column.
    pub fn group(&mut self, level: usize, value: &str, may_grow: bool) -> Option<u32> {
        self.begin_key(b'g');
        self.key.extend_from_slice(&level.to_le_bytes());
        self.key.extend_from_slice(value.as_bytes());
        self.find(may_grow, || Call::named(value, Origin::Group))
    }

    /// The frame of a number.
    pub fn get(&self, number: u32) -> Option<&Call> {
        self.calls.get(number as usize)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// About how many bytes they take.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Begins a key, of which there are three kinds.
    fn begin_key(&mut self, kind: u8) {
        self.key.clear();
        self.key.push(kind);
    }

    fn find(&mut self, may_grow: bool, make: impl FnOnce() -> Call) -> Option<u32> {
        if let Some(number) = self.numbers.get(&self.key[..]) {
            return Some(*number);
        }
        if !may_grow {
            return None;
        }
        let number = count32(self.calls.len());
        // Once as a key, and once as a call.
        self.size_bytes += 2 * self.key.len() + size_of::<Call>();
        self.calls.push(make());
        self.numbers.insert(self.key.clone().into(), number);
        Some(number)
    }
}

fn origin(frame: &Frame<'_>) -> Origin {
    let stands_for_others =
        [TRUNCATED, SKIPPED, NO_ANSWER].iter().any(|name| frame.function == name.as_bytes());
    match stands_for_others {
        true => Origin::Nothing,
        false if frame.is_of_kernel() => Origin::Kernel,
        false => Origin::User,
    }
}
