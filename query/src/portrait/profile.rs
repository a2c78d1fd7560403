//! Where it was: the functions and the whole paths with most of a table of stacks.

use super::ask::Asker;
use super::sheet::{MOST, Sheet};
use super::subject::Subject;
use crate::cli::{SpanArgs, StacksArgs};
use crate::error::QueryError;
use crate::listing::show_many;
use crate::span::Span;
use crate::stacks::{
    Detail, Order, Profile, ROOT, Source, Tree, functions, gather, percent, seconds,
};
use nodemon_formats::ColumnType;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashMap;

/// The stacks of a process, added up as `stacks` does; `None` where the recording has no such table.
///
/// # Errors
/// When the recording cannot be read, or a signal asks to stop.
pub fn profile(
    asker: &mut Asker<'_>,
    subject: &Subject,
    table: &'static str,
    (by, detail): (&[&str], Detail),
) -> Result<Option<Profile>, QueryError> {
    let Some(schema) = asker.context.recording.schema(table) else { return Ok(None) };
    let stacks = schema.values.iter().filter(|column| column.kind == ColumnType::Stack).count();
    if stacks != 1 || !asker.has(table, &["pid", "weight_ns"]) || !asker.has(table, by) {
        return Ok(None);
    }
    let args = StacksArgs {
        span: SpanArgs::default(),
        table: Some(table.to_owned()),
        filters: subject.rows(),
        by: by.iter().map(|name| (*name).to_owned()).collect(),
        base_from: None,
        base_to: None,
        limit: MOST,
        format: None,
        output: None,
    };
    let source = Source::from_args(asker.context, &args)?;
    let span = Span { from: subject.window.0, to: subject.window.1, by_end: false };
    let (context, interrupt) = (asker.context, asker.interrupt);
    let mut warn = |problem: &_| asker.warn(problem);
    let gathered = gather(context, &args, (&source, detail), span, interrupt, &mut warn)?;
    asker.outcome = asker.outcome.and(gathered.answer.outcome);
    asker.coarse_until = asker.coarse_until.max(gathered.answer.coarse_until);
    asker.used.insert(table);
    Ok(Some(gathered.profile))
}

/// What it did with its CPU time.
#[derive(Debug)]
pub struct Work {
    samples: u64,
    weight_ns: u64,
    /// Functions and their modules, by what they did themselves.
    functions: Vec<(String, String, u64)>,
    /// Whole paths, from the outermost call.
    paths: Vec<(Vec<String>, u64)>,
}

/// Reads what it did.
///
/// # Errors
/// As [`profile`].
pub fn work(asker: &mut Asker<'_>, subject: &Subject) -> Result<Option<Work>, QueryError> {
    let found = profile(asker, subject, "stack_cpu", (&[], Detail::Function))?;
    Ok(found.map(|profile| Work::new(&profile)))
}

impl Work {
    fn new(profile: &Profile) -> Work {
        let tree = Tree::new(profile, Order::Name);
        let mut found = functions(&tree, ROOT);
        found.sort_by(|a, b| {
            let key = (Reverse(a.own), Reverse(a.total));
            key.cmp(&(Reverse(b.own), Reverse(b.total))).then_with(|| a.call.order(b.call))
        });
        let own = found.iter().filter(|function| function.own > 0).take(MOST);
        let named = own.map(|f| (f.call.name.clone(), f.call.short_module().to_owned(), f.own));
        let sum = profile.sum();
        Work {
            samples: sum.samples,
            weight_ns: sum.weight,
            functions: named.collect(),
            paths: paths(&tree),
        }
    }

    /// Its functions and paths on the page.
    pub fn write(&self, sheet: &mut Sheet<'_>) {
        if self.samples == 0 {
            sheet.fact("functions", "no sample of it in stack_cpu");
            return;
        }
        let samples = show_many(self.samples, "sample");
        sheet.fact("functions", &format!("of {} s in {samples}", seconds(self.weight_ns)));
        for (name, module, own) in &self.functions {
            let share = format!("{:>5.1} %", percent(*own, self.weight_ns));
            sheet.item_with(&share, name, module);
        }
        sheet.fact("paths", "from the outermost call on");
        for (path, own) in &self.paths {
            let share = format!("{:>5.1} %", percent(*own, self.weight_ns));
            // As in folded lines, what separates calls is in no name.
            let path: Vec<String> = path.iter().map(|name| name.replace(';', ":")).collect();
            sheet.item(&share, &path.join(";"));
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let functions = self.functions.iter().map(
            |(name, module, own)| json!({ "function": name, "module": module, "self_ns": own }),
        );
        let paths = self.paths.iter().map(|(path, own)| json!({ "frames": path, "self_ns": own }));
        json!({
            "samples": self.samples,
            "weight_ns": self.weight_ns,
            "functions": functions.collect::<Vec<_>>(),
            "paths": paths.collect::<Vec<_>>(),
        })
    }
}

/// The paths at whose ends most was done.
fn paths(tree: &Tree<'_>) -> Vec<(Vec<String>, u64)> {
    let mut ends: Vec<(u64, u32)> = Vec::new();
    for (node, _) in tree.below(ROOT).filter(|(node, _)| tree.own(*node).weight > 0) {
        ends.push((tree.own(node).weight, node));
        if ends.len() > 1024 {
            ends.sort_by_key(|(own, node)| (Reverse(*own), *node));
            ends.truncate(MOST);
        }
    }
    ends.sort_by_key(|(own, node)| (Reverse(*own), *node));
    ends.truncate(MOST);
    let place: HashMap<u32, usize> = ends.iter().enumerate().map(|(at, end)| (end.1, at)).collect();
    let mut told: Vec<(Vec<String>, u64)> = ends.iter().map(|end| (Vec::new(), end.0)).collect();
    let mut path: Vec<&str> = Vec::new();
    for (node, depth) in tree.below(ROOT) {
        path.truncate(depth);
        path.push(tree.call(node).map_or("", |call| call.name.as_str()));
        if let Some(told) = place.get(&node).and_then(|at| told.get_mut(*at)) {
            told.0 = path.iter().map(|name| (*name).to_owned()).collect();
        }
    }
    told
}
