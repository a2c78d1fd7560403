//! What called what, for people.

use super::About;
use super::measure::percent;
use super::page::{Page, fit};
use super::profile::{Order, Origin, ROOT, Tree};
use super::top::head;
use crate::error::QueryError;
use crate::listing::show_many;
use crate::output::Output;
use nodemon_formats::text::printable;

/// Less than this many percent is left out.
const LEAST_PERCENT: f64 = 1.0;
/// Between the percent and the name, and how much further to the right what was called is.
const GUTTER: usize = 2;

/// Writes a profile as a tree of calls, most first. A call that stands alone below its caller is
/// not further to the right than that.
pub fn write(about: &About<'_>, page: &Page, output: &mut Output) -> Result<(), QueryError> {
    let tree = about.tree(Order::Weight);
    let all = about.gathered.profile.sum().weight;
    let is_shown = |node: u32| percent(tree.total(node).weight, all) >= LEAST_PERCENT;
    let mut text = String::new();
    head(about, page, &mut text);
    page.heading(&format!("{:>6} {:>6}  call", "total", "self"), &mut text);
    let (mut left_out, mut indents) = (0u64, Vec::new());
    for (node, depth) in tree.below(ROOT) {
        if !is_shown(node) {
            left_out += 1;
            continue;
        }
        indents.truncate(depth);
        let indent = indents.last().copied().unwrap_or(0);
        let several = tree.children(node).iter().filter(|child| is_shown(**child)).count() > 1;
        let is_further = several || is_group(&tree, node);
        indents.push(indent + if is_further { GUTTER } else { 0 });
        let own = percent(tree.own(node).weight, all);
        let figures = format!("{:>5.1}% {own:>5.1}%", percent(tree.total(node).weight, all));
        text.push_str(&line(&tree, node, &figures, indent, page));
    }
    if left_out > 0 {
        let calls = show_many(left_out, "call");
        page.head(&format!("{calls} of less than {LEAST_PERCENT:.0} % are left out"), &mut text);
    }
    output.put(text.as_bytes())
}

fn is_group(tree: &Tree<'_>, node: u32) -> bool {
    tree.call(node).is_some_and(|call| call.origin == Origin::Group)
}

fn line(tree: &Tree<'_>, node: u32, figures: &str, indent: usize, page: &Page) -> String {
    let name = tree.call(node).map_or("", |call| call.name.as_str());
    let name = printable(name);
    let Some(room) = page.room else { return format!("{figures}  {:indent$}{name}\n", "") };
    let room = room.saturating_sub(figures.len() + GUTTER);
    // However deep it is, half of the line is left for the name.
    let indent = indent.min(room / 2);
    let name = fit(&name, room.saturating_sub(indent));
    format!("{figures}  {:indent$}{name}\n", "")
}
