//! Loads the page of `wexport report --html` in Chromium, and checks it there.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::shell::{Simulator, TaskResult, cargo, run, target};

const ROWS: usize = 2_000;

/// About one export in ten fails, and one submit in a hundred is throttled.
const SCENARIO: &str = r#"{"rules": [
    {"match": {"endpoint": "operation", "nth": {"every": 40}}, "then": {"fault": "end_operation",
        "code": "TooLarge", "message": "The document is too large: <b>1,204</b> pages."}},
    {"match": {"endpoint": "submit", "nth": {"every": 100}}, "then": {"fault": "status", "status": 429,
        "retry_after": 1}}
]}"#;

/// The script that checks the page. It runs beside that of the page.
const SCRIPT: &str = include_str!("browser.js");

/// The setting of Chromium for each colour scheme of the system.
const COLOURS: [(&str, &str); 2] = [
    ("light", "--blink-settings=preferredColorScheme=1"),
    ("dark", "--blink-settings=preferredColorScheme=0"),
];

pub(crate) fn check() -> TaskResult {
    let installed = Command::new("chromium").arg("--version").stdout(Stdio::null()).status();
    installed.map_err(|_| "chromium is not installed: apt-get install chromium")?;
    let folder = target("browser");
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(fail)?;
    }
    fs::create_dir_all(&folder).map_err(fail)?;
    make_report(&folder)?;
    let page = fs::read_to_string(folder.join("report.html")).map_err(fail)?;
    let checked = page.replacen("</body>", &format!("<script>{SCRIPT}</script></body>"), 1);
    fs::write(folder.join("checked.html"), checked).map_err(fail)?;
    let mut faults = String::new();
    for width in [1200, 400] {
        for (name, colours) in COLOURS {
            // A window is at least 500 pixels wide, a frame is not.
            let frame = |page: &str| {
                format!(
                    "<!doctype html><body style=\"margin:0\"><iframe src=\"{page}.html#{ROWS},{name}\" \
                     style=\"display:block;border:0;width:{width}px;height:2000px\"></iframe>"
                )
            };
            let shot = folder.join(format!("{width}-{name}.png"));
            fs::write(folder.join("shown.html"), frame("report")).map_err(fail)?;
            let shot_to = format!("--screenshot={}", shot.display());
            let logged = chromium(&folder, "shown.html", &[colours, &shot_to])?.1;
            fs::write(folder.join("frame.html"), frame("checked")).map_err(fail)?;
            let (dom, more) = chromium(&folder, "frame.html", &[colours, "--dump-dom"])?;
            let title = dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
            let (times, found) = match title {
                Some((title, _)) => title.split_once("; ").unwrap_or((title, "")),
                None => ("", "the script did not end"),
            };
            println!("{width} pixels, {name}: {times}; see {}", shot.display());
            for fault in [found].into_iter().chain(logged.lines()).chain(more.lines()) {
                if !fault.is_empty() {
                    let _ = write!(faults, "\n{width} pixels, {name}: {fault}");
                }
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("the page is faulty{faults}")) }
}

/// Makes two batches of the same list, and the report of the second one.
fn make_report(folder: &Path) -> TaskResult {
    run(&mut cargo(&["build", "--quiet", "--package", "wexport"]))?;
    let mut list = String::from("kind,id,format\n");
    for row in 0..ROWS {
        let kind = if row % 3 == 0 { "spreadsheet" } else { "document" };
        let format = if row % 3 == 0 { "xlsx" } else { "pdf" };
        let _ = writeln!(list, "{kind},x{row},{format}");
    }
    for (name, text) in [("list.csv", list.as_str()), ("scenario.json", SCENARIO)] {
        fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    let scenario = folder.join("scenario.json").display().to_string();
    let args = ["--scenario", &scenario, "--retry-after", "0", "--operations-rate", "0"];
    let args = [&args[..], &["--complete-after", "100ms..900ms"]].concat();
    let simulator = Simulator::start("debug", &args)?;
    let wexport = |args: &[&str]| {
        let mut command = Command::new(target("debug").join("wexport"));
        command.args(args).current_dir(folder).env_clear().env("HOME", folder);
        command.envs([
            ("WEXPORT_BASE_URL", simulator.url.as_str()),
            ("WEXPORT_POLL_INTERVAL", "50ms"),
            ("WEXPORT_POLL_RATE", "10000/s"),
            ("WEXPORT_SUBMIT_RATE", "1000/s"),
            ("WORKIVA_CLIENT_ID", "id"),
            ("WORKIVA_CLIENT_SECRET", "secret"),
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let ended = command.status().map_err(|error| format!("cannot start wexport: {error}"))?;
        match ended.code() {
            // Some exports fail.
            Some(0 | 8) => Ok(()),
            code => Err(format!("wexport {} ended with {code:?}", args.join(" "))),
        }
    };
    println!("making two batches of {ROWS} exports");
    for _ in 0..2 {
        wexport(&["batch", "list.csv", "-o", "out/{id}.{ext}"])?;
    }
    wexport(&["report", "--html", "report.html"])
}

/// Loads a page. Returns its text, if it is asked for, and what the console has.
fn chromium(folder: &Path, page: &str, args: &[&str]) -> TaskResult<(String, String)> {
    let url = format!("file://{}", folder.join(page).display());
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,2000"])
        // The frame tells the page around it what it has found.
        .args(["--allow-file-access-from-files", "--enable-logging=stderr"])
        .args(args)
        .arg(url)
        .env("HOME", folder)
        .output()
        .map_err(|error| format!("cannot start chromium: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let logged = text(&output.stderr);
    if !output.status.success() {
        return Err(format!("chromium failed: {}\n{logged}", output.status));
    }
    let console = logged.lines().filter(|line| line.contains(":CONSOLE:"));
    Ok((text(&output.stdout), console.collect::<Vec<_>>().join("\n")))
}
