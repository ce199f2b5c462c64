//! The entries of `docs/operate.md`, each run as what starts it at night would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use test_servers::Server;

use super::{HOME, PROGRAM, Page, put_secret, run_script};
use crate::hooks;
use crate::init::{cron_command, run_as_cron};
use crate::moto::{moto, python};
use crate::world::{Ran, World};

/// A world after `wexport init`, with the list of the page.
fn world() -> (World, Page) {
    let (world, page) = (World::new(), Page::read("docs/operate.md"));
    put_secret(&world);
    let secret = world.home().join(".config/wexport/secret");
    let secret = ["--client-secret-file", secret.to_str().unwrap()];
    world.done(&[&["init", "--client-id", "an-id"][..], &secret].concat());
    fs::write(world.home().join("list.csv"), &page.blocks("csv")[0]).unwrap();
    (world, page)
}

/// What `wexport init` prints for this kind of entry, which another test compares with the page.
fn entry(world: &World, page: &Page, kind: &str) -> String {
    let start = format!("wexport init --print {kind} ");
    let examples = page.examples();
    let example = examples.iter().find(|it| it.command.starts_with(&start)).unwrap();
    assert!(example.output.contains("wexport"), "{kind}");
    let text = example.output.replace(PROGRAM, env!("CARGO_BIN_EXE_wexport"));
    text.replace(HOME, world.home().to_str().unwrap())
}

/// Runs an entry twice. The second run goes on with the first, and so sends nothing.
fn check_twice(world: &World, run: impl Fn() -> Ran) {
    for _ in 0..2 {
        let ran = run();
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        assert_eq!(world.submits(), 2);
    }
}

/// Runs a Python script with moto's interpreter, which has PyYAML and Jinja.
fn run_python(script: &str, arguments: &[&str]) -> Value {
    let output = Command::new(python()).args(["-c", script]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn parse_yaml(text: &str) -> Value {
    run_python("import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))", &[text])
}

#[test]
fn cron_line_continues_its_run() {
    let (world, page) = world();
    let text = entry(&world, &page, "cron");
    assert!(text.contains("\n15 2-6 * * *  "), "{text}");
    check_twice(&world, || run_as_cron(&world, &cron_command(&text), &[]));
    assert_eq!(fs::read_to_string(world.home().join("results.jsonl")).unwrap().lines().count(), 2);
}

/// The values of a key in a unit.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let values = |line: &'a str| line.strip_prefix(key)?.strip_prefix('=');
    unit.lines().filter_map(values).collect()
}

/// Checks the units with systemd's own reader where it is installed.
fn check_units(world: &World, units: &[(&str, &str)]) {
    let paths: Vec<PathBuf> = units.iter().map(|(name, _)| world.work().join(name)).collect();
    for (path, (_, text)) in paths.iter().zip(units) {
        fs::write(path, text).unwrap();
    }
    let mut command = Command::new("systemd-analyze");
    match command.args(["verify", "--man=no"]).args(&paths).output() {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stderr), ""),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
}

/// Runs `ExecStart` of a unit. These are its specifiers.
fn run_unit(world: &World, unit: &str, specifiers: &[(&str, &Path)]) -> Ran {
    let [line] = values(unit, "ExecStart")[..] else { panic!("{unit}") };
    let folder = values(unit, "WorkingDirectory")[0];
    let variables = values(unit, "Environment").join(" ");
    // `{` and `}` are no syntax of systemd, and a shell does not expand these braces either.
    let mut script = format!("cd {folder} && exec env {variables} {line}");
    for (specifier, path) in specifiers {
        script = script.replace(specifier, path.to_str().unwrap());
    }
    run_as_cron(world, &script.replace("%%", "%"), &[])
}

#[test]
fn systemd_units_continue_their_run() {
    let (world, page) = world();
    let text = entry(&world, &page, "systemd");
    let (service, timer) = text.split_once("# ~/.config/systemd/user/wexport.timer").unwrap();
    assert_eq!(values(timer, "OnCalendar"), ["*-*-* 02..06:15:00"]);
    check_units(&world, &[("wexport.service", service), ("wexport.timer", timer)]);
    check_twice(&world, || run_unit(&world, service, &[("%h", &world.home())]));
}

