//! Triggers: rules that are looked at while it is recorded, on what is in hand.
//!
//! Each record is looked at by the thread of its source, just before it is sent: what the disk does
//! delays nothing, and nothing is read a second time. A table that no rule looks at costs a load of a
//! flag for each of its records. What a rule that fired asks for is done elsewhere: its row is put by
//! the source `trigger`, rates are raised by `control`.

#[cfg(test)]
mod bench;
mod binding;
mod condition;
mod defaults;
mod firing;
mod rule;
mod state;
#[cfg(test)]
mod tests;
mod tracks;
mod watched;

pub use binding::{Binding, Misfit};
pub use defaults::built_in;
pub use firing::Firing;
pub use rule::{LEAST_EVERY, MOST_NAME_BYTES, MOST_RAISED, MOST_RULES, Rule, Side};

use nodemon_formats::Schema;
use nodemon_formats::record::RecordBuilder;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use watched::Watched;

/// The table of what has fired, at which no rule can look.
pub const TABLE: &str = "trigger";
/// So many firings wait for their row at most; beyond that the oldest has none.
const MOST_WAITING: usize = 1024;

/// The rules, and the tables that they look at.
#[derive(Default)]
pub struct Triggers {
    rules: Mutex<Vec<Arc<Rule>>>,
    tables: Mutex<Vec<Arc<TableTriggers>>>,
    /// What has no row yet.
    waiting: Mutex<VecDeque<Firing>>,
    /// Who does what firings ask for.
    heard: Mutex<Option<UnboundedSender<Firing>>>,
}

/// The rules of one table.
pub struct TableTriggers {
    name: String,
    is_asked_for: AtomicBool,
    watched: Mutex<Option<Watched>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Triggers {
    /// From now on these rules count. What is known for those that stay is still known.
    pub fn set_rules(&self, rules: Vec<Rule>) {
        let rules: Vec<Arc<Rule>> = rules.into_iter().map(Arc::new).collect();
        let before = std::mem::replace(&mut *lock(&self.rules), rules.clone());
        let of = |rules: &[Arc<Rule>], name: &str| -> Vec<Arc<Rule>> {
            rules.iter().filter(|rule| rule.table == name).cloned().collect()
        };
        for table in lock(&self.tables).iter() {
            let mut watched = lock(&table.watched);
            if of(&before, &table.name) != of(&rules, &table.name)
                && let Some(known) = watched.as_ref()
            {
                let schema = known.schema().clone();
                *watched = Some(table.bind(&schema, &rules, Some(known)));
            }
        }
    }

    /// What looks at the records of the table of `schema` from now on.
    pub fn table(&self, schema: &Schema) -> Arc<TableTriggers> {
        let rules = lock(&self.rules).clone();
        let mut tables = lock(&self.tables);
        let known = tables.iter().find(|table| table.name == schema.name).cloned();
        let table = known.unwrap_or_else(|| {
            let table = Arc::new(TableTriggers {
                name: schema.name.clone(),
                is_asked_for: AtomicBool::new(false),
                watched: Mutex::default(),
            });
            tables.push(table.clone());
            table
        });
        let mut watched = lock(&table.watched);
        *watched = Some(table.bind(schema, &rules, watched.as_ref()));
        drop(watched);
        table
    }

    /// Why a rule looks at nothing, while the tables are bound that are recorded.
    pub fn why_idle(&self, rule: &Rule) -> Option<String> {
        let tables = lock(&self.tables);
        let Some(table) = tables.iter().find(|table| table.name == rule.table) else {
            return Some(format!("table {} is not recorded", rule.table));
        };
        let watched = lock(&table.watched);
        let bound = watched.as_ref().map(|watched| Binding::new(rule, watched.schema()));
        bound.and_then(Result::err).map(|misfit| misfit.to_string())
    }

    /// Looks at what `builder` holds, which is about to be sent.
    #[inline]
    pub fn look(&self, table: &TableTriggers, builder: &RecordBuilder) {
        if table.is_asked_for.load(Ordering::Relaxed)
            && let Some(watched) = lock(&table.watched).as_mut()
        {
            watched.look(&builder.held(), &mut |firing| self.fire(firing));
        }
    }

    /// From now on every firing is heard there.
    pub fn listen(&self) -> UnboundedReceiver<Firing> {
        let (sender, receiver) = unbounded_channel();
        *lock(&self.heard) = Some(sender);
        receiver
    }

    /// What has no row yet, oldest first; it has one from now on.
    pub fn take_waiting(&self) -> VecDeque<Firing> {
        std::mem::take(&mut lock(&self.waiting))
    }

    fn fire(&self, firing: Firing) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MOST_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(firing.clone());
        drop(waiting);
        if let Some(heard) = lock(&self.heard).as_ref() {
            // Nobody listens any more when the recorder is ending.
            let _ = heard.send(firing);
        }
    }
}

impl TableTriggers {
    fn bind(&self, schema: &Schema, rules: &[Arc<Rule>], before: Option<&Watched>) -> Watched {
        let watched = Watched::new(schema, rules, online_cpus().unwrap_or(1.0), before);
        self.is_asked_for.store(watched.is_asked_for(), Ordering::Relaxed);
        watched
    }
}

impl std::fmt::Debug for Triggers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Triggers").field("rules", &lock(&self.rules).len()).finish_non_exhaustive()
    }
}

/// CPUs that are online, where that is known.
pub fn online_cpus() -> Option<f64> {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    let count = |part: &str| -> Option<u32> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    let count = online.split(',').filter_map(count).fold(0, u32::saturating_add);
    (count > 0).then(|| f64::from(count))
}
