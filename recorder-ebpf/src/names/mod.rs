//! Names of what the kernel numbers: system calls, errors, signals, devices, interfaces, addresses.
//!
//! Each is a function that fits into [`crate::feature::Show::Decoded`]: it takes the bytes of a
//! column and appends text.

mod address;
mod arguments;
mod device;
mod drop_reason;
mod enumeration;
mod flags;
mod function;
mod interface;
mod number;
mod probed;
mod symbols;
mod tcp;

pub use address::{address, endpoint};
pub use arguments::arguments;
pub use device::{block_error, block_operation, device};
pub use drop_reason::drop_reason;
pub use flags::{mount_flags, open_flags};
pub use function::{KernelFrame, function, function_around, kernel_frames};
pub use interface::interface;
pub use number::{error, signal, syscall};
pub use probed::probed;
pub(crate) use symbols::addresses_of;
pub use tcp::TCP_STATES;

use std::collections::HashMap;

/// Names that were looked up before. What changes seldom is asked again after a while.
#[derive(Default)]
pub struct Names {
    interfaces: HashMap<u32, Option<String>>,
    /// Whether somebody says what interfaces are called when that changes.
    is_told_of_interfaces: bool,
    devices: HashMap<u32, Option<String>>,
    drop_reasons: Option<HashMap<u32, String>>,
    block_operations: Option<HashMap<u32, String>>,
    functions: symbols::Functions,
    probed: Vec<String>,
}

impl Names {
    /// Keeps the list of the kernel's functions at hand, 2 to 3 MB once: for those who meet new
    /// addresses in it all the time.
    pub fn keep_functions(&mut self) {
        self.functions.keep();
    }

    /// Takes what functions of programs are called that are looked at, by their numbers.
    pub fn set_probed(&mut self, names: Vec<String>) {
        self.probed = names;
    }

    /// A sample is complete: lets go of what was read to find the names in it.
    pub fn settle(&mut self) {
        self.functions.settle();
    }

    /// Takes what interfaces are called now. Those that are gone keep their names until
    /// [`Names::keep_interfaces`].
    pub(crate) fn set_interfaces(&mut self, there: &[(u32, String)]) {
        let named = there.iter().map(|(index, name)| (*index, Some(name.clone())));
        self.interfaces.extend(named);
        self.is_told_of_interfaces = true;
    }

    /// Lets go of the names of all other interfaces.
    pub(crate) fn keep_interfaces(&mut self, there: &[(u32, String)]) {
        self.interfaces.clear();
        self.set_interfaces(there);
    }

    /// Forgets what may have got another name since.
    pub fn forget(&mut self) {
        if !self.is_told_of_interfaces {
            self.interfaces.clear();
        }
        self.devices.clear();
        self.functions.forget();
    }
}

/// A number of up to 64 bits, the lowest byte first.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    let size = bytes.len().min(8);
    word[..size].copy_from_slice(&bytes[..size]);
    u64::from_le_bytes(word)
}

/// A number of up to 32 bits, the lowest byte first.
fn word_32(bytes: &[u8]) -> u32 {
    let [a, b, c, d, ..] = word(bytes).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A number as text.
fn put_number(number: impl std::fmt::Display, text: &mut Vec<u8>) {
    use std::io::Write;
    // A vector takes everything.
    let _ = write!(text, "{number}");
}
