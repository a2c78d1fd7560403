//! `[trigger.NAME]`: the rules that look at what is recorded.

use super::ConfigError;
use super::catalogue::Catalogue;
use super::section::{Document, Section};
use super::suggestion::did_you_mean;
use crate::trigger::{
    Binding, LEAST_EVERY, MOST_NAME_BYTES, MOST_RAISED, MOST_RULES, Misfit, Rule, Side, TABLE,
    built_in,
};
use nodemon_formats::schema::unit;
use nodemon_formats::units::{exact_duration, parse_duration, parse_size};
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

const DAY: Duration = Duration::from_secs(86_400);
const SECOND: Duration = Duration::from_secs(1);
/// What a trigger raises is sampled no less often than this.
const MOST_EVERY: Duration = Duration::from_secs(10);

/// The rules, those that are built in as the sections say; `None` where there is no section.
///
/// # Errors
/// A sentence with its place, where a section makes no sense.
pub fn triggers(
    document: Document<'_>,
    section: &mut Section<'_>,
    catalogue: &Catalogue,
) -> Result<Option<Vec<Rule>>, ConfigError> {
    let Some(value) = section.take("trigger") else { return Ok(None) };
    let wanted = "`trigger` must be a table of tables: [trigger.NAME]";
    let wrong = |span| document.error(&span, wanted);
    let tables = value.get_ref().as_table().ok_or_else(|| wrong(value.span()))?;
    let mut rules = built_in();
    for (name, value) in tables {
        let table = value.get_ref().as_table().ok_or_else(|| wrong(value.span()))?;
        let at = rules.iter().position(|rule| rule.name == **name.get_ref());
        let base = at.and_then(|at| rules.get(at)).cloned();
        let reading = Reading { document, catalogue, name: name.get_ref(), span: name.span() };
        match (reading.rule(table, base)?, at) {
            (Some(rule), Some(at)) => rules.splice(at..=at, [rule]).for_each(drop),
            (Some(rule), None) => rules.push(rule),
            (None, Some(at)) => _ = rules.remove(at),
            (None, None) => {}
        }
    }
    if rules.len() > MOST_RULES {
        return Err(
            document.error(&value.span(), format!("there are more than {MOST_RULES} triggers"))
        );
    }
    Ok(Some(rules))
}

/// One section that is being read.
struct Reading<'a> {
    document: Document<'a>,
    catalogue: &'a Catalogue,
    name: &'a str,
    span: Range<usize>,
}

