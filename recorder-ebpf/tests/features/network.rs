//! What is counted on interfaces is what was sent.

use crate::network_namespace::{Namespace, ip, two};
use crate::network_rows::{Row, print_cost, rows, start, start_on, start_with, take_times};
use aya::programs::{SchedClassifier, TcAttachType};
use nodemon_recorder_ebpf::load::{Filter, Running, Settings};
use nodemon_recorder_ebpf::names::Names;
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

/// Those whose tests begin with `network`.
pub const FEATURES_OF_THE_NETWORK: &[&str] = &[
    "net_traffic",
    "tcp_connection",
    "tcp_connect_latency",
    "tcp_accept_latency",
    "tcp_rtt",
    "tcp_retransmit",
    "packet_drop",
    "syn_backlog",
    "window_clamp",
    "tcp_event",
    "bind",
];
const TRAFFIC: &str = "net_traffic";
/// Headers of Ethernet, IP and UDP.
const HEADERS_V4: u64 = 14 + 20 + 8;
const HEADERS_V6: u64 = 14 + 40 + 8;

/// Packets and bytes of all rows that `is_it` holds for.
fn traffic(running: &mut Running, is_it: impl Fn(&Row) -> bool) -> (u64, u64) {
    let rows = rows(running, TRAFFIC, TRAFFIC);
    rows.iter().filter(|row| is_it(row)).fold((0, 0), |(packets, bytes), row| {
        (packets + row["packets"].number(), bytes + row["bytes"].number())
    })
}

fn is(row: &Row, interface: &str, direction: &str, version: &str, protocol: &str) -> bool {
    row["interface"].text() == interface
        && row["direction"].text() == direction
        && row["ip_version"].text() == version
        && row["protocol"].text() == protocol
}

fn send_datagrams(from: &str, to: &str, count: usize, size: usize) {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    let datagram = vec![7; size];
    for _ in 0..count {
        assert_eq!(socket.send_to(&datagram, (to, 7777)).unwrap(), size);
    }
}

fn listen(namespace: &Namespace, address: &'static str) -> UdpSocket {
    namespace.run(move || UdpSocket::bind((address, 7777)).unwrap())
}

#[test]
fn datagrams_count_as_many_packets_and_bytes_as_were_sent() {
    let Some((near, far)) = two() else { return };
    let _sockets = [listen(&far, "10.77.0.2"), listen(&far, "fd77::2"), listen(&near, "10.77.0.1")];
    near.run(move || {
        let Some(mut running) = start(TRAFFIC) else { return };
        let _times = take_times();
        send_datagrams("10.77.0.1", "10.77.0.2", 1000, 100);
        send_datagrams("fd77::1", "fd77::2", 500, 200);
        far.run(|| send_datagrams("10.77.0.2", "10.77.0.1", 300, 50));
        for (direction, version, packets, bytes) in [
            ("sent", "4", 1000, 1000 * (100 + HEADERS_V4)),
            ("sent", "6", 500, 500 * (200 + HEADERS_V6)),
            ("received", "4", 300, 300 * (50 + HEADERS_V4)),
        ] {
            let counted = traffic(&mut running, |row| is(row, "near", direction, version, "udp"));
            assert_eq!(counted, (packets, bytes), "{direction} {version}");
        }
        let (others, _) = traffic(&mut running, |row| row["protocol"].text() != "udp");
        println!("packets that are no datagrams: {others}");
        print_cost(&running);
    });
}

#[test]
fn echo_requests_are_icmp() {
    let Some((near, _far)) = two() else { return };
    near.run(move || {
        let Some(mut running) = start(TRAFFIC) else { return };
        // A datagram to where nobody listens is answered so.
        send_datagrams("10.77.0.1", "10.77.0.2", 1, 10);
        send_datagrams("fd77::1", "fd77::2", 1, 10);
        for (version, protocol) in [("4", "icmp"), ("6", "icmpv6")] {
            let (packets, _) =
                traffic(&mut running, |row| is(row, "near", "received", version, protocol));
            assert!(packets >= 1, "{protocol}: {packets}");
        }
    });
}

