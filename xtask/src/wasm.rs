//! The example in WebAssembly, where its target is installed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::shell::{Simulator, TaskResult, cargo, output, root, run, target};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the example, and exports a document from the simulator with it in Node.
pub(crate) fn check() -> TaskResult {
    if !has_target() {
        println!("wasm: skipped, since {TARGET} is not installed (rustup target add {TARGET})");
        return Ok(());
    }
    if Command::new("node").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("wasm: skipped, since node is not installed");
        return Ok(());
    }
    let manifest = ["--manifest-path", "examples/wasm/Cargo.toml"];
    let folder = target("wasm-example");
    let mut build = cargo(&["build", "--quiet", "--release", "--locked", "--target", TARGET]);
    run(build.args(manifest).arg("--target-dir").arg(&folder))?;
    export(&folder.join(TARGET).join("release/wasm_export.wasm"), &folder)
}

/// Exports a file of 5 MB whose download breaks off once.
fn export(wasm: &Path, folder: &Path) -> TaskResult {
    let scenario = folder.join("scenario.json");
    let fault = r#"{"match": {"endpoint": "download", "nth": 1}, "then": {"fault": "close", "at": {"byte": 900000}}}"#;
    fs::write(&scenario, format!(r#"{{"rules": [{fault}]}}"#))
        .map_err(|error| format!("{}: {error}", scenario.display()))?;
    let scenario = scenario.display().to_string();
    let simulator = Simulator::start(
        "debug",
        &["--complete-after", "0s", "--artifact-size", "5000000", "--scenario", &scenario],
    )?;
    let file = folder.join("report.pdf");
    let _ = fs::remove_file(&file);
    let mut node = Command::new("node");
    node.arg(root().join("examples/wasm/export.mjs")).arg(wasm);
    let printed = output(node.args([&simulator.url, "id", "secret", "d1"]).arg(&file))?;
    let length = fs::metadata(&file).map_or(0, |file| file.len());
    if length != 5_000_000 {
        return Err(format!("the file has {length} bytes:\n{printed}"));
    }
    println!("wasm: ok");
    Ok(())
}

/// Whether the standard library of the target is there.
fn has_target() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    asked.is_ok_and(|asked| {
        Path::new(String::from_utf8_lossy(&asked.stdout).trim()).join(".").exists()
    })
}
