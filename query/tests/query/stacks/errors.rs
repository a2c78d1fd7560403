//! What goes wrong with a profile, and who made it go wrong.

use super::recorded::{Recorded, known, many, record, record_cells};
use crate::support::{ask, query, said};
use nodemon_formats::text::is_unprintable;
use std::process::{Command, Stdio};

fn told(recorded: &Recorded, args: &[&str]) -> String {
    let said = ask(&recorded.dir, &[&["stacks"], args].concat());
    assert_eq!(said.code, Some(0), "{args:?}: {}{}", said.out, said.err);
    said.out
}

fn refused(recorded: &Recorded, args: &[&str], code: i32, words: &[&str]) {
    let said = ask(&recorded.dir, &[&["stacks"], args].concat());
    assert_eq!(said.code, Some(code), "{args:?}: {}{}", said.out, said.err);
    words.iter().for_each(|word| assert!(said.err.contains(word), "{word:?}: {}", said.err));
}

#[test]
fn what_makes_no_sense_is_told_with_what_to_do() {
    let recorded = known();
    refused(&recorded, &["-t", "stack_cpi"], 1, &["did you mean \"stack_cpu\"?"]);
    refused(&recorded, &["--by", "comand"], 1, &["did you mean \"command\"?"]);
    refused(&recorded, &["--by", "stack"], 2, &["--by stack", "names and numbers"]);
    refused(&recorded, &["-w", "stack>a"], 2, &["=, != and ~"]);
    refused(&recorded, &["--base-to", "end"], 2, &["--base-from"]);
    refused(&recorded, &["-f", "svg"], 2, &["flamegraph"]);
    let none = ["--from", "2020-01-01", "--to", "2020-01-02"];
    refused(&recorded, &none, 3, &["stack_cpu has no rows in 2020-01-01", "stack_cpu spans"]);
    refused(&recorded, &["-w", "pid=99"], 3, &["no row of stack_cpu", "searched 5 samples"]);
    let base = ["--base-from", "2020-01-01"];
    refused(&recorded, &base, 3, &["stack_cpu has no rows in 2020-01-01"]);
    let other = crate::support::record();
    let said = ask(&other.dir, &["stacks", "-t", "cpu"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("cpu has no column of stacks"), "{}", said.err);
    let said = ask(&other.dir, &["stacks"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("no table \"stack_cpu\""), "{}", said.err);
}

#[test]
fn a_file_appears_when_it_is_whole_and_not_at_all_without_data() {
    let recorded = known();
    let path = |name: &str| recorded.home.path().join(name);
    for name in ["a.folded", "a.json", "a.pb.gz", "a.html", "a.txt"] {
        assert_eq!(told(&recorded, &["-o", path(name).to_str().unwrap()]), "");
        assert!(path(name).metadata().unwrap().len() > 0);
    }
    let begins = |name: &str, bytes: &[u8]| std::fs::read(path(name)).unwrap().starts_with(bytes);
    assert!(begins("a.folded", b"[no stack] ") && begins("a.json", b"{"));
    assert!(begins("a.pb.gz", &[0x1f, 0x8b]) && begins("a.html", b"<!doctype"));
    let file = path("none.folded");
    let args = ["-w", "pid=99", "-o", file.to_str().unwrap()];
    refused(&recorded, &args, 3, &["no row"]);
    let left: Vec<_> = recorded.home.path().read_dir().unwrap().collect();
    assert_eq!(left.len(), 6, "the recording and five files: {left:?}");
    refused(&recorded, &["-o", "/dev/full"], 1, &["cannot write /dev/full", "make room"]);
    refused(&recorded, &["-o", "/nonexistent/a.html"], 1, &["directory has to be there"]);
}

#[test]
fn a_reader_that_had_enough_is_no_error() {
    let recorded = record(&many());
    for format in ["top", "tree", "folded", "json", "pprof", "flamegraph"] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("nodemon-query"))
            .args(["stacks", "-f", format, "--to", "start+400us", "--dir"])
            .arg(&recorded.dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*err), (Some(0), ""), "-f {format}");
    }
}