impl Reading<'_> {
    fn error(&self, span: &Range<usize>, what: impl Into<String>) -> ConfigError {
        self.document.error(span, what)
    }

    /// The rule of a section, which changes `base` where there is one; `None` where it is switched off.
    fn rule(&self, table: &DeTable<'_>, base: Option<Rule>) -> Result<Option<Rule>, ConfigError> {
        self.check_name()?;
        let mut section = Section::new(self.document, table);
        let is_enabled = section.flag("enabled")?.unwrap_or(true);
        let table_value = section.take("table");
        let mut rule = match (section.text("table")?, base) {
            (Some(table), Some(base)) if base.table == table => base,
            (None, Some(base)) => base,
            (Some(table), _) => Rule::new(self.name, table, None),
            (None, None) => return Err(self.error(&self.span, self.no_table())),
        };
        if let Some(column) = section.text("column")? {
            rule.column = Some(column.to_owned());
        }
        let filters = section.take("where");
        if let Some(value) = filters {
            rule.filters = self.filters(value)?;
        }
        let unit = match self.unit(&rule) {
            Ok(unit) => unit,
            Err(Misfit::Column(what)) => {
                let at = section.take("column").or(table_value);
                return Err(self.error(&at.map_or(self.span.clone(), Spanned::span), what));
            }
            // What else does not fit shows when everything is read.
            Err(_) => String::new(),
        };
        let sides = [("above", Side::Above), ("below", Side::Below)];
        let given = sides.map(|(key, side)| (key, section.take(key), side));
        if let [(_, Some(_), _), (_, Some(below), _)] = &given {
            let what = "a trigger has either `above` or `below`";
            return Err(self.error(&below.span(), what));
        }
        for (key, value, side) in given {
            let Some(value) = value else { continue };
            if rule.side != side {
                rule.rise = None;
            }
            (rule.threshold, rule.side) = (self.quantity(key, value, &unit)?, side);
        }
        let has_threshold = ["above", "below"].into_iter().any(|key| section.take(key).is_some());
        self.check_threshold(&rule, has_threshold)?;
        let rise = section.take("rise");
        if let Some(value) = rise {
            let by = self.quantity("rise", value, &unit)?;
            if by < 0.0 || rule.side == Side::Below {
                let what = "`rise` goes with `above`, and is more than 0";
                return Err(self.error(&value.span(), what));
            }
            rule.rise = (by > 0.0).then_some(by);
        }
        rule.per_cpu = section.flag("per_cpu")?.unwrap_or(rule.per_cpu);
        let holds = section.take("for");
        rule.holds = self.duration("for", holds, (Duration::ZERO, DAY), rule.holds)?;
        let cooldown = section.take("cooldown");
        rule.cooldown = self.duration("cooldown", cooldown, (SECOND, DAY), rule.cooldown)?;
        let (every, lasts) = (section.take("every"), section.take("lasts"));
        rule.every = self.duration("every", every, (LEAST_EVERY, MOST_EVERY), rule.every)?;
        rule.lasts = self.duration("lasts", lasts, (SECOND, MOST_RAISED), rule.lasts)?;
        if let Some(names) = section.texts("raises")? {
            let check = |text: &str| self.check_raised(text);
            for name in &names {
                check(name.text).map_err(|what| self.error(&name.span, what))?;
            }
            rule.raises = names.into_iter().map(|name| name.text.to_owned()).collect();
        }
        if let Err(misfit) = self.unit(&rule) {
            let at = match &misfit {
                Misfit::Column(_) => section.take("column").or(table_value),
                Misfit::Where(_) => filters,
                Misfit::For(_) => holds,
                Misfit::Rise(_) => rise,
            };
            let span = at.map_or(self.span.clone(), Spanned::span);
            return Err(self.error(&span, misfit.to_string()));
        }
        section.finish()?;
        Ok(is_enabled.then_some(rule))
    }

    fn check_name(&self) -> Result<(), ConfigError> {
        let is_plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-');
        let name = self.name;
        if name.is_empty() || name.len() > MOST_NAME_BYTES || !name.chars().all(is_plain) {
            let what = format!(
                "the name of a trigger has 1 to {MOST_NAME_BYTES} letters, digits, - and _"
            );
            return Err(self.error(&self.span, what));
        }
        Ok(())
    }

    /// Why a section without `table` makes no sense: its name is that of none that is built in.
    fn no_table(&self) -> String {
        let built_in = built_in();
        let names = built_in.iter().map(|rule| rule.name.as_str());
        let suggestion = did_you_mean(self.name, names);
        format!("there is no trigger `{}`{suggestion}; a new one takes `table`", self.name)
    }

    fn check_threshold(&self, rule: &Rule, is_given: bool) -> Result<(), ConfigError> {
        let is_built_in =
            built_in().iter().any(|known| (&known.name, &known.table) == (&rule.name, &rule.table));
        // An event without a column counts by itself.
        let tables = || self.catalogue.entries.iter().flat_map(|entry| &entry.tables);
        let is_event = |table: &nodemon_formats::Schema| {
            table.name == rule.table && table.kind == nodemon_formats::TableKind::Event
        };
        if is_given || is_built_in || rule.column.is_none() && tables().any(is_event) {
            return Ok(());
        }
        Err(self.error(&self.span, format!("trigger `{}` takes `above` or `below`", self.name)))
    }

    /// The unit of what a rule looks at.
    fn unit(&self, rule: &Rule) -> Result<String, Misfit> {
        let name = &rule.table;
        if name == TABLE {
            return Err(Misfit::Column(format!("no trigger can look at the table `{TABLE}`")));
        }
        let mut tables = self.catalogue.entries.iter().flat_map(|entry| &entry.tables);
        if let Some(schema) = tables.find(|table| table.name == *name) {
            return Ok(Binding::new(rule, schema)?.unit);
        }
        let entries = &self.catalogue.entries;
        if let Some(entry) = entries.iter().find(|entry| entry.descriptor.name == name) {
            let tables = entry.table_names().join(", ");
            return Err(Misfit::Column(format!("`{name}` is a source; its tables are {tables}")));
        }
        let tables = entries.iter().flat_map(|entry| entry.table_names());
        let suggestion = did_you_mean(name, tables);
        Err(Misfit::Column(format!("there is no table `{name}`{suggestion}")))
    }

    /// Columns and the text that each must have.
    fn filters(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<(String, String)>, ConfigError> {
        let wanted = "`where` must be columns and what they must be, as in { resource = \"io\" }";
        let wrong = |span: Range<usize>| self.error(&span, wanted);
        let table = value.get_ref().as_table().ok_or_else(|| wrong(value.span()))?;
        let filter = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let of = value.get_ref();
            let number = || of.as_integer().and_then(whole).map(|number| number.to_string());
            let text = of.as_str().map(str::to_owned).or_else(number);
            let text = text.or_else(|| of.as_bool().map(|is| is.to_string()));
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            Ok((name.to_string(), text.ok_or_else(|| wrong(value.span()))?))
        };
        table.iter().map(filter).collect()
    }

    /// A number, or one with a unit: `20`, `"50%"`, `"10ms"`, `"100MiB"`.
    fn quantity(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        unit: &str,
    ) -> Result<f64, ConfigError> {
        let of = value.get_ref();
        let number = of.as_integer().and_then(whole).map(|number| number.to_string());
        let number = number.or_else(|| of.as_float().map(|number| number.as_str().to_owned()));
        let text = of.as_str().map(str::trim);
        let plain = |text: &str| text.replace('_', "").parse::<f64>().ok();
        let base = unit.strip_suffix("/s").unwrap_or(unit);
        let read = match (number, text) {
            (Some(number), _) => plain(&number),
            (None, Some(text)) => plain(text).or_else(|| match base {
                unit::PERCENT => text.strip_suffix('%').and_then(|text| plain(text.trim())),
                unit::NS => parse_duration(text).ok().map(|time| time.as_nanos() as f64),
                unit::BYTES => parse_size(text).ok().map(|bytes| bytes as f64),
                _ => None,
            }),
            (None, None) => None,
        };
        read.filter(|number| number.is_finite()).ok_or_else(|| {
            let example = match base {
                unit::PERCENT => "20 or \"20%\"",
                unit::NS => "\"10ms\"",
                unit::BYTES => "\"100MiB\"",
                _ => "20",
            };
            self.error(&value.span(), format!("`{key}` must be a number, as in {example}"))
        })
    }

    fn duration(
        &self,
        key: &str,
        value: Option<&Spanned<DeValue<'_>>>,
        (least, most): (Duration, Duration),
        otherwise: Duration,
    ) -> Result<Duration, ConfigError> {
        let Some(value) = value else { return Ok(otherwise) };
        let wrong = |what: String| self.error(&value.span(), format!("`{key}`{what}"));
        let text = value.get_ref().as_str();
        let text = text.ok_or_else(|| wrong(" must be a duration, as in \"10s\"".to_owned()))?;
        let time = parse_duration(text).map_err(|error| wrong(format!(": {error}")))?;
        if (least..=most).contains(&time) {
            return Ok(time);
        }
        let (least, most) = (exact_duration(least), exact_duration(most));
        Err(wrong(format!(" must lie between {least} and {most}, and {text} does not")))
    }

    /// A source whose rate a trigger can raise.
    fn check_raised(&self, name: &str) -> Result<(), String> {
        self.catalogue.check_source(name)?;
        match self.catalogue.kind(name) {
            Some(kind) if kind.is_kernel_sampled() => {
                Err(format!("`{name}` is sampled in the kernel, at a rate that no trigger changes"))
            }
            _ => Ok(()),
        }
    }
}

