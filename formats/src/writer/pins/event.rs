//! What there is to tell of pins.

use std::fmt;
use std::path::PathBuf;

/// What became of a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinEvent {
    /// It was found, and its span is kept from here.
    Found {
        /// Its name.
        name: String,
    },
    /// It was dropped to make room.
    Dropped {
        /// Its name.
        name: String,
    },
    /// So many more were.
    DroppedMore {
        /// How many.
        count: usize,
    },
    /// The file system refuses links.
    Refused {
        /// What cannot be pinned.
        path: PathBuf,
        /// What the kernel said.
        why: String,
    },
    /// Something that is called like a pin is none.
    NoPin {
        /// The file.
        path: PathBuf,
    },
    /// Nobody knows what a pin says.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        why: String,
    },
    /// Another segment has the name that one would have among the pins.
    Taken {
        /// The other one.
        path: PathBuf,
    },
}

impl fmt::Display for PinEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PinEvent::Found { name } => write!(out, "pin {name}: its span is kept"),
            PinEvent::Dropped { name } => write!(
                out,
                "pin {name} was dropped: pins may take no more, and those of triggers go first, then \
                 the oldest; pin_size in nodemon.toml says how much"
            ),
            PinEvent::DroppedMore { count } => write!(out, "and so were {count} more pins"),
            PinEvent::Unreadable { path, why } => write!(
                out,
                "cannot read the pin {} ({why}): its span is not kept; unpin it, or give the file to \
                 the user of the recorder",
                path.display()
            ),
            PinEvent::Refused { path, why } => write!(
                out,
                "{} is not pinned: its file system makes no hard link of it ({why}); copy what has \
                 to be kept",
                path.display()
            ),
            PinEvent::NoPin { path } => write!(out, "{} is no pin; remove it", path.display()),
            PinEvent::Taken { path } => write!(
                out,
                "{} is another segment than the one to be pinned there, which is not kept; move it \
                 away",
                path.display()
            ),
        }
    }
}
