//! Where a PostgreSQL server is, and how to log in: as libpq reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::problem::Problem;

/// A PostgreSQL database. Its password is not printed.
#[derive(Clone)]
pub(crate) struct PgPlace {
    pub(crate) config: Config,
    /// A CA bundle for its certificate.
    pub(crate) root_cert: Option<PathBuf>,
    /// `host:port/database`, for messages.
    shown: String,
}

/// Reads a variable of the environment.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The parameters of a URL, a service or the environment that are read here, and their variables.
/// `options` and others of libpq are passed on in a URL.
const PARAMETERS: [(&str, &str); 10] = [
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("host", "PGHOST"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("service", "PGSERVICE"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("user", "PGUSER"),
];

/// Where Debian's and most other servers have their socket.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_PORT: u16 = 5432;

impl PgPlace {
    /// The database of a URL. What it does not say is read from the service, the environment and the
    /// password file.
    pub(crate) fn new(url: &str, variable: Variable<'_>) -> Result<Self, Problem> {
        // A URL may have a password.
        let invalid = |why: &dyn fmt::Display| {
            Problem::usage(format!("invalid URL of a PostgreSQL database: {why}"))
                .advise("expected postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full")
        };
        let (rest, given) = parameters_of(url);
        let mut own = BTreeMap::new();
        let mut passed = Vec::new();
        for (name, value) in given {
            match PARAMETERS.iter().any(|(known, _)| *known == name) {
                true => drop(own.insert(name, decode(&value))),
                false => passed.push(format!("{name}={value}")),
            }
        }
        let query =
            if passed.is_empty() { String::new() } else { format!("?{}", passed.join("&")) };
        let mut config: Config =
            format!("{rest}{query}").parse().map_err(|error| invalid(&describe(&error)))?;
        let named = own.get("service").cloned().or_else(|| variable("PGSERVICE"));
        let service = named.map(|name| service(&name, variable)).transpose()?.unwrap_or_default();
        let get = |name: &str| {
            let known = PARAMETERS.iter().find(|(known, _)| *known == name);
            let from_environment = || known.and_then(|(_, name)| variable(name));
            let set = own.get(name).or_else(|| service.get(name)).cloned();
            set.or_else(from_environment).filter(|value| !value.is_empty())
        };
        if config.get_hosts().is_empty() {
            let folder = SOCKET_FOLDERS.into_iter().find(|folder| Path::new(folder).is_dir());
            let host = get("host").unwrap_or_else(|| folder.unwrap_or("localhost").into());
            for host in host.split(',') {
                config.host(host);
            }
        }
        if config.get_ports().is_empty() {
            for port in get("port").unwrap_or_else(|| DEFAULT_PORT.to_string()).split(',') {
                config.port(port.parse().map_err(|_| invalid(&"the port is not a number"))?);
            }
        }
        if let (None, Some(user)) = (config.get_user(), get("user")) {
            config.user(user);
        }
        let user = match config.get_user() {
            Some(user) => user.to_owned(),
            None => variable("USER").unwrap_or_else(|| "postgres".into()),
        };
        config.user(&user);
        let dbname = config.get_dbname().map(String::from).or_else(|| get("dbname"));
        let dbname = dbname.unwrap_or(user);
        config.dbname(&dbname);
        let timeout = get("connect_timeout").and_then(|seconds| seconds.parse().ok());
        config.connect_timeout(timeout.map_or(CONNECT_TIMEOUT, Duration::from_secs));
        config.tcp_user_timeout(CONNECT_TIMEOUT).keepalives_idle(Duration::from_secs(30));
        config.application_name("wexport");
        config.ssl_mode(ssl_mode(get("sslmode").as_deref(), config.get_hosts())?);
        if config.get_password().is_none() {
            let file = get("passfile").map(PathBuf::from);
            let password = get("password").map(Ok);
            let password = password.or_else(|| from_file(&config, file, variable).transpose());
            if let Some(password) = password.transpose()? {
                config.password(password);
            }
        }
        let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
        let host = config.get_hosts().first().map(host_text).unwrap_or_default();
        let shown = format!("{host}:{port}/{dbname}");
        Ok(Self { config, root_cert: get("sslrootcert").map(PathBuf::from), shown })
    }
}

impl fmt::Display for PgPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PgPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PgPlace({self})")
    }
}

