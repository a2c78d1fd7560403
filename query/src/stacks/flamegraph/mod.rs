//! A page on which every call is as wide as its part of the profile. It needs nothing beside itself,
//! and can be read without its script.

use super::measure::percent;
use super::profile::{Call, Order, Origin, ROOT, Tree};
use super::{About, gaps};
use crate::error::QueryError;
use crate::listing::show_many;
use crate::output::Output;
use crate::time::{Stamp, show_precise};
use nodemon_formats::text::printable;
use std::fmt::Write;
use xxhash_rust::xxh3::xxh3_64;

/// What is narrower than this part of the page, in percent, is left out.
const LEAST_PERCENT: f64 = 0.1;
/// What is narrower than this has no room for a name.
const THIN_PERCENT: f64 = 3.0;
/// Lines of the page are so far apart, in pixels.
const LINE: usize = 17;
/// Calls of a kind have so many shades.
const SHADES: u64 = 4;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes a profile as a page.
pub fn write(about: &About<'_>, output: &mut Output) -> Result<(), QueryError> {
    let tree = about.tree(Order::Name);
    let mut graph = Graph { about, tree: &tree, text: String::new(), left_out: 0, lines: 0 };
    graph.draw();
    output.put(page(about, &graph).as_bytes())
}

fn page(about: &About<'_>, graph: &Graph<'_>) -> String {
    let (source, gathered) = (about.source, about.gathered);
    let zone = &about.context.anchors.zone;
    let table = escape(&source.schema.name);
    let host = escape(about.context.recording.host());
    let span = gathered.span;
    let (from, to) = (show_precise(span.from, zone), show_precise(span.to, zone));
    let offset = Stamp::from_ns(span.from, zone).zone();
    let mut notes = vec![graph.weight(ROOT)];
    if gathered.answer.gaps > 0 {
        notes.push(gaps(gathered, &source.schema.name));
    }
    if graph.left_out > 0 {
        let calls = show_many(graph.left_out, "call");
        notes.push(format!("{calls} of less than {LEAST_PERCENT} % are left out"));
    }
    let notes: Vec<String> =
        notes.iter().map(|note| format!("<p>{}</p>\n", escape(note))).collect();
    let height = graph.lines * LINE;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <title>{table} of {host}, {from}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>{table} of {host}, {from} .. {to} {offset}</h1>\n{notes}\
         <p>Callers stand above what they called; a call is as wide as its part of all.\
         <span class=\"key\"><i class=\"u0\"></i>outside of the kernel</span>\
         <span class=\"key\"><i class=\"k0\"></i>in the kernel</span></p>\n\
         <div id=\"tools\" hidden><input id=\"words\" type=\"search\" placeholder=\"search\" \
         aria-label=\"search for a name\"><span>click: zoom, Escape: all</span>\
         <span id=\"said\" role=\"status\"></span></div>\n\
         <div id=\"graph\" style=\"height:{height}px\">\n{}</div>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        graph.text,
        notes = notes.concat(),
    )
}

struct Graph<'a> {
    about: &'a About<'a>,
    tree: &'a Tree<'a>,
    text: String,
    left_out: u64,
    lines: usize,
}

impl Graph<'_> {
    /// Draws everything, callers before what they called.
    fn draw(&mut self) {
        let all = self.tree.total(ROOT).weight;
        self.rectangle((0.0, 100.0), 0, "g", "all", ROOT);
        // Where what each call on the path called goes on, in percent.
        let mut next = vec![0.0];
        for (node, depth) in self.tree.below(ROOT) {
            next.truncate(depth + 1);
            let left = next[depth];
            let width = percent(self.tree.total(node).weight, all);
            next[depth] += width;
            next.push(left);
            if width < LEAST_PERCENT {
                self.left_out += 1;
                continue;
            }
            let Some(call) = self.tree.call(node) else { continue };
            self.rectangle((left, width), depth + 1, &class(call), &call.name, node);
        }
    }

    fn rectangle(
        &mut self,
        (left, width): (f64, f64),
        line: usize,
        class: &str,
        name: &str,
        node: u32,
    ) {
        let thin = if width < THIN_PERCENT { " thin" } else { "" };
        let top = line * LINE;
        let name = escape(name);
        let told = self.told(node);
        self.lines = self.lines.max(line + 1);
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.text,
            "<div class=\"{class}{thin}\" style=\"left:{left:.4}%;width:{width:.4}%;top:{top}px\" \
             title=\"{name}: {told}\">{name}</div>"
        );
    }

    /// How much a call has: `12.3 %, 1.234 s of CPU, 617 samples`.
    fn told(&self, node: u32) -> String {
        let (sum, all) = (self.tree.total(node), self.tree.total(ROOT));
        let share = percent(sum.weight, all.weight);
        format!("{share:.1} %, {}", self.weight(node))
    }

    fn weight(&self, node: u32) -> String {
        let (sum, source) = (self.tree.total(node), self.about.source);
        let weight = source.unit.told(sum.weight, &source.schema.name);
        format!("{weight}, {}", show_many(sum.samples, "sample"))
    }
}

/// The same name has the same shade on every page.
fn class(call: &Call) -> String {
    let shade = xxh3_64(call.name.as_bytes()) % SHADES;
    match call.origin {
        Origin::Group => "g".to_owned(),
        Origin::Nothing => "n".to_owned(),
        Origin::User => format!("u{shade}"),
        Origin::Kernel => format!("k{shade}"),
    }
}

/// Text that others chose, where it can be nothing but text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
