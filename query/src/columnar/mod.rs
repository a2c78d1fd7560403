//! Sinks for column formats: Parquet and Arrow.

#[cfg(test)]
pub(crate) mod arbitrary;
pub mod arrow;
#[cfg(test)]
mod independent;
mod metadata;
pub mod parquet;
