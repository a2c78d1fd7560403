//! Completion scripts and manual pages, made from the definitions of the command line.

use crate::cli::Cli;
use crate::error::{Outcome, QueryError};
use crate::output::Output;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use std::io::Write;
use std::path::Path;

/// Prints a completion script.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(shell: Shell) -> Result<Outcome, QueryError> {
    Output::stdout().put(&script(shell))?;
    Ok(Outcome::Complete)
}

fn script(shell: Shell) -> Vec<u8> {
    const NAME: &str = "nodemon-query";
    const BASH_NAME: &str = "nodemonquery";
    let mut script = Vec::new();
    if shell != Shell::Bash {
        clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
        return script;
    }
    // In scripts for bash clap_complete 4.6 takes the dash for the end of a command: nothing behind
    // the first word is completed. So they are made of a name without one, which stands for the
    // program only where the function is registered, at the end of a line.
    clap_complete::generate(shell, &mut Cli::command(), BASH_NAME, &mut script);
    let text = String::from_utf8_lossy(&script);
    text.replace(&format!(" {BASH_NAME}\n"), &format!(" {NAME}\n")).into_bytes()
}

/// Prints the manual page, or writes the pages of all commands into `dir`.
///
/// # Errors
/// When they cannot be written.
pub fn manual(dir: Option<&Path>) -> Result<Outcome, QueryError> {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = dir else {
        let page = page(command).map_err(|source| Output::stdout().failure(source))?;
        Output::stdout().put(&page)?;
        return Ok(Outcome::Complete);
    };
    let failed = |source| QueryError::Write { to: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let of_commands = command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned();
    let mut pages: Vec<(String, clap::Command)> =
        of_commands.map(|sub| (format!("nodemon-query-{}", sub.get_name()), sub)).collect();
    pages.push(("nodemon-query".into(), command));
    for (name, command) in pages {
        let mut output = Output::file(&dir.join(format!("{name}.1")))?;
        output.put(&page(command).map_err(failed)?)?;
        output.commit()?;
    }
    Ok(Outcome::Complete)
}

/// A page. What stands behind the options in `--help` has its line breaks for a reason, so it is
/// not filled; each of its parts becomes a section.
fn page(command: clap::Command) -> std::io::Result<Vec<u8>> {
    let parts = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.get_subcommands().next().is_some();
    let page = Man::new(command);
    let mut out = Vec::new();
    page.render_title(&mut out)?;
    page.render_name_section(&mut out)?;
    page.render_synopsis_section(&mut out)?;
    page.render_description_section(&mut out)?;
    page.render_options_section(&mut out)?;
    if has_commands {
        page.render_subcommands_section(&mut out)?;
    }
    for line in parts.lines().filter(|line| !line.is_empty()) {
        let text = line.replace('\\', "\\e").replace('-', "\\-");
        match line.strip_suffix(':').filter(|title| !title.starts_with(' ')) {
            Some(title) => writeln!(out, ".fi\n.SH {}\n.nf", title.to_uppercase())?,
            None => writeln!(out, "\\&{}", text.strip_prefix("  ").unwrap_or(&text))?,
        }
    }
    writeln!(out, ".fi")?;
    Ok(out)
}
