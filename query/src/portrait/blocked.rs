//! How its threads were found by who looked at them: running, ready, blocked.

use super::ask::{Asker, Wanted};
use super::sheet::{MOST, Sheet};
use super::subject::Subject;
use super::tops::Tops;
use crate::error::QueryError;
use crate::listing::{show_count, show_many};
use serde_json::{Value, json};

/// How threads were found.
pub struct Blocked {
    /// How often anybody looked.
    looks: u64,
    running: u64,
    runnable: u64,
    blocked: u64,
    /// By the system call and the function of the kernel.
    places: Tops<(String, String)>,
}

/// Counts how its threads were found; `None` where the recording does not tell.
///
/// # Errors
/// When the recording cannot be read.
pub fn blocked(asker: &mut Asker<'_>, subject: &Subject) -> Result<Option<Blocked>, QueryError> {
    let mut found = Blocked { looks: 0, running: 0, runnable: 0, blocked: 0, places: Tops::new() };
    if !asker.has("thread_active", &["pid", "state"]) {
        return Ok(None);
    }
    let wanted = Wanted {
        table: "thread_active",
        columns: &["state", "syscall", "wait_channel"],
        filters: subject.rows(),
        span: subject.window,
        step: None,
    };
    let answer = asker.ask(&wanted, &mut |row| match row.text("state").as_deref() {
        Some("running") => found.running += 1,
        Some("runnable") => found.runnable += 1,
        Some("blocked") => {
            found.blocked += 1;
            let text = |name| row.text(name).unwrap_or_default();
            found.places.add((text("syscall"), text("wait_channel")), 1, row.time());
        }
        _ => {}
    })?;
    found.looks = answer.map_or(0, |answer| answer.seen);
    Ok((found.looks > 0).then_some(found))
}

impl Blocked {
    /// How they were found on the page.
    pub fn write(&self, sheet: &mut Sheet<'_>) {
        let of = show_many(self.looks, "look");
        let counts = [self.running, self.runnable, self.blocked].map(show_count);
        let [running, runnable, blocked] = counts;
        let counts = format!("{running} running, {runnable} ready, {blocked} blocked");
        sheet.fact("threads, found", &format!("{counts}, in {of}"));
        let places = self.places.take(MOST);
        for ((syscall, channel), sum) in &places {
            let name = |name: &str| if name.is_empty() { "-" } else { name }.to_owned();
            let place = format!("{}: {}", name(syscall), name(channel));
            sheet.item(&format!("{:>5}", show_count(sum.count)), &place);
        }
        sheet.more(self.places.names(), places.len(), "place");
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let places = self.places.take(MOST).into_iter().map(|((syscall, channel), sum)| {
            json!({ "syscall": syscall, "wait_channel": channel, "count": sum.count })
        });
        json!({
            "looks": self.looks,
            "running": self.running,
            "runnable": self.runnable,
            "blocked": self.blocked,
            "blocked_in": places.collect::<Vec<_>>(),
        })
    }
}
