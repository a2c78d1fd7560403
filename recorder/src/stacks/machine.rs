//! The registers that unwinding knows: those that say where a call returns to.

use gimli::Register;

/// What of a thread's registers is followed from frame to frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Registers {
    pub(super) ip: u64,
    pub(super) sp: u64,
    pub(super) fp: u64,
    /// Where the innermost function returns to, on machines with a register for that.
    pub(super) lr: u64,
}

/// Numbers of registers in unwind tables: instruction, stack and frame pointer, and where a table has
/// the address that is returned to.
#[cfg(target_arch = "x86_64")]
const NUMBERS: [Register; 4] = {
    use gimli::X86_64;
    [X86_64::RA, X86_64::RSP, X86_64::RBP, X86_64::RA]
};
#[cfg(target_arch = "aarch64")]
const NUMBERS: [Register; 4] = {
    use gimli::AArch64;
    [AArch64::PC, AArch64::SP, AArch64::X29, AArch64::X30]
};

const IP: Register = NUMBERS[0];
pub(super) const SP: Register = NUMBERS[1];
pub(super) const FP: Register = NUMBERS[2];
pub(super) const RETURN: Register = NUMBERS[3];

/// Whether a call puts the address to which it returns into a register, and not onto the stack.
pub(super) const HAS_LINK: bool = cfg!(target_arch = "aarch64");
/// Of a return address: the upper bits may sign it where there is such a register.
pub(super) const ADDRESS_BITS: u64 = if HAS_LINK { (1 << 48) - 1 } else { u64::MAX };

impl Registers {
    /// The value of a register by its number in unwind tables, of those that are followed.
    pub(super) fn get(&self, register: Register) -> Option<u64> {
        let value = match register {
            SP => self.sp,
            FP => self.fp,
            RETURN if HAS_LINK => self.lr,
            IP => self.ip,
            _ => return None,
        };
        Some(value)
    }
}

/// The memory of a thread from its stack pointer upwards, as much as was copied of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stack<'a> {
    pub(super) start: u64,
    pub(super) bytes: &'a [u8],
}

impl Stack<'_> {
    /// The word at an address, if it was copied.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        let behind = usize::try_from(address.checked_sub(self.start)?).ok()?;
        Some(u64::from_le_bytes(*self.bytes.get(behind..)?.first_chunk()?))
    }
}
