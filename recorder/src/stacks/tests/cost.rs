//! What a sample costs. Run with `--ignored --nocapture`.

use super::sampled::{Running, Sampled, is_cut, stacks};
use crate::allocations;
use crate::stacks::UserSample;
use crate::stacks::file::Mapped;
use crate::stacks::maps;
use crate::stacks::rule::Rule;
use nodemon_formats::stack::frames;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PROGRAMS: [&[&str]; 22] = [
    &["cat"],
    &["sh"],
    &["bash"],
    &[
        "python3",
        "-c",
        "import ssl, json, sqlite3, ctypes, sys, lzma, bz2, curses, decimal, multiprocessing, asyncio, xml.etree.ElementTree; sys.stdin.read()",
    ],
    &["python3", "-c", "while 1: sorted(range(99), key=lambda x: -x)"],
    &["perl", "-e", "<>"],
    &["perl", "-e", "1 while 1"],
    &["awk", "1"],
    &["sed", "s/a/b/"],
    &["sort"],
    &["grep", "x"],
    &["tail", "-f", "/dev/null"],
    &["sleep", "1000"],
    &["tee"],
    &["tar", "x"],
    &["gzip", "-c"],
    &["openssl", "sha256"],
    &["curl", "-T", "-", "file:///dev/null"],
    &["git", "hash-object", "--stdin"],
    &["as", "-o", "/dev/null"],
    &["dd"],
    &["ssh-keygen", "-l", "-f", "-"],
];

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_ascii_whitespace().next().unwrap().parse().unwrap()
}

/// Others have the CPUs too.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

#[test]
#[ignore = "measures"]
fn what_a_sample_costs() {
    let start = |words: &&[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        let is_there = Command::new("which").arg(words[0]).output().unwrap().status.success();
        is_there.then(|| Running::start(&mut command))
    };
    let all: Vec<Running> =
        std::iter::repeat_n(PROGRAMS, 5).flatten().filter_map(|words| start(&words)).collect();
    std::thread::sleep(Duration::from_secs(3));
    let alive = |running: &&Running| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.thread));
        stat.is_ok_and(|stat| !stat.contains(") Z"))
    };
    for bytes in [8 << 10, 32 << 10] {
        let samples: Vec<Sampled> =
            all.iter().filter(alive).map(|running| running.sample(bytes)).collect();
        let (before, resident) = (allocations::held_bytes(), resident_kib());
        let mut stacks = stacks();
        for round in 0..6 {
            let asked = allocations::count();
            let mut cell = Vec::with_capacity(64 << 10);
            let (mut count, mut cut, mut named) = (0, 0, 0);
            let begin = cpu_time();
            for sampled in &samples {
                cell.clear();
                // As programs in the kernel tell it.
                let sample = UserSample { start_ns: 1, ..sampled.as_sample() };
                stacks.put_user_frames(&sample, &mut cell);
                count += frames(&cell).count();
                named += frames(&cell).filter(|frame| !frame.function.is_empty()).count();
                cut += usize::from(is_cut(&cell));
            }
            let took = cpu_time() - begin;
            let begin = cpu_time();
            stacks.settle();
            println!(
                "{bytes} bytes, round {round}: {} samples, {count} frames, {named} named, {cut} cut: \
                 {:?} a sample, {:?} a frame, {} allocations; settle {:?}; {} files, {} KiB of \
                 tables, {} KiB held, {} KiB more resident",
                samples.len(),
                took / samples.len() as u32,
                took / count as u32,
                allocations::count() - asked,
                (cpu_time() - begin),
                stacks.files.held().0,
                stacks.files.held().1 / 1024,
                (allocations::held_bytes() - before) / 1024,
                resident_kib() as i64 - resident as i64,
            );
        }
    }
    every_file(&all);
}

/// Asks each file that one of these processes has mapped for many addresses.
fn every_file(all: &[Running]) {
    let (before, resident) = (allocations::held_bytes(), resident_kib());
    let mut stacks = stacks();
    let (mut asked, mut ruled, mut named) = (0, 0, 0);
    let begin = cpu_time();
    for running in all {
        let pid = running.child.id();
        let proc = Path::new("/proc");
        let list = maps::read(&proc.join(format!("{pid}/maps")), &mut stacks.paths);
        for mapping in list.unwrap_or_default() {
            let Some(key) = mapping.key else { continue };
            if stacks.files.of(key, stacks.batch).is_elf() {
                continue;
            }
            let (batch, asking) = (stacks.batch, &stacks.asking);
            let of = Mapped { proc, pid, mapping: &mapping, key, batch, asking };
            for at in 0..100 {
                let offset = mapping.offset + (mapping.end - mapping.start) * at / 100;
                let file = stacks.files.of(key, stacks.batch);
                asked += 1;
                ruled +=
                    usize::from(file.rule(&of, offset, &mut stacks.entries) != Rule::Uncovered);
                stacks.files.put_name(&of, offset, &mut stacks.name);
                named += usize::from(!stacks.name.is_empty());
            }
        }
    }
    println!(
        "{} files, {asked} addresses, {ruled} with a rule, {named} named: {:?} each",
        stacks.files.held().0,
        (cpu_time() - begin) / asked,
    );
    for when in ["at once", "settled", "a while later"] {
        println!(
            "{when}: {} KiB of tables, {} KiB held, {} KiB more resident",
            stacks.files.held().1 / 1024,
            (allocations::held_bytes() - before) / 1024,
            resident_kib() as i64 - resident as i64,
        );
        (0..if when == "settled" { 100 } else { 1 }).for_each(|_| stacks.settle());
    }
}
