//! Collects the licence texts of all dependencies of a package, which its binaries come with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::shell::{TaskResult, cargo, output, target};

/// The beginnings of the names of files with licences, in lower case.
const NAMES: [&str; 6] = ["copying", "copyright", "licence", "license", "notice", "unlicense"];

/// Writes the licence texts of the dependencies of a package on all systems into a file.
pub(crate) fn write(package: &str, file: &Path) -> TaskResult {
    let vendored = target("vendor");
    let folder = vendored.display().to_string();
    let vendor = ["vendor", "--quiet", "--locked", "--versioned-dirs", &folder];
    // On its standard output, it prints a configuration that is not needed.
    output(&mut cargo(&vendor))?;
    let tree = "tree --locked --target all --edges normal --prefix none --package";
    let mut tree: Vec<&str> = tree.split(' ').chain([package]).collect();
    tree.extend(["--format", "{p}|{l}"]);
    // The same text is printed once, with the names of its packages.
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in output(&mut cargo(&tree))?.lines() {
        let Some((package, licence)) = line.split_once('|') else { continue };
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        // A crate of this workspace is printed with its folder.
        if words.any(|word| word.starts_with('(') && word.contains(['/', '\\'])) {
            continue;
        }
        let name = format!("{name}-{}", version.trim_start_matches('v'));
        let mut found = licence_texts(&vendored.join(&name))?;
        if found.is_empty() {
            let licence = licence.trim_end_matches(" (*)");
            found.push(format!("{licence} (the package has no text of it)\n"));
        }
        for text in found {
            texts.entry(text).or_default().insert(name.clone());
        }
    }
    let packages: BTreeSet<&String> = texts.values().flatten().collect();
    let file_name = file.display();
    println!("{file_name}: {} texts of {} packages", texts.len(), packages.len());
    let mut blocks: Vec<(String, String)> = texts
        .into_iter()
        .map(|(text, names)| (names.into_iter().collect::<Vec<_>>().join(", "), text))
        .collect();
    blocks.sort();
    let rule = "-".repeat(80);
    let blocks = blocks.iter().map(|(names, text)| format!("{rule}\n{names}\n{rule}\n\n{text}\n"));
    fs::write(file, blocks.collect::<String>()).map_err(|error| format!("{file_name}: {error}"))
}

/// The licence texts in the folder of a package.
fn licence_texts(folder: &Path) -> TaskResult<Vec<String>> {
    let explain = |error| format!("{}: {error}", folder.display());
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).map_err(explain)? {
        let path = entry.map_err(explain)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
            let bytes = fs::read(&path).map_err(explain)?;
            texts.push(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"));
        }
    }
    Ok(texts)
}
