//! A line for each stack: `main;read;vfs_read 1200`.

use super::About;
use super::profile::{Order, ROOT};
use crate::error::QueryError;
use crate::output::Output;
use nodemon_formats::text::printable;

/// So many bytes are written at a time.
const WRITE_BYTES: usize = 64 << 10;

/// Writes a profile folded, by the names of its calls.
pub fn write(about: &About<'_>, output: &mut Output) -> Result<(), QueryError> {
    let tree = about.tree(Order::Name);
    let mut text = String::new();
    let mut path = String::new();
    // Where in the path each call on it ends.
    let mut ends: Vec<usize> = Vec::new();
    for (node, depth) in tree.below(ROOT) {
        ends.truncate(depth);
        path.truncate(ends.last().copied().unwrap_or(0));
        if depth > 0 {
            path.push(';');
        }
        let name = tree.call(node).map_or("", |call| call.name.as_str());
        path.push_str(&printable(name).replace(';', ":"));
        ends.push(path.len());
        let own = tree.own(node);
        if own.samples > 0 {
            text.push_str(&format!("{path} {}\n", own.weight));
        }
        if text.len() >= WRITE_BYTES {
            output.put(text.as_bytes())?;
            text.clear();
        }
    }
    output.put(text.as_bytes())
}
