//! SupportedFilters of a qdisc, which are the only way before 6.6, and which no test can have by itself on a
//! kernel that has TCX; and hundreds of interfaces.

#![allow(clippy::unwrap_used)]

use super::{Packets, Place};
use crate::error::FeatureError;
use crate::feature::FEATURES;
use aya::programs::{SchedClassifier, TcAttachType};
use aya::{Ebpf, EbpfLoader};
use nodemon_skip::skip;
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::process::Command;
use std::time::{Duration, Instant};

const PROGRAMS: [&str; 2] = ["nodemon_received", "nodemon_sent"];

/// Does something in a network namespace that ends with it.
fn in_a_namespace(test: fn()) {
    std::thread::spawn(move || {
        // SAFETY: a network namespace is no state that other code of this process relies on, and
        // this thread is new.
        match unsafe { unshare_unsafe(UnshareFlags::NEWNET) } {
            Ok(()) => test(),
            Err(error) => skip!("no network namespace: {error}"),
        }
    })
    .join()
    .unwrap();
}

fn tc(arguments: &str) -> String {
    let done = Command::new("tc").args(arguments.split_whitespace()).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn filters() -> usize {
    let both = tc("filter show dev lo ingress") + &tc("filter show dev lo egress");
    both.matches(" handle ").count()
}

fn has_clsact() -> bool {
    tc("qdisc show dev lo").contains("clsact")
}

fn attach() -> Result<(Packets, Ebpf), FeatureError> {
    let feature = FEATURES.iter().find(|feature| feature.name == "net_traffic").unwrap();
    let mut object = EbpfLoader::new().load(feature.object)?;
    let packets = Packets::attach_in(&mut object, PROGRAMS, 0, Place::Clsact)?;
    Ok((packets, object))
}

fn attach_or_report() -> Option<(Packets, Ebpf)> {
    attach().inspect_err(|why| skip!("{why}")).ok()
}

/// As a recorder does that is killed: its filters stay.
fn leave_filters_behind() -> bool {
    let Some((packets, object)) = attach_or_report() else { return false };
    std::mem::forget(packets);
    std::mem::forget(object);
    assert_eq!(filters(), 2);
    true
}

#[test]
fn the_qdisc_that_was_added_is_taken_away_in_the_end() {
    in_a_namespace(|| {
        let Some(attached) = attach_or_report() else { return };
        assert_eq!((has_clsact(), filters()), (true, 2));
        drop(attached);
        assert_eq!((has_clsact(), filters()), (false, 0));
    });
}

#[test]
fn filters_of_a_recorder_that_was_killed_are_replaced_and_its_qdisc_goes_too() {
    in_a_namespace(|| {
        if !leave_filters_behind() {
            return;
        }
        let Some(attached) = attach_or_report() else { return };
        assert_eq!(filters(), 2);
        drop(attached);
        assert_eq!((has_clsact(), filters()), (false, 0));
    });
}

#[test]
fn a_qdisc_of_others_stays() {
    in_a_namespace(|| {
        tc("qdisc add dev lo clsact");
        let Some(attached) = attach_or_report() else { return };
        assert_eq!(filters(), 2);
        drop(attached);
        assert_eq!((has_clsact(), filters()), (true, 0));
    });
}

#[test]
fn a_qdisc_that_others_began_to_use_stays() {
    in_a_namespace(|| {
        let Some(attached) = attach_or_report() else { return };
        tc("filter add dev lo ingress matchall action ok");
        let more = filters();
        drop(attached);
        // A kernel without this filter has none to keep.
        assert_eq!((has_clsact(), filters()), (more > 2, more - 2));
    });
}

/// Whether no program is attached to an interface.
fn is_free(interface: &str) -> bool {
    [TcAttachType::Ingress, TcAttachType::Egress]
        .into_iter()
        .all(|direction| SchedClassifier::query_tcx(interface, direction).unwrap().1.is_empty())
}

fn ip(arguments: &str) {
    assert!(Command::new("ip").args(arguments.split_whitespace()).status().unwrap().success());
}

#[test]
fn hundreds_of_interfaces_hold_nobody_up_at_start_or_in_the_end() {
    in_a_namespace(|| {
        const PAIRS: usize = 50;
        for pair in 0..PAIRS {
            ip(&format!("link add a{pair} type veth peer name b{pair}"));
        }
        let feature = FEATURES.iter().find(|feature| feature.name == "net_traffic").unwrap();
        let mut object = EbpfLoader::new().load(feature.object).unwrap();
        let begun = Instant::now();
        let attached = Packets::attach_in(&mut object, PROGRAMS, 0, Place::Tcx);
        let Ok(mut packets) = attached.inspect_err(|why| skip!("{why}")) else {
            return;
        };
        let first = begun.elapsed();
        assert!(!is_free("lo"), "none is attached after {first:?}");
        let mut longest = Duration::ZERO;
        while packets.attached.len() < 2 * PAIRS + 1 {
            let begun = Instant::now();
            packets.follow(&mut object);
            longest = longest.max(begun.elapsed());
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{} are attached",
                packets.attached.len()
            );
        }
        let all = begun.elapsed();
        let ended = Instant::now();
        drop(packets);
        drop(object);
        let end = ended.elapsed();
        println!(
            "{} interfaces: first {first:?}, longest {longest:?}, all {all:?}, end {end:?}",
            2 * PAIRS + 1
        );
        assert!(end < Duration::from_millis(500), "they held up the end for {end:?}");
        assert!(first.max(longest) < Duration::from_millis(500), "{first:?} {longest:?}");
    });
}
