//! macOS needs to be told that Python's symbols come from the interpreter.

#![forbid(unsafe_code)]

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
