//! What happens is in the recording: things that last for milliseconds and that no poll sees, made
//! to happen here and asked for with `nodemon-query`.

use nodemon_skip::skip;
use nodemon_tests::{Recorder, Setup, ask_ok, gaps, seeded};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

const SOURCES: &str =
    "process_event,signal,mount,oom_kill,net_traffic,tcp_connection,scheduler,syscall";
const SHORT_LIVES: u64 = 10_000;
const DATAGRAMS: u64 = 500;
const DATAGRAM_BYTES: usize = 200;
const SENT_BYTES: u64 = 300_000;

/// Rows of one table as the query prints them.
fn rows(dir: &Path, table: &str, more: &[&str]) -> Vec<Value> {
    let question = ["range", "--from", "-10m", "-f", "jsonl", "-t", table];
    let out = ask_ok(dir, &[&question[..], more].concat());
    let lines = out.lines().map(|line| serde_json::from_str(line).expect("lines are JSON"));
    lines.filter(|row: &Value| row.get("gap").is_none()).collect()
}

fn number(row: &Value, column: &str) -> u64 {
    row[column].as_u64().unwrap_or_else(|| panic!("{column} is no number in {row}"))
}

/// Whether rows of `table` can be asked for, or are about to be.
fn has(dir: &Path, table: &str) -> bool {
    ask_ok(dir, &["tables"]).lines().any(|line| line.split_whitespace().next() == Some(table))
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn ended(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

#[test]
fn what_happens_for_milliseconds_is_in_the_recording() {
    if !geteuid().is_root() {
        skip!("programs in the kernel take root");
        return;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("recording");
    let setup = Setup::new(&dir).with(&["--only", SOURCES, "-v"]);
    let setup = setup.with(&["--source", "process_event=events_per_s=2000"]);
    let mut recorder = Recorder::start(&setup);
    recorder.wait_until("every source runs", Duration::from_secs(60), |dir| {
        dir.exists() && nodemon_tests::span(dir).is_some() && has(dir, "tcp_connection")
    });
    let log = recorder.log();
    if log.contains("not on this machine") {
        skip!("of some sources: {log}");
    }
    let expects = |source: &str| !log.contains(&format!("source {source} is off"));

    // A process that lives for a moment, and ends with 7.
    let status = shell("exit 7").status().expect("sh can be run");
    assert_eq!(status.code(), Some(7));
    // A signal from this process to a child of it.
    let target = Command::new("sleep").arg("60").spawn().expect("sleep can be run");
    let target_pid = target.id();
    // Whoever starts a program goes on a moment before that has its name.
    let comm = format!("/proc/{target_pid}/comm");
    while std::fs::read_to_string(&comm).is_ok_and(|name| name != "sleep\n") {
        std::thread::yield_now();
    }
    let pid = Pid::from_raw(i32::try_from(target_pid).expect("a pid")).expect("not 0");
    kill_process(pid, Signal::USR1).expect("a child can be signalled");
    ended(target);
    // A mount in a namespace of its own, of which nobody else sees anything.
    let mount = "mount -t tmpfs -o size=1m nodemon-test /mnt && umount /mnt";
    let mounted = Command::new("unshare").args(["-m", "sh", "-c", mount]).status();
    let mounted = mounted.is_ok_and(|status| status.success());
    // Bytes over a connection, both ways, and datagrams, whose sender counts them.
    let (near, far) = connection();
    let datagram_port = datagrams();
    // Many short lives, more than the budget lets through.
    let lives = format!("i=0; while [ $i -lt {SHORT_LIVES} ]; do (:); i=$((i+1)); done");
    let mut parent = shell(&lives).spawn().expect("sh can be run");
    let parent_pid = u64::from(parent.id());
    assert!(parent.wait().expect("it ends").success());
    // Work that keeps nobody from sleeping: waits for a CPU are measured meanwhile.
    std::thread::sleep(Duration::from_millis(1500));
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");

    let own = u64::from(std::process::id());
    if expects("process_event") {
        let exits = rows(&dir, "process_event", &["-w", "event=exit", "-w", "status=7"]);
        let mut of_this = exits.iter().filter(|row| number(row, "ppid") == own);
        let exit = of_this.next_back().unwrap_or_else(|| panic!("no exit with 7: {exits:?}"));
        assert!(number(exit, "lived_ns") > 0 && exit["max_rss_bytes"] != 0, "{exit}");
        let started = rows(&dir, "process_event", &["-w", "event=exec"]);
        let arguments = started.iter().any(|row| row["arguments"] == "sh -c exit 7");
        assert!(arguments, "what it was started with is not there: {started:?}");
        lives_are_told_or_counted(&dir, parent_pid);
    }
    if expects("signal") {
        let signals = rows(&dir, "signal", &["-w", &format!("target_pid={target_pid}")]);
        let sent = signals.iter().find(|row| row["signal"] == "SIGUSR1");
        let sent = sent.unwrap_or_else(|| panic!("no SIGUSR1 to {target_pid}: {signals:?}"));
        assert_eq!(
            (number(sent, "pid"), &sent["target_command"]),
            (own, &"sleep".into()),
            "{sent}"
        );
    }
    if expects("mount") && mounted {
        let mounts = rows(&dir, "mount", &[]);
        let is_it =
            |event: &str| mounts.iter().any(|row| row["event"] == event && row["target"] == "/mnt");
        assert!(is_it("mount") && is_it("unmount"), "{mounts:?}");
    }
    if expects("tcp_connection") {
        closed_with_its_bytes(&dir, near, far);
    }
    if expects("net_traffic") {
        let traffic = rows(&dir, "net_traffic", &["-w", "interface=lo", "-w", "protocol=udp"]);
        for direction in ["sent", "received"] {
            let packets = traffic.iter().filter(|row| row["direction"] == direction);
            let packets = packets.map(|row| number(row, "packets")).max().unwrap_or(0);
            assert!(
                packets >= DATAGRAMS,
                "{DATAGRAMS} datagrams to port {datagram_port}, {packets} {direction}"
            );
        }
    }
    if expects("scheduler") {
        let waits = rows(&dir, "run_queue_latency", &["--step", "1m", "--agg", "count,p50,max"]);
        let count: u64 = waits.iter().map(|row| number(row, "latency_ns_count")).sum();
        assert!(count > SHORT_LIVES, "every process waited at least once, {count} waits are told");
    }
    let verdict = ask_ok(&dir, &["verify"]);
    println!("{verdict}");
}

/// None of the processes that `parent` started is missing from what is told and what is counted.
fn lives_are_told_or_counted(dir: &Path, parent: u64) {
    let told = |event: &str| {
        let question = ["-w", &format!("event={event}"), "-w", &format!("ppid={parent}")];
        rows(dir, "process_event", &question).len() as u64
    };
    let (forks, exits) = (told("fork"), told("exit"));
    let lost: u64 =
        gaps(dir, "process_event", i64::MIN, i64::MAX).iter().map(|gap| gap.gap.lost).sum();
    println!("{SHORT_LIVES} short lives: {forks} forks, {exits} exits, {lost} events in gaps");
    assert!(forks <= SHORT_LIVES && exits <= SHORT_LIVES, "each is told once");
    assert!(forks > 100 && exits > 100, "some are told");
    let all = forks + exits + lost;
    assert!(
        all >= 2 * SHORT_LIVES,
        "{} events are missing",
        2 * SHORT_LIVES - all.min(2 * SHORT_LIVES)
    );
}

/// A connection over which [`SENT_BYTES`] went there and half of them back; its two ends.
fn connection() -> (SocketAddr, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    let far = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it comes");
        let mut there = vec![0; SENT_BYTES as usize];
        stream.read_exact(&mut there).expect("all of it comes");
        stream.write_all(&there[..there.len() / 2]).expect("half goes back");
        let _ = stream.read(&mut there);
    });
    let mut stream = TcpStream::connect(far).expect("loopback");
    let near = stream.local_addr().expect("an address");
    stream.write_all(&vec![1; SENT_BYTES as usize]).expect("all of it goes");
    let mut back = vec![0; SENT_BYTES as usize / 2];
    stream.read_exact(&mut back).expect("half comes back");
    drop(stream);
    server.join().expect("the server ends");
    (near, far)
}

fn closed_with_its_bytes(dir: &Path, near: SocketAddr, far: SocketAddr) {
    let closed = rows(dir, "tcp_close", &[]);
    let of_near = closed
        .iter()
        .find(|row| row["local"] == near.to_string() && row["remote"] == far.to_string());
    let row = of_near.unwrap_or_else(|| panic!("{near} -> {far} is not in {closed:?}"));
    assert_eq!(row["direction"], "connected", "{row}");
    // SYN and FIN count as a byte each.
    let is = |column: &str, bytes: u64| (bytes..=bytes + 2).contains(&number(row, column));
    assert!(is("bytes_acked", SENT_BYTES) && is("bytes_received", SENT_BYTES / 2), "{row}");
}

/// Datagrams over loopback; the port that they went to.
fn datagrams() -> u16 {
    let mut random = seeded("datagrams");
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    let to = receiver.local_addr().expect("an address");
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    let bytes: Vec<u8> = (0..DATAGRAM_BYTES).map(|_| random.u8(..)).collect();
    for _ in 0..DATAGRAMS {
        sender.send_to(&bytes, to).expect("loopback takes it");
    }
    to.port()
}
