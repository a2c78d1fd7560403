//! Its TCP connections, those that ended included.

use super::ask::{Asker, Wanted};
use super::sheet::{MOST, Sheet};
use super::subject::Subject;
use crate::error::QueryError;
use crate::listing::{show_count, show_many};
use nodemon_formats::units::show_size;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashMap;

/// So many are kept at most; beyond that the half that carried least is forgotten.
const KEPT: usize = 1 << 14;

/// Which connection it is: local and remote address, and the network namespace.
type Key = (String, String, u64);

/// What is known of a connection.
#[derive(Clone, Debug, Default)]
struct Connection {
    direction: String,
    state: String,
    error: String,
    sent_bytes: u64,
    received_bytes: u64,
    retransmits: u64,
}

/// Its connections.
#[derive(Default)]
pub struct Connections {
    all: HashMap<Key, Connection>,
    forgotten: u64,
    closed: u64,
}

/// Reads them; `None` where the recording does not tell.
///
/// # Errors
/// When the recording cannot be read.
pub fn connections(
    asker: &mut Asker<'_>,
    subject: &Subject,
) -> Result<Option<Connections>, QueryError> {
    let mut found = Connections::default();
    let mut wanted = Wanted {
        table: "tcp_connection",
        columns: &["pid", "direction", "state", "bytes_acked", "bytes_received", "retransmits"],
        filters: subject.rows(),
        span: subject.window,
        step: None,
    };
    let open = asker.ask(&wanted, &mut |row| found.add(row, false))?;
    wanted.table = "tcp_close";
    wanted.columns = &[
        "pid",
        "direction",
        "local",
        "remote",
        "net_ns",
        "state",
        "error",
        "bytes_acked",
        "bytes_received",
        "retransmits",
    ];
    let closed = asker.ask(&wanted, &mut |row| found.add(row, true))?;
    Ok(open.or(closed).map(|_| found))
}

impl Connection {
    fn carried(&self) -> u64 {
        self.sent_bytes.saturating_add(self.received_bytes)
    }
}

impl Connections {
    fn add(&mut self, row: &super::ask::Row<'_>, is_closed: bool) {
        let text = |name| row.text(name).unwrap_or_default();
        let number = |name| row.integer(name).unwrap_or(0);
        let key = (text("local"), text("remote"), number("net_ns"));
        self.closed += u64::from(is_closed);
        self.all.insert(
            key,
            Connection {
                direction: text("direction"),
                state: text("state"),
                error: text("error"),
                sent_bytes: number("bytes_acked"),
                received_bytes: number("bytes_received"),
                retransmits: number("retransmits"),
            },
        );
        if self.all.len() > KEPT {
            let kept = self.top(KEPT / 2);
            let kept: Vec<(Key, Connection)> =
                kept.into_iter().map(|(key, known)| (key.clone(), known.clone())).collect();
            self.forgotten += (self.all.len() - kept.len()) as u64;
            self.all = kept.into_iter().collect();
        }
    }

    /// Those that carried most.
    fn top(&self, most: usize) -> Vec<(&Key, &Connection)> {
        let mut all: Vec<(&Key, &Connection)> = self.all.iter().collect();
        all.sort_by(|(a_key, a), (b_key, b)| {
            Reverse(a.carried()).cmp(&Reverse(b.carried())).then_with(|| a_key.cmp(b_key))
        });
        all.truncate(most);
        all
    }

    fn count(&self) -> u64 {
        self.forgotten + self.all.len() as u64
    }

    fn retransmits(&self) -> u64 {
        self.all.values().fold(0, |sum, known| sum.saturating_add(known.retransmits))
    }

    /// They on the page.
    pub fn write(&self, sheet: &mut Sheet<'_>) {
        let again = show_many(self.retransmits(), "retransmit");
        let ended = show_count(self.closed);
        let head = match self.count() {
            0 => "none".to_owned(),
            count => format!("{}, {ended} of them ended, {again}", show_count(count)),
        };
        sheet.fact("connections", &head);
        let top = self.top(MOST);
        for (key, known) in &top {
            let sent = show_size(known.sent_bytes);
            let received = show_size(known.received_bytes);
            let error = if known.error.is_empty() { "" } else { " " };
            let how = format!("{} {}{error}{}", known.direction, known.state, known.error);
            let who = if known.direction == "listening" { &key.0 } else { &key.1 };
            sheet.item(&format!("{sent:>10} out {received:>10} in"), &format!("{who} {how}"));
        }
        sheet.more(self.count(), top.len(), "connection");
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let top = self.top(MOST).into_iter().map(|((local, remote, net_ns), known)| {
            json!({
                "local": local,
                "remote": remote,
                "net_ns": net_ns,
                "direction": known.direction,
                "state": known.state,
                "error": Some(&known.error).filter(|error| !error.is_empty()),
                "acked_bytes": known.sent_bytes,
                "received_bytes": known.received_bytes,
                "retransmits": known.retransmits,
            })
        });
        json!({
            "count": self.count(),
            "ended": self.closed,
            "retransmits": self.retransmits(),
            "top": top.collect::<Vec<_>>(),
        })
    }
}
