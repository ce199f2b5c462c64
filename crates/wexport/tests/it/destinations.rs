//! Destinations: files, folders, templates and standard output.

use std::fs;
use std::time::Duration;

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario};

use crate::world::{World, quick};

const PDF: [&str; 4] = ["document", "d1", "-f", "pdf"];

fn line<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    PDF.into_iter().chain(flags.iter().copied()).collect()
}

#[test]
fn files_folders_and_templates_are_distinguished() {
    let world = World::new();
    fs::create_dir(world.work().join("there")).unwrap();
    world.done(&line(&["-o", "a.pdf"]));
    world.done(&line(&["-o", "there"]));
    let ran = world.done(&line(&["-o", "new/{kind}/{id}-{name}.{ext}"]));
    assert_eq!(world.names(""), ["a.pdf", "new", "there"]);
    assert_eq!(world.names("there"), ["d1.pdf"]);
    assert_eq!(world.names("new/document"), ["d1-d1.pdf"]);
    assert!(ran.out.trim_end().ends_with("work/new/document/d1-d1.pdf"), "{}", ran.out);
}

#[test]
fn missing_folders_are_made() {
    let world = World::new();
    for (number, output) in
        ["one/a.pdf", "two/in/", "./three/in/../a.pdf", "four/{id}/a.pdf"].iter().enumerate()
    {
        world.done(&line(&["-o", output, "--receipt"]));
        assert_eq!(world.names("").len(), number + 1);
        // The next one finds them.
        world.done(&line(&["-o", output, "--receipt"]));
    }
    assert_eq!(world.names("one"), ["a.pdf", "a.pdf.receipt.json"]);
    assert_eq!(world.names("two/in"), ["d1.pdf", "d1.pdf.receipt.json"]);
    assert_eq!(world.names("three"), ["a.pdf", "a.pdf.receipt.json", "in"]);

    world.write(
        "list.csv",
        "kind,id,format,output\ndocument,d1,pdf,five/in/a.pdf\ndocument,d2,pdf,\n",
    );
    world.done(&["batch", "list.csv", "-o", "six/in/", "--results", "seven/in/results.jsonl"]);
    assert_eq!(world.names("five/in"), ["a.pdf"]);
    assert_eq!(world.names("six/in"), ["d2.pdf"]);
    assert_eq!(world.names("seven/in"), ["results.jsonl"]);
}

