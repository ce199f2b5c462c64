//! Batches of several machines whose files go to an object store.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Machines, kill, shared, signal};
use crate::moto::moto;
use crate::pages::{Page, parse_yaml, run_script};
use crate::relay::{Action, Relay};
use crate::stores::{act_at, large, world};
use crate::world::{World, quick};

/// Commands on a machine that is killed in the middle of a multipart upload, and its name in a bucket.
fn killed_in_an_upload() -> Option<(Machines, String)> {
    let postgres = shared()?;
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, act_at(10_000_000, Action::Hold));
    let machines = Machines::with(postgres, 1, world(large(), relay.address));
    let output = format!("s3://{bucket}/{{id}}.{{ext}}");
    let command = machines.command(&["batch", "list.csv", "-o", &output, "--key", "night"]);
    machines.done(&["jobs", "list"]);
    let is_recorded = "SELECT count(*) FROM wexport.note WHERE name = 'upload 2'";
    let holder = machines.world.spawn_until(command, |_| machines.sql(is_recorded) == "1");
    kill(holder);
    assert_eq!(moto().uploads(&bucket).len(), 1);
    Some((machines, bucket))
}

/// What another machine runs, from which the store can be reached.
fn elsewhere(machines: &Machines, line: &[&str]) -> Command {
    let mut command = machines.command(line);
    command.env("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
    command
}

#[test]
fn upload_of_a_killed_holder_is_aborted_by_the_next_one() {
    let Some((machines, bucket)) = killed_in_an_upload() else { return };
    let output = format!("s3://{bucket}/{{id}}.{{ext}}");
    let line = ["batch", "list.csv", "-o", &output, "--key", "night"];
    let ran = machines.world.ran(elsewhere(&machines, &line).output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("continuing batch"), "{}", ran.err);
    assert!(moto().object(&bucket, "d0.pdf").unwrap().body == machines.world.exported());
    assert_eq!(moto().uploads(&bucket), [""; 0]);
    assert_eq!(
        (machines.world.submits(), machines.sql("SELECT * FROM wexport.note")),
        (1, String::new())
    );
}

#[test]
fn upload_of_a_killed_holder_is_aborted_when_its_batch_is_removed() {
    let Some((machines, bucket)) = killed_in_an_upload() else { return };
    machines.sql("SELECT pg_sleep_until(held_until) FROM wexport.batch");
    let line = ["jobs", "clean", "--older-than", "0s", "--resumable"];
    let ran = machines.world.ran(elsewhere(&machines, &line).output().unwrap());
    assert_eq!((ran.code, &*ran.out), (Some(0), "removed 0 jobs and 1 batch\n"), "{}", ran.err);
    assert_eq!(moto().uploads(&bucket), [""; 0]);
}

/// The holder is killed when its object is complete, and before it knows that.
#[test]
fn object_of_a_killed_holder_is_that_of_the_export() {
    for rule in ["replace", "error"] {
        let Some(postgres) = shared() else { return };
        let bucket = moto().bucket();
        let was_put = AtomicBool::new(false);
        let relay = Relay::start(moto().address, move |bytes: &[u8], _| {
            let is_put = bytes.starts_with(b"PUT ");
            if is_put && !was_put.swap(true, Ordering::SeqCst) {
                return Action::LoseAnswer;
            }
            let is_repeated = is_put || bytes.starts_with(b"HEAD ");
            let is_held = is_repeated && was_put.load(Ordering::SeqCst);
            if is_held { Action::Hold } else { Action::Pass }
        });
        let machines = Machines::with(postgres, 1, world(quick(), relay.address));
        let output = format!("s3://{bucket}/{{id}}.pdf");
        let line = ["batch", "list.csv", "-o", &output, "--key", "night", "--if-exists", rule];
        let is_stored = |_: &World| moto().keys(&bucket) == ["d0.pdf"];
        kill(machines.world.spawn_until(machines.command(&line), is_stored));
        let ran = machines.world.ran(elsewhere(&machines, &line).output().unwrap());
        assert_eq!(ran.code, Some(0), "{rule}: {}", ran.err);
        assert_eq!(machines.world.submits(), 1);
    }
}

/// Its commands, with addresses of this test.
#[test]
fn page_of_many_machines_is_right() {
    let Some(postgres) = shared() else { return };
    let bucket = moto().bucket();
    let mut machines = Machines::with(postgres, 2, world(quick(), moto().address));
    let page = Page::read("docs/many-machines.md");
    let sql = page.blocks("sql");
    let (set_up, queries) = sql.split_first().unwrap();
    for statement in set_up.lines() {
        machines.sql(statement);
    }
    let server = format!("localhost:{}", machines.postgres.port());
    let real = |text: &str| text.replace("db.example", &server).replace("BUCKET", &bucket);
    // Each batch has objects of its own: a worker keeps those of the second in which its batch began.
    let of_batch = |text: &str, key: &str| text.replace("nightly", key).replace("{date}", key);
    let shell = page.blocks("sh");
    let [line, workers] = &shell[..] else { panic!("one line for a holder, two with workers") };
    assert_eq!(run_script(&machines.world, &real(line)), "");
    assert_eq!(moto().keys(&bucket).len(), 2);

    machines.database = "exports".into();
    let found: Vec<String> = queries.iter().map(|query| machines.sql(query)).collect();
    let [view, alarm] = &found[..] else { panic!("two queries") };
    assert!(view.contains("|night") && view.contains("|0|0|2|0|0"), "{view}");
    assert_eq!(alarm, "");
    for line in ["jobs list", "jobs resume --failed", "report", "jobs clean --older-than 0s"] {
        let script = shell[0].rsplit_once('\n').unwrap().0.to_owned() + "\nwexport " + line;
        let script = script + " > /dev/null && echo fine";
        assert_eq!(run_script(&machines.world, &real(&script)), "fine\n", "{line}");
    }

    // A worker that finds no batch ends at once.
    let (follower, worker) = workers.trim_end().split_once('\n').unwrap();
    let export: Vec<&str> = line.lines().take(2).collect();
    let script = format!(
        "{}\n{} &\nwhile kill -0 $! 2> /dev/null; do {worker} -q; done\nwait $! && echo fine",
        export.join("\n"),
        of_batch(follower, "with-workers") + " -q"
    );
    assert_eq!(run_script(&machines.world, &real(&script)), "fine\n");
    assert_eq!(machines.sql("SELECT done FROM wexport.batches WHERE key = 'with-workers'"), "2");

    // The pods of Kubernetes, which find the list and the CA in volumes.
    let manifests = page.blocks("yaml");
    let [cron_job, deployment] = &manifests[..] else { panic!("two manifests") };
    machines.world.write("ca.pem", machines.postgres.authority().pem());
    let list = machines.world.work().join("list.csv");
    let start = |pod: &serde_json::Value, key: &str, more: &[&str]| {
        let container = &pod["template"]["spec"]["containers"][0];
        let words = container["command"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
        let words =
            words.map(|word| real(word).replace("/etc/wexport/list.csv", list.to_str().unwrap()));
        let words: Vec<String> = words.skip(1).map(|word| of_batch(&word, key)).collect();
        let line: Vec<&str> =
            words.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let mut command = machines.world.command(&line);
        command.env("PGPASSWORD", "a-password").env("PGSSLROOTCERT", "ca.pem");
        for variable in container["env"].as_array().unwrap() {
            if let Some(value) = variable["value"].as_str() {
                command.env(variable["name"].as_str().unwrap(), real(value));
            }
        }
        command.spawn().unwrap()
    };
    let job = &parse_yaml(cron_job)["spec"]["jobTemplate"]["spec"];
    let pods: Vec<_> =
        (0..job["parallelism"].as_u64().unwrap()).map(|_| start(job, "nightly", &[])).collect();
    for pod in pods {
        let ran = machines.world.ran(pod.wait_with_output().unwrap());
        assert_eq!((ran.code, &*ran.err), (Some(0), ""));
    }
    let worker = start(&parse_yaml(deployment)["spec"], "", &[]);
    let follower = start(job, "deployed", &["--for-workers"]);
    assert_eq!(machines.world.ran(follower.wait_with_output().unwrap()).code, Some(0));
    signal(&worker, "-TERM");
    assert_eq!(machines.world.ran(worker.wait_with_output().unwrap()).code, Some(143));
    assert_eq!(moto().keys(&bucket).len(), 8);
}
