//! How the ring is split among fine rows, the others, and the tiers.

use nodemon_formats::narrow::whole;
use nodemon_formats::writer::LEAST_RING_BYTES;

/// No share is smaller than one in so many of the ring, whatever is estimated: what is not needed is
/// lent.
const LEAST_PART: u64 = 32;

/// Splits `ring_bytes` by what each of the rings needs, fine rows first. Where there is not enough
/// for all, fine rows have half of it at most: on a machine of many CPUs they would leave nothing to
/// what lasts longer.
pub fn split(ring_bytes: u64, needs: &[f64]) -> Vec<u64> {
    let mut needs = needs.to_vec();
    let all: f64 = needs.iter().sum();
    let others = all - needs.first().copied().unwrap_or(0.0);
    if let Some(fine) = needs.first_mut()
        && all > ring_bytes as f64
        && others > 0.0
    {
        *fine = fine.min(others);
    }
    let all: f64 = needs.iter().sum();
    let least = (ring_bytes / LEAST_PART).max(LEAST_RING_BYTES);
    let count = needs.len() as u64;
    let rest = ring_bytes.saturating_sub(least * count) as f64;
    let part = |need: &f64| if all > 0.0 { need / all } else { 1.0 / count as f64 };
    needs.iter().map(|need| least + whole(rest * part(need))).collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    const GB: f64 = 1e9;

    #[test]
    fn each_ring_has_what_it_needs_and_the_same_part_of_what_is_left() {
        let shares = split(4 << 30, &[0.6 * GB, 0.5 * GB, 0.06 * GB, 0.6 * GB]);
        assert!(shares.iter().sum::<u64>() <= 4 << 30, "{shares:?}");
        assert!(shares[0] as f64 > 1.2 * GB && shares[1] as f64 > GB, "{shares:?}");
        assert!(shares[2] as f64 > 0.12 * GB && shares[3] as f64 > 1.2 * GB, "{shares:?}");
    }

    #[test]
    fn where_not_all_fits_fine_rows_have_half_and_the_others_share_the_rest() {
        let shares = split(4 << 30, &[31.0 * GB, 2.0 * GB, 3.6 * GB, 3.2 * GB]);
        let part = |at: usize| shares[at] as f64 / f64::from(1u32 << 30) / 4.0;
        assert!((0.4..=0.5).contains(&part(0)), "{shares:?}");
        assert!(part(1) > 0.1 && part(2) > 0.15 && part(3) > 0.15, "{shares:?}");
    }

    #[test]
    fn without_anything_to_record_and_in_the_smallest_ring_no_share_is_too_small() {
        assert_eq!(split(32 << 20, &[0.0, 0.0]), [16 << 20, 16 << 20]);
        let shares = split(128 << 20, &[1e15, 1.0, 1.0, 1.0]);
        assert!(shares.iter().all(|share| *share >= 4 << 20), "{shares:?}");
    }
}
