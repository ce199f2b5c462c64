//! A page of the documentation, and the commands on it.

use std::fs;
use std::path::{Path, PathBuf};

/// Whether to write the output to the pages, as `cargo xtask pages` requests.
pub(crate) fn is_update() -> bool {
    std::env::var_os("WEXPORT_PAGES").is_some()
}

/// A file of the documentation.
pub(crate) struct Page {
    path: PathBuf,
    pub(crate) text: String,
}

/// A command on a page, and its output there.
#[derive(Debug, PartialEq)]
pub(crate) struct Example {
    pub(crate) command: String,
    pub(crate) output: String,
}

impl Page {
    /// Reads a page. Paths are relative to the root of the workspace.
    pub(crate) fn read(path: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
        let text = fs::read_to_string(&path).unwrap();
        Self { path, text }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the text to the file.
    pub(crate) fn write(&self) {
        fs::write(&self.path, &self.text).unwrap();
    }

    /// The code blocks in this language.
    pub(crate) fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut rest = self.text.as_str();
        while let Some((_, after)) = rest.split_once(&format!("\n```{language}\n")) {
            let (block, after) = after.split_once("\n```").unwrap();
            blocks.push(block.to_owned());
            rest = after;
        }
        blocks
    }

    /// The commands in `console` blocks: the lines that start with `$ `.
    pub(crate) fn examples(&self) -> Vec<Example> {
        let mut examples: Vec<Example> = Vec::new();
        for line in self.blocks("console").iter().flat_map(|block| block.lines()) {
            match line.strip_prefix("$ ") {
                Some(command) => {
                    examples.push(Example { command: command.into(), output: String::new() });
                }
                None => {
                    let output = &mut examples.last_mut().unwrap().output;
                    output.push_str(line);
                    output.push('\n');
                }
            }
        }
        examples
    }

    /// Replaces the output of a command.
    pub(crate) fn replace(&mut self, example: &Example, printed: &str) {
        let old = format!("$ {}\n{}", example.command, example.output);
        assert!(self.text.contains(&old), "{old}");
        self.text = self.text.replace(&old, &format!("$ {}\n{printed}", example.command));
    }

    /// The names and the contents of sections, from `<!-- name -->` to `<!-- end -->`.
    pub(crate) fn sections(&self) -> Vec<(String, String)> {
        let mut sections = Vec::new();
        let mut rest = self.text.as_str();
        while let Some((before, after)) = rest.split_once("<!-- end -->") {
            let (_, section) = before.rsplit_once("<!-- ").unwrap();
            let (name, content) = section.split_once(" -->\n").unwrap();
            sections.push((name.into(), content.into()));
            rest = after;
        }
        sections
    }

    /// Replaces the content of a section.
    pub(crate) fn set_section(&mut self, name: &str, content: &str) {
        let mark = format!("<!-- {name} -->\n");
        let (before, rest) = self.text.split_once(&mark).unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        self.text = format!("{before}{mark}{content}<!-- end -->{after}");
    }
}

/// Formats a text as a code block.
pub(crate) fn text_block(text: &str) -> String {
    format!("```text\n{text}```\n")
}

/// Masks numbers: times and rates differ from run to run.
pub(crate) fn mask_numbers(text: &str) -> String {
    let mut masked = String::new();
    for c in text.replace("KiB/s", "MiB/s").chars() {
        match c {
            '0'..='9' | '.' if masked.ends_with('N') => {}
            '0'..='9' => masked.push('N'),
            c => masked.push(c),
        }
    }
    masked
}
