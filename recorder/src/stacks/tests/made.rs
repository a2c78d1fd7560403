//! Programs that make code while they run, and write down how it is called.

use super::sampled::{Running, is_cut, names, stacks};
use nodemon_formats::stack::frames;
use nodemon_skip::skip;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const SAMPLES: usize = 40;

/// Whether a program runs and is content with these arguments.
fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Samples of a program once it is where it is wanted: name by name, and whether the stack was cut.
fn samples(running: &Running, innermost: &str) -> Vec<(Vec<String>, bool)> {
    let (mut stacks, mut found) = (stacks(), Vec::new());
    let begun = Instant::now();
    while found.len() < SAMPLES {
        let cell = running.sample(64 << 10).cell(&mut stacks);
        let is_it = |frame: nodemon_formats::stack::Frame<'_>| {
            String::from_utf8_lossy(frame.function).contains(innermost)
        };
        if frames(&cell).any(is_it) {
            found.push((names(&cell), is_cut(&cell)));
        }
        assert!(begun.elapsed() < PATIENCE, "no {innermost} in {:?}", names(&cell));
        stacks.settle();
        std::thread::sleep(Duration::from_millis(5));
    }
    found
}

/// The map that a program leaves behind when it is killed.
struct Map(u32);

impl Drop for Map {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(format!("/tmp/perf-{}.map", self.0));
    }
}

/// The functions are there in this order in nearly all samples, and so is the outermost frame.
fn assert_called(found: &[(Vec<String>, bool)], wanted: &[&str]) {
    let has_in_order = |names: &[String]| {
        let mut names = names.iter();
        wanted.iter().all(|wanted| names.any(|name| name.contains(wanted)))
    };
    let right = found.iter().filter(|(names, is_cut)| !is_cut && has_in_order(names)).count();
    let example = found.iter().find(|(names, is_cut)| *is_cut || !has_in_order(names));
    println!("{right} of {} samples reach the end", found.len());
    assert!(right * 10 >= found.len() * 9, "{right} of {}, and not {example:#?}", found.len());
}

fn write(directory: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn functions_of_node_are_named_where_it_writes_them_down() {
    // Of what it interprets the name is that of the interpreter, unless the second says otherwise; and
    // functions stay apart.
    const FLAGS: [&str; 3] =
        ["--perf-basic-prof", "--interpreted-frames-native-stack", "--no-turbo-inlining"];
    // It leaves a log where it is started.
    let directory = tempfile::tempdir().unwrap();
    let node = || {
        let mut node = Command::new("node");
        node.args(FLAGS).current_dir(directory.path());
        node
    };
    if !succeeds(node().args(["-e", "0"])) {
        return skip!("there is no node with {FLAGS:?}");
    }
    let program = write(
        directory.path(),
        "spins.js",
        "function spinHere(n) { let sum = 0; for (let i = 0; i < 1e6; i++) sum += i % n; return sum; }
         function calledByMain(n) { return spinHere(n) + 1; }
         let n = 7; for (;;) n = calledByMain(n) % 5 + 2;",
    );
    let running = Running::start(node().arg(program));
    let _map = Map(running.child.id());
    assert_called(&samples(&running, "spinHere"), &["node::Start", "calledByMain", "spinHere"]);
}

/// A python that can give each function a frame of its own.
fn python() -> Option<&'static str> {
    const CAN: &str = "import sys; sys.activate_stack_trampoline('perf')";
    let known = ["python3", "python3.12", "python3.13", "python3.14"];
    known.into_iter().find(|python| succeeds(Command::new(python).args(["-X", "perf", "-c", CAN])))
}

#[test]
fn functions_of_python_are_named_where_it_writes_them_down() {
    let Some(python) = python() else {
        return skip!("there is no python with -X perf, which came with 3.12");
    };
    let directory = tempfile::tempdir().unwrap();
    let program = write(
        directory.path(),
        "spins.py",
        "def spin_here(n):\n    return sum(i % n for i in range(100000))\n\
         def called_by_main(n):\n    return spin_here(n) + 1\n\
         n = 7\nwhile True:\n    n = called_by_main(n) % 5 + 2\n",
    );
    let running = Running::start(Command::new(python).args(["-X", "perf"]).arg(program));
    let _map = Map(running.child.id());
    let wanted = ["Py_RunMain", "py::called_by_main", "py::spin_here"];
    assert_called(&samples(&running, "py::spin_here"), &wanted);
}
