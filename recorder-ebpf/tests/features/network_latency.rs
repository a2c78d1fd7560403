//! Histograms and counters of TCP, events of sockets, and what all of that costs.

use crate::network::FEATURES_OF_THE_NETWORK;
use crate::network_namespace::{Namespace, two};
use crate::network_rows::{Row, buckets, print_cost, rows, start, start_with, take_times};
use crate::network_tcp::{close, connect, send};
use nodemon_recorder_ebpf::load::{Filter, Running, Settings};
use nodemon_skip::skip;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::time::{ClockId, clock_gettime};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// All that a histogram of one feature has counted where `is_it` holds: how often, and the least
/// value of the highest bucket.
fn histogram(running: &mut Running, name: &str, is_it: impl Fn(&Row) -> bool) -> (u64, u64) {
    let found = buckets(running, name, name);
    let found = found.iter().filter(|(keys, ..)| is_it(keys));
    found.fold((0, 0), |(all, highest), (_, least, count)| (all + count, highest.max(*least)))
}

fn is(row: &Row, column: &str, text: &str) -> bool {
    row[column].text() == text
}

#[test]
fn the_time_that_it_takes_to_connect_is_counted_once_for_every_connection() {
    let Some((near, _far)) = two() else { return };
    near.run(|| {
        let name = "tcp_connect_latency";
        let Some(mut running) = start(name) else { return };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let before = histogram(&mut running, name, |_| true).0;
        for _ in 0..20 {
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        }
        assert!(TcpStream::connect("10.77.0.2:82").is_err());
        let (connected, longest) =
            histogram(&mut running, name, |row| is(row, "result", "established"));
        let (failed, _) = histogram(&mut running, name, |row| is(row, "result", "failed"));
        println!("{connected} connected, in {longest} ns at most; {failed} failed");
        // Others on this machine may connect, too.
        assert!(connected - before >= 20 && failed >= 1);
        assert!(longest > 1000);
    });
}

#[test]
fn the_time_until_a_connection_is_accepted_is_the_one_that_it_waited() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.run(|| {
        let name = "tcp_accept_latency";
        let Some(mut running) = start(name) else { return };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        listener.accept().unwrap();
        let (count, longest) = histogram(&mut running, name, |_| true);
        assert!(count >= 1);
        assert!(longest >= 170_000_000, "{longest}");
    });
}

#[test]
fn queues_of_a_listener_are_as_long_as_connections_wait() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.run(|| {
        let name = "syn_backlog";
        let Some(mut running) = start(name) else { return };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _waits: Vec<_> = (0..7).map(|_| TcpStream::connect(address).unwrap()).collect();
        let is_it = |row: &Row, queue| {
            row["port"].number() == u64::from(address.port()) && is(row, "queue", queue)
        };
        assert_eq!(histogram(&mut running, name, |row| is_it(row, "accept")), (7, 7));
        assert_eq!(histogram(&mut running, name, |row| is_it(row, "syn")).0, 7);
    });
}

#[test]
fn a_reader_that_is_too_slow_has_its_window_clamped() {
    let Some((near, far)) = two() else { return };
    let Some(mut running) = near.run(|| start("window_clamp")) else { return };
    let listener = far.run(|| TcpListener::bind("10.77.0.2:0").unwrap());
    // As small as it gets.
    set_socket_recv_buffer_size(&listener, 1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut here = near.run(move || TcpStream::connect(address).unwrap());
    let (mut there, _) = listener.accept().unwrap();
    here.write_all(&[7; 100]).unwrap();
    let read = |running: &mut Running| {
        let row = rows(running, "window_clamp", "window_clamp").pop().unwrap();
        (row["reads"].number(), row["clamped_reads"].number())
    };
    there.read_exact(&mut [0; 100]).unwrap();
    let (reads, clamped) = read(&mut running);
    println!("{clamped} of {reads} reads from a clamped window");
    assert!(clamped >= 1 && reads >= clamped);
}

#[test]
fn segments_that_are_lost_are_counted_as_sent_again_and_dropped_ones_by_reason() {
    let Some((near, _far)) = two() else { return };
    near.run(|| {
        let (Some(mut again), Some(mut dropped)) = (start("tcp_retransmit"), start("packet_drop"))
        else {
            return;
        };
        // Nobody has this address: the SYN is sent again after a second. Its neighbour is given, or
        // else it would not be sent at all.
        crate::network_namespace::ip("neigh add 10.77.0.9 lladdr 02:00:00:00:00:09 dev near");
        let nobody = "10.77.0.9:80".parse().unwrap();
        assert!(TcpStream::connect_timeout(&nobody, Duration::from_millis(1300)).is_err());
        let rows_again = rows(&mut again, "tcp_retransmit", "tcp_retransmit");
        let syn = rows_again
            .iter()
            .find(|row| is(row, "ip_version", "4") && is(row, "state", "syn_sent"));
        assert!(syn.unwrap()["retransmits"].number() >= 1);

        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..10 {
            let _ = socket.send_to(&[0], "127.0.0.1:9");
        }
        let drops = rows(&mut dropped, "packet_drop", "packet_drop");
        println!("{drops:?}");
        let reason = |name| drops.iter().find(|row| is(row, "reason", name));
        let row = reason("no_socket").or_else(|| reason("not_specified")).unwrap();
        assert!(row["packets"].number() >= 5);
    });
}

#[test]
fn addresses_that_sockets_are_bound_to_are_told_with_their_results() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.run(|| {
        let Some(mut running) = start("bind") else { return };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(TcpListener::bind(address).is_err());
        let _datagrams = UdpSocket::bind("[::1]:5353").unwrap();
        let bound: Vec<Row> = rows(&mut running, "bind", "bind")
            .into_iter()
            .filter(|row| {
                row["tid"].number() == rustix::thread::gettid().as_raw_nonzero().get() as u64
            })
            .collect();
        let told: Vec<_> = bound
            .iter()
            .map(|row| (row["local"].text(), row["type"].text(), row["error"].text()))
            .collect();
        let address = address.to_string();
        let expected = [
            (address.as_str(), "stream", ""),
            (address.as_str(), "stream", "EADDRINUSE"),
            ("[::1]:5353", "dgram", ""),
        ];
        assert_eq!(told, expected);
    });
}

