//! `nodemon.toml`.

use super::ConfigError;
use super::catalogue::Catalogue;
use super::section::{Document, Name, Section};
use super::settings::{Settings, SourceSettings};
use super::trigger::triggers;
use crate::source::{FILTER_KEYS, FUNCTIONS, Filters};
use nodemon_formats::narrow::duration_ns;
use nodemon_formats::writer::TierOptions;
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::DeTable;

/// What the file at `path` says.
///
/// # Errors
/// [`ConfigError`] with the place: a file that cannot be read, that is no TOML, or that has a key,
/// a source or a value that is not known.
pub fn read(path: &Path, catalogue: &Catalogue) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    parse(Document { path, text: &text }, catalogue)
}

/// What `document` says.
///
/// # Errors
/// As [`read`].
pub fn parse(document: Document<'_>, catalogue: &Catalogue) -> Result<Settings, ConfigError> {
    let tree = DeTable::parse(document.text).map_err(|error| {
        let span = error.span().unwrap_or(document.text.len()..document.text.len());
        document.error(&span, error.message().replace('\n', "; "))
    })?;
    let mut section = Section::new(document, tree.get_ref());
    let settings = Settings {
        directory: section.text("directory")?.map(Into::into),
        trust_directory: section.flag("trust_directory")?,
        ring_size_bytes: section.size("ring_size")?,
        queue_size_bytes: section.size("queue_size")?,
        tiers: tiers(document, &mut section)?,
        pin_size: section.share("pin_size")?,
        cpu: section.number("cpu")?,
        arguments: section.parsed("arguments")?,
        secret_names: section
            .texts("secret_names")?
            .map(|names| names.into_iter().map(|name| name.text.to_owned()).collect()),
        interval: section.interval("interval")?,
        only: names(document, section.texts("only")?, catalogue)?.filter(|list| !list.is_empty()),
        without: names(document, section.texts("without")?, catalogue)?.unwrap_or_default(),
        sources: sources(document, &mut section, catalogue)?,
        triggers: triggers(document, &mut section, catalogue)?,
    };
    section.finish()?;
    Ok(settings)
}

fn names(
    document: Document<'_>,
    list: Option<Vec<Name<'_>>>,
    catalogue: &Catalogue,
) -> Result<Option<Vec<String>>, ConfigError> {
    let check = |name: Name<'_>| match catalogue.check_source_or_table(name.text) {
        Ok(()) => Ok(name.text.to_owned()),
        Err(what) => Err(document.error(&name.span, what)),
    };
    list.map(|list| list.into_iter().map(check).collect()).transpose()
}

fn tiers(
    document: Document<'_>,
    section: &mut Section<'_>,
) -> Result<Option<Vec<TierOptions>>, ConfigError> {
    let Some(value) = section.take("tiers") else { return Ok(None) };
    let wanted = "`tiers` must be a list, as in [{ step = \"1s\", size = \"128MiB\" }]";
    let wrong = |span| document.error(&span, wanted);
    let list = value.get_ref().as_array().ok_or_else(|| wrong(value.span()))?;
    let mut tiers = Vec::new();
    for item in list.iter() {
        let table = item.get_ref().as_table().ok_or_else(|| wrong(item.span()))?;
        let mut tier = Section::new(document, table);
        let (step, size) = (tier.interval("step")?, tier.size("size")?);
        tier.finish()?;
        let (Some(step), Some(size_bytes)) = (step, size) else {
            return Err(document.error(&item.span(), "a tier takes both `step` and `size`"));
        };
        tiers.push(TierOptions { step_ns: duration_ns(step), size_bytes });
    }
    Ok(Some(tiers))
}

fn sources(
    document: Document<'_>,
    section: &mut Section<'_>,
    catalogue: &Catalogue,
) -> Result<BTreeMap<String, SourceSettings>, ConfigError> {
    let Some(value) = section.take("source") else { return Ok(BTreeMap::new()) };
    let wanted = "`source` must be a table of tables: [source.NAME]";
    let wrong = |span| document.error(&span, wanted);
    let tables = value.get_ref().as_table().ok_or_else(|| wrong(value.span()))?;
    let mut sources = BTreeMap::new();
    for (name, value) in tables {
        let check = catalogue.check_source(name.get_ref());
        check.map_err(|what| document.error(&name.span(), what))?;
        let table = value.get_ref().as_table().ok_or_else(|| wrong(value.span()))?;
        let mut source = Section::new(document, table);
        let mut settings = SourceSettings {
            interval: source.interval("interval")?,
            enabled: source.flag("enabled")?,
            ..SourceSettings::default()
        };
        match catalogue.kind(name.get_ref()) {
            Some(kind) if kind.is_kernel_sampled() => {
                settings.drain = source.interval("drain")?;
                settings.feed = source.parsed("feed")?;
            }
            Some(kind) if kind.is_ebpf() => settings.filters = filters(document, &mut source)?,
            _ => {}
        }
        source.finish()?;
        sources.insert(name.get_ref().to_string(), settings);
    }
    Ok(sources)
}

