//! Network interfaces that come, go and swap names while a recorder counts their packets.

use nodemon_skip::skip;
use nodemon_tests::{ask_ok, programs};
use rustix::process::geteuid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// In a network namespace of its own: one interface gets the name of another, which gets a new one.
/// IPv6 asks for neighbours by itself, so there are packets on all.
const SCRIPT: &str = r#"
set -e
ip link set lo up
ip link add first type veth peer name far1
ip link set first up; ip link set far1 up
"$RECORDER" run -q --dir "$DIR" --only net_traffic --ring-size 16MiB &
recorder=$!
trap 'kill $recorder; wait $recorder' EXIT
for _ in $(seq 200); do [ -e "$DIR" ] && break; sleep 0.05; done
sleep 2
ip link set first down; ip link set first name second; ip link set second up
ip link add first type veth peer name far2
ip link set first up; ip link set far2 up
sleep 4
"#;

#[test]
fn interfaces_that_swap_names_are_recorded_under_those_that_they_have() {
    if !geteuid().is_root() {
        return skip!("programs in the kernel take root");
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("recording");
    let status = Command::new("unshare")
        .args(["-n", "sh", "-c", SCRIPT])
        .env("RECORDER", &programs().recorder)
        .env("DIR", &dir)
        .status();
    match status {
        Ok(status) if status.success() => {}
        other => return skip!("no interfaces in a namespace: {other:?}"),
    }
    let info = ask_ok(&dir, &["info"]);
    assert!(info.contains("gaps        none"), "no sample was refused:\n{info}");
    let names = names(&dir);
    for name in ["first", "second", "far1", "far2"] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains('#')), "each had a name: {names:?}");
}

fn names(dir: &Path) -> BTreeSet<String> {
    let question = ["range", "--from", "-10m", "-f", "jsonl", "-t", "net_traffic", "--idle"];
    let rows = ask_ok(dir, &question);
    let rows = rows.lines().map(|line| serde_json::from_str(line).expect("lines are JSON"));
    rows.filter_map(|row: Value| Some(row["interface"].as_str()?.to_owned())).collect()
}
