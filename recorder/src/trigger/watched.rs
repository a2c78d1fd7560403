//! One table that rules look at: each record of it is looked at before it is sent.

use super::binding::{Binding, Measure, number};
use super::condition::{Breach, Condition, Track};
use super::firing::Firing;
use super::online_cpus;
use super::rule::Rule;
use super::state::{Outcome, State};
use super::tracks::Tracks;
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::growth::{Beginning, Standing, Succession};
use nodemon_formats::record::Held;
use nodemon_formats::{Column, ColumnType, Schema, TableKind};
use std::sync::Arc;

/// CPUs are counted so often: a read of a file for each would be more than the rules take.
const RECOUNT_NS: u64 = 10_000_000_000;

/// The rules of one table.
pub struct Watched {
    schema: Schema,
    rules: Vec<Bound>,
    tracks: Tracks,
    /// How instances follow each other.
    succession: Succession,
    /// Time of the newest sample, `CLOCK_BOOTTIME` ns.
    last_ns: Option<u64>,
    /// Whether there was no sample since it was bound.
    is_bound_anew: bool,
    /// When CPUs were counted.
    counted_ns: u64,
}

/// A rule that looks at this table.
struct Bound {
    rule: Arc<Rule>,
    binding: Binding,
    condition: Condition,
    /// Of one that counts rows: how many there are.
    rows: u64,
    /// Its track, where it counts rows.
    own: Track,
    /// What is the worst of this sample: the value, since when, and the row.
    worst: Option<(Breach, usize)>,
    state: State,
}

impl Watched {
    /// The table of `schema`, at which those of `rules` look that fit it, on a node of so many CPUs.
    /// What `before` knew of the same rules is still known.
    pub fn new(
        schema: &Schema,
        rules: &[Arc<Rule>],
        cpus: f64,
        before: Option<&Watched>,
    ) -> Watched {
        let of_table = rules.iter().filter(|rule| rule.table == schema.name);
        let known = before.map_or(&[][..], |before| &before.rules);
        let mut places = Vec::new();
        let bound = |rule: &Arc<Rule>| {
            let binding = Binding::new(rule, schema).ok()?;
            let place = known.iter().position(|known| known.rule == *rule);
            places.push(place);
            let before = place.and_then(|place| known.get(place));
            Some(Bound {
                condition: Condition::new(rule, schema.interval_ns, times(rule, cpus)),
                binding,
                rule: rule.clone(),
                rows: 0,
                own: before.map_or_else(Track::default, |before| before.own),
                worst: None,
                state: before.map_or_else(State::default, |before| before.state),
            })
        };
        let rules: Vec<Bound> = of_table.filter_map(bound).collect();
        // What an instance is called, and the words that it has, are those of the same schema.
        let before = before.filter(|before| before.schema == *schema);
        Watched {
            schema: schema.clone(),
            tracks: match before {
                Some(before) => before.tracks.carried(&places),
                None => Tracks::new(schema, rules.len()),
            },
            rules,
            succession: Succession::from_schema(schema),
            last_ns: before.and_then(|before| before.last_ns),
            is_bound_anew: true,
            counted_ns: boottime_ns(),
        }
    }

    /// CPUs come and go: counts them anew now and then, for rules that take a value by CPU.
    fn count_cpus(&mut self, now_ns: u64) {
        let is_known = now_ns.saturating_sub(self.counted_ns) < RECOUNT_NS;
        if is_known || !self.rules.iter().any(|bound| bound.rule.per_cpu) {
            return;
        }
        self.counted_ns = now_ns;
        // What cannot be counted now is as many as before.
        let Some(cpus) = online_cpus() else { return };
        for bound in &mut self.rules {
            let times = times(&bound.rule, cpus);
            bound.condition = Condition::new(&bound.rule, self.schema.interval_ns, times);
        }
    }

    /// Whether any rule looks at it.
    pub fn is_asked_for(&self) -> bool {
        !self.rules.is_empty()
    }

    /// The table.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Looks at what is about to be sent: of samples at the newest, of events at each.
    pub fn look(&mut self, held: &Held<'_>, fire: &mut dyn FnMut(Firing)) {
        match self.schema.kind {
            TableKind::Sample => self.sample(held, fire),
            TableKind::Event => self.events(held, fire),
        }
    }

