//! A night of `wexport batch`, over real sockets.

use crate::shell::{self, Done, cargo, target};

/// What is asked of the program: three nights, unless `words` describe one.
const NIGHTS: [&[&str]; 3] = [
    &["--exports", "1000", "--rate", "5", "--faults", "0.03"],
    &["--exports", "1000", "--rate", "5", "--faults", "0.03", "--kill", "5"],
    &["--exports", "40", "--rate", "1", "--faults", "0", "--failing", "3"],
];

pub(crate) fn run(words: &[&str]) -> Done {
    shell::run(&mut cargo(&["build", "--release", "--quiet", "--package", "wexport"]))?;
    if !words.is_empty() {
        return pass(words);
    }
    NIGHTS.into_iter().try_for_each(pass)
}

fn pass(words: &[&str]) -> Done {
    let program = ["run", "--release", "--quiet", "--package", "conformance", "--example", "batch"];
    let wexport = target("release").join("wexport").display().to_string();
    let words = [&program[..], &["--", "--wexport", &wexport], words].concat();
    shell::run(&mut cargo(&words))
}
