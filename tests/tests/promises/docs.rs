//! Every command in the documents can be typed as it stands.

use nodemon_tests::{copy, ended_recording, type_line};
use std::path::{Path, PathBuf};

/// A line out of a block that is marked `sh`.
struct Line {
    document: String,
    number: usize,
    text: String,
}

#[test]
fn every_command_in_the_documents_works_on_a_fresh_recording() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let lines: Vec<Line> = documents(&root).iter().flat_map(|path| commands(&root, path)).collect();
    assert!(lines.len() >= 10, "the documents show only {} commands", lines.len());

    let scratch = tempfile::tempdir().unwrap();
    // Ended, because the documents start recorders too, and a directory has one at a time.
    let dir = ended_recording(scratch.path());
    // Recorders of examples move its end, behind which there is little. Who asks has it as it was, but
    // for what was pinned or marked since.
    let as_it_was = scratch.path().join("as-it-was");
    copy(&dir, &as_it_was);
    let work = scratch.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let run_in = |line: &Line| match line.text.contains("nodemon-query") {
        true => run(line, &root, &work, &as_it_was).or_else(|_| run(line, &root, &work, &dir)),
        false => run(line, &root, &work, &dir),
    };
    let failed: Vec<String> = lines.iter().filter_map(|line| run_in(line).err()).collect();
    assert!(failed.is_empty(), "what the documents say does not work:\n{}", failed.join("\n"));
}

/// Every document of the project.
fn documents(root: &Path) -> Vec<PathBuf> {
    ["", "docs", "benches", "tests"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(root.join(folder)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The commands of a document; lines that go on after a backslash are one.
fn commands(root: &Path, path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap();
    let document = path.strip_prefix(root).unwrap().display().to_string();
    let mut lines: Vec<Line> = Vec::new();
    let mut inside = false;
    let mut goes_on = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside && line == "```sh";
            continue;
        }
        let line = line.trim();
        if !inside || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (part, more) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut() {
            Some(last) if goes_on => last.text.push_str(part),
            _ => lines.push(Line {
                document: document.clone(),
                number: index + 1,
                text: part.to_owned(),
            }),
        }
        goes_on = more;
    }
    lines
}

/// Types a command. What make would do is only looked up: the tests are a part of it.
fn run(line: &Line, root: &Path, work: &Path, recording: &Path) -> Result<(), String> {
    let done = match line.text.strip_prefix("make ") {
        Some(target) => type_line(&format!("make --dry-run {target}"), root, recording),
        None => type_line(&line.text, work, recording),
    };
    done.map_err(|why| format!("{}:{}: {why}", line.document, line.number))
}