#[test]
fn a_refused_run_leaves_no_folders() {
    let world = World::new();
    world.write("file", "");
    world.write(
        "list.csv",
        "kind,id,format,output\ndocument,d1,pdf,new/in/a.pdf\ndocument,d2,pdf,file/a.pdf\n",
    );
    let long = format!("new/in/{}.pdf", "n".repeat(300));
    let mut lines = vec![
        line(&["-o", &long]),
        line(&["-o", "file/in/a.pdf"]),
        line(&["-o", "file/"]),
        line(&["-o", "new/in/a.pdf", "--state", "file/state"]),
        vec!["batch", "list.csv", "--results", "new/results.jsonl"],
        vec!["batch", "list.csv", "-o", "new/", "--dry-run", "--results", "new/results.jsonl"],
    ];
    let without_client = line(&["-o", "new/in/a.pdf"]);
    lines.push(without_client.clone());
    for line in lines {
        let variables: &[_] =
            if line == without_client { &[("WORKIVA_CLIENT_ID", "")] } else { &[] };
        let ran = world.run_with(variables, &line);
        assert_eq!(ran.code == Some(0), line.contains(&"--dry-run"), "{line:?}: {}", ran.err);
        assert_eq!(world.names(""), ["file", "list.csv"], "{line:?}");
    }
    // A folder that was there is left.
    fs::create_dir(world.work().join("new")).unwrap();
    assert_ne!(world.run(&line(&["-o", &long])).code, Some(0));
    assert_eq!(world.names(""), ["file", "list.csv", "new"]);
    assert_eq!(world.names("new"), [""; 0]);
    assert!(world.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_to_a_missing_folder_is_named() {
    let world = World::new();
    std::os::unix::fs::symlink("elsewhere", world.work().join("new")).unwrap();
    for output in ["new/a.pdf", "new/", "new/{id}/a.pdf", "new/in/"] {
        let ran = world.run(&line(&["-o", output]));
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert!(ran.err.contains("new is a link to a missing folder"), "{}", ran.err);
    }
    assert_eq!(world.names(""), ["new"]);
    assert!(world.requests().is_empty());
}

#[test]
fn invalid_destinations_are_refused() {
    let world = World::new();
    for (output, expected) in [("ftp://x/y", "ftp://"), ("{nmae}", "{nmae}"), ("", "invalid value")]
    {
        let ran = world.run(&line(&["-o", output]));
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
    assert!(world.requests().is_empty());
}

/// What `date` prints.
#[cfg(unix)]
fn date(zone: &str, flags: &[&str]) -> String {
    let printed = std::process::Command::new("date").env("TZ", zone).args(flags).output().unwrap();
    String::from_utf8(printed.stdout).unwrap().trim().to_owned()
}

/// Two of these zones are always on different days.
#[cfg(unix)]
const ZONES: [&str; 3] = ["<+14>-14", "<-12>12", ""];

#[cfg(unix)]
#[test]
fn the_date_of_a_name_is_local() {
    let world = World::new();
    for zone in ZONES {
        let dates = || {
            let utc = date(zone, &["-u", "+%F"]);
            format!("{} {utc} {utc}/{}.pdf", date(zone, &["+%F"]), date(zone, &["+%Y-%m"]))
        };
        let before = dates();
        let line = line(&["-o", "{date} {date:utc} {date:utc:%F}/{date:%Y-%m}.{ext}"]);
        let output = world.command(&line).env("TZ", zone).output().unwrap();
        let out = world.ran(output).out;
        // Midnight may be in between.
        assert!([before, dates()].iter().any(|name| out.contains(name)), "{zone}: {out}");
    }
}

#[cfg(unix)]
#[test]
fn a_resumed_job_keeps_its_date() {
    for (flags, name) in [(&[][..], None), (&["--date", "2024-02-29"], Some("2024-02-29.pdf"))] {
        let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Between(1, 2));
        let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
        let flags = [&["-o", "{date}.{ext}", "--retries", "1"], flags].concat();
        let before = date(ZONES[0], &["+%F.pdf"]);
        let output = world.command(&line(&flags)).env("TZ", ZONES[0]).output().unwrap();
        assert_eq!(output.status.code(), Some(75));
        let names = [before, date(ZONES[0], &["+%F.pdf"])];
        let ran = world.run_with(&[("TZ", ZONES[1])], &["jobs", "resume", "--failed"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let [made] = &world.names("")[..] else { panic!("{:?}", world.names("")) };
        match name {
            Some(name) => assert_eq!(made, name),
            None => assert!(names.contains(made), "{made}"),
        }
    }
}

#[test]
fn a_date_that_is_given_is_that_of_all_names() {
    let world = World::new();
    let template = "{date:%Y/%m}/{date}-{date:utc}-{id}.{ext}";
    world.done(&line(&["-o", template, "--date", "2026-11-30"]));
    assert_eq!(world.names("2026/11"), ["2026-11-30-2026-11-30-d1.pdf"]);
    world.write("list.csv", "kind,id,format,date\ndocument,d2,pdf,\ndocument,d3,pdf,2026-12-01\n");
    world.done(&["batch", "list.csv", "-o", template, "--date", "2026-11-30"]);
    assert_eq!(world.names("2026/11").len(), 2);
    assert_eq!(world.names("2026/12"), ["2026-12-01-2026-12-01-d3.pdf"]);
}

#[test]
fn invalid_dates_and_formats_are_refused() {
    let world = World::new();
    world.write("list.csv", "kind,id,format,date\ndocument,d2,pdf,2026-02-30\n");
    let output = |template| line(&["-o", template]);
    let cases = [
        (output("{date:%Q%}/a.pdf"), "invalid format '%Q%'"),
        (output("{date:yesterday}/a.pdf"), "invalid format 'yesterday'"),
        (output("{time:}.pdf"), "invalid format ''"),
        (output("{name:utc}.pdf"), "only {date} and {time} have formats"),
        (line(&["--date", "2026-02-30"]), "'2026-02-30' for '--date <DATE>': expected a date"),
        (line(&["--date", "2026-11-30T10:00"]), "expected a date such as"),
        (vec!["fetch", "op1", "--date", "30.11.2026"], "expected a date such as"),
        (vec!["batch", "list.csv"], "expected a date such as"),
        #[cfg(feature = "s3")]
        (output("s3://bucket/{date:%Q%}/a.pdf"), "invalid format '%Q%'"),
    ];
    for (line, expected) in cases {
        let ran = world.run(&line);
        assert_eq!(ran.code, Some(2), "{line:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{line:?}: {}", ran.err);
    }
    for (template, code) in [("{date}.pdf", 2), ("{time:%H}.pdf", 2), ("{date:utc}.pdf", 0)] {
        let sent = world.requests().len();
        let ran = world.run_with(&[("TZ", "Middle/Nowhere")], &output(template));
        assert_eq!(ran.code, Some(code), "{template}: {}", ran.err);
        let is_refused = ran.err.contains("unknown time zone 'Middle/Nowhere'");
        assert_eq!((is_refused, world.requests().len() > sent), (code == 2, code == 0));
    }
}

#[test]
fn if_exists_applies_to_a_named_file() {
    let world = World::new();
    let write = |text| fs::write(world.work().join("a.pdf"), text).unwrap();
    write("old");
    world.done(&line(&["-o", "a.pdf"]));
    assert!(world.read("a.pdf").starts_with(b"%PDF-"));

    write("old");
    let sent = world.requests().len();
    let ran = world.done(&line(&["-o", "a.pdf", "--if-exists", "skip"]));
    assert!(ran.err.contains("skipped"), "{}", ran.err);
    let ran = world.run(&line(&["-o", "a.pdf", "--if-exists", "error"]));
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("a.pdf exists"), "{}", ran.err);
    assert_eq!(world.requests().len(), sent);

    let ran = world.done(&line(&["-o", "a.pdf", "--if-exists", "rename"]));
    assert!(ran.out.trim_end().ends_with("a (2).pdf"), "{}", ran.out);
    assert_eq!(world.read("a.pdf"), b"old");
    assert_eq!(world.names(""), ["a (2).pdf", "a.pdf"]);
}

#[test]
fn if_exists_applies_to_a_name_of_the_service() {
    let world = World::new();
    fs::write(world.work().join("d1.pdf"), "old").unwrap();
    let ran = world.done(&line(&["--if-exists", "skip"]));
    assert!(ran.err.contains("skipped"), "{}", ran.err);
    let ran = world.run(&line(&["--if-exists", "error"]));
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("d1.pdf exists"), "{}", ran.err);
    assert_eq!(world.read("d1.pdf"), b"old");
    assert_eq!(world.names(""), ["d1.pdf"]);
    world.done(&line(&["--if-exists", "rename"]));
    assert_eq!(world.names(""), ["d1 (2).pdf", "d1.pdf"]);
    world.done(&line(&[]));
    assert!(world.read("d1.pdf").starts_with(b"%PDF-"));
}

/// The extension is that of the format, which the request has.
#[test]
fn if_exists_applies_to_a_template_that_is_known_before_the_submit() {
    let world = World::new();
    for (export, template, name) in [
        (&["document", "d1", "-f", "pdf"][..], "out/{date}/{id}.{ext}", "d1.pdf"),
        (&["document", "d1", "-f", "pdf"], "out/{date}/{kind}.{format}", "document.pdf"),
        (&["spreadsheet", "s1", "-f", "csv"], "out/{date}/{id}.{ext}", "s1.zip"),
        (&["spreadsheet", "s1", "-f", "csv", "--sheets", "a"], "out/{date}/{ext}", "csv"),
        (&["folder", "f1"], "out/{date}/{id}.{ext}", "f1.tar.gz"),
        (&["graph-report", "g1"], "out/{date}/{id}.{ext}", "g1.csv"),
        (&["test-form", "t1"], "out/{date}/{id}.{format}", "t1.xlsx"),
    ] {
        // Nothing is recorded.
        let flags = ["-o", template, "--date", "2026-11-30", "--no-state", "--if-exists"];
        let line = |rule| [export, &flags, &[rule]].concat();
        world.done(&line("skip"));
        assert_eq!(world.names("out/2026-11-30"), [name]);
        let sent = world.requests().len();
        let ran = world.done(&line("skip"));
        assert!(ran.err.contains("skipped: "), "{}", ran.err);
        let ran = world.run(&line("error"));
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert_eq!(world.requests().len(), sent, "{export:?}");
        fs::remove_dir_all(world.work().join("out")).unwrap();
    }
}

/// What an earlier run has recorded decides: the name is that of the service.
#[test]
fn skip_knows_the_names_of_earlier_exports() {
    let world = World::new();
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\n");
    fs::create_dir(world.work().join("in")).unwrap();
    let single = ["document", "d1", "-f", "pdf"];
    let runs = |output: &'static str, list: bool| {
        let command = if list { &["batch", "list.csv"][..] } else { &single[..] };
        [command, &["--if-exists", "skip", "--date", "2026-11-30", "-o", output]].concat()
    };
    for (folder, output, list) in [
        ("one", "one/{date}-{name}.{ext}", false),
        ("many", "many/{date}-{name}.{ext}", true),
        ("in", "in/", true),
        ("deep", "deep/{id}-{operation}", true),
    ] {
        let line = runs(output, list);
        world.done(&line);
        let (names, submits) = (world.names(folder), world.submits());
        assert_eq!(names.len(), if list { 2 } else { 1 }, "{names:?}");
        for _ in 0..2 {
            let ran = world.done(&line);
            assert_eq!(world.submits(), submits, "{}", ran.err);
            assert!(ran.err.contains("skipped"), "{}", ran.err);
        }
        assert_eq!(world.names(folder), names);

        // A file that was removed is exported.
        fs::remove_file(world.work().join(folder).join(&names[0])).unwrap();
        world.done(&line);
        assert_eq!(world.submits(), submits + 1);
        assert_eq!(world.names(folder).len(), names.len());
    }
    // Another date, other options, another API and another state are other exports.
    let submits = world.submits();
    let line = runs("one/{date}-{name}.{ext}", false);
    world.done(&[&line[..], &["--include-comments"]].concat());
    world.done(&[&line[..], &["--api-version", "2022-01-01"]].concat());
    world.done(&[&line[..], &["--state", "other"]].concat());
    assert_eq!(world.submits(), submits + 3);
    let other_date =
        line.iter().map(|&word| if word == "2026-11-30" { "2026-12-01" } else { word });
    world.done(&other_date.collect::<Vec<_>>());
    assert_eq!(world.submits(), submits + 4);
    assert_eq!(world.names("one").len(), 2);
}

#[test]
fn a_name_of_the_service_stays_in_its_folder() {
    let world = World::with(quick().with_file_name("../../CON:a\u{202e}b"));
    world.done(&line(&[]));
    assert_eq!(world.names(""), ["CON_ab.pdf"]);
}

#[test]
fn stdout_gets_the_file_and_nothing_else() {
    let world = World::new();
    let output = world.command(&line(&["-o", "-"])).output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, world.exported());
    assert_eq!(world.names(""), [""; 0]);
}

