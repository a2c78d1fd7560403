//! Arbitrary samples, and the rows that must come back for them.

use super::support::Row;
use nodemon_formats::value::Value;
use proptest::prelude::*;
use proptest::strategy::Union;

/// One sample: nanoseconds since the one before, and the rows of the instances that are there.
pub type Sample = (u64, Vec<(Vec<Value>, Vec<Value>)>);

fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0u64),
        Just(u64::MAX),
        0u64..1000,
        any::<u64>(),
        (0u32..64).prop_map(|shift| 1u64 << shift),
    ]
}

fn absent_or(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    Union::new_weighted(vec![(9, value.boxed()), (1, Just(Value::Absent).boxed())]).boxed()
}

/// The value columns of [`super::support::every_type`].
fn values() -> impl Strategy<Value = Vec<Value>> {
    let double = prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(-0.0),
        Just(f64::INFINITY),
        any::<u64>().prop_map(f64::from_bits),
    ];
    (
        absent_or(word().prop_map(Value::U64)),
        absent_or(word().prop_map(Value::U64)),
        absent_or(word().prop_map(|w| Value::I64(w.cast_signed()))),
        absent_or(double.prop_map(Value::F64)),
        absent_or(any::<bool>().prop_map(Value::Bool)),
        absent_or("[a-zä]{0,6}".prop_map(Value::String)),
        absent_or(proptest::collection::vec(any::<u8>(), 0..9).prop_map(Value::Bytes)),
    )
        .prop_map(|(a, b, c, d, e, f, g)| vec![a, b, c, d, e, f, g])
}

/// Fewer than `most` samples of a few instances that come and go, in any order, less than
/// `step_ns` apart.
pub fn samples(most: usize, step_ns: u64) -> impl Strategy<Value = Vec<Sample>> {
    let instances = proptest::sample::subsequence((0usize..5).collect::<Vec<_>>(), 0..=5);
    let sample = (0u64..step_ns, instances.prop_shuffle()).prop_flat_map(|(step, present)| {
        let rows: Vec<_> = present.into_iter().map(|at| (Just(keys(at)), values())).collect();
        (Just(step), rows)
    });
    proptest::collection::vec(sample, 0..most)
}

fn keys(instance: usize) -> Vec<Value> {
    vec![Value::U64(instance as u64 % 3), Value::String(format!("disk{}", instance / 3))]
}

/// The rows of samples that begin at `start_ns`, sorted within a sample by keys.
pub fn expected(start_ns: u64, samples: &[Sample]) -> Vec<Row> {
    let mut time = start_ns;
    let mut rows = Vec::new();
    for (step, instances) in samples {
        time += step;
        rows.extend(instances.iter().map(|(keys, values)| (time, keys.clone(), values.clone())));
    }
    sorted(rows)
}

/// Rows by time, then keys; rows of equal time and keys stay in their order.
pub fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|(time, keys, _)| (*time, format!("{keys:?}")));
    rows
}
