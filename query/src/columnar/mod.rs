//! Sinks for column formats: Parquet and Arrow.
