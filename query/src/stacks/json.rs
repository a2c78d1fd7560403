//! A line of JSON for each stack.

use super::About;
use super::profile::{Call, Order, Origin, ROOT};
use crate::error::QueryError;
use crate::output::Output;
use crate::sink::jsonl::escape;
use serde_json::{Map, Value, json};

/// So many bytes are written at a time.
const WRITE_BYTES: usize = 64 << 10;

/// Writes a profile as an object a line for each stack, with all that is known of its frames.
pub fn write(about: &About<'_>, output: &mut Output) -> Result<(), QueryError> {
    let tree = about.tree(Order::Name);
    let by = about.source.by_names();
    let mut text = String::new();
    let mut path: Vec<&Call> = Vec::new();
    for (node, depth) in tree.below(ROOT) {
        path.truncate(depth);
        path.extend(tree.call(node));
        let own = tree.own(node);
        if own.samples == 0 {
            continue;
        }
        let (group, frames) = path.split_at(by.len().min(path.len()));
        let mut line = json!({
            "samples": own.samples,
            "weight": own.weight,
            "unit": about.source.unit.name(),
            "frames": frames.iter().map(|call| frame(call)).collect::<Vec<_>>(),
        });
        if let Some(line) = line.as_object_mut().filter(|_| !by.is_empty()) {
            let values = by.iter().zip(group);
            let values = values.map(|(name, call)| ((*name).to_owned(), json!(call.name)));
            line.insert("group".to_owned(), Value::Object(values.collect::<Map<_, _>>()));
        }
        text.push_str(&escape(&line.to_string()));
        text.push('\n');
        if text.len() >= WRITE_BYTES {
            output.put(text.as_bytes())?;
            text.clear();
        }
    }
    output.put(text.as_bytes())
}

/// What is not known of a frame is null.
fn frame(call: &Call) -> Value {
    let known = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
    let is_call = matches!(call.origin, Origin::User | Origin::Kernel);
    json!({
        "name": call.name,
        "function": known(&call.function),
        "module": known(&call.module),
        "build_id": known(&call.build_id),
        "offset": if is_call { Value::from(call.offset) } else { Value::Null },
    })
}
