//! Control groups, of version 2 and version 1: CPU, throttling, memory, I/O, pids, pressure.
//!
//! A host can have hundreds of groups, and a dozen files each. Three things keep that cheap:
//!
//! - The tree is not walked at every sample: inotify tells of groups that come and go ([`tree`]).
//! - The CPU time of a group is read first. If it has not moved, nothing in the group ran, and of
//!   its other files only what changes by itself is left to read, which is done every 10 s
//!   ([`group`]). The memory hierarchy of version 1 has no such witness and is read every time,
//!   unless the same group has CPU time in another hierarchy.
//! - Files that are read at every sample stay open, as many as there is room for ([`reader`]).

mod container;
mod files;
mod group;
mod hierarchy;
mod layers;
mod reader;
mod table;
#[cfg(test)]
mod tests;
mod tree;
mod values;
mod version1;
mod version2;

use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use group::Group;
use hierarchy::Hierarchy;
use reader::Reader;
use std::time::Duration;
use tree::{Keeper, Tree};

/// The source of the table `cgroup`.
pub const SOURCE: Descriptor = Descriptor {
    name: "cgroup",
    reads: "/sys/fs/cgroup",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &|| vec![table::schema()],
    described: None,
    open: &open,
};

/// So many groups are recorded, those nearest to the root; memory must stay bounded.
const MAX_GROUPS: usize = 1_024;

/// Block devices are looked for this often.
const LOOK_EVERY_NS: u64 = 10_000_000_000;

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let hierarchies = hierarchy::find(&context.sys);
    if hierarchies.is_empty() {
        return Err(SourceError::Unavailable {
            what: context.sys.join("fs/cgroup").display().to_string(),
            why: "no hierarchy of control groups is mounted there; mount -t cgroup2 none \
                  /sys/fs/cgroup would do"
                .to_owned(),
        });
    }
    let groups = Groups {
        hierarchies,
        sorted: Vec::new(),
        reader: Reader::new(&context.sys),
        walk: 0,
        limit: MAX_GROUPS,
    };
    Ok(Box::new(Cgroups { tree: Tree::new(), groups, look_at_ns: 0 }))
}

struct Cgroups {
    tree: Tree,
    groups: Groups,
    /// When devices are looked for again.
    look_at_ns: u64,
}

struct Groups {
    hierarchies: Vec<Hierarchy>,
    /// By path.
    sorted: Vec<Group>,
    reader: Reader,
    /// Number of the last walk.
    walk: u64,
    limit: usize,
}

impl Source for Cgroups {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let Cgroups { tree, groups, look_at_ns } = self;
        tree.follow(sink.time_ns(), groups);
        let time_ns = sink.time_ns();
        if time_ns >= *look_at_ns {
            groups.reader.look_at_devices();
            *look_at_ns = time_ns + LOOK_EVERY_NS;
        }
        let table = sink.table(0);
        table.begin_sample(time_ns);
        let mut failure = None;
        let Groups { hierarchies, sorted, reader, .. } = groups;
        sorted.retain_mut(|group| match group.update(time_ns, hierarchies, reader) {
            Ok(true) => {
                table::push(table, group);
                true
            }
            Ok(false) => false,
            Err(error) => {
                failure = Some(error);
                true
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        table.end_sample();
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        match self.tree.left_out() {
            0 => Vec::new(),
            left_out => vec![format!(
                "{left_out} control groups are left out: at most {} are recorded, those nearest \
                 to the root",
                self.groups.limit
            )],
        }
    }
}

impl Groups {
    fn position(&self, path: &[u8]) -> Result<usize, usize> {
        self.sorted.binary_search_by(|group| group.path.as_slice().cmp(path))
    }
}

impl Keeper for Groups {
    fn hierarchies(&self) -> &[Hierarchy] {
        &self.hierarchies
    }

    fn present(&mut self, hierarchy: usize, path: &[u8]) -> bool {
        let at = match self.position(path) {
            Ok(at) => at,
            Err(_) if self.sorted.len() >= self.limit => return false,
            Err(at) => {
                self.sorted.insert(at, Group::new(path));
                at
            }
        };
        if let Some(group) = self.sorted.get_mut(at) {
            group.join(hierarchy, &self.hierarchies, self.walk);
        }
        true
    }

    fn gone(&mut self, hierarchy: usize, path: &[u8]) {
        let Groups { sorted, reader, .. } = self;
        sorted.retain_mut(|group| {
            let inside = group.path.strip_prefix(path);
            let affected = inside.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
            !affected || group.leave_hierarchy(reader, hierarchy)
        });
    }

    fn walk_begins(&mut self) {
        self.walk += 1;
    }

    fn walk_ends(&mut self) {
        let Groups { sorted, reader, walk, .. } = self;
        sorted.retain_mut(|group| group.keep_walked(reader, *walk));
    }
}