#[test]
fn system_service_gets_its_secret_as_a_credential() {
    let (world, page) = world();
    let units = page.blocks("ini");
    let [unit] = &units[..] else { panic!("one unit") };
    let unit = unit.replace(PROGRAM, env!("CARGO_BIN_EXE_wexport"));
    check_units(&world, &[("wexport.service", &unit)]);
    let (etc, lib, credentials) =
        (world.home().join("etc"), world.home().join("lib"), world.home().join("credentials"));
    for folder in [&etc, &credentials, &lib.join("wexport")] {
        fs::create_dir_all(folder).unwrap();
    }
    let config = world.home().join(".config/wexport");
    // The secret is where the credential says, and nowhere else.
    let [load] = values(&unit, "LoadCredential")[..] else { panic!("{unit}") };
    let (name, source) = load.split_once(':').unwrap();
    assert_eq!(source, "/etc/wexport/secret");
    fs::rename(config.join("secret"), credentials.join(name)).unwrap();
    fs::rename(config.join("config.toml"), etc.join("config.toml")).unwrap();
    fs::rename(world.home().join("list.csv"), etc.join("list.csv")).unwrap();
    let specifiers = [("%S", &*lib), ("%d", &credentials), ("/etc/wexport", &etc)];
    check_twice(&world, || run_unit(&world, &unit, &specifiers));
    assert!(lib.join("wexport/state/batches").exists());
    assert_eq!(fs::read_dir(lib.join("wexport/night")).unwrap().count(), 1);
}

#[test]
fn cronjob_exports_to_a_bucket() {
    let (mut world, page) = world();
    let bucket = moto().bucket();
    let text = entry(&world, &page, "cronjob").replace("BUCKET", &bucket);
    let manifest = parse_yaml(&text);
    assert_eq!(manifest["spec"]["schedule"], "15 2-6 * * *");
    let pod = &manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];

    // What the commands in its comments put into the volumes: a stand-in for kubectl writes it.
    let cluster = world.home().join("cluster");
    fs::create_dir_all(world.home().join("bin")).unwrap();
    let kubectl = "#!/bin/sh\n[ \"$1\" = create ] && shift\n[ \"$2\" = generic ] && shift\n\
        folder=$HOME/cluster/$2\nmkdir -p $folder && shift 2\nfor word; do\n\
        pair=${word#--from-file=}\ncp \"${pair#*=}\" $folder/${pair%%=*} || exit 1\ndone\n";
    let path = world.home().join("bin/kubectl");
    fs::write(&path, kubectl).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let commands: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# kubectl ")).collect();
    let [config, secret] = commands[..] else { panic!("{text}") };
    assert!(page.text.contains("Add `--from-file=list.csv` to its first command"));
    for line in [format!("{config} --from-file=list.csv"), secret.into()] {
        let ran = run_as_cron(&world, &format!("PATH=$HOME/bin:$PATH; kubectl {line}"), &[]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
    }
    // The volumes, where the container has them.
    let mounts = container["volumeMounts"].as_array().unwrap();
    let mounted = |text: &str| {
        let mut text = text.to_owned();
        for mount in mounts {
            let name = mount["name"].as_str().unwrap();
            let volumes = pod["volumes"].as_array().unwrap();
            let volume = volumes.iter().find(|volume| volume["name"] == name).unwrap();
            let of = |kind: &str, name: &str| volume[kind][name].as_str();
            let source = of("configMap", "name")
                .or_else(|| of("secret", "secretName"))
                .or_else(|| of("persistentVolumeClaim", "claimName").map(|_| "claim"));
            let folder = cluster.join(source.unwrap());
            fs::create_dir_all(&folder).unwrap();
            let path = mount["mountPath"].as_str().unwrap();
            text = text.replace(path, folder.to_str().unwrap());
        }
        text
    };
    let words = container["command"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
    let words: Vec<String> = words.map(mounted).collect();
    assert_eq!(words[0], "wexport");
    world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "an-aws-key"),
        ("AWS_SECRET_ACCESS_KEY", "an-aws-secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
    ] {
        world.set(name, value);
    }
    let work = mounted(container["workingDir"].as_str().unwrap());
    check_twice(&world, || {
        let line: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let mut command = world.command(&line);
        for name in ["HOME", "WORKIVA_CLIENT_ID", "WORKIVA_CLIENT_SECRET", "WEXPORT_BASE_URL"] {
            command.env_remove(name);
        }
        for variable in container["env"].as_array().unwrap() {
            let [name, value] = ["name", "value"].map(|key| variable[key].as_str().unwrap());
            command.env(name, mounted(value));
        }
        world.ran(command.current_dir(&work).output().unwrap())
    });
    assert_eq!(moto().keys(&bucket).len(), 2);
    assert!(Path::new(&work).join("state/batches").exists());
}

#[test]
fn commands_of_object_stores_write_to_a_bucket() {
    let mut world = World::new();
    let (moto, bucket) = (moto(), moto().bucket());
    let endpoint = format!("http://{}", moto.address);
    for (name, value) in [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "an-aws-key"),
        ("AWS_SECRET_ACCESS_KEY", "an-aws-secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
    ] {
        world.set(name, value);
    }
    world.write("list.csv", "kind,id,format\ndocument,d9,pdf\n");
    let commands = Page::read("docs/object-stores.md").blocks("sh");
    assert_eq!(commands.len(), 2);
    for command in commands {
        let command = command.replace("s3://reports", &format!("s3://{bucket}"));
        let command = command.replace("https://minio.example.com", &endpoint);
        assert_eq!(run_script(&world, &format!("{command} --quiet")), "");
    }
    // Two files, and the receipt of the first one.
    assert_eq!(moto.keys(&bucket).len(), 3);
}

