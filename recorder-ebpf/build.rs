//! Compiles the timer, the process table and each feature into objects that the crate embeds, lists
//! the features, and makes tables of the names that the kernel's headers have.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    // The header of the ring is the module's too.
    let ring = here.join("../kmod");
    println!("cargo::rerun-if-changed=bpf");
    println!("cargo::rerun-if-changed={}", ring.join("nodemon_ring.h").display());
    println!("cargo::rerun-if-env-changed=CLANG");
    println!("cargo::rerun-if-env-changed=LLVM_STRIP");

    let includes = [here.join("bpf"), ring];
    for program in ["timer", "process"] {
        build_object(&here.join(format!("bpf/{program}.bpf.c")), &out, &includes)?;
    }
    let features = features(&here.join("features"))?;
    // In a directory of their own: a feature may be called as something else is.
    let objects = out.join("features");
    std::fs::create_dir_all(&objects).map_err(|error| format!("{}: {error}", objects.display()))?;
    for feature in &features {
        for source in sources(&here.join("features").join(feature))? {
            build_object(&source, &objects, &includes)?;
        }
    }
    write(&out.join("features.rs"), &list(&here, &features))?;
    write(&out.join("numbers.rs"), &numbers()?)
}

/// The names of the folders. An empty one is what is left of a feature that is gone.
fn features(folder: &Path) -> Result<Vec<String>, String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let told = |error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let entry = entry.map_err(told)?;
        let path = entry.path();
        let is_empty = || std::fs::read_dir(&path).is_ok_and(|mut within| within.next().is_none());
        if path.is_dir() && !is_empty() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The programs in the folder of a feature: itself, and what runs instead of it somewhere.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let told = |error| format!("{}: {error}", folder.display());
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.to_string_lossy().ends_with(".bpf.c") {
            sources.push(path);
        }
    }
    Ok(sources)
}

/// Compiles `NAME.bpf.c` to `NAME.bpf.o`.
fn build_object(source: &Path, out: &Path, includes: &[PathBuf]) -> Result<(), String> {
    let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let object = out.join(name.replace(".bpf.c", ".bpf.o"));
    compile(source, &object, includes)?;
    strip(&object);
    Ok(())
}

/// A module for each manifest, and the list of them.
fn list(here: &Path, features: &[String]) -> String {
    let mut text = String::new();
    for feature in features {
        let manifest = here.join("features").join(feature).join("manifest.rs");
        text.push_str(&format!("#[path = {:?}]\nmod {feature};\n", manifest.display().to_string()));
    }
    text.push_str("/// Every feature.\npub static FEATURES: &[&super::Feature] = &[\n");
    for feature in features {
        text.push_str(&format!("    &{feature}::FEATURE,\n"));
    }
    text.push_str("];\n");
    text
}

/// The names of system calls and of errors, by their numbers.
fn numbers() -> Result<String, String> {
    let mut text = String::new();
    for (header, prefix, table) in
        [("asm/unistd.h", "__NR_", "SYSCALLS"), ("asm/errno.h", "E", "ERRORS")]
    {
        let mut names: Vec<(u32, String)> = Vec::new();
        for line in macros(header)?.lines() {
            let mut words = line.split_whitespace().skip(1);
            let (Some(name), Some(number)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse() else { continue };
            if let Some(name) = name.strip_prefix(prefix) {
                let name = if prefix == "E" { format!("E{name}") } else { name.to_owned() };
                names.push((number, name));
            }
        }
        names.sort();
        names.dedup_by_key(|(number, _)| *number);
        text.push_str(&format!("const {table}: &[(u32, &str)] = &{names:?};\n"));
    }
    Ok(text)
}

/// What a header of the kernel defines.
fn macros(header: &str) -> Result<String, String> {
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let output = Command::new(&clang)
        .args(["-dM", "-E", "-xc", "/dev/null", "-target"])
        .arg(variable("TARGET")?)
        .args(["-idirafter", architecture()?.1, "-include", header])
        .output()
        .map_err(|error| format!("{clang} cannot be run: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set: run this through cargo"))
}

/// The names of the target to bpf_tracing.h, and of the directory of its <asm/types.h>.
fn architecture() -> Result<(&'static str, &'static str), String> {
    match variable("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => Ok(("x86", "/usr/include/x86_64-linux-gnu")),
        "aarch64" => Ok(("arm64", "/usr/include/aarch64-linux-gnu")),
        other => Err(format!("the eBPF programs are not made for {other} yet")),
    }
}

fn compile(source: &Path, object: &Path, include: &[PathBuf]) -> Result<(), String> {
    let (arch, headers) = architecture()?;
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let done = Command::new(&clang)
        .args(["-g", "-O2", "-target", "bpf", "-mcpu=v3", "-std=gnu11"])
        .args(["-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"])
        .arg(format!("-D__TARGET_ARCH_{arch}"))
        .args(include.iter().flat_map(|directory| [Path::new("-I"), directory.as_path()]))
        .args(["-idirafter", headers])
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(object)
        .output();
    let needs = "the eBPF programs need clang and the headers of libbpf: on Debian or Ubuntu \
                 'apt-get install clang llvm libbpf-dev'";
    let output = match done {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(format!("{clang} is missing: {needs}"));
        }
        Err(error) => return Err(format!("{clang} cannot be run: {error}")),
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let hint = if said.contains("file not found") { needs } else { "" };
    Err(format!("{said}\n{} does not compile. {hint}", source.display()))
}

/// Takes the debug information out and leaves BTF in. The program works as well without this.
fn strip(object: &Path) {
    let strip = std::env::var("LLVM_STRIP").unwrap_or_else(|_| "llvm-strip".to_owned());
    match Command::new(&strip).arg("-g").arg(object).status() {
        Ok(status) if status.success() => {}
        _ => println!("cargo::warning={strip} does not run: the eBPF object stays large"),
    }
}
