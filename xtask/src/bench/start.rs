//! How long a batch checks its list before it sends its first request, and how much memory that takes.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::many::write_list;
use super::store::Store;
use crate::shell::{TaskResult, cargo, run, target};

const SIZES: [usize; 3] = [1, 400, 100_000];

/// The longest list that a batch may have takes less.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Measures all sizes, or one.
pub(crate) fn start(size: Option<&str>) -> TaskResult {
    let sizes = super::sizes(size, &SIZES)?;
    run(&mut cargo(&["build", "--release", "--quiet", "--package", "wexport"]))?;
    let folder = target("bench-start");
    println!("{:>9} {:<30} {:>9} {:>9}", "exports", "to", "start", "RSS MiB");
    for size in sizes {
        for (to, output, flags) in [
            ("files", folder.join("files/{id}.{format}").display().to_string(), &[][..]),
            (
                "files named by the service",
                folder.join("files/{name}.{ext}").display().to_string(),
                &[],
            ),
            ("a store", "s3://bucket/{id}.{format}".into(), &[]),
            (
                "a store, if they do not exist",
                "s3://bucket/{id}.{format}".into(),
                &["--if-exists", "error"],
            ),
        ] {
            let (time, peak) =
                first_request(&folder, size, &output, flags).map_err(|error| error.to_string())?;
            println!("{size:>9} {to:<30} {:>8.3}s {peak:>9}", time.as_secs_f64());
        }
    }
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}

/// Starts a batch, and stops it at its first request to the service. Returns the time until then, and
/// the most memory that it took.
fn first_request(
    folder: &Path,
    size: usize,
    output: &str,
    flags: &[&str],
) -> std::io::Result<(Duration, String)> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let list: PathBuf = folder.join("list.csv");
    write_list(&list, size)?;
    let service = TcpListener::bind("127.0.0.1:0")?;
    let mut command = Command::new(target("release").join("wexport"));
    command.arg("batch").arg(list).arg("--state").arg(folder.join("state"));
    command.args(["--quiet", "--output", output]).args(flags).stdout(Stdio::null());
    command.env("WEXPORT_BASE_URL", format!("http://{}", service.local_addr()?));
    command.env("WORKIVA_TOKEN", "t0ken");
    command.envs(Store::start()?.variables());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let time = wait_for_request(&service, &mut child).map(|()| began.elapsed());
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    child.kill()?;
    child.wait()?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let peak = peak.and_then(|peak| peak.parse::<f64>().ok());
    Ok((time?, peak.map_or_else(|| "-".into(), |peak| format!("{:.1}", peak / 1024.0))))
}

fn wait_for_request(service: &TcpListener, child: &mut Child) -> std::io::Result<()> {
    service.set_nonblocking(true)?;
    let give_up_at = Instant::now() + TIMEOUT;
    while Instant::now() < give_up_at {
        match service.accept() {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            accepted => return accepted.map(drop),
        }
        if let Some(status) = child.try_wait()? {
            return Err(std::io::Error::other(format!("wexport sent nothing: {status}")));
        }
        thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    Err(std::io::ErrorKind::TimedOut.into())
}
