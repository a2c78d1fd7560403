//! TCP connections: while they are open, and after.

use crate::network_namespace::{Namespace, two};
use crate::network_rows::{Row, print_cost, rows, start, take_times};
use nodemon_recorder_ebpf::feature::STORAGE;
use nodemon_recorder_ebpf::load::{Running, release_numbers};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const CONNECTION: &str = "tcp_connection";
const CLOSE: &str = "tcp_close";

/// Both ends of a connection to `address` of `far`, which listens.
pub fn connect(near: &Namespace, far: &Namespace, address: &'static str) -> (TcpStream, TcpStream) {
    let listener = far.run(move || TcpListener::bind((address, 0)).unwrap());
    let to = listener.local_addr().unwrap();
    let here = near.run(move || TcpStream::connect(to).unwrap());
    let (there, _) = listener.accept().unwrap();
    (here, there)
}

/// Sends so many bytes, and reads them at the other end.
pub fn send(from: &mut TcpStream, to: &mut TcpStream, bytes: usize) {
    from.write_all(&vec![7; bytes]).unwrap();
    to.read_exact(&mut vec![0; bytes]).unwrap();
}

/// Both sides close, the first one first.
pub fn close(first: TcpStream, mut second: TcpStream) {
    first.shutdown(Shutdown::Write).unwrap();
    assert_eq!(second.read(&mut [0]).unwrap(), 0);
    drop(second);
    drop(first);
    std::thread::sleep(Duration::from_millis(50));
}

fn of<'a>(rows: &'a [Row], local: &str, remote: &str) -> &'a Row {
    let found =
        rows.iter().find(|row| row["local"].text() == local && row["remote"].text() == remote);
    found.unwrap_or_else(|| panic!("{local} to {remote} is not among {rows:?}"))
}

/// What one side sent, give or take SYN and FIN.
fn is_about(counted: u64, bytes: u64) -> bool {
    (bytes..=bytes + 2).contains(&counted)
}

/// The connections of some namespaces: those of all, whoever reads; or, where the kernel does not show
/// what is kept with sockets, as each of them reads its own.
fn connections(mut running: Running, namespaces: &[&Namespace]) -> (Vec<Row>, Running) {
    let is_own = |lack: &&String| lack.starts_with("connections of other network namespaces");
    let lacks = running.missing();
    if let Some(lack) = lacks.iter().find(is_own) {
        let release = rustix::system::uname().release().to_str().ok().and_then(release_numbers);
        let is_old = release.is_none_or(|[major, minor, _]| (major, minor) < STORAGE);
        assert_eq!(lack.ends_with("(5.11 does)"), is_old, "the reason is another one: {lack}");
    } else {
        return (rows(&mut running, CONNECTION, CONNECTION), running);
    }
    let mut found = Vec::new();
    for namespace in namespaces {
        let more;
        (more, running) = namespace.run(move || {
            let more = rows(&mut running, CONNECTION, CONNECTION);
            (more, running)
        });
        found.extend(more);
    }
    (found, running)
}

