//! What programs in the kernel are aimed at. An interface and a control group have names in the
//! configuration and numbers in the kernel. What is not there has no number yet, and what is made
//! anew under the same name has another one.

use crate::source::{Context, Descriptor, Feeding, Filters, Opened, Sink, Source, SourceError};
use nodemon_recorder_ebpf::load::LEVEL_UNKNOWN;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where the hierarchy of control groups of version 2 may be mounted: alone, or beside those of
/// version 1.
const UNIFIED: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// How often to look whether the numbers are still those of the names.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The numbers of what a source looks at; 0 where it looks at everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResolvedFilter {
    /// The network interface.
    pub interface: u32,
    /// The control group.
    pub cgroup: u64,
    /// How deep that is below the root, or [`LEVEL_UNKNOWN`].
    pub cgroup_level: u32,
}

impl ResolvedFilter {
    /// What the names of a filters stand for now.
    ///
    /// # Errors
    /// [`SourceError::NotYetPresent`] when there is no such interface or control group.
    pub fn at(filters: &Filters) -> Result<ResolvedFilter, SourceError> {
        let mut resolved = ResolvedFilter::default();
        if let Some(name) = &filters.interface {
            resolved.interface =
                number_of_interface(name).ok_or_else(|| SourceError::NotYetPresent {
                    what: format!("network interface `{name}`"),
                    key: "interface",
                    known: "ip link lists them",
                })?;
        }
        if let Some(path) = &filters.cgroup {
            let found = cgroup(path).ok_or_else(|| SourceError::NotYetPresent {
                what: format!("control group {} of version 2 below {}", path.display(), UNIFIED[0]),
                key: "cgroup",
                known: "systemd-cgls lists them",
            })?;
            (resolved.cgroup, resolved.cgroup_level) = found;
        }
        Ok(resolved)
    }
}

/// The number of a control group, which is that of its directory, and how deep it is.
fn cgroup(path: &Path) -> Option<(u64, u32)> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let found = UNIFIED.iter().map(|root| Path::new(root).join(relative)).find_map(|directory| {
        let is_unified = directory.join("cgroup.procs").exists()
            && directory.join("cgroup.controllers").exists();
        is_unified.then(|| std::fs::metadata(&directory).ok()).flatten()
    });
    let level = match is_first_cgroup_namespace() {
        true => u32::try_from(relative.components().count()).unwrap_or(LEVEL_UNKNOWN),
        false => LEVEL_UNKNOWN,
    };
    found.map(|directory| (directory.ino(), level))
}

/// Whether paths of control groups begin at the root of the hierarchy for this process.
fn is_first_cgroup_namespace() -> bool {
    /// `PROC_CGROUP_INIT_INO`, include/linux/proc_ns.h.
    const FIRST: u64 = 0xefff_fffb;
    std::fs::metadata("/proc/self/ns/cgroup").is_ok_and(|link| link.ino() == FIRST)
}

fn number_of_interface(name: &str) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?;
    text.trim().parse().ok()
}

