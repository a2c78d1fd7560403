//! Who it was: names, times, and what it had used when it ended.

use super::ask::{Asker, Wanted, is, is_text, whole};
use super::family::{Family, family};
use super::sheet::Sheet;
use super::subject::Subject;
use super::told::{instant, over};
use crate::error::QueryError;
use crate::question::Aggregate;
use crate::stacks::seconds;
use crate::time::show_precise;
use jiff::tz::TimeZone;
use nodemon_formats::units::show_size;
use serde_json::{Value, json};

/// Who it was.
#[derive(Debug, Default)]
pub struct Identity {
    pid: u64,
    command: String,
    /// Its command line, or the arguments of its last exec.
    arguments: String,
    ppid: Option<u64>,
    uid: Option<u64>,
    cgroup: Option<String>,
    cgroup_id: Option<u64>,
    start: Option<i64>,
    /// Wall time of its first and last sample.
    sampled: Option<(i64, i64)>,
    samples: u64,
    end: Option<i64>,
    exit: Option<Exit>,
    family: Family,
}

/// What the row of its end says.
#[derive(Debug)]
struct Exit {
    status: Option<u64>,
    signal: String,
    lived_ns: Option<u64>,
    cpu_ns: Option<u64>,
    user_ns: Option<u64>,
    system_ns: Option<u64>,
    max_rss_bytes: Option<u64>,
    read_bytes: Option<u64>,
    write_bytes: Option<u64>,
}

/// Finds out who it was.
///
/// # Errors
/// When the recording cannot be read.
pub fn identity(asker: &mut Asker<'_>, subject: &Subject) -> Result<Identity, QueryError> {
    let life = &subject.life;
    let mut who = Identity {
        pid: life.pid,
        command: life.command.clone(),
        arguments: life.cmdline.clone(),
        start: life.start,
        end: life.end,
        ..Identity::default()
    };
    of_samples(asker, subject, &mut who)?;
    of_events(asker, subject, &mut who)?;
    if who.cgroup.is_none() {
        who.cgroup = cgroup(asker, subject, who.cgroup_id)?;
    }
    who.family = family(asker, subject, who.ppid)?;
    Ok(who)
}

fn of_samples(
    asker: &mut Asker<'_>,
    subject: &Subject,
    who: &mut Identity,
) -> Result<(), QueryError> {
    let mut wanted = Wanted {
        table: "process",
        columns: &["command", "cmdline", "ppid", "uid", "cgroup"],
        filters: subject.sampled(),
        span: subject.window,
        step: Some((false, whole(subject.window), &[Aggregate::Last])),
    };
    asker.ask(&wanted, &mut |row| {
        let set = |to: &mut String, name| {
            if let Some(text) = row.text(name).filter(|text| !text.is_empty()) {
                *to = text;
            }
        };
        set(&mut who.command, "command_last");
        set(&mut who.arguments, "cmdline_last");
        who.ppid = row.integer("ppid_last").or(who.ppid);
        who.uid = row.integer("uid_last").or(who.uid);
        who.cgroup = row.text("cgroup_last").or(who.cgroup.take());
    })?;
    (wanted.columns, wanted.step) = (&["state"], None);
    asker.ask(&wanted, &mut |row| {
        let (first, last) = who.sampled.unwrap_or((row.time(), row.time()));
        who.sampled = Some((first.min(row.time()), last.max(row.time())));
        who.samples += 1;
    })?;
    Ok(())
}

fn of_events(
    asker: &mut Asker<'_>,
    subject: &Subject,
    who: &mut Identity,
) -> Result<(), QueryError> {
    let wanted = Wanted {
        table: "process_event",
        columns: &[
            "cgroup_id",
            "pid",
            "command",
            "ppid",
            "status",
            "signal",
            "lived_ns",
            "cpu_ns",
            "user_ns",
            "system_ns",
            "max_rss_bytes",
            "read_bytes",
            "write_bytes",
            "arguments",
        ],
        filters: subject.rows(),
        span: subject.window,
        step: None,
    };
    asker.ask(&wanted, &mut |row| {
        who.cgroup_id = row.integer("cgroup_id").or(who.cgroup_id);
        who.ppid = who.ppid.or(row.integer("ppid"));
        match row.text("event").as_deref() {
            // The kernel counts starts in steps, and events as they are.
            Some("fork") => who.start = Some(row.time()),
            Some("exec") => {
                if let Some(arguments) = row.text("arguments").filter(|text| !text.is_empty()) {
                    who.arguments = arguments;
                }
                who.command = row.text("command").unwrap_or_default();
            }
            Some("exit") => {
                who.end = Some(row.time());
                who.exit = Some(Exit {
                    status: row.integer("status"),
                    signal: row.text("signal").unwrap_or_default(),
                    lived_ns: row.integer("lived_ns"),
                    cpu_ns: row.integer("cpu_ns"),
                    user_ns: row.integer("user_ns"),
                    system_ns: row.integer("system_ns"),
                    max_rss_bytes: row.integer("max_rss_bytes"),
                    read_bytes: row.integer("read_bytes"),
                    write_bytes: row.integer("write_bytes"),
                });
            }
            _ => {}
        }
    })?;
    Ok(())
}

