//! The documentation site: the Markdown files of the repository, what the program and the crates say of themselves, and a
//! search, in `target/site`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::shell::{self, TaskResult, cargo, output, root, run, target};

/// The generator, with the only version that is tried.
const GENERATOR: &str = "zensical==0.0.73";

/// The crates whose documentation is part of the site.
const CRATES: [&str; 5] =
    ["export-core", "export-host", "export-hyper", "export-ureq", "export-sim"];

/// The pages of the site: their paths in the repository, and their names on the site.
type Pages = BTreeMap<PathBuf, String>;

/// Builds the site. Broken links and anchors, and pages that are not in the navigation, are errors.
pub(crate) fn build() -> TaskResult {
    let config = read(&root().join("docs/site.toml"))?;
    let work = target("site-source");
    let folder = work.join("pages");
    if work.exists() {
        fs::remove_dir_all(&work).map_err(|error| explain(&work, &error))?;
    }
    fs::create_dir_all(&folder).map_err(|error| explain(&folder, &error))?;
    let pages = pages(&config)?;
    for (path, name) in &pages {
        let mut linked = Vec::new();
        let text = rewrite(&expand(&read(&root().join(path))?)?, path, &pages, &mut linked)?;
        write(&folder.join(name), &text)?;
        for file in linked {
            let to = folder.join("files").join(&file);
            fs::create_dir_all(to.parent().unwrap_or(&to)).map_err(|error| explain(&to, &error))?;
            fs::copy(root().join(&file), &to).map_err(|error| explain(&file, &error))?;
        }
    }
    let mut named = config;
    for (path, name) in &pages {
        let path = path.strip_prefix("docs").unwrap_or(path).display();
        named = named.replace(&format!("= \"{path}\""), &format!("= \"{name}\""));
    }
    write(&work.join("zensical.toml"), &named)?;
    let python = shell::python("site-venv", &[GENERATOR])?;
    let generate = ["-m", "zensical", "build", "--clean", "--strict"];
    run(Command::new(python).args(generate).current_dir(&work))?;
    add_crates(&work.join("site"))?;
    check_files(&work.join("site"))?;
    let site = target("site");
    if site.exists() {
        fs::remove_dir_all(&site).map_err(|error| explain(&site, &error))?;
    }
    fs::rename(work.join("site"), &site).map_err(|error| explain(&site, &error))?;
    println!("{}", site.join("index.html").display());
    Ok(())
}

/// The pages in the navigation. Each page in `docs/` has to be there.
fn pages(config: &str) -> TaskResult<Pages> {
    let quoted = config.lines().filter_map(|line| {
        let (_, path) = line.trim().strip_prefix("{ \"")?.split_once("\" = \"")?;
        Some(path.split_once('"')?.0)
    });
    let mut pages = Pages::new();
    for path in quoted {
        let in_docs = Path::new("docs").join(path);
        let path = if root().join(&in_docs).is_file() { in_docs } else { path.into() };
        let name = match path.to_string_lossy().as_ref() {
            "README.md" => "index.md".into(),
            other => {
                let name = other.strip_prefix("docs/").unwrap_or(other);
                let name = name.strip_prefix("crates/").unwrap_or(name);
                name.replace("/README.md", ".md").replace('/', "-").to_lowercase()
            }
        };
        pages.insert(path, name);
    }
    let docs = root().join("docs");
    for entry in fs::read_dir(&docs).map_err(|error| explain(&docs, &error))?.flatten() {
        let path = Path::new("docs").join(entry.file_name());
        let is_page = path.extension().is_some_and(|extension| extension == "md");
        if is_page && !pages.contains_key(&path) {
            return Err(format!("docs/site.toml does not have {}", path.display()));
        }
    }
    Ok(pages)
}

/// Replaces `<!-- include FILE -->` and `<!-- commands -->`.
fn expand(text: &str) -> TaskResult<String> {
    let mut expanded = String::new();
    for line in text.lines() {
        let mark = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        match mark.map(|mark| mark.split_once(' ').unwrap_or((mark, ""))) {
            Some(("include", path)) => expanded.push_str(&read(&root().join(path))?),
            Some(("commands", "")) => expanded.push_str(&commands()?),
            _ => {
                expanded.push_str(line);
                expanded.push('\n');
            }
        }
    }
    Ok(expanded)
}

/// The long help of each command that has a manual page.
fn commands() -> TaskResult<String> {
    run(&mut cargo(&["build", "--quiet", "--package", "wexport"]))?;
    let wexport = || Command::new(target("debug").join("wexport"));
    let folder = target("site-source").join("man");
    run(wexport().arg("man").arg(&folder))?;
    let entries = fs::read_dir(&folder).map_err(|error| explain(&folder, &error))?;
    let names = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_prefix("wexport-")?.strip_suffix(".1")?.to_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    let mut text = String::new();
    for name in names {
        // `jobs-list` is the page of `jobs list`, and `style-guide` a command.
        let words = match name.strip_prefix("jobs-") {
            Some(command) => vec!["jobs", command],
            None => vec![name.as_str()],
        };
        let help = output(wexport().args(&words).arg("--help"))?;
        text.push_str(&format!("## {}\n\n```text\n{help}```\n\n", words.join(" ")));
    }
    Ok(text)
}

