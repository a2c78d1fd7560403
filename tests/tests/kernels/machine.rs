//! An emulated machine that runs one script of `tests/vm/recorder` under a Debian kernel.

use crate::console::excerpt;
use crate::turns::Turn;
use nodemon_skip::skip;
use nodemon_tests::programs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The status of the rig's scripts when something cannot be had.
const SKIPPED: i32 = 77;

/// Where the samples come from in the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    Module,
    Ebpf,
}

/// A machine that can be switched on, and its disk.
pub struct Machine {
    release: String,
    feed: Feed,
    in_one_thread: bool,
    scratch: TempDir,
    _turn: Turn,
}

/// Says that a test cannot be made here.
pub fn skip(test: &str, why: &str) {
    skip!("{test}: {why}");
}

/// As [`skip`], of a test that must be made wherever everything is tested: it fails there.
pub fn skip_unless_required(test: &str, why: &str) {
    skip(test, why);
    for required in ["CI", "NODEMON_REQUIRE_VM"] {
        let set = matches!(std::env::var(required).as_deref(), Ok("1" | "true"));
        assert!(!set, "with {required} set {test} must not be skipped, and was: {why}");
    }
}

fn vm(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vm").join(script)
}

/// Runs a script of the rig; `Err` says why it was skipped.
fn rig(command: &mut Command) -> Result<Output, String> {
    let output = command.output().expect("a script of tests/vm can be run");
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.code() == Some(SKIPPED) {
        return Err(said.lines().last().unwrap_or_default().replace("skipped: ", ""));
    }
    assert!(output.status.success(), "{command:?} failed:\n{said}");
    Ok(output)
}

fn tool(name: &str, package: &str) -> Result<(), String> {
    match Command::new(name).arg("-V").output() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("there is no {name} (package {package})")),
    }
}

impl Machine {
    /// A machine with kernel `release` that will run `script`, the programs under test, and an
    /// empty disk; `Err` says what cannot be had.
    pub fn new(release: &str, feed: Feed, script: &str) -> Result<Machine, String> {
        let turn = Turn::of_machine();
        for (name, package) in
            [("debugfs", "e2fsprogs"), ("cpio", "cpio"), ("qemu-system-x86_64", "qemu-system-x86")]
        {
            tool(name, package)?;
        }
        rig(Command::new(vm("kernels")).arg(release))?;
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);

        let mut image = Command::new(vm("image"));
        image.args(["--kernel", release, "--script"]).arg(vm(&format!("recorder/{script}.sh")));
        let mut file = |from: &Path, to: &str| {
            image.arg("--file").arg(format!("{}:{to}", from.display()));
        };
        file(&vm("recorder/lib.sh"), "lib.sh");
        if feed == Feed::Module {
            rig(Command::new(vm("module")).arg(release).arg(at("nodemon.ko")))?;
            file(&at("nodemon.ko"), "nodemon.ko");
        }
        let mut compiler = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
        compiler.args(["-O2", "-Wall", "-Werror", "-static", "-o"]).arg(at("load"));
        rig(compiler.arg(vm("recorder/load.c")))?;
        for program in [&programs().recorder, &programs().query, &at("load")] {
            image.arg("--bin").arg(program);
        }
        // The last two are for programs on network interfaces, where there is no TCX.
        for module in ["virtio_pci", "virtio_blk", "ext4", "sch_ingress", "cls_bpf"] {
            image.args(["--module", module]);
        }
        rig(image.arg("-o").arg(at("initrd")))?;

