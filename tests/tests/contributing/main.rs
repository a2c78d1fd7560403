//! The examples of CONTRIBUTING.md: put into a copy of the tree they build, record and answer, and
//! no other file had to be changed.
//!
//! A binary of its own, which cargo runs when no other does: it keeps every CPU busy for a minute,
//! and the promises are held beside nothing that takes as much.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use nodemon_skip::skip;
use nodemon_tests::programs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files by their paths from the root of the tree.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

#[test]
fn the_examples_of_the_contributing_page_build_record_and_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let page = std::fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let mut tree = Tree::new();
    collect(&root, Path::new(""), &mut tree);
    let before = tree.clone();
    let changed = apply(&page, &mut tree);
    assert!(changed.len() >= 7, "the page has only these examples: {changed:?}");
    for (path, text) in &tree {
        let is_named = changed.contains(path);
        assert!(is_named || before.get(path) == Some(text), "{} changed", path.display());
    }

    let shared_packages = rename_version(&mut tree);
    assert!(shared_packages >= 7, "{shared_packages} packages of the workspace in Cargo.lock");

    // What others wait for is built first: both builds lock one directory.
    let shared = target_dir_of(&programs().recorder);
    // The same place each time: what did not change is not built again.
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contributing");
    write_tree(&tree, &place);
    let built = place.join("target");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .current_dir(&place)
        .args(["build", "--locked", "--offline", "--quiet", "--bins"])
        .args(["-p", "nodemon-recorder", "-p", "nodemon-query"])
        // Cargo from 1.91 on keeps what it takes from elsewhere with that of this build.
        .env("CARGO_BUILD_BUILD_DIR", shared)
        .env("CARGO_TARGET_DIR", &built)
        // What is built for a few seconds of running is built quickly.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .output()
        .expect("cargo can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the examples do not build:\n{said}");

    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(built.join("debug").join(program));
        let output = command.env("NODEMON_DIR", &dir).args(arguments).output().unwrap();
        let (out, err) = (&output.stdout, &output.stderr);
        let said = [String::from_utf8_lossy(out), String::from_utf8_lossy(err)].concat();
        assert!(output.status.success(), "{program} {arguments:?} failed:\n{said}");
        said
    };
    let every = ["--interval", "100ms", "--ring-size", "64MiB"];
    let log = run(
        "nodemon-recorder",
        &[&["run", "--only", "entropy,fork", "--for", "3s"], &every[..]].concat(),
    );
    let answer = run("nodemon-query", &["range", "-t", "entropy", "-f", "count"]);
    let rows = answer.strip_prefix("entropy: ").and_then(|rest| rest.split_once(" rows, "));
    let rows: usize = rows.and_then(|(rows, _)| rows.parse().ok()).unwrap_or_default();
    assert!(rows >= 10, "the source sampled 3 s every 100 ms: {answer}{log}");

    if !rustix::process::getuid().is_root() {
        return skip!("in part: programs in the kernel take root");
    }
    let forks = run("nodemon-query", &["range", "-t", "fork", "-f", "jsonl"]);
    assert!(
        forks.contains("\"tasks\":"),
        "the program in the kernel counted nothing: {forks}{log}"
    );
}

/// The directory of what cargo built, of a program in it.
fn target_dir_of(program: &Path) -> PathBuf {
    program.ancestors().nth(2).expect("a program lies in TARGET/PROFILE").to_owned()
}

/// Every file of the sources.
fn collect(root: &Path, below: &Path, tree: &mut Tree) {
    for entry in std::fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !["target", ".git"].map(Path::new).contains(&path.as_path()) {
            collect(root, &path, tree);
        } else if kind.is_file() {
            tree.insert(path, std::fs::read(entry.path()).unwrap());
        }
    }
}

/// Does to `tree` what the page says, and returns the files that it names. A file stands under a
/// line with nothing but its path; a `diff` names its file and has a line that is there.
fn apply(page: &str, tree: &mut Tree) -> Vec<PathBuf> {
    let mut changed = Vec::new();
    let mut named = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            let path = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:"));
            named = path.map(PathBuf::from).or(named.filter(|_| line.is_empty()));
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let path = match kind.strip_prefix("diff ") {
            Some(path) => {
                let path = PathBuf::from(path);
                insert(&block, &path, tree);
                path
            }
            None => {
                let path = named.take().unwrap_or_else(|| panic!("of which file is {block:?}?"));
                let text = block.join("\n") + "\n";
                assert!(tree.insert(path.clone(), text.into()).is_none(), "{path:?} is there");
                path
            }
        };
        changed.push(path);
    }
    changed
}

/// Gives the packages of the copy another version, and returns how many there are. Cargo tells the
/// packages of two trees that share a directory apart by name and version only: what it built of the
/// copy would be taken for what it built of this tree, and changes of this tree would go unnoticed.
fn rename_version(tree: &mut Tree) -> usize {
    let version = env!("CARGO_PKG_VERSION");
    let of = |version: &str| format!("version = \"{version}\"\n");
    let (old, new) = (of(version), of(&format!("{version}-contributing")));
    let mut edit = |path: &str, edit: &dyn Fn(String) -> String| {
        let text = tree.get_mut(Path::new(path)).unwrap();
        *text = edit(String::from_utf8(text.clone()).unwrap()).into();
        String::from_utf8(text.clone()).unwrap()
    };
    let manifest = edit("Cargo.toml", &|text| text.replacen(&old, &new, 1));
    assert!(manifest.contains(&new), "the workspace has no version {version}");
    let lock = edit("Cargo.lock", &|text| {
        let package = |part: &str| match part.starts_with("nodemon-") {
            true => part.replacen(&old, &new, 1),
            false => part.to_owned(),
        };
        text.split("name = \"").map(package).collect::<Vec<_>>().join("name = \"")
    });
    lock.matches(&new).count()
}

/// Puts the lines with a `+` where the line without one is.
fn insert(block: &[&str], path: &Path, tree: &mut Tree) {
    let text = tree.get_mut(path).unwrap_or_else(|| panic!("there is no {}", path.display()));
    let old: Vec<&str> = block.iter().filter_map(|line| line.strip_prefix(' ')).collect();
    let new: Vec<&str> = block.iter().filter_map(|line| line.get(1..)).collect();
    let [old, new] = [old, new].map(|lines| lines.join("\n") + "\n");
    let before = String::from_utf8(text.clone()).unwrap();
    assert_eq!(before.matches(&old).count(), 1, "{} has {old:?} once", path.display());
    *text = before.replace(&old, &new).into();
}

/// Makes `place` hold `tree`. What is there already stays as old as it is.
fn write_tree(tree: &Tree, place: &Path) {
    let mut there = Tree::new();
    std::fs::create_dir_all(place).unwrap();
    collect(place, Path::new(""), &mut there);
    for path in there.keys().filter(|path| !tree.contains_key(*path)) {
        std::fs::remove_file(place.join(path)).unwrap();
    }
    for (path, text) in tree.iter().filter(|(path, text)| there.get(*path) != Some(*text)) {
        let path = place.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