#[test]
fn only_what_the_control_group_does_that_is_named_is_told() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.run(|| {
        // All are in the root, of which this is the number.
        for (cgroup, events) in [(1, 1), (u64::MAX - 1, 0)] {
            let filter = Filter { cgroup, pid: std::process::id(), ..Filter::default() };
            let settings = Settings { filter, ..Settings::here().unwrap() };
            let Some(mut running) = start_with("bind", &settings) else { return };
            let _socket = UdpSocket::bind("127.0.0.1:7979").unwrap();
            let told = rows(&mut running, "bind", "bind");
            let mine = told.iter().filter(|row| row["local"].text() == "127.0.0.1:7979");
            assert_eq!(mine.count(), events);
        }
    });
}

#[test]
fn states_of_a_connection_are_told_in_their_order() {
    let Some((near, far)) = two() else { return };
    let Some(mut running) = near.run(|| start("tcp_event")) else { return };
    let (here, there) = connect(&near, &far, "10.77.0.2");
    let local = here.local_addr().unwrap().to_string();
    let remote = here.peer_addr().unwrap().to_string();
    close(here, there);
    let told = rows(&mut running, "tcp_event", "tcp_event");
    let is_near = |row: &&Row| row["local"].text() == local || row["from"].text() == "close";
    let mine: Vec<_> =
        told.iter().filter(is_near).filter(|row| row["remote"].text() == remote).collect();
    let states: Vec<_> = mine.iter().map(|row| row["to"].text()).collect();
    assert_eq!(states, ["syn_sent", "established", "fin_wait1", "fin_wait2", "close"]);
    assert_eq!(mine[0]["pid"].number(), u64::from(std::process::id()));
    assert!(!mine[1].contains_key("pid"));
}

#[test]
fn a_round_trip_time_is_counted_for_every_segment() {
    let Some((near, far)) = two() else { return };
    let Some(mut running) = near.run(|| start("tcp_rtt")) else { return };
    let (mut here, mut there) = connect(&near, &far, "10.77.0.2");
    for _ in 0..100 {
        send(&mut here, &mut there, 100);
        send(&mut there, &mut here, 100);
    }
    let (count, longest) = histogram(&mut running, "tcp_rtt", |_| true);
    println!("{count} segments, {longest} us at most");
    assert!(count >= 200 && longest < 1_000_000);
}

#[test]
#[ignore = "takes time, and tells people something, not the test"]
fn what_each_program_of_the_network_takes() {
    let Some((near, far)) = two() else { return };
    let names = [
        "net_traffic",
        "tcp_connection",
        "tcp_connect_latency",
        "tcp_accept_latency",
        "tcp_rtt",
        "syn_backlog",
        "window_clamp",
        "packet_drop",
        "bind",
    ];
    let all: Vec<(&str, Running)> =
        near.run(move || names.iter().filter_map(|name| Some((*name, start(name)?))).collect());
    let Some(times) = take_times() else { return skip!("no times") };
    let (mut here, mut there) = connect(&near, &far, "10.77.0.2");
    for _ in 0..20_000 {
        send(&mut here, &mut there, 100);
        send(&mut there, &mut here, 100);
    }
    for _ in 0..500 {
        let (here, there) = connect(&near, &far, "10.77.0.2");
        drop((here, there));
    }
    drop(times);
    for (name, running) in &all {
        println!("{name}:");
        print_cost(running);
    }
    near.run(move || drop(all));
}

/// What it takes to send a datagram to oneself and read it, at best of some tries.
fn datagram_ns() -> f64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(socket.local_addr().unwrap()).unwrap();
    best_ns(|| {
        socket.send(&[7; 100]).unwrap();
        socket.recv(&mut [0; 100]).unwrap();
    })
}

/// Likewise of a segment, and its answer.
fn segments_ns() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut there, _) = listener.accept().unwrap();
    best_ns(|| {
        send(&mut here, &mut there, 100);
        send(&mut there, &mut here, 100);
    })
}

/// CPU time, of which others take none away.
fn best_ns(mut once: impl FnMut()) -> f64 {
    const TIMES: u32 = 4_000;
    let cpu_ns = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    let tries = (0..25).map(|_| {
        let begun = cpu_ns();
        (0..TIMES).for_each(|_| once());
        (cpu_ns() - begun) / f64::from(TIMES)
    });
    tries.fold(f64::MAX, f64::min)
}

#[test]
#[ignore = "takes time, and tells people something, not the test"]
fn what_a_datagram_and_a_round_trip_cost_with_each_feature_of_the_network() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.run(|| {
        for name in FEATURES_OF_THE_NETWORK {
            let (datagram, segments) = (datagram_ns(), segments_ns());
            let Some(running) = start(name) else { continue };
            let (more, more_segments) = (datagram_ns() - datagram, segments_ns() - segments);
            drop(running);
            println!(
                "{name}: {more:+.0} ns in {datagram:.0} a datagram, {more_segments:+.0} ns in \
                 {segments:.0} a segment and its answer"
            );
        }
    });
}
