//! `verify`: every checksum, every gap.

use crate::cli::VerifyArgs;
use crate::context::Context;
use crate::error::{Outcome, QueryError};
use crate::gaps::reported;
use crate::info::gaps;
use crate::listing::{show_count, show_many};
use crate::output::Output;
use nodemon_formats::reader::{Damages, Verdict, Verified};
use nodemon_formats::text::printable;

/// Runs `verify`: reads every block of every segment.
///
/// # Errors
/// When gaps cannot be listed or standard output cannot be written.
pub fn run(context: &Context, args: &VerifyArgs) -> Result<Outcome, QueryError> {
    let mut output = Output::stdout();
    let (mut segments, mut blocks, mut rows, mut problems) = (0, 0, 0, 0);
    for verdict in context.recording.verify() {
        let (text, damaged) = match &verdict {
            Verdict::Segment(verified) => {
                segments += 1;
                blocks += verified.blocks;
                rows += verified.rows;
                of_segment(verified)
            }
            Verdict::Unreadable(problem) => (line(&problem.to_string()), 1),
        };
        problems += damaged;
        if damaged > 0 || !args.quiet {
            output.put(text.as_bytes())?;
        }
    }
    if !args.quiet {
        let gaps = crate::gaps::all(&context.recording)?;
        let lost = gaps::lost(&gaps);
        let gaps = reported(gaps);
        if !gaps.is_empty() {
            output.put(format!("\n{}\n", gaps::listing(context, &gaps)).as_bytes())?;
        }
        let read = format!(
            "{}, {}, {}",
            show_many(segments, "segment"),
            show_many(blocks, "block"),
            show_many(rows, "sample")
        );
        let verdict = match problems {
            0 => "no damage found".to_owned(),
            _ => show_many(problems, "problem"),
        };
        output.put(
            format!(
                "{read}: {verdict}; {}, {} lost\n",
                show_many(gaps.len() as u64, "gap"),
                show_many(lost.samples, "sample")
            )
            .as_bytes(),
        )?;
    }
    Ok(if problems == 0 { Outcome::Complete } else { Outcome::Damaged })
}

/// What is told of a segment, a sentence for each kind of damage, and how many parts are damaged.
fn of_segment(verified: &Verified) -> (String, u64) {
    let mut damages = Damages::default();
    verified.problems.iter().for_each(|problem| damages.note(problem));
    let whole = match damages.parts() {
        0 => "no damage found".to_owned(),
        problems => show_many(problems, "problem"),
    };
    let mut text = line(&format!(
        "{}: {}, {}: {whole}",
        verified.path.display(),
        show_many(verified.blocks, "block"),
        show_count(verified.rows) + " samples"
    ));
    for problem in damages.sentences() {
        text.push_str(&line(&format!("  {problem}")));
    }
    (text, damages.parts())
}

fn line(text: &str) -> String {
    format!("{}\n", printable(text))
}
