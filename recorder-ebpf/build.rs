//! Compiles each `bpf/*.bpf.c` into an object that the crate embeds.

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

    let sources = std::fs::read_dir(here.join("bpf")).map_err(|error| format!("bpf: {error}"))?;
    for source in sources {
        let source = source.map_err(|error| format!("bpf: {error}"))?.path();
        let Some(name) = source.file_name().and_then(|name| name.to_str()) else { continue };
        if let Some(stem) = name.strip_suffix(".bpf.c") {
            let object = out.join(format!("{stem}.bpf.o"));
            compile(&source, &object, &[&here.join("bpf"), &ring])?;
            strip(&object);
        }
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set: run this through cargo"))
}

fn compile(source: &Path, object: &Path, include: &[&Path]) -> Result<(), String> {
    // The names of the target to bpf_tracing.h, and of the directory of its <asm/types.h>.
    let (arch, headers) = match variable("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => ("x86", "/usr/include/x86_64-linux-gnu"),
        "aarch64" => ("arm64", "/usr/include/aarch64-linux-gnu"),
        other => return Err(format!("the eBPF programs are not made for {other} yet")),
    };
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let done = Command::new(&clang)
        .args(["-g", "-O2", "-target", "bpf", "-mcpu=v3", "-std=gnu11"])
        .args(["-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"])
        .arg(format!("-D__TARGET_ARCH_{arch}"))
        .args(include.iter().flat_map(|directory| [Path::new("-I"), directory]))
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
