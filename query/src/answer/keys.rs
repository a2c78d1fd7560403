//! Keys in a batch.

use nodemon_formats::Value;
use nodemon_formats::interner::Interner;

/// The word of a key in a batch whose strings are `strings`; `None` where it is absent.
pub fn key_word(key: &Value, strings: &mut Interner) -> Option<u64> {
    Some(match key {
        Value::U64(value) => *value,
        Value::I64(value) => value.cast_unsigned(),
        Value::F64(value) => value.to_bits(),
        Value::Bool(value) => u64::from(*value),
        Value::String(value) => strings.intern(value.as_bytes()).into(),
        Value::Bytes(value) => strings.intern(value).into(),
        Value::Absent => return None,
    })
}
