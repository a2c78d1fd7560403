//! Sums of what was sampled: whether a row is there is a throw of dice.

use serde_json::Value;

/// Asserts that the weights of rows add up to what there was, within four standard deviations.
///
/// Of few that came by chance the deviation seems less than it is, so it is at least that of what was
/// there, had all come with the largest weight.
///
/// # Panics
/// When they do not.
pub fn assert_weights(rows: &[Value], column: &str, was: f64) {
    let weights: Vec<f64> = rows.iter().filter_map(|row| row[column].as_f64()).collect();
    let sum = weights.iter().sum::<f64>();
    let squares = weights.iter().map(|weight| weight * weight).sum::<f64>();
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let sigma = squares.max(was * largest).sqrt();
    let said = format!("{} rows stand for {sum:.4e} of {was:.4e}, sigma {sigma:.2e}", rows.len());
    println!("{said}");
    assert!((sum - was).abs() <= 4.0 * sigma, "{said}");
}
