//! Stacks of user space as programs in the kernel send them (`struct user_stack` of `bpf/stack.h`).

/// What there is of a thread: its registers, and memory of its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserStack<'a> {
    /// When its process began, `CLOCK_BOOTTIME` ns.
    pub start_ns: u64,
    /// Where it runs.
    pub ip: u64,
    /// Where its stack ends.
    pub sp: u64,
    /// The frame pointer, or whatever else is in that register.
    pub fp: u64,
    /// Where it returns to, on processors that have that in a register; else 0.
    pub lr: u64,
    /// Its process.
    pub pid: u32,
    /// Memory from a little below `sp` on.
    pub memory: &'a [u8],
    /// Where that begins.
    pub memory_start: u64,
}

/// What is read at once, from a multiple of it on.
const PIECE_BYTES: u64 = 1024;

impl<'a> UserStack<'a> {
    /// Bytes in front of the memory.
    pub const HEAD_BYTES: usize = 48;

    /// Reads the structure; `None` where there is none, or nothing is known of user space.
    pub fn from_bytes(bytes: &'a [u8]) -> Option<UserStack<'a>> {
        let (head, memory) = bytes.split_first_chunk::<{ UserStack::HEAD_BYTES }>()?;
        let half = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| head[at + byte]));
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| head[at + byte]));
        let sp = word(16);
        let stack = UserStack {
            start_ns: word(0),
            ip: word(8),
            sp,
            fp: word(24),
            lr: word(32),
            pid: half(40),
            memory: memory.get(..half(44) as usize).unwrap_or(memory),
            memory_start: sp & !(PIECE_BYTES - 1),
        };
        (stack.ip != 0).then_some(stack)
    }
}

#[cfg(test)]
mod tests {
    use super::UserStack;

    #[test]
    fn a_structure_is_read_as_c_lays_it_out_and_never_beyond_its_end() {
        let words = [7, 0x1000, 0x7ffe_1234, 3, 4, 5 | 2048 << 32];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word: &u64| word.to_le_bytes()).collect();
        assert!(UserStack::from_bytes(&bytes[1..]).is_none());
        bytes.resize(48 + 8192, 9);
        let stack = UserStack::from_bytes(&bytes).map(|stack| {
            (stack.start_ns, stack.ip, stack.sp, stack.fp, stack.lr, stack.pid, stack.memory_start)
        });
        assert_eq!(stack, Some((7, 0x1000, 0x7ffe_1234, 3, 4, 5, 0x7ffe_1000)));
        let memory = |bytes| UserStack::from_bytes(bytes).map(|stack| stack.memory.len());
        assert_eq!(memory(&bytes), Some(2048));
        assert_eq!(memory(&bytes[..1000]), Some(952), "it says that it has more");
        bytes[8..16].fill(0);
        assert!(UserStack::from_bytes(&bytes).is_none(), "nothing is known of it");
    }
}
