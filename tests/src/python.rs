//! Runs the cases with the drivers of the Python package.
//!
//! A worker is a Python process that runs `python/tests/cases.py` with one driver. It prints a line once it is ready. It
//! gets a case as a line of JSON, prints each event as a line and waits for the answer, so that events and requests are
//! recorded in their order, and prints the result.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use std::{fs, io, thread};

use export_core::{Config, ExportJob, Limits};
use export_sim::Server;
use serde_json::{Value, json};
use test_servers::Authority;

use crate::adapter::base_url;
use crate::case::{Case, Goal, Login, TOKEN, TrustedCa};
use crate::leaks;
use crate::recorder::{Recorder, camel_case};
use crate::transcript::{self, End};

/// Runs all cases with a driver in so many processes, and returns the names of the cases with what differs from the
/// transcripts in `snapshots`.
///
/// # Errors
///
/// Fails if Python cannot be started, or a snapshot cannot be read.
pub fn compare(
    python: &Path,
    script: &Path,
    driver: &str,
    processes: usize,
    cases: &[Case],
    snapshots: &Path,
) -> io::Result<Vec<(String, String)>> {
    let queue = Mutex::new(cases.iter());
    let differences = Mutex::new(Vec::new());
    let failed = Mutex::new(None);
    // A driver leaves no files behind.
    let temporary = tempfile::tempdir()?;
    thread::scope(|scope| {
        for _ in 0..processes.min(cases.len()) {
            scope.spawn(|| {
                let work = || -> io::Result<()> {
                    let mut worker = Worker::start(python, script, driver, temporary.path())?;
                    loop {
                        let next = queue.lock().ok().and_then(|mut queue| queue.next());
                        let Some(case) = next else { return Ok(()) };
                        let expected = snapshot(snapshots, &case.name)?;
                        let transcript = worker.run(case)?;
                        if transcript != expected {
                            let text = first_difference(&expected, &transcript);
                            if let Ok(mut differences) = differences.lock() {
                                differences.push((case.name.clone(), text));
                            }
                        }
                    }
                };
                if let Err(error) = work() {
                    *failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_default() {
        return Err(error);
    }
    if let Some(left) = fs::read_dir(temporary.path())?.next() {
        return Err(io::Error::other(format!("a driver has left {}", left?.path().display())));
    }
    Ok(differences.into_inner().unwrap_or_default())
}

/// A transcript as it is committed, without the head of the file.
fn snapshot(folder: &Path, name: &str) -> io::Result<String> {
    let text = fs::read_to_string(folder.join(format!("{name}.snap")))?;
    let body = text.splitn(3, "---\n").nth(2).unwrap_or_default();
    Ok(body.trim_end().to_owned())
}

/// The lines around the first one that differs.
fn first_difference(expected: &str, got: &str) -> String {
    let same = expected.lines().zip(got.lines()).take_while(|(one, other)| one == other).count();
    let around = |text: &str| {
        let lines = text.lines().skip(same.saturating_sub(3)).take(12);
        lines.map(|line| format!("    {line}\n")).collect::<String>()
    };
    format!("  expected:\n{}  got:\n{}", around(expected), around(got))
}

/// `None` at the end.
fn read_line(stdout: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    Ok((stdout.read_line(&mut line)? > 0).then_some(line))
}

/// A Python process.
struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Worker {
    fn start(python: &Path, script: &Path, driver: &str, temporary: &Path) -> io::Result<Self> {
        let mut child = Command::new(python)
            .arg(script)
            .arg(driver)
            .env("TMPDIR", temporary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        let mut stdout = BufReader::new(stdout);
        match read_line(&mut stdout)? {
            Some(_ready) => Ok(Self { child, stdin, stdout }),
            None => Err(io::Error::other("Python has ended before the first case")),
        }
    }

    fn run(&mut self, case: &Case) -> io::Result<String> {
        let server = Arc::new(Server::start_blocking(case.service())?);
        let recorder = Recorder::new(&server);
        let started = Instant::now();
        self.send(&request(case, &server))?;
        let result = loop {
            let Some(line) = read_line(&mut self.stdout)? else {
                let text = format!("Python has ended in the case {}", case.name);
                return Err(io::Error::other(text));
            };
            let mut message: Value = serde_json::from_str(&line)?;
            recorder.print(&line);
            match message.get_mut("result") {
                Some(result) => break result.take(),
                None => {
                    recorder.add_event(&message);
                    self.send(&json!("go on"))?;
                }
            }
        };
        let elapsed = started.elapsed();
        let mut text = transcript::write(&server, &recorder, &end(&result));
        if elapsed > case.within {
            text += &format!("took {elapsed:?}, which is longer than {:?}\n", case.within);
        }
        leaks::check(case, &server, &[&text, &recorder.printed()]);
        Ok(text.trim_end().to_owned())
    }

    fn send(&mut self, message: &Value) -> io::Result<()> {
        writeln!(self.stdin, "{message}")?;
        self.stdin.flush()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends with its input, and is killed if it does not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A case as the script takes it.
fn request(case: &Case, server: &Server) -> Value {
    let ca = match (case.trusted_ca, server.ca_pem()) {
        (TrustedCa::Service, Some(pem)) => pem.to_owned(),
        (TrustedCa::Service, None) => String::new(),
        (TrustedCa::Other, _) => Authority::new("any").pem().to_owned(),
    };
    let (goal, limit, operation) = match case.goal {
        Goal::File(limit) => ("file", limit, ""),
        // The package does not list files.
        Goal::Files(kind) => ("files", 0, kind),
        Goal::Handover => ("handover", 1 << 20, ""),
        Goal::Status(id) => ("status", 0, id),
    };
    let (secret, token) = match case.login {
        Login::Secret(secret) => (Some(secret), None),
        Login::Token => (None, Some(TOKEN)),
    };
    json!({
        "name": case.name,
        "goal": goal,
        "limit": limit,
        "operation": operation,
        "secret": secret,
        "token": token,
        "base_url": base_url(case, server),
        "ca": ca,
        "api_version": case.version.as_str(),
        "resubmit": camel_to_snake(&format!("{:?}", case.resubmit)),
        "limits": limits(&case.limits),
        "spec": spec(case),
    })
}

/// The path and the body of the submit, as a checkpoint has them.
fn spec(case: &Case) -> Value {
    let config = Config::new("https://api.example.com").map(|it| it.with_api_version(case.version));
    let saved = config.ok().and_then(|config| {
        let job = ExportJob::new(case.spec.clone(), &config).ok()?;
        serde_json::from_str::<Value>(job.checkpoint().spec()).ok()
    });
    saved.map(|saved| saved["submit"].clone()).unwrap_or_default()
}

/// All limits, in seconds.
fn limits(limits: &Limits) -> Value {
    json!({
        "request_timeout": limits.request_timeout.as_secs_f64(),
        "job_timeout": limits.job_timeout.as_secs_f64(),
        "max_failures": limits.max_failures,
        "backoff_base": limits.backoff_base.as_secs_f64(),
        "backoff_cap": limits.backoff_cap.as_secs_f64(),
        "min_poll_interval": limits.min_poll_interval.as_secs_f64(),
        "max_poll_interval": limits.max_poll_interval.as_secs_f64(),
        "grace_period": limits.grace_period.as_secs_f64(),
        "max_submits": limits.max_submits,
        "max_downloads": limits.max_downloads,
        "read_timeout": limits.read_timeout.as_secs_f64(),
        "min_speed": limits.min_speed,
        "max_file_bytes": limits.max_file_bytes,
        "max_redirects": limits.max_redirects,
        "max_body_bytes": limits.max_body_bytes,
        "token_margin": limits.token_margin.as_secs_f64(),
    })
}

fn camel_to_snake(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

/// How the case has ended, as the script says it.
fn end(result: &Value) -> End {
    let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
    match result["end"].as_str().unwrap_or_default() {
        "status" => End::Status {
            word: text("status"),
            is_ready: result["is_ready"].as_bool().unwrap_or_default(),
        },
        "file" => End::File {
            name: text("file_name"),
            bytes: decode(&text("content")),
            length: result["length"].as_u64(),
            media_type: result["media_type"].as_str().map(String::from),
            submits: result["submits"].as_u64().unwrap_or_default(),
        },
        _ => {
            let failure = &result["failure"];
            let detail = failure["detail"].as_str().map(String::from);
            let kind = serde_json::from_value(failure["kind"].clone()).ok();
            End::Error {
                fault: camel_case(&text("fault")),
                offset: result["offset"].as_u64(),
                message: text("message"),
                detail: kind.zip(detail),
            }
        }
    }
}

/// Bytes in hexadecimal digits.
fn decode(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).filter_map(digits).collect()
}
