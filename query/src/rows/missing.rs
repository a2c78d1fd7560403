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
    /// No space left on device`.
    pub fn why(&self) -> String {
        let mut why = self.cause.phrase().to_owned();
        if self.lost > 0 {
            why.push_str(&format!(", {} sample{} lost", self.lost, plural(self.lost)));
        }
        if !self.detail.is_empty() {
            why.push_str(": ");
            why.push_str(&self.detail);
        }
        why
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
