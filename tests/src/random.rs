//! Chance that can be had again.

/// A generator of random numbers whose seed is printed, so that a failure can be repeated with
/// `NODEMON_SEED`.
pub fn seeded(test: &str) -> fastrand::Rng {
    let seed = match std::env::var("NODEMON_SEED") {
        Ok(text) => text.parse().expect("NODEMON_SEED is a number"),
        Err(_) => fastrand::u64(..),
    };
    println!("{test}: repeat with NODEMON_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}