#[test]
fn a_connection_is_seen_while_it_is_open_and_its_totals_when_it_is_closed() {
    let Some((near, far)) = two() else { return };
    for address in ["10.77.0.2", "fd77::2"] {
        let near_thread = near.thread_id;
        let Some(mut running) = near.run(|| start(CONNECTION)) else { return };
        let _times = take_times();
        let (mut here, mut there) = connect(&near, &far, address);
        let (local, remote) =
            (here.local_addr().unwrap().to_string(), here.peer_addr().unwrap().to_string());
        send(&mut here, &mut there, 100_000);
        (here, there) = near.run(move || {
            send(&mut there, &mut here, 33_000);
            (here, there)
        });

        let found;
        (found, running) = connections(running, &[&near, &far]);
        let row = of(&found, &local, &remote);
        assert_eq!(row["net_ns"].number(), near.number());
        assert_eq!(row["direction"].text(), "connected");
        assert_eq!(row["state"].text(), "established");
        assert_eq!(row["pid"].number(), u64::from(std::process::id()));
        assert_eq!(row["tid"].number(), near_thread as u64);
        assert!(is_about(row["bytes_acked"].number(), 100_000), "{row:?}");
        assert!(is_about(row["bytes_received"].number(), 33_000), "{row:?}");
        assert!(row["srtt_us"].number() < 1_000_000);
        assert!(row["age_ns"].number() < 10_000_000_000);
        assert!(!row.contains_key("accept_queue"));
        let row = of(&found, &remote, &local);
        assert_eq!(row["net_ns"].number(), far.number());
        assert_eq!(row["direction"].text(), "accepted");
        assert_eq!(row["pid"].number(), u64::from(std::process::id()));

        close(here, there);
        let closed = rows(&mut running, CONNECTION, CLOSE);
        let (one, other) = (of(&closed, &local, &remote), of(&closed, &remote, &local));
        assert_eq!(one["direction"].text(), "connected");
        assert_eq!(other["direction"].text(), "accepted");
        assert_eq!(other["state"].text(), "last_ack");
        for (row, sent, received) in [(one, 100_000, 33_000), (other, 33_000, 100_000)] {
            assert_eq!(row["error"].text(), "");
            let is_near = row["local"].text() == local;
            assert_eq!(row["net_ns"].number(), if is_near { near.number() } else { far.number() });
            assert!(is_about(row["bytes_acked"].number(), sent), "{row:?}");
            assert!(is_about(row["bytes_received"].number(), received), "{row:?}");
            assert!(row["lived_ns"].number() < 10_000_000_000);
        }
        print_cost(&running);
    }
}

#[test]
fn a_connection_that_is_refused_has_ended_with_its_error() {
    let Some((near, _far)) = two() else { return };
    near.run(|| {
        let Some(mut running) = start(CONNECTION) else { return };
        assert!(TcpStream::connect("10.77.0.2:81").is_err());
        let closed = rows(&mut running, CONNECTION, CLOSE);
        let row = closed.iter().find(|row| row["remote"].text() == "10.77.0.2:81").unwrap();
        assert_eq!(row["error"].text(), "ECONNREFUSED");
        assert_eq!(row["state"].text(), "syn_sent");
    });
}

#[test]
fn a_listener_has_its_queue_and_is_known_though_it_listened_before() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _before = TcpStream::connect(address).unwrap();
        let _accepted = listener.accept().unwrap();
        // In no table of files when the feature starts.
        let queued = TcpStream::connect(address).unwrap();
        let Some(mut running) = start(CONNECTION) else { return };
        let _waits = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
        let rows = rows(&mut running, CONNECTION, CONNECTION);
        let row = of(&rows, &address.to_string(), "0.0.0.0:0");
        assert_eq!(row["direction"].text(), "listening");
        assert_eq!(row["state"].text(), "listen");
        assert_eq!(row["accept_queue"].number(), 3);
        assert!(row["accept_limit"].number() >= 100);
        assert_eq!(row["pid"].number(), u64::from(std::process::id()));
        assert!(!row.contains_key("bytes_acked"));
        let accepted = rows.iter().filter(|row| row["direction"].text() == "accepted");
        assert_eq!(accepted.count(), 4);
        let at = queued.local_addr().unwrap().to_string();
        assert!(!of(&rows, &address.to_string(), &at).contains_key("pid"), "nobody has it yet");
    });
}

#[test]
fn a_thousand_sockets_are_read_in_a_few_milliseconds() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let Some(mut running) = start(CONNECTION) else { return };
        let (others, took) = time_of_reading(&mut running);
        println!("{others} sockets take {took:?}");
        let _held: Vec<_> = (0..400)
            .map(|_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap()))
            .collect();
        let (all, took) = time_of_reading(&mut running);
        println!("{all} sockets take {took:?}");
        // Others, of the other namespaces, come and go.
        assert!(all.abs_diff(others + 800) < 50, "{all}, and {others} before");
    });
}

/// How many sockets there are, and the median of some times of reading them.
fn time_of_reading(running: &mut Running) -> (u64, Duration) {
    let mut count = 0;
    let mut times: Vec<Duration> = (0..15)
        .map(|_| {
            let begun = Instant::now();
            count = 0;
            running.readers()[0].rows(|_| count += 1).unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort();
    (count, times[times.len() / 2])
}
