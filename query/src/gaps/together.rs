//! Tables that miss the same, as those of one source do, are told together.

use crate::rows::Missing;

/// A gap of one or more tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedGap {
    /// The tables; none where it is every table.
    pub tables: Vec<String>,
    /// What is missing of each of them.
    pub missing: Missing,
}

impl ReportedGap {
    /// The tables: `cpu, softirq`; `every` where it is every table.
    pub fn tables(&self) -> String {
        if self.tables.is_empty() { "every".to_owned() } else { self.tables.join(", ") }
    }

    /// Why, and what is lost of each table.
    pub fn why(&self) -> String {
        self.missing.why_of_each(self.tables.len())
    }
}

/// Puts gaps that are the same but for their table together. Each is that of the table before it,
/// which is empty where it is every table; they ascend.
pub fn together(gaps: impl IntoIterator<Item = (String, Missing)>) -> Vec<ReportedGap> {
    let mut told: Vec<ReportedGap> = Vec::new();
    for (table, missing) in gaps {
        let begun = told.iter_mut().rev().take_while(|known| known.missing.from == missing.from);
        let mut alike = begun.filter(|known| known.missing == missing && !known.tables.is_empty());
        match alike.next() {
            Some(known) if !table.is_empty() => known.tables.push(table),
            _ => {
                let tables = if table.is_empty() { Vec::new() } else { vec![table] };
                told.push(ReportedGap { tables, missing });
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::together;
    use crate::rows::Missing;
    use nodemon_formats::GapCause;

    #[test]
    fn tables_that_miss_the_same_are_one_line() {
        let gap = |table: &str, from: i64, lost| {
            let cause = GapCause::Overrun;
            let (table, detail) = (table.to_owned(), String::new());
            (table, Missing { from, to: from + 5, cause, lost, detail })
        };
        let gaps = [
            gap("cpu", 1, 7),
            gap("softirq", 1, 7),
            gap("disk", 1, 2),
            gap("", 1, 7),
            gap("cpu", 9, 1),
        ];
        let lines = together(gaps)
            .iter()
            .map(|told| format!("{}: {}", told.tables(), told.why()))
            .collect::<Vec<_>>();
        assert_eq!(
            lines,
            [
                "cpu, softirq: ring overrun, 7 samples of each lost",
                "disk: ring overrun, 2 samples lost",
                "every: ring overrun, 7 samples lost",
                "cpu: ring overrun, 1 sample lost",
            ]
        );
    }
}
