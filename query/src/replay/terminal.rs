//! The replay on a terminal.

use super::hangup;
use super::overview::Overview;
use super::player::{KEYS, Player, Wish};
use super::reel::{Direction, Reel};
use super::screen::{self, View};
use super::window::Warn;
use crate::error::QueryError;
use crate::interrupt::Interrupt;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Clear, Paragraph};
use std::io;
use std::time::{Duration, Instant};

/// Shows the ticks of `reel` until someone wants to leave.
///
/// # Errors
/// When the recording cannot be read or the terminal is gone.
pub fn run(
    reel: &mut Reel<'_>,
    overview: &Overview,
    mut view: View,
    speed: f64,
    warn: Warn<'_>,
) -> Result<(), QueryError> {
    let interrupt = Interrupt::on_signals().map_err(of_terminal)?;
    hangup::watch(interrupt.clone()).map_err(of_terminal)?;
    let mut terminal = ratatui::try_init().map_err(of_terminal)?;
    let mut player = Player::new(*reel.ticks().start(), speed);
    let result = play(&mut terminal, reel, overview, &mut view, &mut player, &interrupt, warn);
    // The error of the replay is the one to report.
    let restored = ratatui::try_restore().map_err(of_terminal);
    result.and(restored)
}

fn of_terminal(source: io::Error) -> QueryError {
    QueryError::Write { to: "the terminal".into(), source }
}

fn play(
    terminal: &mut DefaultTerminal,
    reel: &mut Reel<'_>,
    overview: &Overview,
    view: &mut View,
    player: &mut Player,
    interrupt: &Interrupt,
    warn: Warn<'_>,
) -> Result<(), QueryError> {
    let mut due = Instant::now() + player.interval(reel.step().length);
    loop {
        draw(terminal, reel, overview, view, player, warn)?;
        let wait = match player.paused || player.ended || player.help {
            // A signal is noticed within that.
            true => Duration::from_millis(250),
            false => due.saturating_duration_since(Instant::now()).min(Duration::from_millis(250)),
        };
        if event::poll(wait).map_err(of_terminal)? {
            match event::read().map_err(of_terminal)? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match Wish::from_key(key) {
                    Some(Wish::Quit) => return Ok(()),
                    Some(wish) => {
                        obey(wish, reel, overview, player, warn)?;
                        due = Instant::now() + player.interval(reel.step().length);
                    }
                    None => {}
                },
                _ => {}
            }
        }
        if interrupt.is_asked() {
            return Ok(());
        }
        if !player.paused && !player.ended && !player.help && Instant::now() >= due {
            advance(reel, player, Direction::Forward, warn)?;
            // Where drawing is slower than the replay should be, it does not hurry afterwards.
            due = (due + player.interval(reel.step().length)).max(Instant::now());
        }
    }
}

/// Does what a key asks for.
fn obey(
    wish: Wish,
    reel: &mut Reel<'_>,
    overview: &Overview,
    player: &mut Player,
    warn: Warn<'_>,
) -> Result<(), QueryError> {
    player.grant(wish);
    let ticks = reel.ticks();
    match wish {
        Wish::Step(direction) => {
            player.paused = true;
            advance(reel, player, direction, warn)?;
        }
        Wish::Leap(direction) => {
            let column = (overview.column_ns() / reel.step().length).max(1);
            let by = if direction == Direction::Forward { column } else { -column };
            player.tick = (player.tick + by).clamp(*ticks.start(), *ticks.end());
            player.ended = false;
        }
        Wish::Start => (player.tick, player.ended) = (*ticks.start(), false),
        Wish::End => player.tick = *ticks.end(),
        Wish::Pause if player.ended => {
            // From the end it starts over.
            (player.tick, player.ended, player.paused) = (*ticks.start(), false, false);
        }
        _ => {}
    }
    Ok(())
}

fn advance(
    reel: &mut Reel<'_>,
    player: &mut Player,
    direction: Direction,
    warn: Warn<'_>,
) -> Result<(), QueryError> {
    match reel.next(player.tick, direction, warn)? {
        Some(tick) => (player.tick, player.ended) = (tick, false),
        None => player.ended = direction == Direction::Forward,
    }
    Ok(())
}

fn draw(
    terminal: &mut DefaultTerminal,
    reel: &mut Reel<'_>,
    overview: &Overview,
    view: &mut View,
    player: &Player,
    warn: Warn<'_>,
) -> Result<(), QueryError> {
    let size = terminal.size().map_err(of_terminal)?;
    view.width = usize::from(size.width);
    view.height = usize::from(size.height).saturating_sub(2);
    (view.order, view.each_cpu) = (player.order, player.each_cpu);
    let frame = reel.frame(player.tick, warn)?;
    let lines = screen::lines(frame, view);
    let bottom = vec![overview.line(frame.from, &view.zone), status(player)];
    let draw = |target: &mut ratatui::Frame<'_>| {
        let [main, foot] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(2)]).areas(target.area());
        target.render_widget(Paragraph::new(Text::from(lines)), main);
        target.render_widget(Paragraph::new(Text::from(bottom)), foot);
        if player.help {
            target.render_widget(Clear, main);
            target.render_widget(Paragraph::new(KEYS), main);
        }
    };
    terminal.draw(draw).map_err(of_terminal)?;
    Ok(())
}

fn status(player: &Player) -> Line<'static> {
    let state = Style::new().add_modifier(Modifier::REVERSED);
    Line::from(vec![
        Span::styled(format!(" {} ", player.state()), state),
        Span::raw("  space pause  left/right step  +/- speed  ? help  q quit"),
    ])
}
