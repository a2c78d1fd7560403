//! The replay into a pipe or a file: text screens or lines of JSON, one a tick.

use super::player::Player;
use super::reel::{Direction, Reel};
use super::window::Warn;
use crate::error::QueryError;
use crate::output::Output;
use crate::replay::frame::Frame;
use std::time::Instant;

/// Writes every tick as `show` puts it, `speed` times as fast as it happened; at 0 without waiting.
///
/// # Errors
/// When the recording cannot be read or the output cannot be written.
pub fn run(
    reel: &mut Reel<'_>,
    speed: f64,
    output: &mut Output,
    mut show: impl FnMut(&Frame) -> String,
    warn: Warn<'_>,
) -> Result<(), QueryError> {
    let mut player = Player::new(*reel.ticks().start(), speed);
    let mut due = Instant::now();
    loop {
        output.put(show(reel.frame(player.tick, warn)?).as_bytes())?;
        due += player.interval(reel.step().length);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        match reel.next(player.tick, Direction::Forward, warn)? {
            Some(tick) => player.tick = tick,
            None => return Ok(()),
        }
    }
}
