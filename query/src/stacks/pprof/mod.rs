//! For `pprof` and what reads its files: a gzip of the message `Profile` of profile.proto.

mod places;
mod wire;

use super::About;
use super::profile::{Call, Order, Origin, ROOT, Sum};
use crate::error::QueryError;
use crate::output::Output;
use flate2::Compression;
use flate2::write::GzEncoder;
use places::{Places, Strings};
use std::io::Write;
use wire::Message;

/// Fields of the message `Profile`.
mod field {
    pub const SAMPLE_TYPE: u64 = 1;
    pub const SAMPLE: u64 = 2;
    pub const STRING_TABLE: u64 = 6;
    pub const TIME_NANOS: u64 = 9;
    pub const DURATION_NANOS: u64 = 10;
    pub const PERIOD_TYPE: u64 = 11;
    pub const PERIOD: u64 = 12;
    pub const DEFAULT_SAMPLE_TYPE: u64 = 14;
}

/// Writes a profile: of each stack how many samples, and their weight.
pub fn write(about: &About<'_>, output: &mut Output) -> Result<(), QueryError> {
    let profile = profile(about);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let packed = gzip.write_all(&profile).and_then(|()| gzip.finish());
    let packed = packed.map_err(|source| output.failure(source))?;
    output.put(&packed)
}

fn profile(about: &About<'_>) -> Vec<u8> {
    let (source, gathered) = (about.source, about.gathered);
    let mut profile = Message::default();
    let mut strings = Strings::default();
    let mut value_type = |kind: &str, unit: &str| {
        let mut message = Message::default();
        message.number(1, strings.number(kind));
        message.number(2, strings.number(unit));
        message
    };
    let (kind, unit) = (source.kind(), source.unit.long_name());
    profile.message(field::SAMPLE_TYPE, &value_type("samples", "count"));
    let of_weights = value_type(kind, unit);
    profile.message(field::SAMPLE_TYPE, &of_weights);
    let places = put_samples(about, &mut strings, &mut profile);
    places.put(&mut strings, &mut profile);
    let span = gathered.span;
    profile.number(field::TIME_NANOS, span.from.cast_unsigned());
    let duration = span.to.saturating_sub(span.from).max(0);
    profile.number(field::DURATION_NANOS, duration.cast_unsigned());
    profile.message(field::PERIOD_TYPE, &of_weights);
    let sum = gathered.profile.sum();
    profile.number(field::PERIOD, sum.weight.checked_div(sum.samples).unwrap_or(0));
    profile.number(field::DEFAULT_SAMPLE_TYPE, strings.number(kind));
    strings.put(field::STRING_TABLE, &mut profile);
    profile.into_bytes()
}

/// Puts every stack, and returns the places that they name.
fn put_samples<'a>(
    about: &'a About<'_>,
    strings: &mut Strings,
    profile: &mut Message,
) -> Places<'a> {
    let tree = about.tree(Order::Name);
    let by = about.source.by_names();
    let mut places = Places::default();
    let mut path: Vec<(u32, &Call)> = Vec::new();
    for (node, depth) in tree.below(ROOT) {
        path.truncate(depth);
        path.extend(tree.call(node).map(|call| (tree.frame(node), call)));
        let own = tree.own(node);
        if own.samples > 0 {
            let locations: Vec<u64> = (path.iter().rev())
                .filter(|(_, call)| call.origin != Origin::Group)
                .map(|(frame, call)| places.number(*frame, call))
                .collect();
            let labels = by.iter().zip(&path).map(|(name, (_, call))| (*name, &*call.name));
            let sample = sample(locations, own, labels, strings);
            profile.message(field::SAMPLE, &sample);
        }
    }
    places
}

/// A stack, from the innermost call on.
fn sample<'a>(
    locations: Vec<u64>,
    own: Sum,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    strings: &mut Strings,
) -> Message {
    let mut message = Message::default();
    message.numbers(1, locations);
    message.numbers(2, [own.samples, own.weight]);
    for (name, value) in labels {
        let mut label = Message::default();
        label.number(1, strings.number(name));
        label.number(2, strings.number(value));
        message.message(3, &label);
    }
    message
}
