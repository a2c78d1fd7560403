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

/// A stack of addresses, the innermost first and 0 behind the last, as it is folded: the names from
/// the outermost to the innermost, `;` between them.
pub fn kernel_stack(names: &mut Names, frames: &[u8], text: &mut Vec<u8>) {
    let is_frame = |frame: &&[u8]| word(frame) != 0;
    let depth = frames.chunks_exact(8).take_while(is_frame).count();
    for (number, frame) in frames[..depth * 8].chunks_exact(8).rev().enumerate() {
        if number > 0 {
            text.push(b';');
        }
        function_around(names, frame, text);
    }
}

fn put(known: Option<&Known>, address: u64, text: &mut Vec<u8>) {
    match known {
        Some(known) => text.extend_from_slice(known.name.as_bytes()),
        None => put_number(format_args!("{address:#x}"), text),
    }
}

#[cfg(test)]
mod tests {
    use super::{function, kernel_stack};
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
    fn a_stack_is_folded_with_the_outermost_function_first() {
        let Ok(found) = addresses_of(&["schedule", "do_exit"]) else {
            return skip!("there is no /proc/kallsyms");
        };
        if !rustix::process::geteuid().is_root() {
            return skip!("only root sees addresses");
        }
        let inside = |name: &str| found[name] + 5;
        let frames = [inside("schedule"), inside("do_exit"), 1, 0, inside("schedule")];
        let bytes: Vec<u8> = frames.iter().flat_map(|address| address.to_le_bytes()).collect();
        let mut text = Vec::new();
        kernel_stack(&mut Names::default(), &bytes, &mut text);
        assert_eq!(String::from_utf8_lossy(&text), "0x1;do_exit;schedule");
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