#[test]
fn stdout_gets_nothing_of_a_failed_download() {
    let broken = Rule::new(Endpoint::Download, Fault::Close { at: Moment::Byte(100) });
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
    let output = world.command(&line(&["-o", "-", "--retries", "0"])).output().unwrap();
    assert_eq!(output.status.code(), Some(75));
    assert_eq!(output.stdout, b"");
}

#[test]
fn stdout_gets_the_whole_file_after_a_resume() {
    let broken = Rule::new(Endpoint::Download, Fault::Close { at: Moment::Byte(100) });
    let scenario = Scenario::default().with_rule(broken.on(Nth::Only(1)));
    let world = World::with(quick().with_scenario(scenario));
    let output = world.command(&line(&["-o", "-"])).output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, world.exported());
}

#[test]
fn a_file_created_during_the_export_is_kept() {
    for (rule, code) in [("skip", 0), ("error", 7)] {
        let stall = Fault::Stall { at: Moment::BeforeHead, time: Some(Duration::from_millis(500)) };
        let slow = Rule::new(Endpoint::Operation, stall).on(Nth::Only(1));
        let world = World::with(quick().with_scenario(Scenario::default().with_rule(slow)));
        let is_polled =
            |world: &World| world.requests().iter().any(|line| line.contains("/operations/"));
        let child = world.start_until(&line(&["-o", "a.pdf", "--if-exists", rule]), is_polled);
        fs::write(world.work().join("a.pdf"), "other").unwrap();
        let ran = world.ran(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(code), "{rule}: {}", ran.err);
        assert_eq!(world.read("a.pdf"), b"other");
    }
}

