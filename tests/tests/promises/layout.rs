//! The house is as ARCHITECTURE.md draws it: no circle of files, and what stands on a floor takes
//! only from floors below.
//!
//! Read are the `use` lines and the paths of the sources, tests left out. A name that a module
//! passes on counts as that of the file which it comes from. A file may look at the face of its own
//! folder (`mod.rs`), which shows what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const CRATES: [&str; 4] = ["formats", "query", "recorder", "recorder-ebpf"];

/// A module by its names, from the root of its crate on.
type Module = Vec<String>;

/// The modules of a crate, each with its text, comments and tests left out.
struct Crate {
    texts: BTreeMap<Module, String>,
    /// By module and name, where a name comes from that it passes on.
    passed_on: BTreeMap<(Module, String), Module>,
}

fn main_text(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn collect(dir: &Path, module: &[String], texts: &mut BTreeMap<Module, String>) {
    const OF_TESTS: [&str; 6] = ["tests", "test_support", "bench", "bursts", "allocations", "main"];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let inner = [module, std::slice::from_ref(&name)].concat();
        if path.is_dir() && name != "bin" && !OF_TESTS.contains(&name.as_str()) {
            collect(&path, &inner, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !OF_TESTS.contains(&name.as_str())
        {
            let text = main_text(&std::fs::read_to_string(&path).unwrap());
            let is_face = name == "mod" || name == "lib";
            texts.insert(if is_face { module.to_vec() } else { inner }, text);
        }
    }
}

/// `a::{b, c::{d as e}}` as the paths in it.
fn spread(text: &str, before: &[String], paths: &mut Vec<Module>) {
    let text = text.trim();
    if let Some((first, rest)) = text.split_once("::").filter(|(first, _)| !first.contains('{')) {
        spread(rest, &[before, &[first.trim().to_owned()]].concat(), paths);
    } else if let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        let mut depth = 0;
        let parts = inner.split(|sign: char| {
            depth += i32::from(sign == '{') - i32::from(sign == '}');
            sign == ',' && depth == 0
        });
        parts.filter(|part| !part.trim().is_empty()).for_each(|part| spread(part, before, paths));
    } else {
        let name = text.split(" as ").next().unwrap_or_default().trim().to_owned();
        paths.push(if name == "self" { before.to_vec() } else { [before, &[name]].concat() });
    }
}

/// The paths of `use` lines, and whether each is passed on.
fn uses(text: &str) -> Vec<(Module, bool)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("use ") {
        let line_start = rest[..at].rfind('\n').map_or(0, |end| end + 1);
        let visibility = rest[line_start..at].trim();
        let statement = &rest[at + 4..];
        rest = statement;
        if !matches!(visibility, "" | "pub" | "pub(crate)" | "pub(super)") {
            continue;
        }
        let Some((path, after)) = statement.split_once(';') else { break };
        let mut paths = Vec::new();
        spread(path, &[], &mut paths);
        found.extend(paths.into_iter().map(|path| (path, !visibility.is_empty())));
        rest = after;
    }
    found
}

/// The paths that begin with `crate::` or `super::` anywhere.
fn inline_paths(text: &str) -> Vec<Module> {
    let is_of_path = |sign: char| sign.is_alphanumeric() || matches!(sign, '_' | ':');
    let words = text.split(|sign| !is_of_path(sign));
    let paths = words.filter(|word| word.starts_with("crate::") || word.starts_with("super::"));
    paths
        .map(|word| word.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect())
        .collect()
}

impl Crate {
    fn read(dir: &Path) -> Crate {
        let mut texts = BTreeMap::new();
        collect(&dir.join("src"), &[], &mut texts);
        let mut this = Crate { texts, passed_on: BTreeMap::new() };
        for (module, text) in &this.texts {
            for (path, is_passed_on) in uses(text) {
                let Some(absolute) = this.absolute(module, &path) else { continue };
                if let Some(name) = path.last().filter(|_| is_passed_on) {
                    this.passed_on.insert((module.clone(), name.clone()), absolute);
                }
            }
        }
        this
    }

    /// A path of `module` from the root of the crate on; `None` where it leads out of it.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Module> {
        let mut base = module.to_vec();
        let mut names = path.iter().peekable();
        match names.peek()?.as_str() {
            "crate" => {
                names.next();
                base.clear();
            }
            "self" => _ = names.next(),
            "super" => {
                while names.next_if(|name| *name == "super").is_some() {
                    base.pop()?;
                }
            }
            first => {
                let inner = [module, &[first.to_owned()]].concat();
                if !self.texts.contains_key(&inner) {
                    return None;
                }
            }
        }
        base.extend(names.cloned());
        Some(base)
    }

    /// The module that what is at `path` comes from.
    fn origin(&self, path: &[String], depth: usize) -> Module {
        let mut module = Vec::new();
        for (at, name) in path.iter().enumerate() {
            let inner = [&module[..], std::slice::from_ref(name)].concat();
            if self.texts.contains_key(&inner) {
                module = inner;
                continue;
            }
            let passed = self.passed_on.get(&(module.clone(), name.clone()));
            if let Some(passed) = passed.filter(|_| depth < 8) {
                return self.origin(&[&passed[..], &path[at + 1..]].concat(), depth + 1);
            }
            break;
        }
        module
    }

    /// What each module takes from.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let of = |(module, text): (&_, &String)| -> BTreeSet<Module> {
            let used = uses(text).into_iter().filter(|(_, is_passed_on)| !is_passed_on);
            let paths = used.map(|(path, _)| path).chain(inline_paths(text));
            let module: &Module = module;
            let to = paths.filter_map(|path| self.absolute(module, &path));
            to.map(|path| self.origin(&path, 0)).filter(|to| !module.starts_with(to)).collect()
        };
        self.texts.iter().map(|(module, text)| (module, of((module, text)))).collect()
    }
}