        let disk = File::create(at("disk")).unwrap();
        disk.set_len(512 << 20).unwrap();
        // What every kernel here knows; mke2fs of its own accord makes what the older do not.
        let features = "none,has_journal,extent,filetype,dir_index,sparse_super,large_file,\
                        extra_isize";
        let mut mke2fs = Command::new("mke2fs");
        mke2fs.args(["-q", "-F", "-t", "ext4", "-m", "0", "-O", features]);
        rig(mke2fs.arg(at("disk")))?;
        Ok(Machine {
            release: release.to_owned(),
            feed,
            in_one_thread: false,
            scratch,
            _turn: turn,
        })
    }

    /// With one thread of QEMU for all CPUs, where none meets code that another is just patching. Of a
    /// millisecond on each CPU nothing can be asked there.
    pub fn in_one_thread(mut self) -> Machine {
        self.in_one_thread = true;
        self
    }

    /// Switches it on.
    pub fn boot(&self, limit: Duration) -> Running<'_> {
        let at = |name: &str| self.scratch.path().join(name);
        let feed = if self.feed == Feed::Module { "feed=module" } else { "feed=ebpf" };
        let console = File::create(at("console")).unwrap();
        // Its clock is that of this host: what it is kept waiting looks to it like work. So it goes
        // first, where that is allowed.
        let child = Command::new("nice")
            .args(["-n", "-15"])
            .arg(vm("boot"))
            .args(["--kernel", &self.release, "--append", feed, "--initrd"])
            .arg(at("initrd"))
            .arg("--disk")
            .arg(at("disk"))
            .arg("--pidfile")
            .arg(at("pid"))
            .args(["--timeout", &limit.as_secs().to_string()])
            .args(self.in_one_thread.then_some(["--tcg", "single"]).into_iter().flatten())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .expect("tests/vm/boot can be run");
        Running { machine: self, child, deadline: Instant::now() + limit }
    }

    /// Copies what is on the disk, once nobody has it mounted: a journal that was not played back
    /// is, as by the next boot, and nothing else may need repair.
    pub fn take_disk(&self) -> TempDir {
        let disk = self.scratch.path().join("disk");
        let fsck = Command::new("e2fsck").arg("-fp").arg(&disk).output().unwrap();
        assert!(
            matches!(fsck.status.code(), Some(0 | 1)),
            "the file system needs more than its journal: {}",
            String::from_utf8_lossy(&fsck.stdout)
        );
        let copy = tempfile::tempdir().unwrap();
        for what in ["recording", "out"] {
            let request = format!("rdump /{what} {}", copy.path().display());
            let mut debugfs = Command::new("debugfs");
            rig(debugfs.arg("-R").arg(request).arg(&disk)).unwrap();
        }
        copy
    }

    /// What the machine has said so far.
    pub fn console(&self) -> String {
        let bytes = std::fs::read(self.scratch.path().join("console")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }

    /// What of that is for a message.
    pub fn tail(&self) -> String {
        let shown = excerpt(&self.console());
        format!("kernel {}; the console ends with\n{shown}", self.release)
    }
}

/// A machine that is switched on; switched off when this is dropped.
pub struct Running<'a> {
    machine: &'a Machine,
    child: Child,
    deadline: Instant,
}

impl Running<'_> {
    /// Waits until the script has ended, which must have succeeded.
    pub fn wait(mut self) {
        let status = self.child.wait().unwrap();
        assert!(
            status.success(),
            "the script in the machine ended with {status}; {}",
            self.machine.tail()
        );
    }

    /// Waits until the machine has said `word`.
    pub fn wait_for(&mut self, word: &str) {
        while !self.machine.console().contains(word) {
            assert!(
                self.child.try_wait().unwrap().is_none() && Instant::now() < self.deadline,
                "the machine never said '{word}'; {}",
                self.machine.tail()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Cuts the power: kills QEMU.
    pub fn cut_power(mut self) {
        let pid = std::fs::read_to_string(self.machine.scratch.path().join("pid")).unwrap();
        let killed = Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap();
        assert!(killed.success(), "QEMU had ended already; {}", self.machine.tail());
        self.child.wait().unwrap();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // boot passes it on to QEMU. Where it has ended already there is nothing to be done.
        let _ = Command::new("kill").arg(self.child.id().to_string()).output();
        let _ = self.child.wait();
    }
}
