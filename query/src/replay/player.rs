//! Where the replay is, how fast it goes, and what keys do to it.

use super::frame::Order;
use super::reel::Direction;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::Duration;

/// What the screen shows and how it moves on.
#[derive(Clone, Debug, PartialEq)]
pub struct Player {
    /// Number of the tick that is shown.
    pub tick: i64,
    /// How many times faster than it happened; 0 is as fast as it can be read.
    pub speed: f64,
    /// Whether it stands still.
    pub paused: bool,
    /// Whether the keys are explained.
    pub help: bool,
    /// Whether the last tick was reached.
    pub ended: bool,
    /// What processes are ordered by.
    pub order: Order,
    /// Whether every CPU has a line.
    pub each_cpu: bool,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wish {
    /// To leave.
    Quit,
    /// To stand still, or go on.
    Pause,
    /// To look at the next tick in that direction, and stand still there.
    Step(Direction),
    /// To move on by a column of the overview.
    Leap(Direction),
    /// To go to the first tick.
    Start,
    /// To go to the last.
    End,
    /// To go twice as fast, or half.
    Speed(f64),
    /// To order processes.
    Order(Order),
    /// To see a line for every CPU, or not.
    EachCpu,
    /// To have the keys explained, or not.
    Help,
}

/// The keys, for the last line of the screen and for help.
pub const KEYS: &str = "\
space        pause, or continue
right  left  next or previous screen, paused
PgDn   PgUp  a column of the timeline forward or back
Home   End   first or last screen
+  -         twice or half the speed
c  m  d      sort processes by CPU time, memory, disk traffic
1            every CPU, or the busiest only
?  h         this help
q  Esc       quit";

impl Wish {
    /// What `key` asks for.
    pub fn from_key(key: KeyEvent) -> Option<Wish> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        Some(match key.code {
            KeyCode::Char('c' | 'd') if control => Wish::Quit,
            KeyCode::Char('q') | KeyCode::Esc => Wish::Quit,
            KeyCode::Char(' ') => Wish::Pause,
            KeyCode::Right | KeyCode::Char('l' | '.') => Wish::Step(Direction::Forward),
            KeyCode::Left | KeyCode::Char(',') => Wish::Step(Direction::Back),
            KeyCode::PageDown | KeyCode::Down => Wish::Leap(Direction::Forward),
            KeyCode::PageUp | KeyCode::Up => Wish::Leap(Direction::Back),
            KeyCode::Home => Wish::Start,
            KeyCode::End => Wish::End,
            KeyCode::Char('+' | '=') => Wish::Speed(2.0),
            KeyCode::Char('-') => Wish::Speed(0.5),
            KeyCode::Char('c') => Wish::Order(Order::Cpu),
            KeyCode::Char('m') => Wish::Order(Order::Memory),
            KeyCode::Char('d') => Wish::Order(Order::Disk),
            KeyCode::Char('1') => Wish::EachCpu,
            KeyCode::Char('h' | '?') | KeyCode::F(1) => Wish::Help,
            _ => return None,
        })
    }
}

impl Player {
    /// At `tick`, moving on `speed` times as fast as it happened.
    pub fn new(tick: i64, speed: f64) -> Player {
        Player {
            tick,
            speed,
            paused: false,
            help: false,
            ended: false,
            order: Order::Cpu,
            each_cpu: false,
        }
    }

    /// Grants what does not move it.
    pub fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Pause => self.paused = !self.paused,
            // As fast as it can be read is no speed to double.
            Wish::Speed(factor) if self.speed > 0.0 => {
                self.speed = (self.speed * factor).clamp(1.0 / 1024.0, 1024.0);
            }
            Wish::Order(order) => self.order = order,
            Wish::EachCpu => self.each_cpu = !self.each_cpu,
            Wish::Help => self.help = !self.help,
            _ => {}
        }
    }

    /// How long a tick of `step_ns` stays on the screen.
    pub fn interval(&self, step_ns: i64) -> Duration {
        match self.speed {
            speed if speed > 0.0 => {
                Duration::try_from_secs_f64(step_ns as f64 / 1e9 / speed).unwrap_or(Duration::MAX)
            }
            _ => Duration::ZERO,
        }
    }

    /// The state in few words: `x10`, `paused`.
    pub fn state(&self) -> String {
        let speed = match self.speed {
            speed if speed >= 1.0 => format!("x{speed:.0}"),
            speed if speed > 0.0 => format!("x1/{:.0}", 1.0 / speed),
            _ => "full speed".to_owned(),
        };
        match (self.ended, self.paused) {
            (true, _) => "end".to_owned(),
            (_, true) => format!("paused {speed}"),
            _ => speed,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{Player, Wish};
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use std::time::Duration;

    #[test]
    fn a_tick_stays_as_long_as_it_took_divided_by_the_speed() {
        let mut player = Player::new(0, 10.0);
        assert_eq!(player.interval(1_000_000_000), Duration::from_millis(100));
        let faster = Wish::from_key(KeyEvent::new(KeyCode::Char('+'), KeyModifiers::NONE)).unwrap();
        player.grant(faster);
        assert_eq!(player.interval(1_000_000_000), Duration::from_millis(50));
        assert_eq!(player.state(), "x20");
        player.speed = 0.1;
        assert_eq!(player.interval(10_000_000), Duration::from_millis(100));
        assert_eq!(player.state(), "x1/10");
        player.speed = 0.0;
        assert_eq!(player.interval(1_000_000_000), Duration::ZERO);
        player.grant(Wish::Speed(2.0));
        assert_eq!(player.state(), "full speed");
    }

    #[test]
    fn control_c_leaves_and_c_orders_by_cpu_time() {
        let key = |modifiers| Wish::from_key(KeyEvent::new(KeyCode::Char('c'), modifiers)).unwrap();
        assert_eq!(key(KeyModifiers::CONTROL), Wish::Quit);
        assert_ne!(key(KeyModifiers::NONE), Wish::Quit);
    }
}
