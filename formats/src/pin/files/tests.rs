//! Files of pins, read back, dropped, and made by others.

#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::{
    DIRECTORY, MOST_AUTOMATIC, MOST_DROPPED, Pin, PinError, drop_pin, list, remove, write,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn names(dir: &std::path::Path) -> Vec<(String, bool)> {
    let name = |listed: super::Listed| (listed.pin.unwrap().name, listed.is_dropped);
    list(dir).unwrap().into_iter().map(name).collect()
}

#[test]
fn pins_are_read_back_as_they_were_written_oldest_first_and_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let mut pins = Vec::new();
    for (name, text) in [("zz", "version 1.2"), ("job-7", "\"it\"\n= \u{1b}[31m"), ("zz", "")] {
        let pin = Pin::new(name, text, (-5, 7)).unwrap();
        write(dir.path(), &pin).unwrap();
        pins.push(pin);
    }
    let found = list(dir.path()).unwrap();
    let read: Vec<Pin> = found.iter().map(|listed| listed.pin.clone().unwrap()).collect();
    assert_eq!(read, pins);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.path().join(DIRECTORY)), 0o700);
    assert!(found.iter().all(|listed| mode(&listed.path) == 0o600));
    assert_eq!(fs::read_dir(dir.path().join(DIRECTORY)).unwrap().count(), 3, "nothing beside");
    assert_eq!(remove(dir.path(), "zz").unwrap(), 2);
    assert_eq!(names(dir.path()), [("job-7".into(), false)]);
    let told = remove(dir.path(), "zz").unwrap_err().to_string();
    assert!(told.contains("no pin zz; there are job-7"), "{told}");
}

#[test]
fn what_is_dropped_stays_as_a_word_of_which_the_newest_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..MOST_DROPPED + 3 {
        write(dir.path(), &Pin::new(&format!("p{number}"), "", (0, 1)).unwrap()).unwrap();
        drop_pin(&list(dir.path()).unwrap().into_iter().find(|l| !l.is_dropped).unwrap().path)
            .unwrap();
    }
    let left = names(dir.path());
    assert_eq!(left.len(), MOST_DROPPED);
    assert_eq!(left[0], ("p3".into(), true), "the oldest are forgotten");
}

#[test]
fn a_further_pin_of_a_trigger_takes_the_place_of_the_oldest_and_locks_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..MOST_AUTOMATIC + 2 {
        let pin = Pin::new(&format!("t{number}"), "", (0, 1)).unwrap();
        write(dir.path(), &Pin { is_automatic: true, ..pin }).unwrap();
    }
    write(dir.path(), &Pin::new("mine", "", (0, 1)).unwrap()).unwrap();
    let names = names(dir.path());
    let kept: Vec<_> = names.iter().filter(|(_, dropped)| !dropped).collect();
    assert_eq!(kept.len(), MOST_AUTOMATIC + 1);
    assert!(
        kept.iter().any(|(name, _)| name == "mine") && !kept.iter().any(|(name, _)| name == "t1")
    );
}

#[test]
fn a_text_that_would_not_be_read_again_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let pin = Pin::new("x", &"\u{1}".repeat(4096), (0, 1)).unwrap();
    assert!(matches!(write(dir.path(), &pin), Err(PinError::Text(_))));
    assert_eq!(names(dir.path()), []);
}

#[test]
fn what_is_no_pin_is_said_to_be_none_and_a_link_for_a_directory_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let pins = dir.path().join(DIRECTORY);
    fs::create_dir(&pins).unwrap();
    let huge = format!("text = \"{}\"", "x".repeat(1 << 20));
    for (name, bytes) in [
        ("a.pin", &b"\xff\xfe"[..]),
        ("b.pin", b"name = 7"),
        ("c.part", b""),
        ("d.pin", huge.as_bytes()),
    ] {
        fs::write(pins.join(name), bytes).unwrap();
    }
    rustix::fs::mkfifoat(rustix::fs::CWD, pins.join("e.pin"), rustix::fs::Mode::RUSR).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", pins.join("f.pin")).unwrap();
    fs::create_dir(pins.join("g.pin")).unwrap();
    // Nobody can read that, whoever it is.
    let socket = std::os::unix::net::UnixListener::bind(pins.join("h.pin")).unwrap();
    let found = list(dir.path()).unwrap();
    assert!(found.iter().all(|listed| listed.pin.is_none()) && found.len() == 7, "{found:?}");
    assert_eq!(found.iter().filter(|listed| listed.unreadable.is_some()).count(), 1);
    write(dir.path(), &Pin::new("x", "", (0, 1)).unwrap()).unwrap();
    assert_eq!(list(dir.path()).unwrap().iter().filter(|l| l.pin.is_some()).count(), 1);
    drop(socket);

    let elsewhere = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), other.path().join(DIRECTORY)).unwrap();
    let pin = Pin::new("x", "", (0, 1)).unwrap();
    assert!(matches!(write(other.path(), &pin), Err(PinError::Disk { .. })));
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    let nowhere = dir.path().join("nowhere");
    assert!(matches!(write(&nowhere, &pin), Err(PinError::NoRecording(_))));
}
