//! What comes in with a dependency may be passed on: every package is under licences of deny.toml.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[test]
fn every_dependency_is_under_a_licence_that_deny_toml_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let deny = std::fs::read_to_string(root.join("deny.toml")).unwrap();
    let deny: toml::Table = deny.parse().unwrap();
    let allowed: Vec<&str> = deny["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|licence| licence.as_str().unwrap())
        .collect();

    let packages = packages(&root);
    assert!(packages.len() > 50, "cargo metadata names only {} packages", packages.len());
    let refused: Vec<&String> = packages
        .iter()
        .filter(|(_, licence)| !is_allowed(licence, &allowed))
        .map(|(p, _)| p)
        .collect();
    assert!(
        refused.is_empty(),
        "these packages come under licences that deny.toml does not allow: {refused:?}"
    );
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
    for (expression, holds) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT/Apache-2.0", true),
        ("GPL-2.0-only OR MIT", true),
        ("GPL-2.0-only AND MIT", false),
        ("(GPL-2.0-only OR MIT) AND Unicode-3.0", true),
        ("MIT OR GPL-2.0-only AND GPL-3.0-only", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", true),
        ("GPL-2.0-only WITH Linux-syscall-note", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), holds, "{expression:?}");
    }
}

/// Name and licence of every package that is compiled on this machine.
fn packages(root: &Path) -> Vec<(String, String)> {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", host])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata failed: {said}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let field = |package: &Value, name: &str| package[name].as_str().unwrap_or_default().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (field(package, "name"), field(package, "license")))
        .collect()
}

/// Whether an SPDX expression is satisfied by the allowed licences. `/` is the old way to write
/// `OR`; `AND` binds closer than `OR`.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    let holds = any(&mut words, allowed);
    assert!(words.is_empty(), "cannot make sense of the licence {expression:?}");
    holds
}

fn any(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut holds = all(words, allowed);
    while words.pop_if(|word| *word == "OR").is_some() {
        holds |= all(words, allowed);
    }
    holds
}

fn all(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut holds = one(words, allowed);
    while words.pop_if(|word| *word == "AND").is_some() {
        holds &= one(words, allowed);
    }
    holds
}

fn one(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    match words.pop() {
        Some("(") => {
            let holds = any(words, allowed);
            assert_eq!(words.pop(), Some(")"), "a licence expression lacks a bracket");
            holds
        }
        Some(licence) if words.pop_if(|word| *word == "WITH").is_some() => {
            let exception = words.pop().unwrap_or_default();
            allowed.contains(&format!("{licence} WITH {exception}").as_str())
        }
        Some(licence) => allowed.contains(&licence),
        None => false,
    }
}
