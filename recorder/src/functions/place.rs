//! Where the file is that somebody named: a path, or what a process has mapped under that name, or a
//! library where the loader looks (ld.so(8)).

use super::{FunctionError, did_you_mean};
use crate::stacks::Unreadable;
use crate::stacks::maps::{self, Mapping, Paths};
use crate::stacks::opening::{Identity, open_here, open_in_root, open_mapped};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Directories in which every loader looks.
const USUAL: [&str; 7] = [
    "/usr/local/lib",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

/// A file that was found, and is open.
pub(super) struct Place {
    /// Its path, of what a process has mapped as that process sees it.
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) identity: Identity,
}

/// The file that is meant by `file`.
pub(super) fn find(
    proc: &Path,
    spec: &str,
    file: &str,
    pid: Option<u32>,
) -> Result<Place, FunctionError> {
    match pid {
        Some(pid) => mapped(proc, spec, file, pid),
        None if file.starts_with('/') => here(spec, PathBuf::from(file)),
        None => library(spec, file),
    }
}

/// Files whose code a process has mapped, each once, with their names; what cannot be opened is left
/// out.
pub(super) fn files(
    proc: &Path,
    pid: u32,
) -> Result<impl Iterator<Item = (String, Place)>, FunctionError> {
    let mut known = BTreeSet::new();
    let mut mappings = mappings(proc, pid)?;
    mappings.retain(|(path, _)| known.insert(path.clone()));
    Ok(mappings.into_iter().filter_map(move |(path, mapping)| {
        let name = name_of(&path).to_owned();
        let opened = open(proc, pid, &mapping);
        place(&name, path.into(), opened).ok().map(|place| (name, place))
    }))
}

/// What code a process has mapped, and the path of each file as it sees it.
fn mappings(proc: &Path, pid: u32) -> Result<Vec<(String, Mapping)>, FunctionError> {
    let list = maps::read(&proc.join(format!("{pid}/maps")), &mut Paths::default());
    let list = list.map_err(|source| FunctionError::Process { pid, source })?;
    let of_files = list.into_iter().filter(|mapping| mapping.path.starts_with(b"/"));
    let with_path =
        |mapping: Mapping| (String::from_utf8_lossy(&mapping.path).into_owned(), mapping);
    Ok(of_files.map(with_path).collect())
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn mapped(proc: &Path, spec: &str, file: &str, pid: u32) -> Result<Place, FunctionError> {
    let mappings = mappings(proc, pid)?;
    let is_it = |(path, _): &&(String, Mapping)| path == file || is_meant(file, name_of(path));
    if let Some((path, mapping)) = mappings.iter().find(is_it) {
        return place(spec, path.into(), open(proc, pid, mapping));
    }
    // It may be named by another path than the one by which it was mapped, and be loaded later.
    let root = proc.join(format!("{pid}/root"));
    if file.starts_with('/')
        && let Ok(opened) = open_in_root(&root, Path::new(file))
    {
        return place(spec, file.into(), Ok(opened));
    }
    let nearest = did_you_mean(file, mappings.iter().map(|(path, _)| name_of(path)));
    let place = format!("among what process {pid} has mapped");
    Err(FunctionError::NoFile { spec: spec.to_owned(), file: file.to_owned(), place, nearest })
}

fn open(proc: &Path, pid: u32, mapping: &Mapping) -> Result<(File, Identity), Unreadable> {
    // What has a path has a file.
    let key = mapping.key.ok_or(Unreadable::NotRegular)?;
    open_mapped(proc, pid, mapping, key)
}

fn here(spec: &str, path: PathBuf) -> Result<Place, FunctionError> {
    let opened = open_here(&path);
    place(spec, path, opened)
}

fn place(
    spec: &str,
    path: PathBuf,
    opened: Result<(File, Identity), Unreadable>,
) -> Result<Place, FunctionError> {
    let spec = || spec.to_owned();
    match opened {
        Ok((file, identity)) => Ok(Place { path, file, identity }),
        Err(Unreadable::NotRegular) => Err(FunctionError::NotElf { spec: spec(), path }),
        Err(source) => Err(FunctionError::Read { spec: spec(), path, source }),
    }
}

fn library(spec: &str, file: &str) -> Result<Place, FunctionError> {
    let mut names = BTreeSet::new();
    for directory in directories() {
        let path = directory.join(file);
        if path.is_file() {
            return here(spec, path);
        }
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        let found = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut libraries: Vec<String> = found.filter(|name| name.contains(".so")).collect();
        // Beside a library there may be a text of that name, for the linker.
        libraries.sort_unstable_by_key(|name| (!name.contains(".so."), name.clone()));
        if let Some(name) = libraries.iter().find(|name| is_meant(file, name)) {
            return here(spec, directory.join(name));
        }
        names.extend(libraries);
    }
    let nearest = did_you_mean(file, names.iter().map(String::as_str));
    let place = "where the loader looks for libraries; write its path".to_owned();
    Err(FunctionError::NoFile { spec: spec.to_owned(), file: file.to_owned(), place, nearest })
}

/// `libc.so.6` and `libc` stand for `libc.so.6`.
fn is_meant(file: &str, name: &str) -> bool {
    name.strip_prefix(file).is_some_and(|rest| rest.is_empty() || rest.starts_with(".so"))
}

/// Those that the configuration of the loader names, and the usual ones.
fn directories() -> Vec<PathBuf> {
    let mut lists = vec![PathBuf::from("/etc/ld.so.conf")];
    if let Ok(entries) = fs::read_dir("/etc/ld.so.conf.d") {
        lists.extend(entries.flatten().map(|entry| entry.path()));
    }
    lists.sort_unstable();
    let mut directories = Vec::new();
    for list in lists {
        let text = fs::read_to_string(list).unwrap_or_default();
        directories.extend(
            text.lines().map(str::trim).filter(|line| line.starts_with('/')).map(PathBuf::from),
        );
    }
    directories.extend(USUAL.map(PathBuf::from));
    directories
}
