//! Processes that run, and what is told of them.

use super::sampled::{Running, has_in_order, is_child, is_cut, names, stacks};
use crate::allocations;
use crate::stacks::UserSample;
use nodemon_formats::stack::frames;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const SPINS: &str = "stacks::tests::processes::spins_in_nested_functions";
const RUNS_MADE_CODE: &str = "stacks::tests::processes::runs_code_that_it_made";

#[inline(never)]
fn outer(depth: u64) -> u64 {
    let room = black_box([depth; 512]);
    middle(black_box(depth)) + room[3]
}

#[inline(never)]
fn middle(depth: u64) -> u64 {
    inner(black_box(depth)) + black_box(1)
}

#[inline(never)]
fn inner(depth: u64) -> u64 {
    let mut turns = depth;
    while black_box(turns) != 0 {
        turns = black_box(turns | 1);
    }
    turns
}

/// A child of others: it ends with them.
#[test]
#[ignore = "is run by other tests"]
fn spins_in_nested_functions() {
    if is_child() {
        black_box(outer(black_box(7)));
    }
}

#[test]
fn nested_functions_of_a_program_without_frame_pointers_are_all_named() {
    let (running, mut stacks) = (Running::start_test(SPINS), stacks());
    let cell = running.cell_with(&mut stacks, &["outer", "middle", "inner"]);
    assert!(!is_cut(&cell), "{:?}", names(&cell));
    let inner = frames(&cell).next_back().unwrap();
    let program = std::env::current_exe().unwrap();
    assert_eq!(inner.module, program.as_os_str().as_encoded_bytes());
    assert!(inner.offset > 0);
    // Another batch, from what is remembered.
    stacks.settle();
    let again = running.cell_with(&mut stacks, &["outer", "middle", "inner"]);
    assert_eq!(names(&again), names(&cell));
}

#[test]
fn what_is_known_is_told_again_without_allocating() {
    let (running, mut stacks) = (Running::start_test(SPINS), stacks());
    running.cell_with(&mut stacks, &["inner"]);
    let sampled = running.sample(32 << 10);
    let sample = UserSample { start_ns: 1, ..sampled.as_sample() };
    let mut cell = Vec::new();
    stacks.put_user_frames(&sample, &mut cell);
    let before = allocations::count();
    for _ in 0..100 {
        cell.clear();
        stacks.put_user_frames(&sample, &mut cell);
    }
    assert_eq!(allocations::count() - before, 0, "allocations");
}

#[test]
fn a_stack_of_which_little_was_copied_says_so() {
    let (running, mut stacks) = (Running::start_test(SPINS), stacks());
    running.cell_with(&mut stacks, &["inner"]);
    let cell = running.sample(256).cell(&mut stacks);
    assert!(is_cut(&cell) && has_in_order(&cell, &["inner"]), "{:?}", names(&cell));
    assert!(!has_in_order(&cell, &["spins_in_nested_functions"]), "{:?}", names(&cell));
}

#[test]
fn of_a_process_that_is_gone_is_told_what_was_known_of_it() {
    let (mut running, mut stacks) = (Running::start_test(SPINS), stacks());
    running.cell_with(&mut stacks, &["outer", "middle", "inner"]);
    let sampled = running.sample(32 << 10);
    let before = sampled.cell(&mut stacks);
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert_eq!(names(&sampled.cell(&mut stacks)), names(&before));
    stacks.settle();
    let after = sampled.cell(&mut stacks);
    assert!(is_cut(&after), "{:?}", names(&after));
    assert_eq!(frames(&after).count(), 2, "the mark and a bare address: {:?}", names(&after));
}

/// Builds a program as distributions build theirs.
fn built(directory: &Path) -> Option<PathBuf> {
    const PROGRAM: &str = r"
        #include <stdlib.h>
        #include <signal.h>
        volatile unsigned long turns = 1;
        int compare_for_ever(const void *a, const void *b) { while (turns) turns |= 1; return a > b; }
        void handler(int number) { while (turns) turns |= number; }
        __attribute__((noinline)) int raise_it(void) { raise(SIGUSR1); return turns; }
        int main(int count, char **words) {
            int numbers[3] = { 3, 2, 1 };
            if (count > 1) { signal(SIGUSR1, handler); return raise_it() + 1; }
            qsort(numbers, 3, sizeof numbers[0], compare_for_ever);
            return numbers[0];
        }";
    let (source, program) = (directory.join("sorts.c"), directory.join("sorts"));
    std::fs::write(&source, PROGRAM).unwrap();
    let compiler = Command::new("cc").arg("-O2").arg("-o").arg(&program).arg(&source).status();
    compiler.ok()?.success().then_some(program)
}

#[test]
fn a_callback_of_the_c_library_is_found_beyond_it() {
    let directory = tempfile::tempdir().unwrap();
    let Some(program) = built(directory.path()) else {
        return nodemon_skip::skip!("there is no C compiler");
    };
    let (running, mut stacks) = (Running::start(&mut Command::new(program)), stacks());
    let cell = running.cell_with(&mut stacks, &["main", "libc", "compare_for_ever"]);
    assert!(!is_cut(&cell), "{:?}", names(&cell));
    let main = frames(&cell).find(|frame| frame.function == b"main").unwrap();
    assert!(main.module.ends_with(b"/sorts"), "{main:?}");
    assert!(main.build_id.len() == 40 && main.build_id.is_ascii(), "{main:?}");
}