/// A URL without its query, and the parameters of that.
fn parameters_of(url: &str) -> (&str, Vec<(String, String)>) {
    let (rest, query) = url.split_once('?').unwrap_or((url, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    (rest, pairs.map(|(name, value)| (name.into(), value.into())).collect())
}

/// Decodes `%2F` in the value of a parameter.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn describe(error: &tokio_postgres::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

fn host_text(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    }
}

/// Whether what is sent to a host stays on this machine.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let is_loopback = |ip: std::net::IpAddr| ip.is_loopback();
            name == "localhost" || name.parse().is_ok_and(is_loopback)
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// A certificate is verified whenever there is one, so that three of libpq's modes are the same. What
/// stays on this machine needs no TLS unless it is asked for.
fn ssl_mode(mode: Option<&str>, hosts: &[Host]) -> Result<SslMode, Problem> {
    match mode {
        Some("disable") => Ok(SslMode::Disable),
        Some("require" | "verify-ca" | "verify-full") => Ok(SslMode::Require),
        None | Some("allow" | "prefer") if hosts.iter().all(is_local) => Ok(SslMode::Disable),
        None | Some("allow" | "prefer") => Ok(SslMode::Prefer),
        Some(mode) => Err(Problem::usage(format!(
            "invalid sslmode '{mode}' of the PostgreSQL database: expected disable, prefer, require, \
             verify-ca or verify-full"
        ))),
    }
}

/// The parameters of a service in `pg_service.conf`.
fn service(name: &str, variable: Variable<'_>) -> Result<BTreeMap<String, String>, Problem> {
    let in_home = || Some(PathBuf::from(variable("HOME")?).join(".pg_service.conf"));
    let of_system = || {
        let folder = variable("PGSYSCONFDIR").unwrap_or_else(|| "/etc/postgresql-common".into());
        PathBuf::from(folder).join("pg_service.conf")
    };
    let file = variable("PGSERVICEFILE").map(PathBuf::from).or_else(in_home);
    for file in file.into_iter().chain([of_system()]) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let mut found = None;
        for line in text.lines().map(str::trim) {
            if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                if found.is_some() {
                    break;
                }
                found = (section == name).then(BTreeMap::new);
            } else if let (Some(found), Some((name, value)), false) =
                (&mut found, line.split_once('='), line.starts_with('#'))
            {
                found.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(Problem::usage(format!("there is no service '{name}' in pg_service.conf"))
        .advise("add it to ~/.pg_service.conf, or name the file with PGSERVICEFILE"))
}

/// The password in the password file.
fn from_file(
    config: &Config,
    file: Option<PathBuf>,
    variable: Variable<'_>,
) -> Result<Option<String>, Problem> {
    let in_home = || Some(PathBuf::from(variable("HOME")?).join(".pgpass"));
    let Some(file) = file.or_else(in_home) else { return Ok(None) };
    let Ok(text) = fs::read_to_string(&file) else { return Ok(None) };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        // As libpq, which ignores such a file.
        let mode = fs::metadata(&file).map_or(0, |file| file.permissions().mode());
        if mode & 0o077 != 0 {
            let file = file.display();
            return Err(Problem::usage(format!("other users can read {file}"))
                .advise(format!("chmod 600 {file}")));
        }
    }
    let host = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.as_str(),
        #[cfg(unix)]
        Host::Unix(_) => "localhost",
    });
    let port = config.get_ports().first().map(u16::to_string).unwrap_or_default();
    let wanted = [host, Some(port.as_str()), config.get_dbname(), config.get_user()];
    Ok(text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let (password, fields) = fields.split_last().filter(|(_, rest)| rest.len() == 4)?;
        let matches = |(field, wanted): (&String, Option<&str>)| {
            field == "*" || wanted == Some(field.as_str())
        };
        fields.iter().zip(wanted).all(matches).then(|| password.clone())
    }))
}

/// The fields of a line of the password file, in which `\` escapes a colon and itself.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut chars) = (vec![String::new()], line.chars());
    while let Some(c) = chars.next() {
        let last = fields.len() - 1;
        match c {
            ':' => fields.push(String::new()),
            '\\' => fields[last].extend(chars.next()),
            c => fields[last].push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str, variables: &[(&str, &str)]) -> Result<PgPlace, Problem> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        PgPlace::new(url, &variable)
    }

    #[test]
    fn url_has_precedence_over_the_environment() {
        let variables = [("PGUSER", "other"), ("PGDATABASE", "other"), ("PGPASSWORD", "s3cret")];
        let place = place("postgres://ada@db.example:6543/book", &variables).unwrap();
        assert_eq!(place.to_string(), "db.example:6543/book");
        assert_eq!(place.config.get_user(), Some("ada"));
        assert_eq!(place.config.get_password(), Some(&b"s3cret"[..]));
        assert_eq!(place.config.get_ssl_mode(), SslMode::Prefer);
        assert!(!format!("{place:?}").contains("s3cret"));
    }

    #[test]
    fn what_the_url_omits_is_read_as_by_libpq() {
        let folder = tempfile::tempdir().unwrap();
        let (services, passwords) = (folder.path().join("services"), folder.path().join("pgpass"));
        fs::write(
            &services,
            "# ours\n[other]\nhost=x\n[night]\nhost=db.example\ndbname=book\nsslmode=verify-full\n",
        )
        .unwrap();
        fs::write(&passwords, "db.example:1:*:*:no\n*:5432:book:ada:a\\:s3cret\n").unwrap();
        let variables = [
            ("PGSERVICEFILE", services.to_str().unwrap()),
            ("PGPASSFILE", passwords.to_str().unwrap()),
            ("PGSERVICE", "night"),
            ("PGUSER", "ada"),
        ];
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;

            fs::set_permissions(&passwords, fs::Permissions::from_mode(0o644)).unwrap();
            let error = place("postgres://", &variables).unwrap_err();
            assert!(error.advice[0].starts_with("chmod 600"), "{error}");
            fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let place = place("postgres://", &variables).unwrap();
        assert_eq!(place.to_string(), "db.example:5432/book");
        assert_eq!(place.config.get_password(), Some(&b"a:s3cret"[..]));
        assert_eq!(place.config.get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn loopback_and_sockets_need_no_tls() {
        for url in ["postgres://ada@127.0.0.1/book", "postgres://ada@%2Ftmp/book"] {
            assert_eq!(place(url, &[]).unwrap().config.get_ssl_mode(), SslMode::Disable, "{url}");
        }
        let error = place("postgres://ada@127.0.0.1/book?sslmode=always", &[]).unwrap_err();
        assert!(error.message.contains("'always'"), "{error}");
    }

    #[test]
    fn password_of_a_url_is_not_printed() {
        let error = place("postgres://ada:s3cret@h:port/d", &[]).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
        let place = place("postgres://ada:s3cret@h/d", &[]).unwrap();
        assert!(!format!("{place} {place:?}").contains("s3cret"));
    }
}