    fn sample(&mut self, held: &Held<'_>, fire: &mut dyn FnMut(Firing)) {
        let Some((newest, now_ns)) = held.times().iter().copied().enumerate().next_back() else {
            return;
        };
        let before_ns = self.last_ns.replace(now_ns);
        let is_first = std::mem::replace(&mut self.is_bound_anew, false);
        self.count_cpus(now_ns);
        self.tracks.begin();
        for row in held.rows_of(newest) {
            let mut place = None;
            for (at, bound) in self.rules.iter_mut().enumerate() {
                if !bound.binding.passes(held, row) {
                    continue;
                }
                if bound.binding.measure == Measure::Rows {
                    bound.rows += 1;
                    continue;
                }
                let (place, is_new) = *place.get_or_insert_with(|| self.tracks.place(held, row));
                if let Some(track) = self.tracks.track(place, at) {
                    // Known to this rule it may be only now, and not have begun.
                    let began = is_new
                        && !is_first
                        && began(&self.succession, held, row, before_ns, now_ns);
                    bound.observe(track, held, row, (before_ns, began), now_ns);
                }
            }
        }
        for bound in &mut self.rules {
            if bound.binding.measure == Measure::Rows {
                let rows = std::mem::take(&mut bound.rows) as f64;
                let span = (now_ns, now_ns);
                let breach = bound.own.observe(&bound.condition, Some(rows), before_ns, span);
                bound.worst = breach.map(|breach| (breach, usize::MAX));
            }
            let Some((breach, row)) = bound.worst.take() else { continue };
            bound.comes_to(&self.schema, held, (breach, row), now_ns, fire);
        }
    }

    fn events(&mut self, held: &Held<'_>, fire: &mut dyn FnMut(Firing)) {
        for (row, now_ns) in held.times().iter().copied().enumerate() {
            for bound in &mut self.rules {
                if !bound.binding.passes(held, row) {
                    continue;
                }
                let value = match bound.binding.measure {
                    Measure::Rows => Some(1.0),
                    Measure::Value { column, kind } | Measure::Rate { column, kind, .. } => {
                        held.cell(row, column).map(|word| number(kind, word))
                    }
                };
                let Some(value) = value.filter(|value| bound.condition.is_beyond(*value)) else {
                    continue;
                };
                let breach = Breach { value, since_ns: now_ns };
                bound.comes_to(&self.schema, held, (breach, row), now_ns, fire);
            }
        }
    }
}

impl Bound {
    /// Takes the value that a row of the sample at `now_ns` has.
    fn observe(
        &mut self,
        track: &mut Track,
        held: &Held<'_>,
        row: usize,
        (before_ns, began): (Option<u64>, bool),
        now_ns: u64,
    ) {
        let (value, from_ns) = match self.binding.measure {
            Measure::Rows => return,
            Measure::Value { column, kind } => {
                (held.cell(row, column).map(|word| number(kind, word)), now_ns)
            }
            Measure::Rate { column, kind, scale } => {
                let rate = track.rate(kind, held.cell(row, column), before_ns, now_ns, began);
                (rate.map(|rate| rate * scale), before_ns.unwrap_or(now_ns))
            }
        };
        let Some(breach) = track.observe(&self.condition, value, before_ns, (from_ns, now_ns))
        else {
            return;
        };
        let is_worse =
            |(worst, _): &(Breach, usize)| self.condition.is_worse(breach.value, worst.value);
        if self.worst.as_ref().is_none_or(is_worse) {
            self.worst = Some((breach, row));
        }
    }

    /// It held for as long as it must, in a sample at `now_ns`.
    fn comes_to(
        &mut self,
        schema: &Schema,
        held: &Held<'_>,
        (breach, row): (Breach, usize),
        now_ns: u64,
        fire: &mut dyn FnMut(Firing),
    ) {
        let outcome = self.state.holds(&self.rule, schema.interval_ns, now_ns);
        if outcome == Outcome::Nothing {
            return;
        }
        fire(Firing {
            rule: self.rule.clone(),
            is_extended: outcome == Outcome::Extends,
            instance: instance(schema, held, row),
            value: breach.value,
            threshold: self.condition.threshold(),
            unit: self.binding.unit.clone(),
            time_ns: now_ns,
            since_ns: breach.since_ns,
            until_ns: self.state.until_ns,
        });
    }
}

/// How many times as large as a rule says its threshold is.
fn times(rule: &Rule, cpus: f64) -> f64 {
    if rule.per_cpu { cpus } else { 1.0 }
}

/// Whether an instance that is in no sample yet began after the one at `before_ns`, with counters of
/// zero.
fn began(
    succession: &Succession,
    held: &Held<'_>,
    row: usize,
    before_ns: Option<u64>,
    now_ns: u64,
) -> bool {
    let start_ns = match succession.beginning {
        Beginning::Start { key, .. } => held.key(held.instance(row), key),
        _ => None,
    };
    succession.standing(None, 0, before_ns, now_ns, start_ns, false) == Standing::Began
}

/// The keys of a row, `cpu=3`; nothing for a table without keys, or of several rows.
fn instance(schema: &Schema, held: &Held<'_>, row: usize) -> String {
    if row == usize::MAX {
        return String::new();
    }
    let word = |at: usize| match schema.kind {
        TableKind::Sample => held.key(held.instance(row), at),
        TableKind::Event => held.cell(row, at),
    };
    let text = |(at, key): (usize, &Column)| {
        let word = word(at)?;
        Some(match key.kind {
            ColumnType::U64 => format!("{}={word}", key.name),
            _ => format!("{}={}", key.name, String::from_utf8_lossy(held.string(word))),
        })
    };
    schema.keys.iter().enumerate().filter_map(text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
