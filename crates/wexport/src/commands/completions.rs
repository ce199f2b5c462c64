//! `wexport completions` and `wexport man`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::{CONFIG, Cli};
use crate::problem::Problem;
use crate::ui::print;

/// Prints the completion script of a shell.
pub(super) fn completions(shell: Shell) -> Result<(), Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wexport", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints the manual page, or writes one for each command to a folder.
pub(super) fn man(folder: Option<&Path>) -> Result<(), Problem> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|error| Problem::local("cannot generate the manual page", &error))?;
        return print(&(String::from_utf8_lossy(&page) + config_section().as_str()));
    };
    let main = folder.join("wexport.1");
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .and_then(|()| OpenOptions::new().append(true).open(main))
        .and_then(|mut page| page.write_all(config_section().as_bytes()))
        .map_err(|error| Problem::local(format!("cannot write to {}", folder.display()), &error))
}

/// The format of the config file as a section of a manual page. Its lines are not filled.
fn config_section() -> String {
    let text = CONFIG.replace('\\', "\\e").replace('-', "\\-");
    format!(".SH \"CONFIG FILE\"\n.nf\n{text}.fi\n")
}
