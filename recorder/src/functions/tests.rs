#![allow(clippy::unwrap_used)]

use super::{Watched, find};
use nodemon_skip::skip;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PROC: &str = "/proc";

/// What is compiled of some C, as long as this lives.
struct Program {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Program {
    fn of(source: &str, options: &[&str]) -> Option<Program> {
        let dir = tempfile::tempdir().unwrap();
        let (code, path) = (dir.path().join("program.c"), dir.path().join("program"));
        std::fs::write(&code, source).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(options).arg("-o").arg(&path).arg(&code);
        match compiler.status() {
            Ok(status) => assert!(status.success(), "{source}"),
            Err(error) => {
                skip!("there is no C compiler: {error}");
                return None;
            }
        }
        Some(Program { _dir: dir, path })
    }

    fn spec(&self, name: &str) -> String {
        format!("{}:{name}", self.path.display())
    }
}

const SOURCE: &str = "
#include <stdio.h>
__attribute__((noinline)) int work_hard(int n) { getchar(); return n; }
__attribute__((noinline)) int work_soft(int n) { return work_hard(n) + work_hard(n + 1); }
int table[4] = { 1, 2, 3, 4 };
int main(void) { return work_soft(table[0]); }
";

fn refused(spec: &str, pid: Option<u32>) -> String {
    find(Path::new(PROC), spec, pid, false).unwrap_err().to_string()
}

#[test]
fn a_function_is_found_by_its_name_and_by_its_address() {
    let Some(program) = Program::of(SOURCE, &["-O1"]) else { return };
    let by_name = find(Path::new(PROC), &program.spec("work_hard"), None, false).unwrap();
    assert_eq!(by_name.path, program.path);
    assert_eq!(by_name.function.name, program.spec("work_hard"));
    let listed = Command::new("nm").arg(&program.path).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let line = listed.lines().find(|line| line.ends_with(" work_hard")).unwrap();
    let address = u64::from_str_radix(line.split(' ').next().unwrap(), 16).unwrap();
    let by_address =
        find(Path::new(PROC), &program.spec(&format!("{address:#x}")), None, false).unwrap();
    assert_eq!(by_address.function.offset, by_name.function.offset);

    let within = refused(&program.spec(&format!("{:#x}", address + 1)), None);
    assert!(within.contains("within `work_hard`"), "{within}");
    let nowhere = refused(&program.spec("0x7fffffff"), None);
    assert!(nowhere.contains("no function begins at 0x7fffffff"), "{nowhere}");
}

#[test]
fn of_a_stripped_program_an_address_is_taken_where_a_function_begins_and_nowhere_else() {
    let Some(whole) = Program::of(SOURCE, &["-O1"]) else { return };
    let of_whole = find(Path::new(PROC), &whole.spec("work_hard"), None, false).unwrap();
    let listed = Command::new("nm").arg(&whole.path).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let line = listed.lines().find(|line| line.ends_with(" work_hard")).unwrap();
    let address = u64::from_str_radix(line.split(' ').next().unwrap(), 16).unwrap();
    assert!(Command::new("strip").arg(&whole.path).status().unwrap().success());

    let found = find(Path::new(PROC), &whole.spec(&format!("{address:#x}")), None, false).unwrap();
    assert_eq!(found.function.offset, of_whole.function.offset - of_whole.behind);
    let within = refused(&whole.spec(&format!("{:#x}", address + 1)), None);
    assert!(within.contains("no function begins"), "{within}");
    let by_name = refused(&whole.spec("work_hard"), None);
    assert!(by_name.contains("write an address"), "{by_name}");
}

#[test]
fn a_library_is_found_by_its_name_alone_and_by_what_a_process_has_mapped() {
    let here = find(Path::new(PROC), "libc.so.6:getaddrinfo", None, false);
    let Ok(here) = here else { return skip!("{}", here.unwrap_err()) };
    assert!(here.path.ends_with("libc.so.6"), "{here:?}");
    let short = find(Path::new(PROC), "libc:getaddrinfo", None, false).unwrap();
    assert_eq!(short.function.offset, here.function.offset);
    let own =
        find(Path::new(PROC), "libc.so.6:getaddrinfo", Some(std::process::id()), false).unwrap();
    assert_eq!(own.function.offset, here.function.offset);
    assert!(own.path.ends_with("libc.so.6"), "{own:?}");
    let same = |path: &Path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    assert_eq!(same(&own.function.path), same(&here.path), "it is the same file");
    assert!(own.is_same(&here));
}

#[test]
fn a_program_that_was_deleted_is_found_as_long_as_it_runs() {
    let Some(program) = Program::of(SOURCE, &["-O1"]) else { return };
    let mut child = Command::new(&program.path).stdin(Stdio::piped()).spawn().unwrap();
    std::fs::remove_file(&program.path).unwrap();
    let found = find(Path::new(PROC), &program.spec("work_hard"), Some(child.id()), false);
    child.kill().unwrap();
    child.wait().unwrap();
    match found {
        Ok(found) => assert_eq!(found.path, program.path),
        Err(why) => skip!("this process may not look behind mappings: {why}"),
    }
}

#[test]
fn what_is_not_there_is_told_with_the_nearest_name() {
    let Some(program) = Program::of(SOURCE, &["-O1"]) else { return };
    let told = refused(&program.spec("work_hrad"), None);
    assert!(told.contains("did you mean `work_hard`"), "{told}");
    let told = refused("/no/such/file:x", None);
    assert!(told.contains("/no/such/file cannot be read"), "{told}");
    let told = refused("/etc/passwd:x", None);
    assert!(told.contains("no program and no library"), "{told}");
    let told = refused("libcc.so.6:x", Some(std::process::id()));
    assert!(told.contains("did you mean `libc.so.6`"), "{told}");
    let told = refused("libc.so.6:x", Some(u32::MAX));
    assert!(told.contains("is not there"), "{told}");
    for spec in ["malloc", ":x", "x:", "x:0xg"] {
        let told = refused(spec, Some(std::process::id()));
        assert!(told.contains("FILE:NAME") || told.contains("no file"), "{spec}: {told}");
    }
    let told = refused("kernel:tcp_sendmsg", None);
    assert!(told.contains("of the kernel"), "{told}");
}

#[test]
fn what_would_end_a_program_is_refused() {
    for name in ["_setjmp", "vfork"] {
        let told = refused(&format!("libc.so.6:{name}"), None);
        assert!(told.contains("would end the program") || told.contains("no file"), "{told}");
    }
    let told = refused("libc.so.6:memcpy", None);
    assert!(told.contains("chooses one") || told.contains("no file"), "{told}");
    for name in ["_dl_runtime_resolve_xsave", "_dl_start_user"] {
        let told = refused(&format!("ld-linux-x86-64.so.2:{name}"), None);
        let is_stripped = told.contains("no function") || told.contains("no file");
        assert!(told.contains("would end the program") || is_stripped, "{told}");
    }
    let Some(program) = Program::of(SOURCE, &["-O1"]) else { return };
    for section in [".plt", ".plt.sec"] {
        let listed = Command::new("readelf").args(["-SW"]).arg(&program.path).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let line = listed.lines().find(|line| line.contains(&format!(" {section} ")));
        let Some(line) = line else { continue };
        let address = line.split_whitespace().find(|word| word.len() == 16).unwrap();
        let told = refused(&program.spec(&format!("0x{address}")), None);
        assert!(told.contains("returns to nowhere"), "{section} at {address}: {told}");
    }
    let listed = Command::new("readelf").args(["-hW"]).arg(&program.path).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let entry = listed.lines().find(|line| line.contains("Entry point")).unwrap();
    let told = refused(&program.spec(entry.split_whitespace().last().unwrap()), None);
    assert!(told.contains("returns to nowhere"), "{entry}: {told}");
    let data = refused(&program.spec("table"), None);
    assert!(data.contains("no function `table`"), "{data}");
}

#[test]
fn of_two_functions_of_one_name_neither_is_taken_without_its_address() {
    let source = "static __attribute__((noinline)) int twice(int n) { return n * getpid(); }\n";
    let dir = tempfile::tempdir().unwrap();
    let mut compiler = Command::new("cc");
    compiler.current_dir(dir.path()).args(["-O1", "-w", "-o", "program"]);
    for (file, more) in [
        ("a.c", "int a(int n) { return twice(n); }"),
        ("b.c", "int main(void) { return a(twice(1)); }"),
    ] {
        std::fs::write(dir.path().join(file), format!("{source}{more}\n")).unwrap();
        compiler.arg(file);
    }
    match compiler.status() {
        Ok(status) => assert!(status.success()),
        Err(error) => return skip!("there is no C compiler: {error}"),
    }
    let path = dir.path().join("program");
    let told = refused(&format!("{}:twice", path.display()), None);
    let (_, addresses) = told.split_once("write an address: ").unwrap();
    for address in addresses.split(", ") {
        find(Path::new(PROC), &format!("{}:{address}", path.display()), None, false).unwrap();
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_function_that_begins_with_a_mark_for_jumps_is_watched_behind_that() {
    let options = ["-O1", "-fcf-protection=full"];
    let Some(program) = Program::of(SOURCE, &options) else { return };
    let found = find(Path::new(PROC), &program.spec("work_soft"), None, false).unwrap();
    assert_eq!((found.behind, found.watched), (4, Watched::Cheap), "{found:?}");
}

#[test]
fn a_function_of_rust_is_found_as_it_was_written() {
    let own = std::env::current_exe().unwrap();
    let spec = format!("{}:nodemon_recorder::functions::find", own.display());
    let found = find(Path::new(PROC), &spec, None, true).unwrap();
    assert_eq!(found.path, own);
}

#[test]
fn a_part_that_was_taken_out_of_a_function_is_none_and_neither_is_one_that_begins_with_a_loop() {
    const PARTS: &str = "
#include <stdlib.h>
__attribute__((cold, noinline)) void seldom(int n) { if (n == 7) abort(); }
__attribute__((noinline)) int works(int n) { if (__builtin_expect(n > 9, 0)) { seldom(n); abort(); } return n; }
__asm__(\".globl spins\\n.type spins, @function\\nspins: mov (%rdi), %eax\\ntest %eax, %eax\\nje spins\\nret\\n.size spins, . - spins\");
int main(int argc, char **argv) { return works(argc); }
";
    if cfg!(not(target_arch = "x86_64")) {
        return skip!("it is in assembler of x86-64");
    }
    let Some(program) = Program::of(PARTS, &["-O2"]) else { return };
    let told = refused(&program.spec("spins"), None);
    assert!(told.contains("begins with a loop"), "{told}");
    let listed = Command::new("nm").arg(&program.path).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    match listed.lines().any(|line| line.ends_with(" works.cold")) {
        true => {
            let told = refused(&program.spec("works.cold"), None);
            assert!(told.contains("would end the program"), "{told}");
        }
        false => skip!("this compiler takes no part out of a function"),
    }
}

#[test]
fn of_a_program_that_can_throw_functions_are_watched_only_where_somebody_says_that_they_never_do() {
    // A panic of this one unwinds.
    let own = std::env::current_exe().unwrap();
    let spec = format!("{}:main", own.display());
    let told = refused(&spec, None);
    assert!(told.contains("can throw") && told.contains("throws = \"never\""), "{told}");
    let found = find(Path::new(PROC), &spec, None, true).unwrap();
    assert_eq!(found.path, own);
    let Some(program) = Program::of(SOURCE, &["-O1"]) else { return };
    assert!(
        find(Path::new(PROC), &program.spec("main"), None, false).is_ok(),
        "nothing in C throws"
    );
}

#[test]
fn what_is_watched_is_the_file_that_was_looked_at_whatever_is_at_its_path_later() {
    let Some(program) = Program::of(SOURCE, &["-O1"]) else { return };
    let found = find(Path::new(PROC), &program.spec("work_hard"), None, false).unwrap();
    let before = std::fs::read(&program.path).unwrap();
    assert!(!found.is_replaced());
    std::fs::remove_file(&program.path).unwrap();
    assert!(!found.is_replaced(), "processes may still run it");
    std::fs::write(&program.path, "another one").unwrap();
    assert!(found.is_replaced());
    assert_eq!(std::fs::read(&found.function.path).unwrap(), before);
    let again = found.clone();
    assert!(found.is_same(&again));
}
