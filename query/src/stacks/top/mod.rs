//! The functions with most of a profile, for people.

mod functions;
mod list;

pub(crate) use functions::functions;

use super::gather::Gathered;
use super::measure::percent;
use super::page::Page;
use super::profile::{Order, ROOT, Sum, Tree};
use super::{About, gaps};
use crate::error::QueryError;
use crate::listing::show_many;
use crate::output::Output;
use crate::time::{Stamp, show_precise};
use functions::Function;
use list::{Change, changes, list};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Writes the functions with most of a profile, or of each of its groups.
pub fn write(about: &About<'_>, page: &Page, output: &mut Output) -> Result<(), QueryError> {
    let tree = about.tree(Order::Name);
    let all = about.gathered.profile.sum();
    let mut text = String::new();
    head(about, page, &mut text);
    let groups = of_weight(&tree, tree.groups(about.source.by_names().len()));
    for (root, values) in groups.iter().take(about.limit.max(1)) {
        let sum = sum_of(&tree, *root, all);
        group_head(about, page, (&values[..], sum, all), &mut text);
        let mut found = functions(&tree, *root);
        found.sort_by(|a, b| {
            let key = |f: &Function<'_>| (Reverse(f.own), Reverse(f.total));
            key(a).cmp(&key(b)).then_with(|| a.call.order(b.call))
        });
        list(&found, (about.limit, sum.weight, about.source.unit), page, &mut text);
    }
    more_groups(about, page, groups.len(), &mut text);
    output.put(text.as_bytes())
}

/// Writes by how much functions have more or less of a profile than of that of another span, or of
/// the same group there.
pub fn compare(
    about: &About<'_>,
    base: &Gathered,
    page: &Page,
    output: &mut Output,
) -> Result<(), QueryError> {
    let levels = about.source.by_names().len();
    let (now, before) = (about.tree(Order::Name), Tree::new(&base.profile, Order::Name));
    let all = about.gathered.profile.sum();
    let mut text = String::new();
    head(about, page, &mut text);
    page.head("compared with", &mut text);
    span_head(about, base, page, &mut text);
    let mut earlier: HashMap<Vec<&str>, u32> =
        before.groups(levels).into_iter().map(|(root, values)| (values, root)).collect();
    let mut pairs: Vec<(Option<u32>, Option<u32>, Vec<&str>)> = Vec::new();
    for (root, values) in of_weight(&now, now.groups(levels)) {
        pairs.push((Some(root), earlier.remove(&values), values));
    }
    let gone = earlier.into_iter().map(|(values, root)| (root, values)).collect();
    let gone = of_weight(&before, gone).into_iter();
    pairs.extend(gone.map(|(root, values)| (None, Some(root), values)));
    for (root, base_root, values) in pairs.iter().take(about.limit.max(1)) {
        let sum = root.map_or(Sum::default(), |root| sum_of(&now, root, all));
        group_head(about, page, (&values[..], sum, all), &mut text);
        let of =
            |tree: &Tree<'_>, root: Option<u32>| root.map_or(0, |root| tree.total(root).weight);
        let found = Change::all(
            (root.map_or(Vec::new(), |root| functions(&now, root)), of(&now, *root)),
            (
                base_root.map_or(Vec::new(), |root| functions(&before, root)),
                of(&before, *base_root),
            ),
        );
        changes(&found, about.limit, page, &mut text);
    }
    more_groups(about, page, pairs.len(), &mut text);
    output.put(text.as_bytes())
}

/// Groups with most first.
fn of_weight<'a>(tree: &Tree<'_>, groups: Vec<(u32, Vec<&'a str>)>) -> Vec<(u32, Vec<&'a str>)> {
    let mut groups = groups;
    groups.sort_by(|(a, a_values), (b, b_values)| {
        let by_weight = tree.total(*b).weight.cmp(&tree.total(*a).weight);
        by_weight.then_with(|| a_values.cmp(b_values))
    });
    groups
}

fn sum_of(tree: &Tree<'_>, root: u32, all: Sum) -> Sum {
    if root == ROOT { all } else { tree.total(root) }
}

/// What the profile is of, and what is missing.
pub fn head(about: &About<'_>, page: &Page, text: &mut String) {
    span_head(about, about.gathered, page, text);
}

fn span_head(about: &About<'_>, told: &Gathered, page: &Page, text: &mut String) {
    let zone = &about.context.anchors.zone;
    let (from, to) = (show_precise(told.span.from, zone), show_precise(told.span.to, zone));
    let (table, offset) = (&about.source.schema.name, Stamp::from_ns(told.span.from, zone).zone());
    page.head(&format!("{table}, {from} .. {to} {offset}"), text);
    page.head(&sum_text(about, told.profile.sum()), text);
    if told.answer.gaps > 0 {
        page.head(&gaps(told, table), text);
    }
}

fn sum_text(about: &About<'_>, sum: Sum) -> String {
    let weight = about.source.unit.told(sum.weight, &about.source.schema.name);
    format!("{}, {weight}", show_many(sum.samples, "sample"))
}

/// A heading for a group; none where there is one group.
fn group_head(
    about: &About<'_>,
    page: &Page,
    (values, sum, all): (&[&str], Sum, Sum),
    text: &mut String,
) {
    if values.is_empty() {
        return;
    }
    text.push('\n');
    let share = percent(sum.weight, all.weight);
    let line = format!("{}: {share:.1} %, {}", values.join(", "), sum_text(about, sum));
    page.head(&line, text);
}

fn more_groups(about: &About<'_>, page: &Page, groups: usize, text: &mut String) {
    let more = groups.saturating_sub(about.limit.max(1)) as u64;
    if more > 0 {
        text.push('\n');
        page.head(&format!("{}; --limit N shows more", show_many(more, "more group")), text);
    }
}
