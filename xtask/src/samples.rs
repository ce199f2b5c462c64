//! Runs the request samples of Workiva's API reference against the simulator. With the documented
//! body they are accepted. As printed in the reference, without a body, they get the documented
//! error.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{self, Simulator, TaskResult};

const BODY: &str = r#"{"kind":"SupportingDocument"}"#;

const HEADERS: [(&str, &str); 4] = [
    ("X-Version", "2022-01-01"),
    ("Content-Type", "application/json"),
    ("Accept", "application/json"),
    ("Authorization", "Bearer t0ken"),
];

/// The name of a tool, and a function that creates its command for a URL and an optional body.
type Sample = (&'static str, fn(&Path, &str, Option<&str>) -> Command);

const SAMPLES: [Sample; 4] =
    [("curl", curl), ("httpie", httpie), ("wget", wget), ("requests", requests)];

pub(crate) fn check() -> TaskResult {
    let python = python()?;
    let simulator = Simulator::start("debug", &[])?;
    let url = format!("{}/prototype/platform/files/124efa2a142f/export", simulator.url);
    for (name, sample) in SAMPLES {
        let with_body = output(name, &mut sample(&python, &url, Some(BODY)))?;
        for expected in ["202", "location:", "retry-after:"] {
            expect(name, "with body", &with_body, expected)?;
        }
        let without_body = output(name, &mut sample(&python, &url, None))?;
        for expected in ["400", "\"code\"", "\"message\"", "\"version\""] {
            expect(name, "without body", &without_body, expected)?;
        }
        println!("{name}: ok");
    }
    Ok(())
}

fn expect(name: &str, case: &str, output: &str, expected: &str) -> TaskResult {
    if output.contains(expected) {
        Ok(())
    } else {
        Err(format!("{name} {case}: no {expected:?} in\n{output}"))
    }
}

/// The output of a tool in lower case, because the tools print header names differently.
fn output(name: &str, command: &mut Command) -> TaskResult<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot start {name}: {error}"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text).to_lowercase())
}

fn curl(_python: &Path, url: &str, body: Option<&str>) -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--request", "POST", url]);
    for (name, value) in HEADERS {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    if let Some(body) = body {
        command.args(["--data", body]);
    }
    command
}

fn httpie(python: &Path, url: &str, body: Option<&str>) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "httpie", "--ignore-stdin", "--print=hb"]);
    if let Some(body) = body {
        command.args(["--raw", body]);
    }
    command.args(["POST", url]);
    command.args(HEADERS.map(|(name, value)| format!("{name}:{value}")));
    command
}

fn wget(_python: &Path, url: &str, body: Option<&str>) -> Command {
    let mut command = Command::new("wget");
    command.args(["--quiet", "--server-response", "--content-on-error", "--method", "POST"]);
    for (name, value) in HEADERS {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    if let Some(body) = body {
        command.args(["--body-data", body]);
    }
    command.args(["--output-document", "-", url]);
    command
}

fn requests(python: &Path, url: &str, body: Option<&str>) -> Command {
    let headers: Vec<String> =
        HEADERS.iter().map(|(name, value)| format!("{name:?}: {value:?}")).collect();
    let script = format!(
        "import requests\n\
         r = requests.post({url:?}, headers={{{}}}, data={})\n\
         print(r.status_code)\n\
         print('\\n'.join(f'{{k}}: {{v}}' for k, v in r.headers.items()))\n\
         print(r.text)",
        headers.join(", "),
        body.map_or_else(|| "None".into(), |body| format!("{body:?}")),
    );
    let mut command = Command::new(python);
    command.args(["-c", &script]);
    command
}

/// A Python with httpie and requests, in a virtual environment that is created on the first run.
fn python() -> TaskResult<PathBuf> {
    for tool in ["curl", "wget"] {
        let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
        found.map_err(|_| format!("{tool} is not installed"))?;
    }
    shell::python("samples-venv", &["httpie==3.2.4", "requests==2.32.5"])
}
