//! Profiles for pprof, taken apart by another reading of profile.proto.

use super::recorded::{cell, known};
use crate::support::ask;
use nodemon_skip::skip;
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// The fields of a message: each with its number, and a number or bytes.
#[derive(Debug)]
struct Message(Vec<(u64, Field)>);

#[derive(Clone, Debug)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number without an end");
}

impl Message {
    fn read(mut bytes: &[u8]) -> Message {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let field = match tag & 7 {
                0 => Field::Number(varint(&mut bytes)),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (field, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(field.to_vec())
                }
                other => panic!("a field of wire type {other}"),
            };
            fields.push((tag >> 3, field));
        }
        Message(fields)
    }

    fn all(&self, number: u64) -> Vec<Vec<u8>> {
        let of_number = self.0.iter().filter(|(field, _)| *field == number);
        of_number
            .map(|(_, field)| match field {
                Field::Bytes(bytes) => bytes.clone(),
                Field::Number(_) => panic!("field {number} is a number"),
            })
            .collect()
    }

    fn messages(&self, number: u64) -> Vec<Message> {
        self.all(number).iter().map(|bytes| Message::read(bytes)).collect()
    }

    fn number(&self, number: u64) -> u64 {
        let found = self.0.iter().find(|(field, _)| *field == number);
        match found {
            Some((_, Field::Number(value))) => *value,
            Some(_) => panic!("field {number} is bytes"),
            None => 0,
        }
    }

    fn numbers(&self, number: u64) -> Vec<u64> {
        let all = self.all(number);
        let mut bytes = &all[0][..];
        let mut numbers = Vec::new();
        while !bytes.is_empty() {
            numbers.push(varint(&mut bytes));
        }
        numbers
    }
}

fn gunzip(packed: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(packed).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "gzip does not take it");
    output.stdout
}

#[test]
fn another_reader_finds_the_same_stacks() {
    let recorded = known();
    let file = recorded.home.path().join("cpu.pb.gz");
    let args = ["stacks", "--by", "command", "-o", file.to_str().unwrap()];
    let said = ask(&recorded.dir, &args);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let profile = Message::read(&gunzip(&std::fs::read(&file).unwrap()));
    let strings: Vec<String> =
        profile.all(6).into_iter().map(|text| String::from_utf8(text).unwrap()).collect();
    assert_eq!(strings[0], "");
    let text = |message: &Message, field| strings[message.number(field) as usize].as_str();
    let types: Vec<_> =
        profile.messages(1).iter().map(|t| format!("{}/{}", text(t, 1), text(t, 2))).collect();
    assert_eq!(types, ["samples/count", "cpu/nanoseconds"]);
    assert_eq!(text(&profile, 14), "cpu");
    assert_eq!(profile.number(12), 20_000_000, "the mean weight of a sample");
    let by_id = |field| -> HashMap<u64, Message> {
        profile.messages(field).into_iter().map(|message| (message.number(1), message)).collect()
    };
    let (files, places, functions) = (by_id(3), by_id(4), by_id(5));
    assert!(!files.contains_key(&0) && !places.contains_key(&0) && !functions.contains_key(&0));
    let mut found = Vec::new();
    for sample in profile.messages(2) {
        let mut cell = String::new();
        for place in sample.numbers(1).iter().rev().map(|number| &places[number]) {
            let line = &place.messages(4)[0];
            let function = text(&functions[&line.number(1)], 2);
            let (module, build_id) = match place.number(2) {
                0 => ("", ""),
                file => (text(&files[&file], 5), text(&files[&file], 6)),
            };
            cell.push_str(&format!("{function}\t{module}\t{build_id}\t{:x}\n", place.number(3)));
        }
        let label = &sample.messages(3)[0];
        assert_eq!(text(label, 1), "command");
        found.push((text(label, 2).to_owned(), sample.numbers(2), cell));
    }
    let of = |stack: &str| String::from_utf8(cell(stack)).unwrap();
    let row = |command: &str, weight_ms: u64, cell: String| {
        (command.to_owned(), vec![1, weight_ms * 1_000_000], cell)
    };
    let mut expected = vec![
        row("cron", 10, "[no stack]\t\t\t0\n".to_owned()),
        row("cron", 40, of("_start;main;read;[k]do_syscall;[k]mutex_lock")),
        row("nginx", 5, of("_start;main")),
        row("nginx", 15, of("_start;main;parse;parse;parse")),
        row("nginx", 30, of("_start;main;read;[k]do_syscall;[k]vfs_read")),
    ];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for place in places.values().filter(|place| place.number(2) > 0) {
        let end = files[&place.number(2)].number(3);
        assert!(place.number(3) < end, "an address behind the end of its file");
    }
}

#[test]
fn pprof_itself_reads_it() {
    if !Command::new("go").arg("version").output().is_ok_and(|output| output.status.success()) {
        skip!("there is no go, whose pprof would read a profile");
        return;
    }
    let recorded = known();
    let file = recorded.home.path().join("cpu.pb.gz");
    ask(&recorded.dir, &["stacks", "-o", file.to_str().unwrap()]);
    let output = Command::new("go").args(["tool", "pprof", "-top"]).arg(&file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("mutex_lock") && text.contains("40ms 40.00%"), "{text}");
}