/// The path of a control group, by its number.
fn cgroup(
    asker: &mut Asker<'_>,
    subject: &Subject,
    id: Option<u64>,
) -> Result<Option<String>, QueryError> {
    let Some(id) = id else { return Ok(None) };
    let mut path = None;
    let samples = Wanted {
        table: "cgroup",
        columns: &["id"],
        filters: vec![is("id", id)],
        span: subject.window,
        step: Some((false, whole(subject.window), &[Aggregate::Last])),
    };
    asker.ask(&samples, &mut |row| path = row.text("path").or(path.take()))?;
    if path.is_none() {
        let columns = &["path"];
        let filters = vec![is("id", id), is_text("event", "made")];
        let span = (i64::MIN, subject.window.1);
        let made = Wanted { table: "cgroup_event", columns, filters, span, step: None };
        asker.ask(&made, &mut |row| path = row.text("path").or(path.take()))?;
    }
    Ok(path)
}

impl Identity {
    /// What it is called on the page.
    pub fn title(&self) -> String {
        format!("{}, pid {}", self.command, self.pid)
    }

    /// For how long it was there, ns: its life, or as much as there are samples of.
    pub fn lived_ns(&self) -> Option<u64> {
        let exit = self.exit.as_ref().and_then(|exit| exit.lived_ns);
        let until = self.end.or(self.sampled.map(|(_, last)| last));
        let known = self.start.zip(until).and_then(|(start, end)| end.checked_sub(start));
        exit.or(known.and_then(|ns| u64::try_from(ns).ok()))
    }

    /// For how long there are samples of its life, where its start is known, ns.
    pub fn sampled_ns(&self) -> Option<u64> {
        let (start, (_, last)) = self.start.zip(self.sampled)?;
        u64::try_from(last.saturating_sub(start)).ok().filter(|ns| *ns > 0)
    }

    /// When it started.
    pub fn start(&self) -> Option<i64> {
        self.start
    }

    /// Its facts on the page.
    pub fn write(&self, sheet: &mut Sheet<'_>, zone: &TimeZone) {
        sheet.fact("command", &self.command);
        sheet.known("arguments", Some(self.arguments.clone()).filter(|text| !text.is_empty()));
        self.family.write_parent(sheet);
        let named = |uid| if uid == 0 { "0 (root)".to_owned() } else { format!("{uid}") };
        sheet.known("user", self.uid.map(named));
        sheet.known("cgroup", self.cgroup.clone());
        let start = self.start.map(|start| show_precise(start, zone));
        sheet.fact("started", &start.unwrap_or_else(|| "before it was seen first".to_owned()));
        let lived = self.lived_ns().map(over);
        let ended = match (self.end, &self.exit, self.sampled) {
            (Some(end), exit, _) => {
                let how = exit.as_ref().map_or(String::new(), |exit| format!(", {}", exit.how()));
                format!("{}{how}", show_precise(end, zone))
            }
            (None, _, Some((_, last))) => {
                format!("not seen; last sample {}", show_precise(last, zone))
            }
            (None, _, None) => "not seen".to_owned(),
        };
        sheet.fact("ended", &ended);
        sheet.known(if self.end.is_some() { "lived" } else { "lived so far" }, lived);
        if let Some(exit) = &self.exit {
            sheet.known("used in all", exit.used());
        }
        self.family.write_children(sheet);
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let exit = self.exit.as_ref();
        json!({
            "pid": self.pid,
            "command": self.command,
            "arguments": self.arguments,
            "uid": self.uid,
            "cgroup": self.cgroup,
            "start": self.start.map(instant),
            "end": self.end.map(instant),
            "lived_ns": self.lived_ns(),
            "first_sample": self.sampled.map(|(first, _)| instant(first)),
            "last_sample": self.sampled.map(|(_, last)| instant(last)),
            "samples": self.samples,
            "exit": exit.map(|exit| json!({
                "status": exit.status,
                "signal": Some(&exit.signal).filter(|signal| !signal.is_empty()),
                "lived_ns": exit.lived_ns,
                "cpu_ns": exit.cpu_ns,
                "user_ns": exit.user_ns,
                "system_ns": exit.system_ns,
                "max_rss_bytes": exit.max_rss_bytes,
                "read_bytes": exit.read_bytes,
                "write_bytes": exit.write_bytes,
            })),
            "parent": self.family.parent_json(),
            "children": self.family.children_json(),
        })
    }
}

impl Exit {
    fn how(&self) -> String {
        match (self.signal.is_empty(), self.status) {
            (false, _) => format!("by {}", self.signal),
            (true, Some(status)) => format!("with status {status}"),
            (true, None) => "how is not known".to_owned(),
        }
    }

    /// What it had used when it ended.
    fn used(&self) -> Option<String> {
        let some = |bytes: Option<u64>| bytes.filter(|bytes| *bytes > 0);
        let parts = [
            self.cpu_ns.map(|ns| format!("{} s of CPU", seconds(ns))),
            self.max_rss_bytes.map(|bytes| format!("{} of memory at most", show_size(bytes))),
            some(self.read_bytes).map(|bytes| format!("{} read", show_size(bytes))),
            some(self.write_bytes).map(|bytes| format!("{} written", show_size(bytes))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
