//! Which control groups there are, without walking the tree at every sample: inotify tells when a
//! directory is made or removed, which is the only way in which groups come and go.

use super::hierarchy::Hierarchy;
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{FileType, Mode, OFlags, RawDir, inotify, openat};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The whole tree is walked this often in any case.
const WALK_EVERY_NS: u64 = 60_000_000_000;
/// The same while some groups cannot be watched, or are left out.
const WALK_OFTEN_NS: u64 = 10_000_000_000;
/// Bytes that directory entries and events are read into.
const BUFFER_BYTES: usize = 16 * 1024;

/// Who keeps the groups.
pub trait Keeper {
    /// The hierarchies, which never change.
    fn hierarchies(&self) -> &[Hierarchy];
    /// There is a group `path` in `hierarchy`; said again at every walk. `false` when there is no
    /// room for it.
    fn present(&mut self, hierarchy: usize, path: &[u8]) -> bool;
    /// The group `path` of `hierarchy` is gone, with all that is in it.
    fn gone(&mut self, hierarchy: usize, path: &[u8]);
    /// A walk of everything begins: what is not said to be present by its end is gone.
    fn walk_begins(&mut self);
    /// It has ended.
    fn walk_ends(&mut self);
}

/// The tree of all hierarchies.
pub struct Tree {
    inotify: Option<OwnedFd>,
    /// Hierarchy and path of each watch.
    watches: HashMap<i32, (usize, Vec<u8>)>,
    walk_at_ns: u64,
    unwatched: usize,
    left_out: usize,
    buffer: Vec<MaybeUninit<u8>>,
    changes: Vec<Change>,
}

/// What an event says.
enum Change {
    Made(usize, Vec<u8>),
    Removed(usize, Vec<u8>),
}

impl Tree {
    /// A tree of which nothing is known.
    pub fn new() -> Tree {
        Tree {
            inotify: inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok(),
            watches: HashMap::new(),
            walk_at_ns: 0,
            unwatched: 0,
            left_out: 0,
            buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES],
            changes: Vec::new(),
        }
    }

    /// Groups for which there was no room at the last walk.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Tells `keeper` what has changed since the last call.
    pub fn follow(&mut self, now_ns: u64, keeper: &mut impl Keeper) {
        self.read_events();
        for change in std::mem::take(&mut self.changes) {
            match change {
                Change::Made(at, path) => self.descend(at, path, keeper),
                Change::Removed(at, path) => keeper.gone(at, &path),
            }
        }
        if now_ns < self.walk_at_ns {
            return;
        }
        self.unwatched = 0;
        self.left_out = 0;
        keeper.walk_begins();
        for at in 0..keeper.hierarchies().len() {
            self.descend(at, b"/".to_vec(), keeper);
        }
        keeper.walk_ends();
        let in_full = self.unwatched == 0 && self.left_out == 0;
        self.walk_at_ns = now_ns + if in_full { WALK_EVERY_NS } else { WALK_OFTEN_NS };
    }

    /// Takes the events that wait into `changes`.
    fn read_events(&mut self) {
        let Tree { inotify: Some(inotify), watches, buffer, changes, .. } = self else { return };
        let mut events = inotify::Reader::new(inotify, buffer);
        while let Ok(event) = events.next() {
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                self.walk_at_ns = 0;
            } else if flags.contains(ReadFlags::IGNORED) {
                watches.remove(&event.wd());
            } else if let Some((at, parent)) = watches.get(&event.wd())
                && let Some(name) = event.file_name()
                && flags.contains(ReadFlags::ISDIR)
            {
                let path = joined(parent, name.to_bytes());
                let made = flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
                changes.push(match made {
                    true => Change::Made(*at, path),
                    false => Change::Removed(*at, path),
                });
            }
        }
    }

    /// Tells of the group `path` and of all that are in it, those nearest to it first.
    fn descend(&mut self, at: usize, path: Vec<u8>, keeper: &mut impl Keeper) {
        let mut queue = VecDeque::from([path]);
        while let Some(path) = queue.pop_front() {
            let Some(hierarchy) = keeper.hierarchies().get(at) else { return };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let relative = relative(&path);
            let Ok(directory) = openat(&hierarchy.directory, relative, flags, Mode::empty()) else {
                continue;
            };
            let full = hierarchy.root.join(OsStr::from_bytes(relative));
            if keeper.present(at, &path) {
                // Watched before it is listed, so that nothing is made in between unseen.
                self.watch(&full, at, &path);
            } else {
                self.left_out += 1;
            }
            let mut entries = RawDir::new(&directory, &mut self.buffer);
            while let Some(Ok(entry)) = entries.next() {
                let name = entry.file_name().to_bytes();
                if entry.file_type() == FileType::Directory && name != b"." && name != b".." {
                    queue.push_back(joined(&path, name));
                }
            }
        }
    }

    fn watch(&mut self, full: &Path, at: usize, path: &[u8]) {
        let moved = WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
        let flags = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::ONLYDIR | moved;
        let added = self.inotify.as_ref().map(|inotify| inotify::add_watch(inotify, full, flags));
        match added {
            Some(Ok(watch)) => {
                self.watches.insert(watch, (at, path.to_vec()));
            }
            _ => self.unwatched += 1,
        }
    }
}

