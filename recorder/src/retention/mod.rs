//! How long a recording lasts on this node, and how its ring is split so that it lasts as long as
//! it should.

mod estimate;
mod node;
mod split;

pub use estimate::Rates;
pub use node::Node;

use crate::config::Config;
use nodemon_formats::reader::{Lasting, Recording, RingKind, RingSummary, lasting_phrase};
use nodemon_formats::writer::{FINE_BELOW_NS, TierOptions, WriterOptions};

const HOUR_S: f64 = 3600.0;

/// How long fine rows are to be kept, and rows of once a second.
const FINE_S: f64 = 12.0 * HOUR_S;
const ROWS_S: f64 = 72.0 * HOUR_S;

/// How long a tier is to be kept: as long as rows of once a second, or sixty days.
const TIER_S: [(u64, f64); 2] = [(1_000_000_000, ROWS_S), (60_000_000_000, 60.0 * 24.0 * HOUR_S)];

/// How the recording is written: the ring is split so that all rings keep their rows for the same
/// part of the time that they should, as far as that can be estimated. Tiers that somebody has
/// configured are as large as he says.
pub fn writer_options(config: &Config, node: &Node) -> WriterOptions {
    WriterOptions { pin_size_bytes: config.pin_size_bytes, ..split_options(config, node) }
}

fn split_options(config: &Config, node: &Node) -> WriterOptions {
    let ring_bytes = config.ring_size_bytes;
    let mut options = match &config.tiers {
        Some(tiers) => WriterOptions::with_tiers(ring_bytes, tiers.clone()),
        None => WriterOptions::new(ring_bytes),
    };
    if options.fine_size_bytes == 0 {
        return options;
    }
    let rates = estimate::of_rows(&config.sources, node);
    let mut needs = vec![rates.fine * FINE_S, rates.rows * ROWS_S];
    if config.tiers.is_some() {
        let rest_bytes = options.fine_size_bytes + options.raw_size_bytes();
        options.fine_size_bytes = split::split(rest_bytes, &needs)[0];
        return options;
    }
    let needed = |tier: &TierOptions| {
        let wanted = TIER_S.iter().find(|(step_ns, _)| *step_ns == tier.step_ns);
        let seconds = wanted.map_or(ROWS_S, |(_, seconds)| *seconds);
        estimate::of_tier(&config.sources, node, tier.step_ns) * seconds
    };
    needs.extend(options.tiers.iter().map(needed));
    let shares = split::split(ring_bytes, &needs);
    options.fine_size_bytes = shares[0];
    for (tier, share) in options.tiers.iter_mut().zip(&shares[2..]) {
        tier.size_bytes = *share;
    }
    options
}

/// How long the recording will last, in a sentence: at the rate of what is recorded already, or as
/// estimated.
pub fn in_words(config: &Config) -> Option<String> {
    let node = Node::this();
    let options = writer_options(config, &node);
    let recorded = Recording::open(&config.directory).ok();
    let recorded = recorded.and_then(|recording| recording.rings().ok()).unwrap_or_default();
    let rings = rings(config, &options, &node);
    let is_measured = |ring: &RingSummary| {
        ring.bytes_per_second.is_some() && matches!(ring.kind, RingKind::Rows { .. })
    };
    let (rings, how) = if recorded.iter().any(is_measured) {
        (measured(rings, &recorded), "at the rate of what is recorded there".to_owned())
    } else {
        let how = format!(
            "estimated for {} CPUs, {} processes and an ordinary load",
            node.cpus, node.processes
        );
        (rings, how)
    };
    let all: Vec<Lasting> = rings.iter().filter_map(Planned::lasting).collect();
    Some(format!("{}, {how}", lasting_phrase(&all)?))
}

/// A ring as it is planned.
struct Planned {
    kind: RingKind,
    share_bytes: u64,
    bytes_per_second: f64,
}

impl Planned {
    fn lasting(&self) -> Option<Lasting> {
        let seconds = self.share_bytes as f64 / self.bytes_per_second;
        let is_needed = self.bytes_per_second > 0.0;
        is_needed.then_some(Lasting { step_ns: self.kind.step_ns(), seconds: Some(seconds) })
    }
}

fn rings(config: &Config, options: &WriterOptions, node: &Node) -> Vec<Planned> {
    let rates = estimate::of_rows(&config.sources, node);
    let shortest = |is_fine: bool| {
        let intervals = config.sources.iter().filter_map(estimate::interval_ns);
        let of_ring = intervals.filter(|interval| (*interval < FINE_BELOW_NS) == is_fine);
        of_ring.min().unwrap_or(FINE_BELOW_NS)
    };
    let rows = |interval_ns, share_bytes, bytes_per_second| Planned {
        kind: RingKind::Rows { interval_ns },
        share_bytes,
        bytes_per_second,
    };
    let mut rings = match options.fine_size_bytes {
        0 => {
            let shortest_ns = shortest(true).min(shortest(false));
            vec![rows(shortest_ns, options.raw_size_bytes(), rates.fine + rates.rows)]
        }
        fine_bytes => vec![
            rows(shortest(true), fine_bytes, rates.fine),
            rows(shortest(false), options.raw_size_bytes(), rates.rows),
        ],
    };
    rings.extend(options.tiers.iter().map(|tier| Planned {
        kind: RingKind::Tier { step_ns: tier.step_ns },
        share_bytes: tier.size_bytes,
        bytes_per_second: estimate::of_tier(&config.sources, node, tier.step_ns),
    }));
    rings
}

