//! A recording made under Debian's kernels, by everything that may befall a recorder there.

use crate::guest::Guest;
use crate::machine::{Feed, Machine, skip_unless_required};
use std::time::Duration;

/// For one that is emulated beside much else.
const LIMIT: Duration = Duration::from_secs(600);

/// Boots `release`, records and checks. `Err` says why it was skipped.
pub fn record(release: &str, feed: Feed) -> Result<Vec<String>, String> {
    let machine = Machine::new(release, feed, "record")?;
    machine.boot(LIMIT).wait();
    let phrase = match feed {
        Feed::Module => "the kernel module",
        Feed::Ebpf => "an eBPF timer",
    };
    Ok(Guest::in_machine(&machine).assert_all(phrase))
}

#[test]
fn the_module_feeds_a_recording_on_6_1_through_kill_hotplug_and_bursts() {
    match record("6.1", Feed::Module) {
        Ok(told) => println!("{}", told.join("\n")),
        Err(why) => skip_unless_required("the module on 6.1", &why),
    }
}
