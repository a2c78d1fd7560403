//! What columns are called elsewhere: by sar, iostat, ss, top.

/// What somebody types who comes from another tool, and the columns that say the same.
const SYNONYMS: [(&str, &[&str]); 16] = [
    ("usr", &["user_ns"]),
    ("us", &["user_ns"]),
    ("sys", &["system_ns"]),
    ("sy", &["system_ns"]),
    ("wa", &["iowait_ns"]),
    ("id", &["idle_ns"]),
    ("st", &["steal_ns"]),
    ("util", &["io_time_ns", "busy_ns"]),
    ("await", &["read_time_ns", "write_time_ns", "weighted_io_time_ns"]),
    ("r_await", &["read_time_ns"]),
    ("w_await", &["write_time_ns"]),
    ("aqu-sz", &["weighted_io_time_ns", "in_flight"]),
    ("remote_port", &["remote"]),
    ("local_port", &["local"]),
    ("comm", &["command"]),
    ("rss", &["rss_bytes"]),
];

/// The first of `known` that says what others call `typed`.
pub fn synonym<'a>(typed: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    let typed = typed.trim_start_matches('%').to_lowercase();
    let (_, columns) = SYNONYMS.iter().find(|(name, _)| *name == typed)?;
    let is_known = |name: &&&str| known.clone().any(|known| known == **name);
    columns.iter().find(is_known).map(|name| (*name).to_owned())
}