/// A number in whatever radix it was written.
fn whole(number: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Catalogue, Document, Rule, Side};
    use crate::config::file::parse;
    use crate::sources::SOURCES;
    use crate::trigger::built_in;
    use std::path::Path;
    use std::time::Duration;

    fn rules(text: &str) -> Result<Vec<Rule>, String> {
        let document = Document { path: Path::new("n.toml"), text };
        let settings = parse(document, &Catalogue::new(&SOURCES));
        let settings = settings.map_err(|error| error.to_string())?;
        Ok(settings.triggers.unwrap_or_else(built_in))
    }

    #[test]
    fn a_rule_of_ones_own_says_what_it_looks_at_and_what_it_does() {
        let text = "[trigger.spin]\ntable = \"pressure\"\ncolumn = \"some_total_ns\"\n\
                    where = { resource = \"io\" }\nabove = \"40%\"\nrise = 10\nfor = \"2s\"\n\
                    cooldown = \"90s\"\nraises = [\"diskstats\"]\nevery = \"200ms\"\nlasts = \"30s\"";
        let rules = rules(text).unwrap();
        let rule = rules.last().unwrap();
        assert_eq!(rules.len(), built_in().len() + 1);
        assert_eq!((rule.side, rule.threshold, rule.rise), (Side::Above, 40.0, Some(10.0)));
        assert_eq!(rule.filters, [("resource".to_owned(), "io".to_owned())]);
        let seconds = |rule: &Rule| [rule.holds, rule.cooldown, rule.lasts].map(|d| d.as_secs());
        assert_eq!(seconds(rule), [2, 90, 30]);
        assert_eq!(
            (rule.every, &rule.raises[..]),
            (Duration::from_millis(200), &["diskstats".to_owned()][..])
        );
    }

    #[test]
    fn a_rule_that_is_built_in_is_changed_key_by_key_and_switched_off() {
        let changed =
            rules("[trigger.psi_io]\nabove = 30\n[trigger.load]\nenabled = false").unwrap();
        assert_eq!(changed.len(), built_in().len() - 1);
        let find =
            |rules: &[Rule], name: &str| rules.iter().find(|rule| rule.name == name).cloned();
        assert_eq!(find(&changed, "load"), None);
        let before = find(&built_in(), "psi_io").unwrap();
        assert_eq!(find(&changed, "psi_io").unwrap(), Rule { threshold: 30.0, ..before });
    }

    #[test]
    fn every_rule_that_is_built_in_fits_its_table_and_raises_what_there_is() {
        for rule in built_in() {
            let text =
                format!("[trigger.{}]\nenabled = true\nraises = {:?}", rule.name, rule.raises);
            assert!(rules(&text).unwrap().contains(&rule), "{}", rule.name);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_the_nearest_that_is_right() {
        for (text, told) in [
            (
                "[trigger.psi_oi]\nenabled = false",
                "n.toml:1:10: there is no trigger `psi_oi`; did you mean `psi_io`?; a new one takes \
                 `table`",
            ),
            (
                "[trigger.a]\ntable = \"presure\"\nabove = 1",
                "n.toml:2:9: there is no table `presure`; did you mean `pressure`?",
            ),
            (
                "[trigger.a]\ntable = \"diskstats\"\nabove = 1",
                "n.toml:2:9: `diskstats` is a source; its tables are disk",
            ),
            (
                "[trigger.a]\ntable = \"load\"\ncolumn = \"laod1\"\nabove = 1",
                "n.toml:3:10: table `load` has no column `laod1`; did you mean `load1`?",
            ),
            (
                "[trigger.a]\ntable = \"cpu\"\ncolumn = \"cpu\"\nabove = 1",
                "n.toml:3:10: `cpu` tells the rows of `cpu` apart; `where` picks by it",
            ),
            (
                "[trigger.a]\ntable = \"process\"\ncolumn = \"command\"\nabove = 1",
                "n.toml:3:10: `command` of `process` is a string, not a number; `where` picks rows by \
                 such columns",
            ),
            (
                "[trigger.a]\ntable = \"pressure\"\ncolumn = \"some_avg10\"\nwhere = { resorce = \"io\" }\n\
                 above = 1",
                "n.toml:4:9: table `pressure` has no column `resorce`; did you mean `resource`?",
            ),
            (
                "[trigger.a]\ntable = \"cpu\"\ncolumn = \"busy_ns\"\nwhere = { cpu = \"all\" }\nabove = 1",
                "n.toml:4:9: `cpu` of `cpu` is a u64, and `all` is none",
            ),
            (
                "[trigger.load]\nabove = 1\nbelow = 3",
                "n.toml:3:9: a trigger has either `above` or `below`",
            ),
            (
                "[trigger.load]\nbelow = 1\nrise = 3",
                "n.toml:3:8: `rise` goes with `above`, and is more than 0",
            ),
            (
                "[trigger.a]\ntable = \"load\"\ncolumn = \"load1\"",
                "n.toml:1:10: trigger `a` takes `above` or `below`",
            ),
            ("[trigger.load]\nabove = \"4x\"", "n.toml:2:9: `above` must be a number, as in 20"),
            ("[trigger.load]\nabove = nan", "n.toml:2:9: `above` must be a number, as in 20"),
            (
                "[trigger.load]\nlasts = \"61s\"",
                "n.toml:2:9: `lasts` must lie between 1s and 1m, and 61s does not",
            ),
            (
                "[trigger.load]\nevery = \"10ms\"",
                "n.toml:2:9: `every` must lie between 100ms and 10s, and 10ms does not",
            ),
            (
                "[trigger.load]\nraises = [\"thread_activ\"]",
                "n.toml:2:11: there is no source `thread_activ`; did you mean `thread_active`?",
            ),
            (
                "[trigger.load]\nraises = [\"cpus\"]",
                "n.toml:2:11: `cpus` is sampled in the kernel, at a rate that no trigger changes",
            ),
            (
                "[trigger.load]\nabov = 3",
                "n.toml:2:1: there is no key `abov`; did you mean `above`?",
            ),
            (
                "[trigger.a]\ntable = \"mark\"\nfor = \"1s\"",
                "n.toml:3:7: mark is a table of events, of which none holds for a time: leave `for` out",
            ),
            (
                "[trigger.a]\ntable = \"trigger\"",
                "n.toml:2:9: no trigger can look at the table `trigger`",
            ),
            (
                "[trigger.\"a b\"]\ntable = \"load\"",
                "n.toml:1:10: the name of a trigger has 1 to 64 letters, digits, - and _",
            ),
            ("trigger = 3", "n.toml:1:11: `trigger` must be a table of tables: [trigger.NAME]"),
        ] {
            assert_eq!(rules(text).unwrap_err(), told, "in {text}");
        }
    }
}