#[test]
fn damage_costs_its_rows_and_is_told() {
    let recorded = record(&many());
    let whole: u64 = weight(&told(&recorded, &["-f", "folded"]));
    let mut files = recorded.dir.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let path = files.find(|path| path.extension().is_some_and(|end| end == "redb")).unwrap();
    let sound = std::fs::read(&path).unwrap();
    let magic = [b'N', b'M', b'C', b'K', 3];
    let is_block = |at: &usize| sound[*at..].starts_with(&magic);
    let blocks: Vec<usize> = (0..sound.len() - 40).filter(is_block).collect();
    let id = |at: usize| &sound[at + 8..at + 16];
    let mut codes = Vec::new();
    for victim in &blocks {
        let mut bytes = sound.clone();
        // Every copy that the file has of it.
        blocks.iter().filter(|at| id(**at) == id(*victim)).for_each(|at| bytes[at + 40] ^= 1);
        std::fs::write(&path, &bytes).unwrap();
        let said = ask(&recorded.dir, &["stacks", "-f", "folded"]);
        let is_less = weight(&said.out) < whole;
        match said.code {
            Some(0) => assert!(!is_less, "rows went without a word"),
            // 3 where nothing else was in the span.
            Some(3 | 4) => assert!(is_less && said.err.contains("damaged"), "{}", said.err),
            code => panic!("{code:?}: {}", said.err),
        }
        codes.push(said.code);
    }
    assert!(codes.iter().any(|code| *code != Some(0)), "no profile met the damage: {codes:?}");
}

/// What folded lines weigh.
fn weight(folded: &str) -> u64 {
    folded.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

#[test]
fn no_cell_is_too_strange() {
    let deep = |depth: usize| "f\t\t\t1\n".repeat(depth).into_bytes();
    let noise: Vec<u8> =
        (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let long = [b"x".repeat(100_000), b"\t\xff\xfe\t\tzz\tq\n".to_vec()].concat();
    let cells = [deep(100_000), noise, long, b"\n\n\n".to_vec(), b"\t\t\t".to_vec(), Vec::new()];
    let recorded = record_cells(&cells);
    for format in ["top", "tree", "folded", "json", "pprof", "flamegraph"] {
        let file = recorded.home.path().join(format);
        let args = ["stacks", "-t", "stack_event", "-f", format, "-o", file.to_str().unwrap()];
        let said = ask(&recorded.dir, &args);
        assert_eq!(said.code, Some(0), "-f {format}: {}", said.err);
        assert!(said.err.contains("1 stack in"), "-f {format}: {}", said.err);
        let bytes = std::fs::read(&file).unwrap();
        if format != "pprof" {
            let text = String::from_utf8(bytes).unwrap();
            assert!(!text.contains(|letter| letter != '\n' && is_unprintable(letter)));
        }
    }
    let folded = std::fs::read_to_string(recorded.home.path().join("folded")).unwrap();
    assert_eq!(weight(&folded), cells.len() as u64);
    assert!(folded.contains(";f;[more] 1\n"), "a stack of 1024 calls goes on");
}

#[test]
fn a_terminal_is_not_spoilt() {
    let recorded = known();
    let program = assert_cmd::cargo::cargo_bin("nodemon-query");
    for format in ["pprof", "flamegraph"] {
        let command =
            format!("{} --dir {} stacks -f {format}", program.display(), recorded.dir.display());
        let mut script = Command::new("script");
        script.args(["-qfec", &command, "/dev/null"]).env("SHELL", "/bin/sh");
        let said = said_by(script.stdin(Stdio::null()));
        assert!(said.contains("not for terminals"), "{said}");
    }
    let help = said(query().args(["stacks", "--help"])).out;
    assert!(help.contains("Examples:") && help.contains("--base-from"), "{help}");
}

fn said_by(command: &mut Command) -> String {
    String::from_utf8(command.output().expect("script of util-linux is needed").stdout).unwrap()
}