/// The same rings with the rates that were measured, where they were.
fn measured(rings: Vec<Planned>, recorded: &[RingSummary]) -> Vec<Planned> {
    let is_alike = |a: RingKind, b: RingKind| match (a, b) {
        (RingKind::Rows { interval_ns: a }, RingKind::Rows { interval_ns: b }) => {
            (a < FINE_BELOW_NS) == (b < FINE_BELOW_NS)
        }
        (a, b) => a == b,
    };
    let with_rate = |ring: Planned| {
        let like = recorded.iter().find(|known| is_alike(known.kind, ring.kind));
        let rate = like.and_then(|known| known.bytes_per_second);
        Planned { bytes_per_second: rate.unwrap_or(ring.bytes_per_second), ..ring }
    };
    rings.into_iter().map(with_rate).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Node, estimate, rings, writer_options};
    use crate::config::{Catalogue, Config, Places, Settings};
    use crate::sources::SOURCES;
    use nodemon_formats::reader::{Lasting, lasting_phrase};

    const SMALL: Node = Node { cpus: 2, processes: 100, cgroups: 6, disks: 4, interfaces: 4 };
    const LARGE: Node = Node { cpus: 128, processes: 1000, cgroups: 60, disks: 10, interfaces: 6 };

    fn config(ring_bytes: u64) -> Config {
        let settings = Settings {
            directory: Some("/nowhere".into()),
            ring_size_bytes: Some(ring_bytes),
            ..Settings::default()
        };
        let catalogue = Catalogue::new(&SOURCES);
        Config::resolve(&[settings], &catalogue, &Places::of_this_process()).unwrap()
    }

    /// For how many hours fine rows, the others, and the tiers of a second and a minute last.
    fn hours(ring_bytes: u64, node: &Node) -> Vec<f64> {
        let config = config(ring_bytes);
        let options = writer_options(&config, node);
        options.check().unwrap();
        let lasting = rings(&config, &options, node);
        let all: Vec<Lasting> = lasting.iter().map(|ring| ring.lasting().unwrap()).collect();
        println!("{node:?}, {ring_bytes} bytes: {}", lasting_phrase(&all).unwrap());
        println!(
            "  {:?} bytes a second",
            lasting.iter().map(|r| r.bytes_per_second as u64).collect::<Vec<_>>()
        );
        all.iter().map(|ring| ring.seconds.unwrap() / 3600.0).collect()
    }

    #[test]
    fn the_default_ring_keeps_fine_rows_half_a_day_seconds_three_days_and_minutes_two_months() {
        let hours = hours(4 << 30, &SMALL);
        let wanted = [12.0, 72.0, 72.0, 60.0 * 24.0];
        assert_eq!(hours.len(), wanted.len());
        for (hours, wanted) in hours.iter().zip(wanted) {
            assert!(*hours > 1.5 * wanted, "{hours} h, {wanted} h is wanted and some for a load");
        }
    }

    #[test]
    fn on_a_large_node_each_ring_lasts_some_hours_and_forty_times_the_ring_does_it_all() {
        let small = hours(4 << 30, &LARGE);
        let least = [0.5, 8.0, 8.0, 7.0 * 24.0];
        assert!(small.iter().zip(least).all(|(hours, least)| *hours > least), "{small:?}");
        let large = hours(48 << 30, &LARGE);
        let wanted = [12.0, 72.0, 72.0, 60.0 * 24.0];
        assert!(large.iter().zip(wanted).all(|(hours, wanted)| *hours > wanted), "{large:?}");
    }

    #[test]
    fn rings_of_every_size_are_split_into_shares_that_can_be_kept() {
        for size_mib in [4, 16, 32, 33, 100, 128, 129, 300, 1024, 10_000] {
            for node in [SMALL, LARGE] {
                let options = writer_options(&config(size_mib << 20), &node);
                options.check().unwrap_or_else(|error| panic!("{size_mib} MiB: {error}"));
                assert_eq!(options.ring_size_bytes, size_mib << 20);
                assert_eq!(options.fine_size_bytes > 0, size_mib >= 32, "{size_mib} MiB");
                assert_eq!(options.tiers.len(), if size_mib < 128 { 0 } else { 2 });
            }
        }
    }

    #[test]
    fn what_nothing_samples_so_often_takes_nothing() {
        let mut config = config(4 << 30);
        config.sources.retain(|source| source.descriptor.name != "cpus");
        assert!(estimate::of_rows(&config.sources, &SMALL).fine < 1e-9);
        assert!(estimate::of_tier(&config.sources, &SMALL, 1_000_000_000) < 1e-9);
    }
}
