//! Sinks for column formats: Parquet and Arrow.

#[cfg(test)]
mod arbitrary;
mod metadata;
pub mod parquet;