#[test]
fn skip_applies_to_a_file_created_during_the_export() {
    for (endpoint, at) in
        [(Endpoint::Operation, Moment::BeforeHead), (Endpoint::Download, Moment::Byte(1_000_000))]
    {
        for flags in [&["-o", "d1.pdf"][..], &[]] {
            let stall = Fault::Stall { at, time: Some(Duration::from_secs(1)) };
            let scenario =
                Scenario::default().with_rule(Rule::new(endpoint, stall).on(Nth::Only(1)));
            let world = World::with(quick().with_artifact_size(3_000_000).with_scenario(scenario));
            let is_requested = |world: &World| {
                world.server.requests().iter().any(|request| request.endpoint() == endpoint)
            };
            let flags = [flags, &["--if-exists", "skip"]].concat();
            let child = world.start_until(&line(&flags), is_requested);
            fs::write(world.work().join("d1.pdf"), "other").unwrap();
            let ran = world.ran(child.wait_with_output().unwrap());
            let case = format!("{endpoint:?}, {flags:?}: {}", ran.err);
            assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{case}");
            assert!(ran.err.contains("skipped: "), "{case}");
            assert_eq!(world.read("d1.pdf"), b"other", "{case}");
            assert_eq!(world.names(""), ["d1.pdf"], "{case}");
            assert!(world.done(&["jobs", "list"]).out.contains(" done "), "{case}");
        }
    }
}

