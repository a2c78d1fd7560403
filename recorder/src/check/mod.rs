//! `check`: what this host can record, what it cannot, why, and what to do about it.

mod cost;
mod host;
mod place;
mod sources;
mod triggers;

pub use cost::Costs;
pub use place::lack_of_room;

use crate::config::{Catalogue, Config};
use crate::source::Context;
use nodemon_formats::text::{printable, wrap};
use std::fmt;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Yes,
    /// Some of it.
    Partly,
    /// Not at all.
    No,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Yes => "yes",
            Verdict::Partly => "partly",
            Verdict::No => "no",
        }
    }
}

/// One line of the answer, and what there is to say about it.
#[derive(Debug)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// How it is.
    pub verdict: Verdict,
    /// What it is, in a phrase.
    pub what: String,
    /// Why it is not better, and what to do; a sentence each.
    pub notes: Vec<String>,
}

/// What was found.
pub struct Report {
    title: String,
    host: Vec<Finding>,
    place: Vec<Finding>,
    sources: Vec<Finding>,
    triggers: Vec<Finding>,
}

impl Report {
    /// Looks at this host, as `config` would have it recorded.
    pub fn from_config(config: &Config, catalogue: &Catalogue) -> Report {
        let context = Context { recording: config.directory.clone(), ..Context::default() };
        let sources = sources::findings(config, catalogue, &context);
        Report {
            title: host::title(),
            host: host::findings(&context),
            place: place::findings(config),
            triggers: triggers::findings(config, catalogue, &sources),
            sources,
        }
    }

    /// Whether there is something to record, and somewhere to put it.
    pub fn can_record(&self) -> bool {
        // Without BTF much can be recorded, by another clock nothing.
        let is_in_the_way = |finding: &&Finding| finding.subject == host::CLOCK;
        let needed = self.place.iter().chain(self.host.iter().filter(is_in_the_way));
        needed.into_iter().all(|finding| finding.verdict != Verdict::No)
            && self.sources.iter().any(|finding| finding.verdict != Verdict::No)
    }
}

/// Texts have at least so many characters of a line.
const LEAST_ROOM: usize = 30;

/// With a width, in lines of up to so many characters.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", printable(&self.title))?;
        let all = || self.host.iter().chain(&self.place).chain(&self.sources).chain(&self.triggers);
        let width = all().map(|finding| finding.subject.chars().count()).max().unwrap_or(0);
        for (heading, findings) in [
            ("This host", &self.host),
            ("The recording", &self.place),
            ("Sources", &self.sources),
            ("Triggers", &self.triggers),
        ] {
            if findings.is_empty() {
                continue;
            }
            writeln!(f, "\n{heading}")?;
            for Finding { subject, verdict, what, notes } in findings {
                let (verdict, what) = (verdict.word(), printable(what));
                let (before, mut subject) = (width + 12, subject.as_str());
                let mut verdict = verdict;
                let room = f.width().map_or(usize::MAX, |all| all.saturating_sub(before));
                let notes: Vec<_> = notes.iter().map(|note| printable(note)).collect();
                for text in std::iter::once(&what).chain(&notes) {
                    for line in wrap(text, room.max(LEAST_ROOM)) {
                        writeln!(f, "  {subject:width$}  {verdict:6}  {line}")?;
                        (subject, verdict) = ("", "");
                    }
                }
            }
        }
        let count =
            |verdict| self.sources.iter().filter(|finding| finding.verdict == verdict).count();
        let (yes, partly, no) = (count(Verdict::Yes), count(Verdict::Partly), count(Verdict::No));
        writeln!(f, "\n{yes} sources can be recorded, {partly} partly, {no} not.")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Report, Verdict};
    use crate::config::{Catalogue, Config, Places, Settings};
    use crate::sources::SOURCES;
    use std::path::Path;

    fn report(directory: &Path) -> Report {
        let catalogue = Catalogue::new(&SOURCES);
        let settings = Settings {
            directory: Some(directory.to_owned()),
            ring_size_bytes: Some(64 << 20),
            ..Settings::default()
        };
        let config = Config::resolve(&[settings], &catalogue, &Places::of_this_process()).unwrap();
        Report::from_config(&config, &catalogue)
    }

    #[test]
    fn this_host_can_be_recorded_and_every_source_is_accounted_for() {
        let dir = tempfile::tempdir().unwrap();
        let report = report(&dir.path().join("not/there/yet"));
        assert!(report.can_record(), "{report}");
        assert_eq!(report.sources.len(), SOURCES.len());
        let stat = report.sources.iter().find(|finding| finding.subject == "stat").unwrap();
        assert_eq!(stat.verdict, Verdict::Yes, "{stat:?}");
        for finding in &report.sources {
            let explained = finding.verdict == Verdict::Yes || !finding.notes.is_empty();
            assert!(explained, "why is {} not fully recorded?", finding.subject);
        }
        assert!(!dir.path().join("not").exists(), "check creates nothing");
    }

    #[test]
    fn the_columns_of_the_answer_line_up() {
        let dir = tempfile::tempdir().unwrap();
        let text = report(dir.path()).to_string();
        let verdicts = ["yes", "partly", "no"];
        let mut places: Vec<usize> = text
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .map(|line| {
                let word = line.split_whitespace().find(|word| verdicts.contains(word));
                let word = word.unwrap_or_else(|| panic!("no verdict in {line}"));
                line.find(&format!(" {word} ")).unwrap()
            })
            .collect();
        assert!(places.len() > SOURCES.len());
        places.dedup();
        assert_eq!(places.len(), 1, "verdicts stand in columns {places:?} of\n{text}");
    }

    #[test]
    fn a_ring_that_the_disk_has_no_room_for_is_told_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::new(&SOURCES);
        let settings = Settings {
            directory: Some(dir.path().to_owned()),
            ring_size_bytes: Some(1 << 60),
            ..Settings::default()
        };
        let places = Places::of_this_process();
        let config = Config::resolve(&[settings], &catalogue, &places).unwrap();
        let told = super::lack_of_room(&config).unwrap();
        assert!(told.contains("1.0 EiB") && told.contains("--ring-size"), "{told}");
        let report = Report::from_config(&config, &catalogue);
        assert!(report.can_record() && report.to_string().contains(&told), "{report}");
    }

    #[test]
    fn without_a_place_to_write_to_nothing_can_be_recorded() {
        let report = report(Path::new("/proc/nodemon"));
        assert!(!report.can_record(), "{report}");
        let told = report.to_string();
        assert!(told.contains("/proc/nodemon") && told.contains("--dir"), "{told}");
    }
}