/// Airflow itself is a thousand packages: its names are stand-ins, and its templates are Jinja's.
const AIRFLOW: &str = r#"
import contextlib, json, sys, types
from jinja2 import StrictUndefined, Template

task = {}
modules = "airflow airflow.sdk airflow.providers airflow.providers.standard"
modules += " airflow.providers.standard.operators airflow.providers.standard.operators.bash"
for name in modules.split():
    sys.modules[name] = types.ModuleType(name)
sys.modules["airflow.sdk"].DAG = lambda *_, **settings: contextlib.nullcontext()
sys.modules["airflow.providers.standard.operators.bash"].BashOperator = lambda **it: task.update(it)
exec(compile(sys.argv[1], "dag.py", "exec"))
context = json.loads(sys.argv[2])
render = lambda text: Template(text, undefined=StrictUndefined).render(context)
env = {name: render(value) for name, value in task["env"].items()}
print(json.dumps([render(task["bash_command"]), env, task["append_env"]]))
"#;

#[test]
fn task_of_airflow_continues_its_run() {
    let (world, page) = world();
    let dags = page.blocks("python");
    let [dag] = &dags[..] else { panic!("one DAG") };
    let context = r#"{"ds": "2026-11-30",
        "conn": {"wexport": {"login": "an-id", "password": "a-secret"}}}"#;
    let task = run_python(AIRFLOW, &[dag, context]);
    let line = task[0].as_str().unwrap().replace(PROGRAM, env!("CARGO_BIN_EXE_wexport"));
    let line = line.replace("/srv/wexport", world.home().to_str().unwrap());
    assert_eq!(task[2], true);
    let base_url = world.server.url();
    check_twice(&world, || {
        let mut variables = vec![("WEXPORT_BASE_URL", base_url)];
        let env = task[1].as_object().unwrap();
        variables.extend(env.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())));
        // The settings are those of the DAG.
        let _ = fs::remove_file(world.home().join(".config/wexport/config.toml"));
        run_as_cron(&world, &line, &variables)
    });
    assert_eq!(fs::read_dir(world.home().join("2026-11-30")).unwrap().count(), 4);
}

#[test]
fn ping_hook_and_metrics_tell_of_a_failure() {
    let (world, page) = world();
    let monitor = Server::start(|_, _| hooks::ok());
    let [settings] = &page.blocks("toml")[..] else { panic!("one config") };
    let metrics = world.home().join("wexport.prom");
    let settings = settings.replace("https://hc-ping.com", &monitor.url());
    let settings =
        settings.replace("/var/lib/node_exporter/wexport.prom", metrics.to_str().unwrap());
    let config = world.home().join(".config/wexport/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + &settings).unwrap();
    let mail = world.home().join("mail");
    fs::write(&mail, "#!/bin/sh\necho \"$@\" > mailed; cat >> mailed\n").unwrap();
    fs::set_permissions(&mail, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();

    let line = cron_command(&entry(&world, &page, "cron"));
    let line = format!("export PATH=$HOME:$PATH; {line}");
    let ran = run_as_cron(&world, &line, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    fs::write(world.home().join(".config/wexport/secret"), "wrong\n").unwrap();
    let ran = run_as_cron(&world, &format!("{line} --date 2026-11-30"), &[]);
    assert_ne!(ran.code, Some(0));
    let mailed = fs::read_to_string(world.home().join("mailed")).unwrap();
    assert!(mailed.starts_with("-s wexport failed ops@example.com\n"), "{mailed}");
    assert_eq!(hooks::pings(&monitor), ["/UUID/start", "/UUID", "/UUID/start", "/UUID/fail"]);

    // The alerts are about metrics that exist.
    let metrics = fs::read_to_string(metrics).unwrap();
    let [alerts] = &page.blocks("yaml")[..] else { panic!("one file of alerts") };
    let alerts = parse_yaml(alerts);
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    assert!(!rules.is_empty());
    for rule in rules {
        let mut words = rule["expr"].as_str().unwrap().split(' ');
        let name = words.find(|word| word.starts_with("wexport_")).unwrap();
        assert!(metrics.contains(&format!("\n{name} ")), "{name}: {metrics}");
    }
}

#[test]
fn each_exit_code_has_what_to_do() {
    let world = World::new();
    let code = |text: &str| text.trim().parse::<u8>().ok();
    let help = world.done(&["help", "exit-codes"]).out;
    let known: Vec<u8> =
        help.lines().filter_map(|line| code(line.trim_start().split(' ').next()?)).collect();
    let page = Page::read("docs/operate.md");
    let (_, table) = page.text.split_once("| code | who |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    let told: Vec<u8> = cells.flat_map(|cell| cell.split(',').filter_map(code)).collect();
    assert_eq!(told, known);
}
