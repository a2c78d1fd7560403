//! The functions of programs and libraries that a source is to look at: found, or why not.

use crate::functions::{self, Found, FunctionError};
use crate::kernel_files::process_stat::ProcessIdentity;
use crate::source::{Context, SourceError};
use nodemon_recorder_ebpf::feature::Feature;
use nodemon_recorder_ebpf::load::Function;
use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often to poll whether it is still what the configuration names.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// What the configuration names.
pub struct Functions {
    found: Vec<Found>,
    missing: Vec<String>,
    process: Option<Process>,
    polled: Instant,
    /// Why there is nothing to expect any more.
    lost: Option<SourceError>,
}

/// The process that is traced.
struct Process {
    pid: u32,
    proc: PathBuf,
    identity: Option<ProcessIdentity>,
}

impl Process {
    fn of(context: &Context, pid: u32) -> Process {
        let proc = context.proc.clone();
        Process { pid, identity: ProcessIdentity::read(&proc, pid), proc }
    }
}

impl Functions {
    /// Finds what is named for a feature that looks at functions.
    ///
    /// # Errors
    /// [`SourceError::NotYetPresent`] when the process is not there, and
    /// [`SourceError::Unavailable`] when nothing is named, or none of it is there.
    pub fn find(feature: &Feature, context: &Context) -> Result<Functions, SourceError> {
        let filters = &context.asked.filters;
        let mut functions = Functions {
            found: Vec::new(),
            missing: Vec::new(),
            process: None,
            polled: Instant::now(),
            lost: None,
        };
        let calls = feature.calls();
        if calls.is_empty() && !feature.looks_at_functions() {
            return Ok(functions);
        }
        functions.process = filters.pid.map(|pid| Process::of(context, pid));
        if !calls.is_empty() {
            functions.found = called(feature, context, &calls)?;
            return Ok(functions);
        }
        let named = filters.functions.as_deref().unwrap_or_default();
        let never_throws = filters.never_throws.unwrap_or(false);
        for spec in named {
            match functions::find(&context.proc, spec, filters.pid, never_throws) {
                Ok(found) => functions.add(found, feature.name),
                Err(why @ FunctionError::Process { .. }) => return Err(no_process(&why)),
                // It may load the library later.
                Err(why @ FunctionError::NoFile { .. })
                    if filters.pid.is_some() && named.len() == 1 =>
                {
                    return Err(SourceError::NotYetPresent {
                        what: why.to_string(),
                        key: "functions",
                        known: "/proc/PID/maps lists what it has",
                    });
                }
                Err(why) => {
                    tracing::warn!("source {} does not trace a function: {why}", feature.name);
                    functions.missing.push(why.to_string());
                }
            }
        }
        if functions.found.is_empty() {
            let why = match named {
                [] => format!(
                    "no function is named; --source {}=functions=libc.so.6:getaddrinfo names one, and \
                     so does `functions` in the configuration",
                    feature.name
                ),
                _ => functions.missing.join("; "),
            };
            return Err(SourceError::Unavailable { what: feature.name.to_owned(), why });
        }
        Ok(functions)
    }

    /// Whether what is looked at is still what the configuration names: programs that are replaced, and
    /// processes that end or become another program, have others. Costs a clock, and once a second a
    /// look at files. What there was until then is to be had first: it is told the next time.
    ///
    /// # Errors
    /// [`SourceError::Recreated`] and [`SourceError::NotYetPresent`].
    pub fn check(&mut self) -> Result<(), SourceError> {
        if self.found.is_empty() {
            return Ok(());
        }
        if let Some(lost) = self.lost.take() {
            return Err(lost);
        }
        if self.polled.elapsed() >= POLL_EVERY {
            self.polled = Instant::now();
            self.lost = self.poll().err();
        }
        Ok(())
    }

    fn poll(&self) -> Result<(), SourceError> {
        let Some(Process { pid, proc, identity }) = &self.process else {
            return match self.found.iter().find(|found| found.is_replaced()) {
                Some(found) => {
                    Err(SourceError::Recreated { what: format!("{}", found.path.display()) })
                }
                None => Ok(()),
            };
        };
        match ProcessIdentity::read(proc, *pid) {
            None => Err(SourceError::NotYetPresent {
                what: format!("process {pid}"),
                key: "pid",
                known: "ps lists them",
            }),
            now if now != *identity => {
                Err(SourceError::Recreated { what: format!("the program of process {pid}") })
            }
            Some(_) => Ok(()),
        }
    }

    /// Of two names of one function the second would have no calls, and those of the first be lost.
    fn add(&mut self, found: Found, source: &str) {
        match self.found.iter().find(|known| known.is_same(&found)) {
            Some(known) => {
                let (known, name) = (&known.function.name, &found.function.name);
                let why = format!("{name} is the same function as {known}");
                tracing::warn!("source {source} traces a function once: {why}");
                self.missing.push(why);
            }
            None => self.found.push(found),
        }
    }

    /// For the programs in the kernel, by number.
    pub fn found(&self) -> Vec<Function> {
        self.found.iter().map(|found| found.function.clone()).collect()
    }

    /// What they are called, by number.
    pub fn names(&self) -> Vec<String> {
        self.found.iter().map(|found| found.function.name.clone()).collect()
    }

    /// Where they are, a sentence each.
    pub fn told(&self) -> Vec<String> {
        self.found.iter().map(Found::told).collect()
    }

    /// Why others are not looked at, a sentence each.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
}

/// The functions of the process that is named.
fn called(feature: &Feature, context: &Context, names: &[&str]) -> Result<Vec<Found>, SourceError> {
    let unavailable = |why| SourceError::Unavailable { what: feature.name.to_owned(), why };
    let pid = context.asked.filters.pid.ok_or_else(|| {
        unavailable(format!(
            "no process is named; --source {}=pid=4711 names one, and so does `pid` in the \
             configuration",
            feature.name
        ))
    })?;
    functions::find_called(&context.proc, pid, names).map_err(|why| match why {
        FunctionError::Process { .. } => no_process(&why),
        why => unavailable(why.to_string()),
    })
}

/// Whether a feature looks at functions, and this thread has no more what it takes to let it begin.
pub fn has_given_up(feature: &Feature) -> bool {
    let looks = feature.looks_at_functions() || !feature.calls().is_empty();
    let has = |sets: CapabilitySets| sets.effective.contains(CapabilitySet::SYS_ADMIN);
    looks && geteuid().is_root() && !capabilities(None).is_ok_and(has)
}

/// Why it cannot begin, then.
pub fn not_again(feature: &Feature) -> SourceError {
    SourceError::Unavailable {
        what: feature.name.to_owned(),
        why:
            "it takes CAP_SYS_ADMIN to begin to watch functions, which the recorder gives up when \
              everything is open; start it anew"
                .to_owned(),
    }
}

fn no_process(why: &FunctionError) -> SourceError {
    SourceError::NotYetPresent { what: why.to_string(), key: "pid", known: "ps lists them" }
}
