//! A program that an event of perf calls, on every CPU that is online: a counter of the hardware or
//! of the kernel, or the clock. CPUs that come later get one, and that of one that goes does not come
//! back with it.

use crate::error::FeatureError;
use crate::object::find;
use aya::Ebpf;
use aya::programs::perf_event::{PerfEventConfig, PerfEventScope, SamplePolicy};
use aya::programs::{PerfEvent, ProgramError};
use std::any::Any;
use std::collections::BTreeMap;

/// The program, and what keeps it on each CPU.
pub struct OnCpus {
    program: &'static str,
    event: PerfEventConfig,
    period: u64,
    links: BTreeMap<u32, Box<dyn Any + Send>>,
}

impl OnCpus {
    /// A program that is loaded, and is on no CPU yet.
    pub fn new(program: &'static str, event: PerfEventConfig, period: u64) -> OnCpus {
        OnCpus { program, event, period, links: BTreeMap::new() }
    }

    /// Puts it on CPUs that have come, and forgets those that went. Hands out why one did not take
    /// it; that one is tried again the next time.
    ///
    /// # Errors
    /// When the kernel does not say which CPUs are online.
    pub fn follow(&mut self, object: &mut Ebpf) -> Result<Option<ProgramError>, FeatureError> {
        let online = aya::util::online_cpus()
            .map_err(|(path, source)| FeatureError::Read { path: path.into(), source })?;
        let come = self.keep(&online);
        let counter: &mut PerfEvent = find(object, self.program)?;
        let mut why = None;
        for cpu in come {
            let scope = PerfEventScope::AllProcessesOneCpu { cpu };
            let link = counter.attach(self.event, scope, SamplePolicy::Period(self.period), false);
            match link.and_then(|link| counter.take_link(link)) {
                Ok(link) => {
                    self.links.insert(cpu, Box::new(link));
                }
                Err(error) => why = Some(error),
            }
        }
        Ok(why)
    }

    /// Lets go of CPUs that are not `online`, and hands out those that are and have no program.
    fn keep(&mut self, online: &[u32]) -> Vec<u32> {
        self.links.retain(|cpu, _| online.contains(cpu));
        online.iter().copied().filter(|cpu| !self.links.contains_key(cpu)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{OnCpus, PerfEventConfig};
    use aya::programs::perf_event::HardwareEvent;

    #[test]
    fn a_cpu_that_comes_or_comes_back_is_to_get_the_program() {
        let event = PerfEventConfig::Hardware(HardwareEvent::CacheMisses);
        let mut counted = OnCpus::new("missed", event, 1_000_000);
        let mut come = |online: &[u32]| {
            let come = counted.keep(online);
            for cpu in &come {
                counted.links.insert(*cpu, Box::new(()));
            }
            come
        };
        assert_eq!(come(&[0, 1]), [0, 1]);
        assert_eq!(come(&[0, 1]), []);
        assert_eq!(come(&[0, 1, 2]), [2], "it came later");
        assert_eq!(come(&[0, 2]), []);
        assert_eq!(come(&[0, 1, 2]), [1], "what counted before it went does not count again");
    }
}
