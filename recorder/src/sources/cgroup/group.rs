//! One control group: in which hierarchies it is, and what was read of it last.

use super::container::Container;
use super::files::{self, When};
use super::hierarchy::Hierarchy;
use super::reader::{KeptFile, Outcome, Reader};
use super::values::Values;
use crate::source::SourceError;

/// What changes without anything in the group running is read this often: limits, memory that is
/// reclaimed, pages that are written back, pressure while everything is stuck.
const REFRESH_NS: u64 = 10_000_000_000;

/// A group.
pub struct Group {
    /// Its path below the root of its hierarchies.
    pub path: Vec<u8>,
    /// Its number, which is that of its directory in the hierarchy of version 2.
    pub id: Option<u64>,
    /// The container that it is of.
    pub container: Container,
    /// What is known of it.
    pub values: Values,
    members: Vec<Member>,
    refresh_at_ns: u64,
}

/// A group as it is in one hierarchy.
struct Member {
    hierarchy: usize,
    /// The walk that saw it last.
    walk: u64,
    files: Vec<KeptFile>,
}

impl Group {
    /// The group at `path`, which is in no hierarchy yet.
    pub fn new(path: &[u8]) -> Group {
        Group {
            path: path.to_vec(),
            id: None,
            container: Container::from_path(&String::from_utf8_lossy(path)),
            values: Values::default(),
            members: Vec::new(),
            refresh_at_ns: 0,
        }
    }

    /// It was seen in `hierarchy`.
    pub fn join(&mut self, hierarchy: usize, hierarchies: &[Hierarchy], walk: u64) {
        let at = self.members.partition_point(|member| member.hierarchy < hierarchy);
        if let Some(member) = self.members.get_mut(at)
            && member.hierarchy == hierarchy
        {
            member.walk = walk;
            return;
        }
        if let Some(id) = hierarchies.get(hierarchy).and_then(|found| found.id_of(&self.path)) {
            self.id = Some(id);
        }
        let parts = hierarchies.get(hierarchy).map_or(&[][..], |hierarchy| &hierarchy.parts);
        let files = parts.iter().flat_map(|part| files::for_part(*part));
        let files = files.map(KeptFile::new).collect();
        self.members.insert(at, Member { hierarchy, walk, files });
        self.refresh_at_ns = 0;
    }

    /// It is no longer in the hierarchies of which `stays` says no. Returns whether any is left.
    fn leave(&mut self, reader: &mut Reader, mut stays: impl FnMut(&Member) -> bool) -> bool {
        let before = self.members.len();
        self.members.retain_mut(|member| {
            let stays = stays(member);
            if !stays {
                reader.release(&mut member.files);
            }
            stays
        });
        if self.members.len() != before {
            self.refresh_at_ns = 0;
        }
        !self.members.is_empty()
    }

    /// It is no longer in `hierarchy`. Returns whether it is in another.
    pub fn leave_hierarchy(&mut self, reader: &mut Reader, hierarchy: usize) -> bool {
        self.leave(reader, |member| member.hierarchy != hierarchy)
    }

    /// It is where `walk` saw it. Returns whether it is anywhere.
    pub fn keep_walked(&mut self, reader: &mut Reader, walk: u64) -> bool {
        self.leave(reader, |member| member.walk == walk)
    }

    /// Reads what may have changed. `false` when the group is no more.
    ///
    /// # Errors
    /// When the recorder has run out of something.
    pub fn update(
        &mut self,
        now_ns: u64,
        hierarchies: &[Hierarchy],
        reader: &mut Reader,
    ) -> Result<bool, SourceError> {
        let refresh = now_ns >= self.refresh_at_ns;
        let before_ns = self.values.cpu_ns;
        if refresh {
            self.values = Values::default();
        }
        let told = self.read(hierarchies, reader, refresh, |when| when == When::Always)?;
        if self.members.is_empty() {
            return Ok(false);
        }
        let active = refresh || !told || self.values.cpu_ns != before_ns;
        if active {
            let due = |when| when == When::Active || refresh && when == When::Refresh;
            self.read(hierarchies, reader, refresh, due)?;
        }
        if refresh {
            self.refresh_at_ns = now_ns + REFRESH_NS;
        }
        Ok(!self.members.is_empty())
    }

    /// Reads the files of which `due` says yes; those that are missing only `again`. Returns
    /// whether there was any.
    fn read(
        &mut self,
        hierarchies: &[Hierarchy],
        reader: &mut Reader,
        again: bool,
        due: impl Fn(When) -> bool,
    ) -> Result<bool, SourceError> {
        let Group { path, values, members, .. } = self;
        let mut any = false;
        let mut failure = None;
        members.retain_mut(|member| {
            let Some(hierarchy) = hierarchies.get(member.hierarchy) else { return false };
            for file in &mut member.files {
                if !due(file.of.when) || file.missing && !again || failure.is_some() {
                    continue;
                }
                match reader.read(hierarchy, path, file, values) {
                    Ok(Outcome::Read) => any = true,
                    Ok(Outcome::Missing) => {}
                    Ok(Outcome::Gone) => {
                        reader.release(&mut member.files);
                        return false;
                    }
                    Err(error) => failure = Some(error),
                }
            }
            true
        });
        failure.map_or(Ok(any), Err)
    }
}