fn filters(document: Document<'_>, section: &mut Section<'_>) -> Result<Filters, ConfigError> {
    let mut filters = Filters::default();
    for function in section.texts(FUNCTIONS)?.unwrap_or_default() {
        let told = |what| document.error(&function.span, format!("`{FUNCTIONS}`: {what}"));
        filters.set(FUNCTIONS, function.text).map_err(told)?;
    }
    for key in FILTER_KEYS.into_iter().filter(|key| *key != FUNCTIONS) {
        let Some(value) = section.take(key) else { continue };
        let number = value.get_ref().as_integer().map(|number| number.as_str());
        let text = value.get_ref().as_str().or(number).unwrap_or_default();
        let told = |what| document.error(&value.span(), format!("`{key}`: {what}"));
        filters.set(key, text).map_err(told)?;
    }
    Ok(filters)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Document, TierOptions, parse};
    use crate::config::{Catalogue, Config, Places, Settings, document};
    use crate::redact::{Arguments, Shown};
    use crate::source::{Feed, SourceKind};
    use crate::sources::SOURCES;
    use proptest::prelude::*;
    use std::path::Path;
    use std::time::Duration;

    fn read(text: &str) -> Result<Settings, String> {
        let document = Document { path: Path::new("n.toml"), text };
        parse(document, &Catalogue::new(&SOURCES)).map_err(|error| error.to_string())
    }

    fn resolved(settings: Settings) -> Config {
        let places = Places::of_this_process();
        let catalogue = Catalogue::new(&SOURCES);
        let anywhere = Settings { directory: Some("/tmp".into()), ..Settings::default() };
        Config::resolve(&[settings, anywhere], &catalogue, &places).unwrap()
    }

    #[test]
    fn the_printed_default_with_every_key_uncommented_changes_nothing() {
        let printed = document(&Catalogue::new(&SOURCES));
        let key = |line: &str| match line.strip_prefix('#') {
            Some(key) if !key.starts_with([' ', '#']) => key.to_owned(),
            _ => line.to_owned(),
        };
        let full = printed.lines().map(key).collect::<Vec<_>>().join("\n");
        let settings = read(&full).unwrap();
        assert_eq!(settings.sources.len(), SOURCES.len(), "every source has its section");
        assert_eq!(settings.directory.as_deref(), Some(Path::new("/var/lib/nodemon")));
        let ring_bytes = crate::config::DEFAULT_RING_BYTES;
        assert_eq!(settings.ring_size_bytes, Some(ring_bytes));
        let tier = |tier: &TierOptions| (tier.step_ns, tier.size_bytes);
        assert_eq!(
            settings.tiers.iter().flatten().map(tier).collect::<Vec<_>>(),
            TierOptions::defaults(ring_bytes).iter().map(tier).collect::<Vec<_>>(),
        );
        let (full, none) = (resolved(settings), resolved(read(&printed).unwrap()));
        assert_eq!(full.queue_size_bytes, none.queue_size_bytes);
        assert_eq!(full.cpu, none.cpu);
        assert_eq!(full.pin_size_bytes, none.pin_size_bytes);
        assert!(full.sources == none.sources, "the printed cadences are not the default ones");
        assert_eq!(full.triggers, none.triggers, "the printed triggers are not those built in");
        assert!(full.triggers.len() > 5);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_the_nearest_that_is_right() {
        for (text, told) in [
            (
                "ringsize = \"1GiB\"",
                "n.toml:1:1: there is no key `ringsize`; did you mean `ring_size`?",
            ),
            ("\n  cpus = 3", "n.toml:2:3: there is no key `cpus`; did you mean `cpu`?"),
            ("zzzzzz = 3", "n.toml:1:1: there is no key `zzzzzz`"),
            (
                "[source.sta]\ninterval = \"1s\"",
                "n.toml:1:9: there is no source `sta`; did you mean `stat`?",
            ),
            (
                "[source.stat]\nintervall = \"1s\"",
                "n.toml:2:1: there is no key `intervall`; did you mean `interval`?",
            ),
            ("[source.cpu]", "n.toml:1:9: `cpu` is a table; its source is `cpus`"),
            (
                "[source.stat]\ninterval = 1",
                "n.toml:2:12: `interval` must be a duration, as in \"10s\", not a TOML integer",
            ),
            (
                "interval = \"10us\"",
                "n.toml:1:12: `interval`: an interval must lie between 1ms and 1d, and 10us does \
                 not",
            ),
            (
                "ring_size = \"lots\"",
                "n.toml:1:13: `ring_size`: `lots` is not a size: write a number and a unit, as in \
                 8GiB or 500MB",
            ),
            (
                "ring_size = -1",
                "n.toml:1:13: `ring_size` must be a size, as in \"8GiB\", not a TOML integer",
            ),
            ("cpu = \"all\"", "n.toml:1:7: `cpu` must be a whole number, not a TOML string"),
            (
                "without = [\"stat\", \"sofirq\"]",
                "n.toml:1:20: there is no source or table `sofirq`; did you mean `softirq`?",
            ),
            ("tiers = [{ step = \"1s\" }]", "n.toml:1:10: a tier takes both `step` and `size`"),
            ("source = 3", "n.toml:1:10: `source` must be a table of tables: [source.NAME]"),
        ] {
            assert_eq!(read(text).unwrap_err(), told, "in {text}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_place() {
        let told = read("ring_size = \"1GiB\"\ncpu = = 3\n").unwrap_err();
        assert!(told.starts_with("n.toml:2:"), "{told}");
    }

    #[test]
    fn the_layer_that_counts_most_decides_even_against_what_is_said_of_one_source() {
        let file = read("interval = \"5s\"\n[source.cpus]\ninterval = \"2s\"").unwrap();
        let of = |config: &Config, name: &str| {
            let source = config.sources.iter().find(|source| source.descriptor.name == name);
            source.map(|source| source.asked.interval)
        };
        let alone = resolved(file.clone());
        assert_eq!(of(&alone, "cpus"), Some(Duration::from_secs(2)));
        assert_eq!(of(&alone, "stat"), Some(Duration::from_secs(5)));

        let flags = Settings { interval: Some(Duration::from_millis(50)), ..Settings::default() };
        let catalogue = Catalogue::new(&SOURCES);
        let places = Places::of_this_process();
        let both = Config::resolve(&[flags, file], &catalogue, &places).unwrap();
        assert_eq!(of(&both, "cpus"), Some(Duration::from_millis(50)));
        let cpus = both.sources.iter().find(|source| source.descriptor.name == "cpus").unwrap();
        let cpu = cpus.tables.iter().find(|(schema, _)| schema.name == "cpu").unwrap();
        assert_eq!(
            cpu.0.interval_ns, 50_000_000,
            "the schema says at what cadence it was recorded"
        );
    }

    #[test]
    fn what_the_kernel_may_feed_can_be_told_from_where_and_how_often_it_is_drained() {
        let text = "[source.cpus]\nfeed = \"ebpf\"\ndrain = \"100ms\"";
        let config = resolved(read(text).unwrap());
        let cpus = config.sources.iter().find(|source| source.descriptor.name == "cpus").unwrap();
        assert_eq!(cpus.asked.feed, Some(Feed::Ebpf));
        assert_eq!(cpus.asked.drain, Some(Duration::from_millis(100)));
        let wrong = read("[source.cpus]\nfeed = \"luck\"").unwrap_err();
        assert_eq!(wrong, "n.toml:2:8: `feed`: `luck` must be module, ebpf or proc");
        let other = read("[source.stat]\nfeed = \"proc\"").unwrap_err();
        assert!(other.contains("there is no key `feed`"), "{other}");
    }

    #[test]
    fn what_of_command_lines_is_recorded_is_asked_of_the_sources_that_have_some() {
        let config = resolved(read("arguments = \"none\"\nsecret_names = [\"ticket\"]").unwrap());
        for source in &config.sources {
            let arguments = &source.asked.arguments;
            let is_asked = *arguments != Arguments::default();
            let has_some = ["process", "process_event"].contains(&source.descriptor.name);
            assert_eq!(is_asked, has_some, "{}", source.descriptor.name);
            if has_some {
                assert_eq!((arguments.shown, arguments.secret_names.len()), (Shown::None, 1));
            }
        }
        let wrong = read("arguments = \"some\"").unwrap_err();
        assert_eq!(wrong, "n.toml:1:13: `arguments`: `some` must be full, redacted or none");
    }

    #[test]
    fn a_table_can_be_left_out_of_its_source_and_a_source_without_tables_does_not_run() {
        let config = resolved(read("without = [\"cpu\", \"netdev\", \"load\"]").unwrap());
        let find = |name: &str| config.sources.iter().find(|source| source.descriptor.name == name);
        let cpus = find("cpus").unwrap();
        for (schema, kept) in &cpus.tables {
            assert_eq!(*kept, schema.name != "cpu", "{}", schema.name);
        }
        assert!(find("netdev").is_none());
        assert!(find("loadavg").is_none(), "its only table was left out");
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "\\PC{0,60}|(source|cpu|tiers|[.=\\[\\]{}\"\n a1]){0,30}") {
            let _ = read(&text);
        }
    }

    #[test]
    fn every_source_of_programs_in_the_kernel_has_filters_those_on_interfaces_too() {
        let of_programs = SOURCES.iter().filter(|source| !source.kind.group().is_empty());
        let mut on_interfaces = 0;
        for source in of_programs {
            let is_on = matches!(source.kind, SourceKind::Ebpf { on_interfaces: true, .. });
            on_interfaces += usize::from(is_on);
            let document = format!("[source.{}]\ninterface = \"lo\"\n", source.name);
            let settings = read(&document);
            let settings = settings.unwrap_or_else(|error| panic!("{}: {error}", source.name));
            let filters = &settings.sources[source.name].filters;
            assert_eq!(filters.interface.as_deref(), Some("lo"), "{}", source.name);
        }
        assert!(on_interfaces > 0, "no source is attached to interfaces");
    }
}
