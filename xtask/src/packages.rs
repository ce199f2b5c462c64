//! The core stays small: whoever embeds it takes all of its packages along.

use std::collections::BTreeSet;

use crate::shell::{Done, cargo, output};

/// As many packages as the core may bring, itself included.
const MOST: usize = 20;

pub(crate) fn check() -> Done {
    let words = ["tree", "--package", "export-core", "--edges", "normal", "--prefix", "none"];
    let tree = output(&mut cargo(&words))?;
    let names: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split(' ').next()).filter(|n| !n.is_empty()).collect();
    println!("export-core brings {} packages", names.len());
    if names.len() <= MOST { Ok(()) } else { Err(format!("at most {MOST} are allowed: {names:?}")) }
}
