//! Whatever others put among the pins, and where nothing can be linked.

use super::{TURNS, assert_kept, pin, record, with_pins};
use crate::fine_rows::World;
use crate::support::segments_of;
use nodemon_formats::pin::DIRECTORY;
use nodemon_formats::reader::Recording;
use nodemon_formats::writer::{PinEvent, RecordingWriter, WriterOptions};
use std::fs;

#[test]
fn what_others_put_among_the_pins_harms_nobody() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Of another host.
    let mut foreign = WriterOptions::new(16 << 20);
    (foreign.host, foreign.boot_id) = ("elsewhere".into(), "another-boot".into());
    RecordingWriter::open(elsewhere.path(), foreign.clone()).unwrap().close().unwrap();
    let mut other = World::open(elsewhere.path(), foreign);
    other.second(0);
    other.writer.seal().unwrap();
    drop(other);
    let foreign = segments_of(elsewhere.path()).remove(0);

    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), 0..8);
    let pins = dir.path().join(DIRECTORY);
    pin(dir.path(), "early", 2..6);
    fs::write(elsewhere.path().join("precious"), "x").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), pins.join("tier-1s")).unwrap();
    let at = |number: u64| pins.join(format!("segment-{number:010}.redb"));
    std::os::unix::fs::symlink(elsewhere.path().join("precious"), at(70)).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at(71), rustix::fs::Mode::RUSR).unwrap();
    fs::write(at(72), vec![7; 300_000]).unwrap();
    fs::create_dir(at(73)).unwrap();
    fs::copy(&foreign, at(74)).unwrap();
    fs::write(pins.join("segment-999999999999999999.redb"), "no number is left").unwrap();
    fs::write(pins.join("0-nonsense.pin"), vec![0xff; 100_000]).unwrap();
    fs::write(pins.join("notes"), "x").unwrap();
    record(&mut world, dir.path(), 8..TURNS);
    let told = world.writer.take_pin_events();
    assert!(told.iter().any(|event| matches!(event, PinEvent::NoPin { .. })), "{told:?}");
    drop(world);
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), TURNS..TURNS + 8);
    assert_eq!(fs::read(elsewhere.path().join("precious")).unwrap(), b"x");
    let recording = Recording::open(dir.path()).unwrap();
    assert!(!recording.problems().is_empty(), "what cannot be read is told");
    assert_eq!(recording.pins().unwrap().len(), 1);
    assert!(!at(74).exists(), "no pin wants what another host recorded at another time");
    for nonsense in [at(70), at(71), at(72), at(73)] {
        if nonsense.is_dir() {
            fs::remove_dir(nonsense).unwrap();
        } else {
            fs::remove_file(nonsense).unwrap();
        }
    }
    fs::remove_file(pins.join("segment-999999999999999999.redb")).unwrap();
    assert_kept(dir.path(), 2..6, "beside nonsense");
    let newest = segments_of(dir.path()).pop().unwrap();
    let name = newest.file_name().unwrap();
    assert!(name < "segment-0000001000.redb", "a number was taken from nonsense: {name:?}");
}

#[test]
fn where_no_link_can_be_made_that_is_told_once_and_the_recording_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), with_pins());
    pin(dir.path(), "early", 2..6);
    fs::write(dir.path().join(DIRECTORY).join("subsecond"), "no directory").unwrap();
    record(&mut world, dir.path(), 0..30);
    let told = world.writer.take_pin_events();
    let refused = |event: &&PinEvent| matches!(event, PinEvent::Refused { .. });
    let refused: Vec<_> = told.iter().filter(refused).map(ToString::to_string).collect();
    assert!(!refused.is_empty(), "{told:?}");
    assert!(refused[0].contains("is not pinned"), "{refused:?}");
    let count = refused.len();
    record(&mut world, dir.path(), 30..40);
    let again = world.writer.take_pin_events();
    assert!(again.is_empty(), "told again, after {count}: {again:?}");
}
