//! A page, and what of it can be run.

use std::fs;
use std::path::{Path, PathBuf};

/// Set by `cargo xtask pages`: what was printed is written into the pages.
pub(crate) fn are_written() -> bool {
    std::env::var_os("WEXPORT_PAGES").is_some()
}

/// A file of the project's documentation.
pub(crate) struct Page {
    path: PathBuf,
    pub(crate) text: String,
}

/// A command of a page, and what is said that it prints.
#[derive(Debug, PartialEq)]
pub(crate) struct Example {
    pub(crate) command: String,
    pub(crate) output: String,
}

impl Page {
    /// A page by its path from the top of the project.
    pub(crate) fn read(path: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
        let text = fs::read_to_string(&path).unwrap();
        Self { path, text }
    }

    /// Writes a changed text.
    pub(crate) fn write(&self) {
        fs::write(&self.path, &self.text).unwrap();
    }

    /// The blocks of code in this language.
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

    /// The commands after `$ ` in the blocks that show a console.
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

    /// Puts what was printed in place of what is said to be.
    pub(crate) fn replace(&mut self, example: &Example, printed: &str) {
        let said = format!("$ {}\n{}", example.command, example.output);
        assert!(self.text.contains(&said), "{said}");
        self.text = self.text.replace(&said, &format!("$ {}\n{printed}", example.command));
    }

    /// Each `<!-- name -->` that an `<!-- end -->` belongs to, and what is between them.
    pub(crate) fn places(&self) -> Vec<(String, String)> {
        let mut places = Vec::new();
        let mut rest = self.text.as_str();
        while let Some((before, after)) = rest.split_once("<!-- end -->") {
            let (_, place) = before.rsplit_once("<!-- ").unwrap();
            let (name, content) = place.split_once(" -->\n").unwrap();
            places.push((name.into(), content.into()));
            rest = after;
        }
        places
    }

    /// Fills a place with text.
    pub(crate) fn fill(&mut self, name: &str, content: &str) {
        let mark = format!("<!-- {name} -->\n");
        let (before, rest) = self.text.split_once(&mark).unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        self.text = format!("{before}{mark}{content}<!-- end -->{after}");
    }
}

/// A text as a block of code.
pub(crate) fn block(text: &str) -> String {
    format!("```text\n{text}```\n")
}

/// A text in which numbers do not count: how fast it went and when differ from run to run.
pub(crate) fn without_numbers(text: &str) -> String {
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
