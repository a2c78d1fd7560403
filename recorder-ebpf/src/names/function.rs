//! Functions of the kernel in columns: alone, and as stacks.

use super::symbols::Known;
use super::{Names, put_number, word};

/// The name of a function of the kernel, given its address: `tcp_write_timer`. One that has none, or
/// whose address this process may not see, stays a number: `0xffffffff81234560`.
pub fn function(names: &mut Names, address: &[u8], text: &mut Vec<u8>) {
    let address = word(address);
    let known = names.functions.find(address).filter(|known| known.start == address);
    put(known, address, text);
}

/// The name of the function that an address lies in: `percpu_rwsem_wait`. One that lies in none stays
/// a number.
pub fn function_around(names: &mut Names, address: &[u8], text: &mut Vec<u8>) {
    let address = word(address);
    put(names.functions.find(address), address, text);
}

/// A call in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelFrame<'a> {
    /// The function; empty where it is not known.
    pub function: &'a str,
    /// `[kernel]`, or the module in brackets; empty where the function is not known.
    pub module: &'a str,
    /// How far behind the beginning of that the call is; the address where it is not known.
    pub offset: u64,
}

/// In front of a stack whose innermost calls are those of the program that took it (`bpf/stack.h`).
const OF_TRACEPOINT: u64 = 1;
/// What the functions begin with that a tracepoint calls to run programs.
const RUNNERS: [&str; 3] = ["bpf_trace_run", "__bpf_trace_", "__traceiter_"];
/// So many calls they and the program are at most.
const MOST_OWN: usize = 6;

/// Hands out the calls of a stack of addresses, the innermost first and 0 behind the last, from the
/// outermost to the innermost. Those of the program that took it are left out.
pub fn kernel_frames(names: &mut Names, frames: &[u8], mut each: impl FnMut(KernelFrame<'_>)) {
    let is_frame = |frame: &&[u8]| word(frame) != 0;
    let depth = frames.chunks_exact(8).take_while(is_frame).count();
    let own = own_frames(names, &frames[..depth * 8]);
    for (at, frame) in frames[own * 8..depth * 8].chunks_exact(8).enumerate().rev() {
        // Others are where a call returns to, which may be behind the end of the function that made
        // it, where that does not expect it back.
        let address = word(frame) - u64::from(own + at > 0);
        each(match names.functions.find(address) {
            Some(known) => KernelFrame {
                function: &known.name,
                module: known.module.as_deref().unwrap_or("[kernel]"),
                offset: address.wrapping_sub(known.base),
            },
            None => KernelFrame { function: "", module: "", offset: address },
        });
    }
}

/// How many words in front are not calls of who is looked at.
fn own_frames(names: &mut Names, frames: &[u8]) -> usize {
    let mut words = frames.chunks_exact(8).map(word);
    if words.next() != Some(OF_TRACEPOINT) {
        return 0;
    }
    let is_runner = |address| {
        let known = names.functions.find(address);
        known.is_some_and(|known| RUNNERS.iter().any(|runner| known.name.starts_with(runner)))
    };
    let runners = words.take(MOST_OWN).map(is_runner).enumerate();
    1 + runners.filter(|(_, is_runner)| *is_runner).last().map_or(0, |(last, _)| last + 1)
}

fn put(known: Option<&Known>, address: u64, text: &mut Vec<u8>) {
    match known {
        Some(known) => text.extend_from_slice(known.name.as_bytes()),
        None => put_number(format_args!("{address:#x}"), text),
    }
}

#[cfg(test)]
mod tests {
    use super::{function, kernel_frames};
    use crate::names::{Names, addresses_of};
    use nodemon_skip::skip;

    #[test]
    fn what_is_no_function_stays_a_number() {
        let (mut names, mut text) = (Names::default(), Vec::new());
        function(&mut names, &1_u64.to_le_bytes(), &mut text);
        assert_eq!(text, b"0x1");
        names.forget();
    }

    #[test]
    fn the_calls_of_a_stack_come_with_the_outermost_function_first() {
        let Ok(found) = addresses_of(&["schedule", "do_exit"]) else {
            return skip!("there is no /proc/kallsyms");
        };
        if !rustix::process::geteuid().is_root() {
            return skip!("only root sees addresses");
        }
        // Where the next function begins is where a call returns to that is the last instruction.
        let inside = |name: &str| found[name] + 5;
        let frames = [found["schedule"], inside("do_exit") + 1, 2, 0, inside("schedule")];
        let bytes: Vec<u8> = frames.iter().flat_map(|address| address.to_le_bytes()).collect();
        let mut calls = Vec::new();
        kernel_frames(&mut Names::default(), &bytes, |frame| {
            calls.push((frame.function.to_owned(), frame.module.to_owned(), frame.offset));
        });
        let text = addresses_of(&["_text"]).map(|found| found["_text"]).unwrap_or(0);
        let call = |name: &str, at| (name.to_owned(), "[kernel]".to_owned(), at - text);
        let unknown = (String::new(), String::new(), 1);
        let called = [call("do_exit", inside("do_exit")), call("schedule", found["schedule"])];
        assert_eq!(calls[0], unknown);
        assert_eq!(calls[1..], called);
    }

    #[test]
    fn of_a_stack_that_the_program_of_a_tracepoint_took_its_own_calls_are_left_out() {
        let found = addresses_of(&["schedule", "do_exit", "bpf_trace_run2"]).unwrap_or_default();
        if found.len() < 3 {
            return skip!("/proc/kallsyms has no addresses, or the kernel no tracepoints with BPF");
        }
        let inside = |name: &str| found[name] + 5;
        let (program, end) = (2, inside("do_exit"));
        for (frames, calls) in [
            (&[1, program, inside("bpf_trace_run2"), inside("schedule"), end][..], 2),
            (&[1, program, inside("schedule"), end], 3),
            (&[program, inside("bpf_trace_run2"), inside("schedule"), end], 4),
            (&[1], 0),
        ] {
            let bytes: Vec<u8> = frames.iter().flat_map(|address| address.to_le_bytes()).collect();
            let mut names = Names::default();
            let mut seen = Vec::new();
            kernel_frames(&mut names, &bytes, |frame| seen.push(frame.function.to_owned()));
            assert_eq!(seen.len(), calls, "{frames:x?}: {seen:?}");
            assert_eq!(seen.first().map(String::as_str), (calls > 0).then_some("do_exit"));
        }
    }

    #[test]
    fn a_symbol_that_there_is_has_an_address_and_one_that_there_is_not_has_none() {
        let Ok(found) = addresses_of(&["schedule", "there_is_no_such_symbol"]) else {
            return skip!("there is no /proc/kallsyms");
        };
        assert!(!found.contains_key("there_is_no_such_symbol"));
        if !rustix::process::geteuid().is_root() {
            return skip!("in part: only root sees addresses");
        }
        let mut text = Vec::new();
        function(&mut Names::default(), &found["schedule"].to_le_bytes(), &mut text);
        assert_eq!(text, b"schedule", "the address of a function leads back to its name");
    }
}
