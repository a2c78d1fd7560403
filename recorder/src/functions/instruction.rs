//! The instruction at which a function costs least to be watched.
//!
//! A breakpoint costs some 0.7 µs where the kernel can do by itself what the instruction does that
//! it replaces (a push, a jump, a nop), and 9 where it has to execute it elsewhere by single step.
//! So the first such instruction is taken, if every call comes by it once, and finds the stack and the
//! arguments as they are at the beginning: where it returns to is on top.

/// What it costs to watch an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// The kernel does what it does.
    Cheap,
    /// It is executed by single step, or it is not known what it is.
    Stepped,
}

/// How far behind the beginning of a function it is best watched, whose code these are in parts, each
/// with its address, the first where it begins. `None` where a loop begins there: each round would be a
/// call.
#[cfg(target_arch = "x86_64")]
pub(super) fn choose(parts: &[(u64, &[u8])]) -> Option<(u64, Watched)> {
    x86::choose(parts)
}

/// The kernel simulates so much of what others begin with that nothing is gained.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn choose(_parts: &[(u64, &[u8])]) -> Option<(u64, Watched)> {
    Some((0, Watched::Cheap))
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Watched;
    use iced_x86::{
        Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic,
        OpAccess, OpKind, Register,
    };
    use std::ops::RangeInclusive;

    /// So many instructions are looked at from the beginning on.
    const MOST_SKIPPED: usize = 8;

    pub(super) fn choose(parts: &[(u64, &[u8])]) -> Option<(u64, Watched)> {
        let Some((address, first)) = parts.first() else { return Some((0, Watched::Stepped)) };
        let leads_to = |from: u64, to: u64| {
            let leads = |(at, code): &(u64, &[u8])| leads_into(code, *at, from..=to);
            parts.iter().map(leads).max().unwrap_or(Leads::Elsewhere)
        };
        // By a register a jump may lead anywhere, but to a beginning it does not.
        if leads_to(*address, *address) == Leads::There {
            return None;
        }
        Some(match first_cheap(first, *address) {
            Some(0) => (0, Watched::Cheap),
            Some(behind) if leads_to(*address + 1, address + behind) == Leads::Elsewhere => {
                (behind, Watched::Cheap)
            }
            _ => (0, Watched::Stepped),
        })
    }

    fn first_cheap(code: &[u8], address: u64) -> Option<u64> {
        let mut about = InstructionInfoFactory::new();
        let decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
        for instruction in decoder.into_iter().take(MOST_SKIPPED) {
            if is_cheap(&instruction) {
                return Some(instruction.ip() - address);
            }
            if !goes_on(&instruction) || changes_call(&instruction, &mut about) {
                return None;
            }
        }
        None
    }

    /// What arch/x86/kernel/uprobes.c does itself: branch_setup_xol_ops() and push_setup_xol_ops().
    fn is_cheap(instruction: &Instruction) -> bool {
        match instruction.flow_control() {
            FlowControl::ConditionalBranch => {
                !matches!(
                    instruction.mnemonic(),
                    Mnemonic::Loop | Mnemonic::Loope | Mnemonic::Loopne
                ) && !matches!(instruction.mnemonic(), Mnemonic::Jrcxz | Mnemonic::Jecxz)
            }
            FlowControl::UnconditionalBranch | FlowControl::Call => {
                instruction.op0_kind() == OpKind::NearBranch64
            }
            FlowControl::Next => match instruction.code() {
                Code::Push_r64 => instruction.len() <= 2,
                _ => instruction.mnemonic() == Mnemonic::Nop,
            },
            _ => false,
        }
    }

    fn goes_on(instruction: &Instruction) -> bool {
        !instruction.is_invalid() && instruction.flow_control() == FlowControl::Next
    }

    /// Whether the stack or an argument is another one behind it.
    fn changes_call(instruction: &Instruction, about: &mut InstructionInfoFactory) -> bool {
        const OF_CALL: [Register; 4] = [Register::RSP, Register::RDI, Register::RSI, Register::RDX];
        about.info(instruction).used_registers().iter().any(|used| {
            OF_CALL.contains(&used.register().full_register()) && used.access() != OpAccess::Read
        })
    }

    /// Where the jumps of some code lead.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Leads {
        Elsewhere,
        /// By a register, or it is not known what it is.
        Anywhere,
        There,
    }

    /// Whether a jump in some code leads to one of some instructions.
    fn leads_into(code: &[u8], at: u64, to: RangeInclusive<u64>) -> Leads {
        let decoder = Decoder::with_ip(64, code, at, DecoderOptions::NONE);
        let leads = |instruction: Instruction| match instruction.flow_control() {
            FlowControl::IndirectBranch if !instruction.is_ip_rel_memory_operand() => {
                Leads::Anywhere
            }
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
                if to.contains(&instruction.near_branch_target()) =>
            {
                Leads::There
            }
            _ if instruction.is_invalid() => Leads::Anywhere,
            _ => Leads::Elsewhere,
        };
        decoder.into_iter().map(leads).max().unwrap_or(Leads::Elsewhere)
    }

    #[cfg(test)]
    mod tests {
        use super::{Watched, choose};

        #[test]
        fn a_function_is_watched_at_the_first_instruction_that_the_kernel_does_itself() {
            for (code, behind, watched) in [
                // push rbp; mov rbp, rsp; ret
                (&[0x55, 0x48, 0x89, 0xe5, 0xc3][..], 0, Watched::Cheap),
                // endbr64; push r12; ret
                (&[0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0x54, 0xc3], 4, Watched::Cheap),
                // test rdi, rdi; je +2; nop; ret
                (&[0x48, 0x85, 0xff, 0x74, 0x01, 0x90, 0xc3], 3, Watched::Cheap),
                // sub rsp, 8; call +0; the stack is another one behind that
                (&[0x48, 0x83, 0xec, 0x08, 0xe8, 0, 0, 0, 0, 0xc3], 0, Watched::Stepped),
                // endbr64; push rbx; jmp to the push: each round would be a call
                (&[0xf3, 0x0f, 0x1e, 0xfa, 0x53, 0xeb, 0xfd], 0, Watched::Stepped),
                // mov eax, [rdi]; test eax, eax; nop; jmp to the test: what is behind comes by again
                (&[0x8b, 0x07, 0x85, 0xc0, 0x90, 0xeb, 0xfb], 0, Watched::Stepped),
                // endbr64; push rbx; jmp rax: nobody knows where to
                (&[0xf3, 0x0f, 0x1e, 0xfa, 0x53, 0xff, 0xe0], 0, Watched::Stepped),
                // mov edi, 1; push rbx: an argument is gone
                (&[0xbf, 1, 0, 0, 0, 0x53, 0xc3], 0, Watched::Stepped),
                // mov eax, 1; push rbx
                (&[0xb8, 1, 0, 0, 0, 0x53, 0xc3], 5, Watched::Cheap),
                // mov eax, 1; ret
                (&[0xb8, 1, 0, 0, 0, 0xc3], 0, Watched::Stepped),
                (&[], 0, Watched::Stepped),
                (&[0x06, 0x07], 0, Watched::Stepped),
            ] {
                assert_eq!(choose(&[(0x1000, code)]), Some((behind, watched)), "{code:x?}");
            }
        }

        #[test]
        fn a_part_that_seldom_runs_may_lead_back_as_well() {
            let function: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa, 0x53, 0xc3];
            // jmp 0x1004, from 0x2000
            let back: &[u8] = &[0xe9, 0xff, 0xef, 0xff, 0xff];
            assert_eq!(choose(&[(0x1000, function)]), Some((4, Watched::Cheap)));
            assert_eq!(choose(&[(0x1000, function), (0x2000, back)]), Some((0, Watched::Stepped)));
            assert_eq!(choose(&[]), Some((0, Watched::Stepped)));
        }

        #[test]
        fn a_function_that_begins_with_a_loop_is_not_watched() {
            // mov eax, [rdi]; test eax, eax; je to the beginning; ret
            let spins: &[u8] = &[0x8b, 0x07, 0x85, 0xc0, 0x74, 0xfa, 0xc3];
            assert_eq!(choose(&[(0x1000, spins)]), None);
            // push rbx; jmp to the push
            assert_eq!(choose(&[(0x1000, &[0x53, 0xeb, 0xfd])]), None);
        }
    }
}