/// The path of `name` in the group `parent`.
fn joined(parent: &[u8], name: &[u8]) -> Vec<u8> {
    let parent = parent.strip_suffix(b"/").unwrap_or(parent);
    [parent, b"/", name].concat()
}

/// The path as seen from the root of its hierarchy.
pub fn relative(path: &[u8]) -> &[u8] {
    match path.strip_prefix(b"/").unwrap_or(path) {
        b"" => b".",
        relative => relative,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Keeper, Tree, WALK_EVERY_NS, WALK_OFTEN_NS};
    use crate::sources::cgroup::hierarchy::{Hierarchy, find};
    use std::collections::BTreeSet;
    use std::path::Path;
    use tempfile::TempDir;

    /// Keeps the paths; the room is for `room` of them.
    struct Paths {
        known: BTreeSet<String>,
        walked: BTreeSet<String>,
        room: usize,
        walks: usize,
        hierarchies: Vec<Hierarchy>,
    }

    impl Keeper for Paths {
        fn hierarchies(&self) -> &[Hierarchy] {
            &self.hierarchies
        }

        fn present(&mut self, _: usize, path: &[u8]) -> bool {
            let path = String::from_utf8(path.to_vec()).unwrap();
            if self.known.len() >= self.room && !self.known.contains(&path) {
                return false;
            }
            self.walked.insert(path.clone());
            self.known.insert(path);
            true
        }

        fn gone(&mut self, _: usize, path: &[u8]) {
            let path = String::from_utf8(path.to_vec()).unwrap();
            self.known.retain(|known| !Path::new(known).starts_with(&path));
        }

        fn walk_begins(&mut self) {
            self.walks += 1;
            self.walked.clear();
        }

        fn walk_ends(&mut self) {
            self.known = std::mem::take(&mut self.walked);
        }
    }

    fn setup(room: usize) -> (TempDir, Tree, Paths) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("fs/cgroup/a/b")).unwrap();
        std::fs::write(dir.path().join("fs/cgroup/cgroup.controllers"), "").unwrap();
        let hierarchies = find(dir.path());
        let (known, walked) = Default::default();
        (dir, Tree::new(), Paths { known, walked, room, walks: 0, hierarchies })
    }

    #[test]
    fn groups_that_come_and_go_are_told_without_a_walk() {
        let (dir, mut tree, mut paths) = setup(100);
        let base = dir.path().join("fs/cgroup");
        let mut known = |now_ns| {
            tree.follow(now_ns, &mut paths);
            (paths.known.iter().cloned().collect::<Vec<_>>().join(" "), paths.walks)
        };
        assert_eq!(known(0), ("/ /a /a/b".to_owned(), 1));
        assert_eq!(known(1), ("/ /a /a/b".to_owned(), 1));
        std::fs::create_dir_all(base.join("a/b/c/d")).unwrap();
        std::fs::write(base.join("a/b/cpu.stat"), "").unwrap();
        assert_eq!(known(2), ("/ /a /a/b /a/b/c /a/b/c/d".to_owned(), 1));
        std::fs::create_dir(base.join("a/b/c/d/e")).unwrap();
        std::fs::create_dir(base.join("z")).unwrap();
        assert_eq!(known(3), ("/ /a /a/b /a/b/c /a/b/c/d /a/b/c/d/e /z".to_owned(), 1));
        std::fs::rename(base.join("a/b/c/d"), base.join("a/d")).unwrap();
        assert_eq!(known(4), ("/ /a /a/b /a/b/c /a/d /a/d/e /z".to_owned(), 1));
        std::fs::create_dir(base.join("a/d/f")).unwrap();
        std::fs::remove_dir(base.join("z")).unwrap();
        assert_eq!(known(5), ("/ /a /a/b /a/b/c /a/d /a/d/e /a/d/f".to_owned(), 1));
        std::fs::remove_dir_all(base.join("a/d")).unwrap();
        assert_eq!(known(6), ("/ /a /a/b /a/b/c".to_owned(), 1));
        assert_eq!(known(WALK_EVERY_NS).1, 2, "and once in a while it is walked all the same");
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_and_comes_in_when_there_is() {
        let (dir, mut tree, mut paths) = setup(3);
        let base = dir.path().join("fs/cgroup");
        std::fs::create_dir_all(base.join("c/d/e")).unwrap();
        let mut known = |now_ns, room| {
            paths.room = room;
            tree.follow(now_ns, &mut paths);
            (paths.known.iter().cloned().collect::<Vec<_>>().join(" "), tree.left_out())
        };
        assert_eq!(known(0, 3), ("/ /a /c".to_owned(), 3), "those nearest to the root first");
        assert_eq!(known(1, 5).1, 3, "not walked yet");
        assert_eq!(known(WALK_OFTEN_NS, 5), ("/ /a /a/b /c /c/d".to_owned(), 1));
    }

    #[test]
    fn without_inotify_the_tree_is_walked_often() {
        let (dir, mut tree, mut paths) = setup(100);
        tree.inotify = None;
        tree.follow(0, &mut paths);
        std::fs::create_dir(dir.path().join("fs/cgroup/new")).unwrap();
        tree.follow(1, &mut paths);
        assert!(!paths.known.contains("/new"));
        tree.follow(WALK_OFTEN_NS, &mut paths);
        assert!(paths.known.contains("/new"));
    }
}
