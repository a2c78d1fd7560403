//! System calls, errors and signals: numbers that a processor's kernel gives names.

use super::{Names, put_number, word, word_32};

// Made by `build.rs` out of the headers of the kernel.
include!(concat!(env!("OUT_DIR"), "/numbers.rs"));

/// Signals up to the first real-time one, the same on every processor that this runs on.
const SIGNALS: [&str; 32] = [
    "",
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// What the programs count calls of 32 bits as (`bpf/syscalls.h`).
const SYSCALL_OF_32_BITS: u64 = 511;

/// The name of a system call: `openat`. One that is newer than these headers stays a number, and
/// those of programs of 32 bits, which have other numbers, are `32bit`.
pub fn syscall(_: &mut Names, number: &[u8], text: &mut Vec<u8>) {
    match word(number) {
        SYSCALL_OF_32_BITS => text.extend_from_slice(b"32bit"),
        number => put_named(SYSCALLS, number, text),
    }
}

/// The name of an error, given as the negative number that the kernel returns: `ENOENT`. What is
/// not negative is no error and leaves no text.
pub fn error(_: &mut Names, number: &[u8], text: &mut Vec<u8>) {
    let number = match number.len() {
        4 => word_32(number).cast_signed().into(),
        _ => word(number).cast_signed(),
    };
    if number < 0 {
        put_named(ERRORS, number.unsigned_abs(), text);
    }
}

/// The name of a signal: `SIGTERM`, `SIGRTMIN+2`. 0 is none.
pub fn signal(_: &mut Names, bytes: &[u8], text: &mut Vec<u8>) {
    match word(bytes) {
        0 => {}
        number if number < 32 => {
            text.extend_from_slice(SIGNALS[word_32(bytes) as usize].as_bytes())
        }
        // The C library keeps the first two for itself.
        number @ 34..=64 => {
            text.extend_from_slice(b"SIGRTMIN");
            if number > 34 {
                text.push(b'+');
                put_number(number - 34, text);
            }
        }
        number => put_number(number, text),
    }
}

fn put_named(names: &[(u32, &str)], number: u64, text: &mut Vec<u8>) {
    let found = names.binary_search_by_key(&number, |(number, _)| u64::from(*number));
    match found {
        Ok(at) => text.extend_from_slice(names[at].1.as_bytes()),
        Err(_) => put_number(number, text),
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, error, signal, syscall};

    fn text(named: fn(&mut Names, &[u8], &mut Vec<u8>), bytes: &[u8]) -> String {
        let mut text = Vec::new();
        named(&mut Names::default(), bytes, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn numbers_of_this_processor_have_their_names() {
        for (number, name) in [
            (libc::SYS_openat, "openat"),
            (libc::SYS_futex, "futex"),
            (libc::SYS_exit_group, "exit_group"),
            (99_999, "99999"),
        ] {
            assert_eq!(text(syscall, &(number as u32).to_le_bytes()), name);
        }
        assert_eq!(text(error, &(-libc::ENOENT).to_le_bytes()), "ENOENT");
        assert_eq!(text(error, &i64::from(-libc::EAGAIN).to_le_bytes()), "EAGAIN");
        assert_eq!(text(error, &3_i64.to_le_bytes()), "");
        let signals = [(0, ""), (libc::SIGUSR1, "SIGUSR1"), (34, "SIGRTMIN"), (40, "SIGRTMIN+6")];
        for (number, name) in signals {
            assert_eq!(text(signal, &number.to_le_bytes()), name);
        }
    }
}
