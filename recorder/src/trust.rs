//! Whether the directory of a recording is this user's alone. Who can write to it, or to one above
//! it, can put links where the recorder, which may be root, creates files.

use rustix::fs::Mode;
use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why a directory is not this user's alone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Distrust {
    /// The directory, or one above it.
    pub path: PathBuf,
    why: Why,
}

#[derive(Debug, PartialEq, Eq)]
enum Why {
    OwnedBy(u32),
    WritableBy(&'static str, u32),
}

impl fmt::Display for Distrust {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.why {
            Why::OwnedBy(uid) => write!(
                out,
                "{path} belongs to another user (uid {uid}), who could make links in it through \
                 which this recorder writes elsewhere"
            ),
            Why::WritableBy(whom, mode) => write!(
                out,
                "{path} can be written by {whom} (mode {mode:04o}), who could make links in it \
                 through which this recorder writes elsewhere"
            ),
        }
    }
}

/// Whether nobody but this user and root can change what is in `directory`, or put another in its
/// place. Of what is not there yet those above it count.
///
/// # Errors
/// [`Distrust`], with the first place where somebody else can.
pub fn check(directory: &Path) -> Result<(), Distrust> {
    let uid = rustix::process::geteuid().as_raw();
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let is_there = |path: &&Path| path.symlink_metadata().is_ok();
    let Some(existing) = absolute.ancestors().find(is_there) else { return Ok(()) };
    // What is to be made will be this user's.
    let is_made = existing != absolute;
    check_chain(existing, uid, is_made)?;
    // Where the path leads through links, those are in directories that were looked at; and so
    // have to be the ones above what they name.
    match existing.canonicalize() {
        Ok(real) if real != existing => check_chain(&real, uid, is_made),
        _ => Ok(()),
    }
}

fn check_chain(directory: &Path, uid: u32, is_above: bool) -> Result<(), Distrust> {
    for (above, path) in directory.ancestors().enumerate() {
        let Ok(found) = path.metadata() else { continue };
        check_one(&found, uid, is_above || above > 0)
            .map_err(|why| Distrust { path: path.to_owned(), why })?;
    }
    Ok(())
}

/// In a directory above with the sticky bit, such as /tmp, everybody may create what they like and
/// nobody may rename or delete what is not theirs.
fn check_one(found: &Metadata, uid: u32, is_above: bool) -> Result<(), Why> {
    let mode = found.permissions().mode();
    if found.uid() != uid && found.uid() != 0 {
        return Err(Why::OwnedBy(found.uid()));
    }
    if is_above && mode & Mode::SVTX.as_raw_mode() != 0 {
        return Ok(());
    }
    match mode & 0o022 {
        0 => Ok(()),
        0o020 => Err(Why::WritableBy("its group", mode & 0o7777)),
        _ => Err(Why::WritableBy("everybody", mode & 0o7777)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::check;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn a_directory_that_others_own_or_can_write_or_replace_is_told_with_the_reason() {
        let home = tempfile::tempdir().unwrap();
        let above = home.path().join("above");
        let own = above.join("recording");
        fs::create_dir_all(&own).unwrap();
        let set = |path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let told = |path: &std::path::Path| check(path).map_err(|error| error.to_string());
        set(&above, 0o755);
        set(&own, 0o700);
        assert_eq!(told(&own), Ok(()));
        assert_eq!(told(&own.join("to/come")), Ok(()));
        set(&own, 0o770);
        let why = told(&own).unwrap_err();
        assert!(why.contains("recording can be written by its group (mode 0770)"), "{why}");
        set(&own, 0o1777);
        assert!(told(&own).is_err(), "a sticky bit keeps nobody from making links");
        assert_eq!(told(&own.join("to/come")), Ok(()), "as below /tmp");
        set(&own, 0o700);
        set(&above, 0o777);
        let why = told(&own).unwrap_err();
        assert!(why.contains("above can be written by everybody (mode 0777)"), "{why}");
        let link = home.path().join("link");
        symlink(&own, &link).unwrap();
        assert!(told(&link).is_err(), "through a link");
        set(&above, 0o755);
        assert_eq!(told(&link), Ok(()));
        if rustix::process::geteuid().is_root() {
            chown(&own, Some(65534), None).unwrap();
            let why = told(&own).unwrap_err();
            assert!(why.contains("belongs to another user (uid 65534)"), "{why}");
        }
    }
}