/// What a link begins and ends with, in Markdown and in HTML.
const LINKS: [(&str, char); 3] = [("](", ')'), (" src=\"", '"'), (" srcset=\"", '"')];

/// Makes the links of a page lead to pages of the site, or to copies of files, which are added to `linked`.
fn rewrite(
    text: &str,
    page: &Path,
    pages: &Pages,
    linked: &mut Vec<PathBuf>,
) -> TaskResult<String> {
    let (mut rewritten, mut is_code) = (String::new(), false);
    for line in text.lines() {
        let mut line = line.to_owned();
        if let Some(info) = line.strip_prefix("```") {
            is_code = !is_code;
            // What rustdoc reads after the language is no language to the generator.
            line = format!("```{}", info.split(',').next().unwrap_or_default());
        }
        for (opening, closing) in LINKS {
            if is_code || !line.contains(opening) {
                continue;
            }
            let mut parts = line.split(opening);
            let mut with_links = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (link, rest) = part.split_once(closing).unwrap_or((part, ""));
                let link = on_site(link, page, pages, linked)?;
                with_links.push_str(&format!("{opening}{link}{closing}{rest}"));
            }
            line = with_links;
        }
        rewritten.push_str(&line);
        rewritten.push('\n');
    }
    Ok(rewritten)
}

/// Where a link leads on the site.
fn on_site(
    link: &str,
    page: &Path,
    pages: &Pages,
    linked: &mut Vec<PathBuf>,
) -> TaskResult<String> {
    if let Some(path) = link.strip_prefix("https://docs.rs/") {
        let name = path.split('/').next().unwrap_or_default();
        if CRATES.contains(&name) {
            let name = name.replace('-', "_");
            let rest = path
                .split_once("/latest/")
                .map_or_else(|| format!("{name}/"), |(_, rest)| rest.into());
            return Ok(format!("api/{rest}index.html"));
        }
    }
    if link.starts_with('#') || link.contains("://") || link.starts_with("mailto:") {
        return Ok(link.into());
    }
    let (path, anchor) = link.split_at(link.find('#').unwrap_or(link.len()));
    let mut resolved = page.parent().map(Path::to_path_buf).unwrap_or_default();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(resolved.pop()),
            part => resolved.push(part),
        }
    }
    if let Some(name) = pages.get(&resolved) {
        return Ok(format!("{name}{anchor}"));
    }
    if !root().join(&resolved).is_file() {
        return Err(format!("{}: {link} is not a file of the repository", page.display()));
    }
    let name = format!("files/{}{anchor}", resolved.display());
    linked.push(resolved);
    Ok(name)
}

/// Adds the documentation of the crates, in which the names of pages become links to them.
fn add_crates(site: &Path) -> TaskResult {
    let packages = CRATES.into_iter().flat_map(|name| ["--package", name]);
    let args = ["doc", "--no-deps", "--lib", "--locked", "--quiet"];
    let args: Vec<&str> = args.into_iter().chain(packages).collect();
    // Only these, and not what else was documented before.
    let docs = target("doc");
    if docs.exists() {
        fs::remove_dir_all(&docs).map_err(|error| explain(&docs, &error))?;
    }
    run(&mut cargo(&args))?;
    let api = site.join("api");
    fs::rename(&docs, &api).map_err(|error| explain(&api, &error))?;
    for name in CRATES {
        let page = api.join(name.replace('-', "_")).join("index.html");
        let mut text = read(&page)?;
        for entry in fs::read_dir(site).map_err(|error| explain(site, &error))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(name) = name.strip_suffix(".html") else { continue };
            let code = format!("<code>docs/{name}.md</code>");
            text = text.replace(&code, &format!("<a href=\"../../{name}.html\">{code}</a>"));
        }
        if text.contains(" <code>docs/") {
            return Err(format!("{}: a page that it names is not in the site", page.display()));
        }
        write(&page, &text)?;
    }
    Ok(())
}

/// Checks that the files exist to which pages lead. The generator has checked pages and their anchors.
fn check_files(site: &Path) -> TaskResult {
    for entry in fs::read_dir(site).map_err(|error| explain(site, &error))?.flatten() {
        if entry.path().extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        let text = read(&entry.path())?;
        for attribute in [" href=", " src=", " srcset="] {
            for value in text.split(attribute).skip(1) {
                let value = match value.strip_prefix('"') {
                    Some(value) => value.split('"').next(),
                    None => value.split([' ', '>']).next(),
                };
                let value = value.unwrap_or_default();
                let path = value.split(['#', '?']).next().unwrap_or_default();
                let is_elsewhere = path.contains(':') || path.starts_with('/');
                if !is_elsewhere && !path.is_empty() && !site.join(path).exists() {
                    return Err(format!("{}: {value} does not exist", entry.path().display()));
                }
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> TaskResult<String> {
    fs::read_to_string(path).map_err(|error| explain(path, &error))
}

fn write(path: &Path, text: &str) -> TaskResult {
    fs::write(path, text).map_err(|error| explain(path, &error))
}

fn explain(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
