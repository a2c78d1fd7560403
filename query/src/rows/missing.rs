//! A gap, as an answer shows it.

use nodemon_formats::GapCause;
use nodemon_formats::reader::WallGap;

/// Time for which there are no rows, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Wall time of the start, ns since the epoch.
    pub from: i64,
    /// Wall time of the end.
    pub to: i64,
    /// Why.
    pub cause: GapCause,
    /// Samples or events that are lost; 0 where that cannot be known.
    pub lost: u64,
    /// More than the cause says; may be empty.
    pub detail: String,
}

impl From<WallGap> for Missing {
    fn from(gap: WallGap) -> Missing {
        Missing {
            from: gap.from,
            to: gap.to,
            cause: gap.gap.cause,
            lost: gap.gap.lost,
            detail: gap.gap.detail,
        }
    }
}

impl Missing {
    /// The cause in words, what was lost, and the detail: `disk full or failing, 12 samples lost:
    /// No space left on device`; `9 samples missed: the sampling timer fired late`.
    pub fn why(&self) -> String {
        self.why_of_each(1)
    }

    /// The same of so many tables, each of which lost as much.
    pub fn why_of_each(&self, tables: usize) -> String {
        let (phrase, detail) = (self.cause.phrase(), self.detail.as_str());
        let noun = if self.cause == GapCause::Budget { "event" } else { "sample" };
        let each = if tables > 1 { " of each" } else { "" };
        let lost = format!("{} {noun}{}{each}", self.lost, plural(self.lost));
        match (self.cause, self.lost) {
            (GapCause::Late, 1..) => joined(&format!("{lost} missed"), woken_late(detail)),
            (GapCause::Budget, 1..) => joined(&format!("{phrase}: {lost} dropped"), detail),
            (_, 0) => joined(phrase, detail),
            (_, _) => joined(&format!("{phrase}, {lost} lost"), detail),
        }
    }
}

/// Why samples were late, where the gap does not say more.
fn woken_late(detail: &str) -> &str {
    if detail.is_empty() { "the recorder woke late" } else { detail }
}

fn joined(what: &str, detail: &str) -> String {
    if detail.is_empty() { what.to_owned() } else { format!("{what}: {detail}") }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
