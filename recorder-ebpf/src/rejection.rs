//! What the kernel and the loader say when they refuse something, in words for people.

use aya::sys::SyscallError;
use rustix::thread::{CapabilitySet, capabilities};
use std::error::Error;
use std::io;

/// What the kernel will answer this process whatever it asks of eBPF, without asking: for that it
/// would have to be told first which types the kernel has, and reading them takes a while. `None`
/// where only the kernel knows.
pub(crate) fn expected_rejection() -> Option<io::Error> {
    // Before 5.8 there is no `CAP_BPF`; `CAP_SYS_ADMIN` is enough in all (capabilities(7)).
    let enough = CapabilitySet::BPF | CapabilitySet::SYS_ADMIN;
    let has_none = capabilities(None).is_ok_and(|sets| !sets.effective.intersects(enough));
    has_none.then(|| rustix::io::Errno::PERM.into())
}

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The process may not.
    NotPermitted(String),
    /// Anything else.
    Other(String),
}

/// The chain of causes in one line, or that permission is what is missing.
pub(crate) fn rejection(error: &(dyn Error + 'static)) -> Rejection {
    let mut text = error.to_string();
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(reason) = answer_of_the_kernel(error)
            && reason.kind() == io::ErrorKind::PermissionDenied
        {
            return Rejection::NotPermitted(reason.to_string());
        }
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    Rejection::Other(text)
}

fn answer_of_the_kernel<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    match error.downcast_ref::<SyscallError>() {
        Some(call) => Some(&call.io_error),
        None => error.downcast_ref::<io::Error>(),
    }
}

/// The end of a verifier's log, where it says what it does not like; its statistics are left out.
pub(crate) fn last_lines(log: &str) -> String {
    let told = |line: &&str| {
        let line = line.trim();
        !line.is_empty()
            && !["processed ", "verification time", "stack depth", "Caused by"]
                .iter()
                .any(|start| line.starts_with(start))
    };
    let lines: Vec<&str> = log.lines().filter(told).collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}

/// What a verifier said, to stand behind a sentence; nothing where it said nothing.
pub(crate) fn behind(log: &str) -> String {
    if log.is_empty() { String::new() } else { format!(": {log}") }
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn of_a_log_the_end_is_kept_and_its_statistics_are_not() {
        let log =
            "0: (b7) r1 = 0\n1: (95) exit\nR0 !read_ok\n\nprocessed 2 insns (limit 1000000)\n";
        assert_eq!(last_lines(log), "0: (b7) r1 = 0; 1: (95) exit; R0 !read_ok");
        assert_eq!(last_lines(""), "");
    }
}
