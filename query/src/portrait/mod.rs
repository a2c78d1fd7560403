//! `portrait`: one page of the life of a process, out of whatever tables the recording has.
//!
//! [`find`] looks for the lives that may be meant by what was typed ([`name`]), and [`choose`]
//! takes one of them. Of this [`subject`] each part asks the tables that it is made of ([`ask`]), by
//! the plans and answers that `range` and `stacks` have; all [`parts`] together are a portrait, on a
//! [`sheet`] for people or as JSON for programs.

mod ask;
mod blocked;
mod choose;
mod clock;
mod connections;
mod descriptors;
mod family;
mod find;
mod input;
mod life;
mod memory;
mod name;
mod parts;
mod profile;
mod sheet;
mod signals;
mod subject;
mod told;
mod tops;
mod trend;
mod usage;
mod waits;
mod who;

use crate::cli::{PortraitArgs, PortraitFormat};
use crate::context::Context;
use crate::error::{Outcome, QueryError};
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::sink::jsonl::escape;
use crate::stacks::Page;
use ask::Asker;
use name::Who;
use sheet::Sheet;
use std::path::PathBuf;
use subject::Subject;

/// Runs `portrait`.
///
/// # Errors
/// When the recording cannot be read, nobody or more than one process is meant, or the output cannot
/// be written.
pub fn run(context: &Context, args: &PortraitArgs) -> Result<Outcome, QueryError> {
    let outcome = context.warn_of_problems();
    if args.process.is_empty() {
        return Err(QueryError::Usage("name a process by its number or its program".to_owned()));
    }
    let span = context.span(&args.span)?;
    context.note_anchor(&span);
    let (who, at) = Who::parse(&args.process);
    let at = at.map(|at| context.instant(&at)).transpose()?;
    let (mut output, interrupt) = match &args.output {
        Some(path) => {
            let failed = |error| QueryError::Write { to: path.clone(), source: error };
            (Output::file(path)?, Some(Interrupt::on_signals().map_err(failed)?))
        }
        None => (Output::stdout(), None),
    };
    let mut asker = Asker::new(context, interrupt.as_ref());
    let window = (span.from, span.to);
    let lives = find::find(&mut asker, &who, window)?;
    let (life, told) = choose::choose(&mut asker, (&who, at), &span, &lives)?;
    if let Some(told) = told {
        context.note(&told);
    }
    let subject = Subject::new(&mut asker, &life, window)?;
    let portrait = parts::portrait(&mut asker, &subject, span)?;
    let text = match format(args) {
        PortraitFormat::Json => format!("{}\n", escape(&portrait.json().to_string())),
        PortraitFormat::Text => {
            let page = Page::new(context, args.output.is_some());
            let mut sheet = Sheet::new(&page);
            portrait.write(&mut sheet, &context.anchors.zone);
            sheet.text()
        }
    };
    output.put(text.as_bytes())?;
    output.commit()?;
    Ok(outcome.and(asker.outcome))
}

/// The format that was asked for, or that the name of the file suggests.
fn format(args: &PortraitArgs) -> PortraitFormat {
    let is_json =
        |path: &PathBuf| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let by_name = args.output.as_ref().is_some_and(is_json).then_some(PortraitFormat::Json);
    args.format.or(by_name).unwrap_or(PortraitFormat::Text)
}
