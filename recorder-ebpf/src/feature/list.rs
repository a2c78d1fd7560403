//! Every feature, as `build.rs` found them in `features/`.

include!(concat!(env!("OUT_DIR"), "/features.rs"));
