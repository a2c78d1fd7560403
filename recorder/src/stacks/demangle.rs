//! Names as people wrote them, from those that the linker has.
//!
//! A name of a few bytes can stand for one of gigabytes; what does not fit is cut off.

use cpp_demangle::{BorrowedSymbol, DemangleOptions, ParseOptions};
use std::fmt::{self, Write};

/// So many bytes of a name are kept.
pub(super) const MOST_BYTES: usize = 1024;

/// Longer names stay as the linker has them, and deeper ones too: what they take to read may double
/// with each level.
const MOST_MANGLED_BYTES: usize = 512;
const MOST_DEPTH: u32 = 64;

/// Text that takes no more than so much.
struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut fits = text.len().min(MOST_BYTES - self.0.len());
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.0.push_str(text.get(..fits).unwrap_or_default());
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// What a function is called: Rust's without its hash, C++'s without its parameters.
pub(crate) fn demangled(name: &[u8]) -> Box<[u8]> {
    let plain = || name.get(..name.len().min(MOST_BYTES)).unwrap_or_default().into();
    let Ok(text) = std::str::from_utf8(name) else { return plain() };
    let mut cut = Cut(String::new());
    if let Ok(symbol) = rustc_demangle::try_demangle(text) {
        // A name that is cut off is still a name.
        let _ = write!(cut, "{symbol:#}");
    } else if text.starts_with("_Z") && text.len() <= MOST_MANGLED_BYTES {
        let options = DemangleOptions::new().no_params().no_return_type();
        let options = options.recursion_limit(MOST_DEPTH);
        let parsed = ParseOptions::default().recursion_limit(MOST_DEPTH);
        if let Ok(symbol) = BorrowedSymbol::new_with_options(name, &parsed) {
            let _ = symbol.structured_demangle(&mut cut, &options);
        }
    }
    if cut.0.is_empty() { plain() } else { cut.0.into_bytes().into_boxed_slice() }
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, demangled};
    use rustix::time::{ClockId, clock_gettime};

    #[test]
    fn names_of_rust_and_of_cpp_are_as_people_wrote_them() {
        let named = |name: &str| String::from_utf8_lossy(&demangled(name.as_bytes())).into_owned();
        assert_eq!(
            named("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"),
            "core::fmt::Write::write_fmt"
        );
        assert_eq!(named("_RNvC6_123foo3bar"), "123foo::bar");
        assert_eq!(
            named("_ZNSt6vectorIiSaIiEE9push_backEOi"),
            "std::vector<int, std::allocator<int> >::push_back"
        );
        assert_eq!(named("qsort_r"), "qsort_r");
        assert_eq!(named("_Znope"), "_Znope");
    }

    #[test]
    fn a_name_that_is_read_in_many_ways_takes_no_time_to_speak_of() {
        let cpu_time = || clock_gettime(ClockId::ThreadCPUTime);
        for levels in [5, 10, 14, 20, 40, 80] {
            let name = format!("_Z1fI{}St1aI_N", "St1aI".repeat(levels));
            let begun = cpu_time();
            for _ in 0..10 {
                demangled(name.as_bytes());
            }
            let took = cpu_time() - begun;
            let took_ms = took.tv_sec * 1000 + took.tv_nsec / 1_000_000;
            println!("{levels} levels: {took_ms} ms for ten");
            assert!(took_ms < 200, "{levels} levels took {took_ms} ms, ten times");
        }
    }

    #[test]
    fn a_name_that_stands_for_a_longer_one_is_cut() {
        let names = (0..40).fold("3fooIiE".to_owned(), |inner, _| format!("3fooI{inner}S_E"));
        for name in [format!("_ZN{names}E"), "x".repeat(1 << 20), format!("_Z{}", "P".repeat(9999))]
        {
            assert!(demangled(name.as_bytes()).len() <= MOST_BYTES);
        }
    }
}