#[test]
fn an_interface_that_appears_is_followed_and_one_that_is_gone_is_forgotten() {
    let Some((near, far)) = two() else { return };
    let far_thread = far.thread_id;
    near.run(move || {
        let Some(mut running) = start(TRAFFIC) else { return };
        let count = |running: &mut Running, interface: &str| {
            traffic(running, |row| is(row, interface, "sent", "4", "udp")).0
        };
        ip(&format!("link add late type veth peer name late-peer netns {far_thread}"));
        ip("addr add 10.78.0.1/24 dev late");
        ip("link set late up");
        far.ip("addr add 10.78.0.2/24 dev late-peer");
        far.ip("link set late-peer up");
        running.follow_interfaces(&mut Names::default());
        // The first ones wait until the neighbour is found.
        let is_seen = (0..200).any(|_| {
            send_datagrams("10.78.0.1", "10.78.0.2", 1, 10);
            std::thread::sleep(std::time::Duration::from_millis(10));
            count(&mut running, "late") > 0
        });
        assert!(is_seen);

        // Counts of the last second are there until they were read once more.
        ip("link del late");
        running.follow_interfaces(&mut Names::default());
        let is_gone = |row: &Row| !["lo", "near"].contains(&row["interface"].text());
        assert!(traffic(&mut running, is_gone).0 > 0);
        running.forget_gone_interfaces(&mut Names::default());
        assert_eq!(traffic(&mut running, is_gone), (0, 0));

        let begun = std::time::Instant::now();
        for _ in 0..1000 {
            running.follow_interfaces(&mut Names::default());
        }
        println!("to look for interfaces: {:?}", begun.elapsed() / 1000);
    });
}

#[test]
fn only_the_interface_that_is_named_is_looked_at() {
    let Some((near, far)) = two() else { return };
    let _socket = listen(&far, "10.77.0.2");
    near.run(move || {
        let Some(mut running) = start_on(TRAFFIC, 1) else { return };
        send_datagrams("10.77.0.1", "10.77.0.2", 10, 10);
        send_datagrams("127.0.0.1", "127.0.0.1", 10, 10);
        let rows = rows(&mut running, TRAFFIC, TRAFFIC);
        assert!(!rows.is_empty());
        assert!(rows.iter().all(|row| row["interface"].text() == "lo"), "{rows:?}");
    });
}

#[test]
fn nothing_hangs_on_interfaces_any_more_when_it_has_ended() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.run(|| {
        let Some(running) = start(TRAFFIC) else { return };
        let attach = || {
            let found = SchedClassifier::query_tcx("lo", TcAttachType::Ingress);
            let links = found.map_or(0, |(_, programs)| programs.len());
            let told = Command::new("tc").args(["qdisc", "show", "dev", "lo"]).output().unwrap();
            links + String::from_utf8_lossy(&told.stdout).matches("clsact").count()
        };
        assert_eq!(attach(), 1);
        drop(running);
        // A thread of the kernel takes them off, so that nobody waits for it.
        let since = Instant::now();
        while attach() > 0 {
            assert!(since.elapsed() < Duration::from_secs(20), "{} are left", attach());
            std::thread::yield_now();
        }
    });
}

#[test]
fn with_every_filter_the_kernel_takes_the_programs_too() {
    let filter = Filter {
        pid: 1,
        cgroup: 1,
        cgroup_level: 1,
        command: *b"nobody\0\0\0\0\0\0\0\0\0\0",
        interface: 1,
    };
    let settings = Settings { filter, min_latency_ns: 1, ..Settings::here().unwrap() };
    for name in FEATURES_OF_THE_NETWORK {
        start_with(name, &settings);
    }
}