#[test]
fn what_a_signal_interrupted_is_found_beyond_its_handler() {
    let directory = tempfile::tempdir().unwrap();
    let Some(program) = built(directory.path()) else {
        return nodemon_skip::skip!("there is no C compiler");
    };
    let running = Running::start(Command::new(program).arg("signal"));
    let cell = running.cell_with(&mut stacks(), &["main", "raise_it", "handler"]);
    assert!(!is_cut(&cell), "{:?}", names(&cell));
}

#[test]
fn a_program_that_was_deleted_has_its_names_still() {
    let directory = tempfile::tempdir().unwrap();
    let Some(program) = built(directory.path()) else {
        return nodemon_skip::skip!("there is no C compiler");
    };
    let running = Running::start(&mut Command::new(&program));
    running.cell_with(&mut stacks(), &["main", "libc", "compare_for_ever"]);
    std::fs::remove_file(&program).unwrap();
    let cell = running.cell_with(&mut stacks(), &["main", "libc", "compare_for_ever"]);
    let main = frames(&cell).find(|frame| frame.function == b"main").unwrap();
    assert_eq!(main.module, program.as_os_str().as_encoded_bytes(), "as it was called");
}

#[test]
fn an_interpreter_is_followed_to_the_end_of_its_stack() {
    let is_there = Command::new("python3").arg("--version").output().is_ok();
    if !is_there {
        return nodemon_skip::skip!("there is no python3");
    }
    let spins = "def spin():\n while True: sorted(range(99), key=lambda x: -x)\nspin()";
    let running = Running::start(Command::new("python3").args(["-c", spins]));
    let mut stacks = stacks();
    // Behind what it imports when it begins, which goes deeper.
    running.cell_with(&mut stacks, &["Py_RunMain", "PyEval_EvalCode"]);
    let cells: Vec<_> = (0..20).map(|_| running.sample(64 << 10).cell(&mut stacks)).collect();
    let cut: Vec<_> = cells.iter().filter(|cell| is_cut(cell)).map(|cell| names(cell)).collect();
    assert!(cut.len() <= 1, "{cut:?}");
}

/// A child of others: it ends with them.
#[test]
#[ignore = "is run by other tests"]
fn runs_code_that_it_made() {
    if is_child() {
        call_made_code();
    }
}

#[inline(never)]
fn call_made_code() {
    // A function that keeps a frame pointer, and turns round.
    #[cfg(target_arch = "x86_64")]
    const CODE: &[u8] = b"\x55\x48\x89\xe5\xeb\xfe";
    #[cfg(target_arch = "aarch64")]
    const CODE: &[u8] = b"\xfd\x7b\xbf\xa9\xfd\x03\x00\x91\x00\x00\x00\x14";
    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
    let (bytes, null) = (rustix::param::page_size(), std::ptr::null_mut());
    // `unsafe` because memory is run that was just filled with a function of no arguments.
    unsafe {
        let page =
            mmap_anonymous(null, bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        let page = page.unwrap();
        page.cast::<u8>().copy_from_nonoverlapping(CODE.as_ptr(), CODE.len());
        mprotect(page, bytes, MprotectFlags::READ | MprotectFlags::EXEC).unwrap();
        let made: extern "C" fn() -> u64 = std::mem::transmute(page);
        // Something is left to do afterwards: it is called, and not jumped to.
        black_box(made() + black_box(1));
    }
}

#[test]
fn code_that_was_made_at_run_time_has_the_names_that_its_maker_wrote() {
    let (running, mut stacks) = (Running::start_test(RUNS_MADE_CODE), stacks());
    let caller = "call_made_code";
    let mut cell = running.cell_with(&mut stacks, &[caller]);
    // It may be on its way still.
    while !frames(&cell).next_back().unwrap().module.is_empty() {
        stacks.settle();
        cell = running.cell_with(&mut stacks, &[caller]);
    }
    let innermost = frames(&cell).next_back().unwrap();
    assert!(innermost.function.is_empty() && innermost.offset != 0, "{innermost:?}");
    let (start, pid) = (innermost.offset & !0xfff, running.child.id());
    let path = PathBuf::from(format!("/tmp/perf-{pid}.map"));
    let list = OpenOptions::new().append(true).create(true).open(&path);
    let mut list = list.unwrap();
    writeln!(list, "{start:x} 1000 older\n{:x} 1000 beside", start + 0x1000).unwrap();
    stacks.settle();
    let told = names(&running.cell_with(&mut stacks, &[caller]));
    writeln!(list, "{start:x} 100 LazyCompile:turn round").unwrap();
    stacks.settle();
    let grown = names(&running.cell_with(&mut stacks, &[caller]));
    let mut after = |change: &dyn Fn()| {
        change();
        stacks.settle();
        names(&running.cell_with(&mut stacks, &[caller])).pop().unwrap()
    };
    // A link may lead to what the process itself may not read, and so may the file of another user.
    let elsewhere = path.with_extension("elsewhere");
    let linked = after(&|| {
        std::fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    });
    let back = after(&|| std::fs::rename(&elsewhere, &path).unwrap());
    let is_root = rustix::process::geteuid().is_root();
    let of_another =
        is_root.then(|| after(&|| std::os::unix::fs::chown(&path, Some(65534), None).unwrap()));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(back, "LazyCompile:turn round");
    for name in [Some(linked), of_another].into_iter().flatten() {
        assert!(!name.contains("turn round"), "{name} is from a file that nobody may trust");
    }
    assert_eq!(told.last().unwrap(), "older");
    assert_eq!(grown.last().unwrap(), "LazyCompile:turn round");
}
