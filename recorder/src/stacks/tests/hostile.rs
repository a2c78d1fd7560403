//! Whatever others write: it may tell nonsense, and nothing else.

use super::crafted;
use crate::stacks::bytes::Bytes;
use crate::stacks::elf::Elf;
use crate::stacks::machine::{Registers, Stack};
use crate::stacks::maps::{self, Paths};
use crate::stacks::opening::{Identity, own_vdso};
use crate::stacks::perf_map::PerfMap;
use crate::stacks::rule::{self, Rule};
use crate::stacks::symbols::Index;
use crate::stacks::unwind_table::Entries;
use crate::stacks::walk::MOST_FRAMES;
use crate::stacks::{Stacks, UserSample};
use nodemon_formats::stack::frames;
use proptest::prelude::*;
use std::path::Path;

/// Asks a file everything that files are asked.
fn ask(file: &Bytes, addresses: &[u64]) {
    let Some(elf) = Elf::read(file) else { return };
    let index = Index::read(file, &elf);
    let mut entries = Entries::new();
    let words: Vec<u8> = (0..512u64).flat_map(|word| (word * 8).to_le_bytes()).collect();
    let stack = Stack { start: 0x100, bytes: &words };
    for &address in addresses {
        let from = Registers { ip: address, sp: 0x100, fp: 0x180, lr: 7 };
        entries
            .row(file, &elf, address, |row| (Rule::of(row), rule::expressed(row, &from, &stack)));
        elf.address_of(address);
        if let Some(index) = &index {
            index.find(file, address as u32);
        }
    }
}

/// The mapping and the code of a function of this program.
fn own_code() -> u64 {
    ask as *const () as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_stack_is_too_strange(
        words in proptest::collection::vec(
            prop_oneof![any::<u64>(), 0..64u64, (0x7000_0000..0x7000_1000u64), Just(own_code())],
            0..600,
        ),
        (ip, fp, lr) in (
            prop_oneof![any::<u64>(), (0..0x10_0000u64).prop_map(|more| own_code() + more)],
            prop_oneof![any::<u64>(), 0x7000_0000..0x7000_1000u64],
            any::<u64>(),
        ),
        sp in prop_oneof![Just(0x7000_0000u64), any::<u64>()],
        cut in 0..8usize,
    ) {
        let mut stack: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        stack.truncate(stack.len().saturating_sub(cut));
        let mut stacks = Stacks::new(Path::new("/proc"));
        let mut cell = Vec::new();
        let pid = std::process::id();
        let sample = UserSample { pid, start_ns: 0, ip, sp, fp, lr, stack: &stack };
        stacks.put_user_frames(&sample, &mut cell);
        stacks.settle();
        let count = frames(&cell).count();
        prop_assert!((1..=MOST_FRAMES).contains(&count), "{count}");
    }

    #[test]
    fn no_file_is_too_strange(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
        instructions in proptest::collection::vec(any::<u8>(), 0..300),
        addresses in proptest::collection::vec(prop_oneof![0..0x4000u64, any::<u64>()], 1..40),
        is_vdso in any::<bool>(),
        bytes in prop_oneof![Just(usize::MAX), 0..0x3000usize],
    ) {
        let mut file = match (own_vdso(), is_vdso) {
            (Ok(Bytes::Memory(bytes)), true) => bytes,
            _ => crafted::file(&instructions),
        };
        for (at, byte) in changes {
            // Most of what is read lies in front.
            let at = at.index(file.len());
            let at = if byte % 2 == 0 { at % 0x200 } else { at };
            file[at] = byte;
        }
        file.truncate(bytes);
        ask(&Bytes::Memory(file), &addresses);
    }

    #[test]
    fn no_list_is_too_strange(
        text in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(b'\n'), Just(b' '), Just(b'-'), b'0'..=b'9'], 0..4000),
        addresses in proptest::collection::vec(prop_oneof![0..0x100u64, any::<u64>()], 1..20),
    ) {
        let mappings = maps::parse(text.as_slice(), &mut Paths::default()).unwrap();
        prop_assert!(mappings.is_sorted_by_key(|mapping| mapping.start));
        let list = PerfMap::of(text.clone(), Identity::default());
        let mut name = Vec::new();
        for address in addresses {
            maps::find(&mappings, address);
            list.find(address, &mut name);
            prop_assert!(name.len() <= text.len());
        }
    }
}