/// A circle that can be reached from `at`, if there is one.
fn circle<'a>(
    at: &'a Module,
    arrows: &'a BTreeMap<&Module, BTreeSet<Module>>,
    way: &mut Vec<&'a Module>,
    done: &mut BTreeSet<&'a Module>,
) -> Option<Vec<String>> {
    if let Some(start) = way.iter().position(|before| *before == at) {
        return Some(way[start..].iter().chain([&at]).map(|module| module.join("::")).collect());
    }
    if !done.insert(at) {
        return None;
    }
    way.push(at);
    let next = arrows.get(at).into_iter().flatten();
    let found = next.into_iter().find_map(|to| circle(to, arrows, way, done));
    way.pop();
    found
}

/// The floors of a crate as ARCHITECTURE.md has them, from the top down.
fn floors(architecture: &str, name: &str) -> Vec<Vec<String>> {
    let heading = format!("```text\n{name}\n");
    let block = architecture.split(&heading).nth(1).expect("the floors of each crate are there");
    let lines = block.lines().take_while(|line| *line != "```");
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn no_files_form_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in CRATES {
        let read = Crate::read(&root.join(name));
        let arrows = read.arrows();
        assert!(arrows.len() > 20, "only {} modules of {name} were found", arrows.len());
        let mut done = BTreeSet::new();
        for module in read.texts.keys() {
            let found = circle(module, &arrows, &mut Vec::new(), &mut done);
            assert_eq!(found, None, "a circle in {name}");
        }
    }
}

#[test]
fn every_module_takes_only_from_floors_below_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let architecture = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let mut wrong = Vec::new();
    for name in CRATES {
        let floors = floors(&architecture, name);
        let floor = |module: &str| {
            let found = floors.iter().position(|floor| floor.iter().any(|on| on == module));
            found.unwrap_or_else(|| panic!("{module} of {name} is on no floor of ARCHITECTURE.md"))
        };
        let read = Crate::read(&root.join(name));
        for (from, all) in read.arrows() {
            let Some(own) = from.first() else { continue };
            for to in all.iter().filter_map(|to| to.first()).filter(|to| *to != own) {
                if floor(own) >= floor(to) {
                    let from = from.join("::");
                    wrong.push(format!("{from} of {name} takes from {to}, not below {own}"));
                }
            }
            floor(own);
        }
        let there: BTreeSet<_> = read.texts.keys().filter_map(|module| module.first()).collect();
        let gone = floors.iter().flatten().find(|on| !there.contains(on));
        assert_eq!(gone, None, "{name} has no such module");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_circle_and_a_name_that_is_passed_on_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join("src").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a;\nmod b;\n");
    write("a/mod.rs", "mod inner;\npub use inner::{Thing as Other, Thing};\n");
    write("a/inner.rs", "use crate::b::{self, Deep};\npub struct Thing;\n");
    write(
        "b.rs",
        "// use crate::a::Thing;\npub struct Deep;\n#[cfg(test)]\nmod tests { use crate::a; }",
    );
    let find = || {
        let read = Crate::read(dir.path());
        let arrows = read.arrows();
        let mut done = BTreeSet::new();
        read.texts.keys().find_map(|at| circle(at, &arrows, &mut Vec::new(), &mut done))
    };
    assert_eq!(find(), None);
    write("b.rs", "pub struct Deep(crate::a::Thing);\n");
    assert_eq!(find(), Some(vec!["a::inner".into(), "b".into(), "a::inner".into()]));
}

/// Lines of a file, without the tests in it.
fn lines_of_code(text: &str) -> usize {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().count()
}

#[test]
fn files_over_300_lines_are_those_that_have_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let mut long = BTreeSet::new();
    let folders = CRATES.iter().chain(["benches", "tests", "kmod"].iter());
    folders.for_each(|folder| find_long(&root, Path::new(folder), &mut long));
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## Files over 300 lines").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let named: BTreeSet<String> =
        section.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(long, named, "long files are on the left, those of ARCHITECTURE.md on the right");
}

fn find_long(root: &Path, below: &Path, long: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(root.join(below)).unwrap() {
        let path = below.join(entry.unwrap().file_name());
        let is_source =
            path.extension().is_some_and(|end| ["rs", "c", "h"].iter().any(|e| end == *e));
        if root.join(&path).is_dir() {
            find_long(root, &path, long);
        } else if is_source && !path.to_string_lossy().ends_with(".mod.c") {
            let text = std::fs::read_to_string(root.join(&path)).unwrap();
            if lines_of_code(&text) > 300 {
                long.insert(path.to_string_lossy().into_owned());
            }
        }
    }
}
