//! Why there is no timer.

use crate::percpu::BtfError;
use crate::rejection::{Rejection, behind, last_lines, rejection};
use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::{ProgramError, ProgramType};
use aya::sys::{BpfHelper, is_helper_supported};
use std::error::Error;
use std::io;
use thiserror::Error;

/// Why the timer cannot be had, in a sentence that says what is missing.
#[derive(Debug, Error)]
pub enum TimerError {
    /// A setting is not one.
    #[error("{0}")]
    Setting(String),
    /// The timer cannot run on the CPU that was asked for.
    #[error("cannot run on CPU {cpu}: {source}")]
    Cpu {
        /// The CPU.
        cpu: u32,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The kernel does not describe its types.
    #[error("the kernel does not describe itself (CONFIG_DEBUG_INFO_BTF): {0}")]
    Btf(#[from] BtfError),
    /// Something of the kernel is not where it is in others.
    #[error("this kernel has no {0}, so its CPUs cannot be read")]
    Missing(&'static str),
    /// The process may not use eBPF.
    #[error(
        "the kernel does not let this process use eBPF ({0}): that takes root, or CAP_BPF, \
         CAP_PERFMON and CAP_NET_ADMIN"
    )]
    NotPermitted(String),
    /// The kernel is older than `bpf_timer`.
    #[error("this kernel has no eBPF timers: they came with Linux 5.15")]
    NoTimers,
    /// Programs may not read the kernel's memory.
    #[error(
        "the kernel lets no program of this process read its memory: that takes CAP_PERFMON, and \
         no lockdown for confidentiality (/sys/kernel/security/lockdown)"
    )]
    NoReading,
    /// The verifier refused a program.
    #[error("the kernel refused the program '{program}' ({source}){}", behind(log))]
    Refused {
        /// Which program.
        program: &'static str,
        /// What the kernel answered.
        source: io::Error,
        /// The last lines of what its verifier said.
        log: String,
    },
    /// The timer was loaded and did not start.
    #[error("the kernel did not start the timer: {0}")]
    Start(io::Error),
    /// Anything else that the kernel or the loader said.
    #[error("cannot load the timer: {0}")]
    Load(String),
    /// Facts about this machine could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: &'static str,
        /// What the kernel answered.
        source: io::Error,
    },
}

/// What the loader said before any program was at hand.
impl From<EbpfError> for TimerError {
    fn from(error: EbpfError) -> TimerError {
        general(&error)
    }
}

impl From<MapError> for TimerError {
    fn from(error: MapError) -> TimerError {
        general(&error)
    }
}

impl TimerError {
    /// What the loader said of `program`.
    pub(super) fn from_program(program: &'static str, error: ProgramError) -> TimerError {
        let ProgramError::LoadError { io_error, verifier_log } = error else {
            return general(&error);
        };
        let log = verifier_log.to_string();
        if io_error.kind() == io::ErrorKind::PermissionDenied && log.trim().is_empty() {
            return TimerError::NotPermitted(io_error.to_string());
        }
        // Old kernels stumble over other things first, so they are asked.
        if lacks(BpfHelper::BPF_FUNC_timer_init) {
            return TimerError::NoTimers;
        }
        if lacks(BpfHelper::BPF_FUNC_probe_read_kernel) {
            return TimerError::NoReading;
        }
        TimerError::Refused { program, source: io_error, log: last_lines(&log) }
    }
}

/// Whether it is known that a program of this kind cannot have `helper` here.
fn lacks(helper: BpfHelper) -> bool {
    matches!(is_helper_supported(ProgramType::SchedClassifier, helper), Ok(false))
}

fn general(error: &(dyn Error + 'static)) -> TimerError {
    match rejection(error) {
        Rejection::NotPermitted(why) => TimerError::NotPermitted(why),
        Rejection::Other(text) => TimerError::Load(text),
    }
}

#[cfg(test)]
mod tests {
    use super::TimerError;
    use std::io;

    #[test]
    fn what_the_kernel_answered_is_found_below_what_the_loader_says() {
        let refused = |errno| {
            TimerError::from(aya::maps::MapError::CreateError {
                name: "ring".to_owned(),
                io_error: io::Error::from_raw_os_error(errno),
            })
        };
        let text = refused(1).to_string();
        assert!(text.contains("CAP_BPF"), "{text}");
        let text = refused(12).to_string();
        assert!(text.contains("`ring`: Cannot allocate memory"), "{text}");
    }
}