/// The service chooses a name; a link of this name must not take its file to another folder.
#[cfg(unix)]
#[test]
fn links_do_not_lead_a_file_of_the_service_out_of_its_folder() {
    use std::os::unix::fs::symlink;

    let world = World::with(quick().with_file_name("README"));
    let elsewhere = world.home().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("README.pdf"), "kept").unwrap();
    fs::create_dir(world.work().join("out")).unwrap();
    symlink(&elsewhere, world.work().join("out/README")).unwrap();
    symlink(elsewhere.join("README.pdf"), world.work().join("out/README.pdf")).unwrap();
    for output in ["out/{name}/{name}.{ext}", "out/", "out/{name}.pdf"] {
        let ran = world.run(&["document", "d1", "-f", "pdf", "-o", output]);
        assert_eq!(ran.code, Some(7), "{output}: {}", ran.err);
        assert!(ran.err.contains("is a link that leads out of its folder"), "{}", ran.err);
    }
    assert_eq!(fs::read(elsewhere.join("README.pdf")).unwrap(), b"kept");
    // The user has named this one.
    world.done(&["document", "d1", "-f", "pdf", "-o", "out/README.pdf"]);
    assert_ne!(fs::read(elsewhere.join("README.pdf")).unwrap(), b"kept");
    // A link within the folder.
    fs::create_dir(world.work().join("out/inside")).unwrap();
    fs::remove_file(world.work().join("out/README")).unwrap();
    symlink("inside", world.work().join("out/README")).unwrap();
    world.done(&["document", "d1", "-f", "pdf", "-o", "out/{name}/{name}.{ext}"]);
    assert!(world.work().join("out/inside/README.pdf").is_file());
}
