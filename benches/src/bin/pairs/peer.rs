//! Who else takes stacks, beside the two recorders at the same time.

use nodemon_benches::cost::{of_programs, of_tree};
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A program that takes stacks.
pub struct Peer {
    /// As it is typed.
    pub name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
}

/// Those that Debian has for any kernel: `linux-perf` and `libbpf-tools`.
pub const PEERS: [Peer; 3] = [
    Peer {
        name: "`perf record -F 19 -a -g`",
        program: "usr/bin/perf",
        arguments: &["record", "-F", "19", "-a", "-g", "-o", "perf.data"],
    },
    Peer {
        name: "`perf record -F 19 -a --call-graph dwarf`",
        program: "usr/bin/perf",
        arguments: &["record", "-F", "19", "-a", "--call-graph", "dwarf", "-o", "dwarf.data"],
    },
    Peer { name: "`offcputime` of bcc", program: "usr/sbin/offcputime", arguments: &["3600"] },
];

/// One that runs.
pub struct RunningPeer {
    child: Child,
    dir: PathBuf,
    file: Option<&'static str>,
    before: (u64, u64, u64, Instant),
}

/// What it cost.
pub struct PeerCost {
    /// Its threads, of one core.
    pub cpu_percent: f64,
    /// Its programs in the kernel, of one core.
    pub programs_percent: f64,
    /// Its memory.
    pub rss_bytes: u64,
    /// What it wrote a second, where it writes.
    pub stored_bytes: Option<f64>,
}

impl Peer {
    /// Starts it in a directory.
    ///
    /// # Errors
    /// When it is not here, or cannot be started.
    pub fn start(&self, dir: &Path) -> Result<RunningPeer, Box<dyn Error>> {
        let unpacked =
            std::env::var_os("NODEMON_PEERS").map(|root| PathBuf::from(root).join(self.program));
        let path = [Some(Path::new("/").join(self.program)), unpacked]
            .into_iter()
            .flatten()
            .find(|path| path.exists())
            .ok_or_else(|| format!("there is no {} here; see scripts/peers", self.program))?;
        let mut command = Command::new(path);
        command.args(self.arguments).current_dir(dir).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let file = self.arguments.last().copied().filter(|name| name.ends_with(".data"));
        Ok(RunningPeer { child, dir: dir.to_owned(), file, before: (0, 0, 0, Instant::now()) })
    }
}

impl RunningPeer {
    /// Is measured from now on.
    ///
    /// # Errors
    /// When it has ended.
    pub fn begin(&mut self) -> Result<(), Box<dyn Error>> {
        let programs_ns = of_programs(self.child.id())?;
        self.before = (self.cpu_ns()?, programs_ns, self.stored_bytes(), Instant::now());
        Ok(())
    }

    /// What it cost since.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cost(&self) -> Result<PeerCost, Box<dyn Error>> {
        let (cpu_ns, programs_ns, stored_bytes, begun) = self.before;
        let took = begun.elapsed();
        let percent = |ns: u64| ns as f64 / took.as_nanos() as f64 * 100.0;
        let (now_ns, now_bytes) = (self.cpu_ns()?, self.stored_bytes());
        let grown = (now_bytes - stored_bytes) as f64 / took.as_secs_f64();
        Ok(PeerCost {
            cpu_percent: percent(now_ns - cpu_ns),
            programs_percent: percent(of_programs(self.child.id())? - programs_ns),
            rss_bytes: of_tree(self.child.id())?.rss_bytes,
            stored_bytes: self.file.map(|_| grown),
        })
    }

    fn cpu_ns(&self) -> Result<u64, Box<dyn Error>> {
        Ok(of_tree(self.child.id())?.cpu_ns)
    }

    fn stored_bytes(&self) -> u64 {
        let file = self.file.and_then(|name| self.dir.join(name).metadata().ok());
        file.map_or(0, |file| file.len())
    }
}

impl Drop for RunningPeer {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.child.wait();
    }
}
