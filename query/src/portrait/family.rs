//! Whose child it was, and whose parent.

use super::ask::{Asker, Wanted, by_the_hour, is, whole};
use super::sheet::Sheet;
use super::subject::Subject;
use crate::error::QueryError;
use crate::listing::show_count;
use crate::question::Aggregate;
use serde_json::{Value, json};
use std::collections::HashSet;

/// So many children are named at most.
const NAMED: usize = 10;
/// So many are told apart at most; more are not counted.
const KNOWN: usize = 1 << 16;

/// Parent and children.
#[derive(Debug, Default)]
pub struct Family {
    parent: Option<(u64, Option<String>)>,
    /// The first ones, by number and name.
    named: Vec<(u64, String)>,
    children: u64,
    /// Those that events tell of, and those that samples do, with their starts.
    forked: HashSet<u64>,
    sampled: HashSet<(u64, Option<u64>)>,
    /// Whether any table tells of children.
    is_told: bool,
}

/// Finds them.
///
/// # Errors
/// When the recording cannot be read.
pub fn family(
    asker: &mut Asker<'_>,
    subject: &Subject,
    ppid: Option<u64>,
) -> Result<Family, QueryError> {
    let mut family = Family::default();
    if let Some(ppid) = ppid.filter(|ppid| *ppid > 0) {
        family.parent = Some((ppid, command(asker, subject, ppid)?));
    }
    let filters = vec![is("ppid", subject.life.pid)];
    let events = Wanted {
        table: "process_event",
        columns: &["pid", "command"],
        filters: filters.clone(),
        span: subject.window,
        step: None,
    };
    let told = asker.ask(&events, &mut |row| {
        let (Some(pid), Some(name)) = (row.integer("pid"), row.text("command")) else { return };
        let is_fork = row.text("event").as_deref() == Some("fork");
        let is_new = is_fork || !family.forked.contains(&pid);
        family.child(pid, name, is_new);
        if family.forked.len() < KNOWN {
            family.forked.insert(pid);
        }
    })?;
    family.is_told |= told.is_some();
    let step = by_the_hour(subject.window);
    let samples = Wanted {
        table: "process",
        columns: &["command"],
        filters,
        span: subject.window,
        step: Some((false, step, &[Aggregate::Last])),
    };
    let told = asker.ask(&samples, &mut |row| {
        let (Some(pid), Some(name)) = (row.integer("pid"), row.text("command_last")) else {
            return;
        };
        let life = (pid, row.integer("start_ns"));
        let may_be_new = !family.forked.contains(&pid) && family.sampled.len() < KNOWN;
        let is_new = may_be_new && family.sampled.insert(life);
        family.child(pid, name, is_new);
    })?;
    family.is_told |= told.is_some();
    Ok(family)
}

/// The name of the program of another process in the same time.
fn command(
    asker: &mut Asker<'_>,
    subject: &Subject,
    pid: u64,
) -> Result<Option<String>, QueryError> {
    let mut name = None;
    let filters = vec![is("pid", pid)];
    let step = Some((false, whole(subject.window), &[Aggregate::Last][..]));
    let columns = &["command"];
    let span = subject.window;
    let samples = Wanted { table: "process", columns, filters: filters.clone(), span, step };
    asker.ask(&samples, &mut |row| name = row.text("command_last").or(name.take()))?;
    if name.is_none() {
        let events = Wanted { table: "process_event", columns, filters, span, step: None };
        asker.ask(&events, &mut |row| name = row.text("command").or(name.take()))?;
    }
    Ok(name)
}

impl Family {
    /// A child that is new, or one whose name may be known better now.
    fn child(&mut self, pid: u64, name: String, is_new: bool) {
        self.children += u64::from(is_new);
        let known = self.named.iter_mut().rev().find(|(known, _)| !is_new && *known == pid);
        if let Some(known) = known {
            known.1 = name;
        } else if is_new && self.named.len() < NAMED {
            self.named.push((pid, name));
        }
    }

    /// The parent on the page.
    pub fn write_parent(&self, sheet: &mut Sheet<'_>) {
        if let Some((pid, name)) = &self.parent {
            let name = name.as_deref().map_or(String::new(), |name| format!("{name}, "));
            sheet.fact("parent", &format!("{name}pid {pid}"));
        }
    }

    /// The children on the page.
    pub fn write_children(&self, sheet: &mut Sheet<'_>) {
        if !self.is_told {
            return;
        }
        let mut names: Vec<String> =
            self.named.iter().map(|(pid, name)| format!("{name} ({pid})")).collect();
        match self.children.saturating_sub(self.named.len() as u64) {
            0 => {}
            more => names.push(format!("and {} more", show_count(more))),
        }
        let text = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        sheet.fact("children", &text);
    }

    /// The parent for programs.
    pub fn parent_json(&self) -> Value {
        let (pid, name) = match &self.parent {
            Some((pid, name)) => (pid, name),
            None => return Value::Null,
        };
        json!({ "pid": pid, "command": name })
    }

    /// The children for programs.
    pub fn children_json(&self) -> Value {
        let named = self.named.iter().map(|(pid, name)| json!({ "pid": pid, "command": name }));
        match self.is_told {
            true => json!({ "count": self.children, "first": named.collect::<Vec<_>>() }),
            false => Value::Null,
        }
    }
}