/// The same source, which fails when what it is aimed at goes away or is recreated: the numbers
/// that its programs have are those of nothing then, and it has to be opened with others.
pub fn watched(descriptor: &'static Descriptor) -> &'static Descriptor {
    let open = move |context: &Context| -> Opened {
        let filters = context.asked.filters.clone();
        let resolved = ResolvedFilter::at(&filters)?;
        let source = (descriptor.open)(context)?;
        if resolved == ResolvedFilter::default() {
            return Ok(source);
        }
        Ok(Box::new(FilterWatch { source, filters, resolved, looked: Instant::now(), lost: None }))
    };
    Box::leak(Box::new(Descriptor { open: Box::leak(Box::new(open)), ..*descriptor }))
}

struct FilterWatch {
    source: Box<dyn Source>,
    filters: Filters,
    resolved: ResolvedFilter,
    looked: Instant,
    /// Why there is nothing to expect any more.
    lost: Option<SourceError>,
}

impl FilterWatch {
    fn check(&self) -> Result<(), SourceError> {
        let now = ResolvedFilter::at(&self.filters)?;
        let what = match &self.filters {
            Filters { interface: Some(name), .. } if now.interface != self.resolved.interface => {
                format!("network interface `{name}`")
            }
            Filters { cgroup: Some(path), .. } if now.cgroup != self.resolved.cgroup => {
                format!("control group {}", path.display())
            }
            _ => return Ok(()),
        };
        Err(SourceError::Recreated { what })
    }
}

impl Source for FilterWatch {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        if let Some(lost) = self.lost.take() {
            return Err(lost);
        }
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            // Told the next time: what has come until now is to be had first.
            self.lost = self.check().err();
        }
        self.source.sample(sink)
    }

    fn limits(&self) -> Vec<String> {
        self.source.limits()
    }

    fn details(&self) -> Vec<String> {
        self.source.details()
    }

    fn feeding(&self) -> Option<Feeding> {
        self.source.feeding()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{ResolvedFilter, UNIFIED, watched};
    use crate::actor::{Opening, Supervisor};
    use crate::source::{Asked, Context, Descriptor, Filters, Sink};
    use crate::sources::SOURCES;
    use nodemon_skip::skip;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    /// A control group that is removed when this is dropped.
    struct Group(PathBuf);

    impl Drop for Group {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir(&self.0);
        }
    }

    /// A new directory in the hierarchy of version 2; none where this user may not make one.
    fn group(name: &str) -> Option<Group> {
        let root = UNIFIED.iter().find(|root| Path::new(root).join("cgroup.procs").exists())?;
        let directory = Path::new(root).join(name);
        std::fs::create_dir(&directory).ok().map(|()| Group(directory))
    }

    fn of_group(name: &str) -> Filters {
        Filters { cgroup: Some(Path::new("/").join(name)), ..Filters::default() }
    }

    #[test]
    fn a_name_that_stands_for_nothing_is_told_with_its_key_and_where_to_look() {
        let interface = Filters { interface: Some("nodemon-no".to_owned()), ..Filters::default() };
        for (filters, told) in [
            (interface, ["network interface `nodemon-no`", "`interface`", "ip link"]),
            (of_group("nodemon-no"), ["group /nodemon-no of version 2", "`cgroup`", "cgls"]),
        ] {
            let error =
                ResolvedFilter::at(&filters).map_err(|error| error.to_string()).unwrap_err();
            assert!(told.iter().all(|part| error.contains(part)), "{error}");
        }
        assert_eq!(
            ResolvedFilter::at(&Filters::default()).unwrap(),
            ResolvedFilter::default(),
            "everything"
        );
    }

    #[test]
    fn a_source_waits_for_its_control_group_and_is_reopened_when_it_is_recreated() {
        let name = format!("nodemon-resolved-{}", std::process::id());
        let Some(first) = group(&name) else { return skip!("no control groups") };
        drop(first);
        let load = SOURCES.iter().find(|source| source.name == "loadavg").unwrap();
        let descriptor: &Descriptor = watched(load);
        let asked = Asked { filters: of_group(&name), ..Asked::every(Duration::from_secs(1)) };
        let context = Context { asked, ..Context::default() };
        let mut sink = Sink::new(&(descriptor.tables)());
        let mut supervisor = Supervisor::new(descriptor, context);
        let opening = supervisor.open(&mut sink);
        let Opening::Failed(failure) = opening else { panic!("it is to be tried again") };
        assert!(failure.error.contains(&name), "{}", failure.error);

        let group_of_now = group(&name).unwrap();
        let opening = supervisor.open(&mut sink);
        assert!(matches!(opening, Opening::Ready(_)), "it has come: {opening:?}");
        drop(group_of_now);
        let _group = group(&name).unwrap();
        std::thread::sleep(super::LOOK_EVERY);
        supervisor.sample(&mut sink).unwrap();
        let failure = supervisor.sample(&mut sink).unwrap_err();
        assert!(failure.error.contains("was recreated"), "{}", failure.error);
        assert!(matches!(supervisor.open(&mut sink), Opening::Ready(_)));
        supervisor.sample(&mut sink).unwrap();
    }
}
