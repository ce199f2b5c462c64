//! Invalid command lines are rejected before anything is sent, with messages that name flags.

use crate::world::World;

/// The errors of invalid command lines.
fn errors(world: &World, lines: &[&[&str]]) -> String {
    let mut errors = String::new();
    for line in lines {
        let ran = world.run(line);
        assert_eq!(ran.code, Some(2), "{line:?}: {}", ran.err);
        errors.push_str(&format!("$ wexport {}\n{}", line.join(" "), world.masked(&ran.err)));
    }
    assert!(world.requests().is_empty());
    errors
}

#[test]
fn options_of_other_kinds_and_formats_are_rejected() {
    let world = World::new();
    insta::assert_snapshot!(errors(
        &world,
        &[
            &["document", "d1"],
            &["document", "d1", "-f", "xlsx"],
            &["document", "", "-f", "pdf"],
            &["spreadsheet", "s1", "-f", "pdf", "--sections", "a"],
            &["spreadsheet", "s1", "-f", "pdf", "--page-width", "2"],
            &["spreadsheet", "s1", "-f", "csv", "--page-width", "9"],
            &["spreadsheet", "s1", "-f", "csv", "--sheets", "a,b"],
            &["document", "d1", "-f", "docx", "--include-comments"],
            &[
                "document",
                "d1",
                "-f",
                "xhtml",
                "--editable-simple",
                "--include-headers-and-footers",
            ],
            &["presentation", "p1", "-f", "pptx", "--remove-links"],
            &["file", "f1"],
            &["file", "f1", "--kind", "Folder", "-f", "pdf"],
            &["file", "f1", "--kind", "Document", "--include-comments"],
            &["file", "f1", "--kind", "SupportingDocument", "--include-comments"],
            &["attachment", "a", "--test-form", "t", "--test-phase", "p", "--sample", "s"],
            &["style-guide", "g1", "--api-version", "2022-01-01"],
            &["container", "c1"],
            &["file", "f1", "--kind", "Document", "-o", "a.xlsx"],
            &["file", "f1", "--body", "{\"kind\":\"Document\"}", "-o", "a.docx"],
            &["document", "d1", "-f", "docx", "-o", "out/{name}.pdf"],
            &["folder", "f1", "-o", "a.zip"],
        ]
    ));
}

#[test]
fn invalid_bodies_and_options_are_rejected() {
    let world = World::new();
    insta::assert_snapshot!(errors(
        &world,
        &[
            &["document", "d1", "--body", "{"],
            &["document", "d1", "--body", "{\"format\":\"pdf\"}", "--include-comments"],
            &["document", "d1", "--body", "{\"format\":\"pdf\"}", "-f", "pdf"],
            &["document", "d1", "--body", "{\"format\":\"odt\"}"],
            &["document", "d1", "-f", "pdf", "--option", "nonsense"],
            &["document", "d1", "-f", "pdf", "--option", "pdfOptions.includeComments=7"],
            &["graph-report", "r1", "--body", "{}"],
        ]
    ));
}

#[test]
fn values_that_no_export_can_have_are_rejected() {
    let world = World::new();
    let pdf = ["document", "d1", "-f", "pdf"];
    for (flags, expected) in [
        (&["--timeout", "0"][..], "for '--timeout': no export can keep it"),
        (&["--stall-timeout", "0s"], "for '--stall-timeout'"),
        (&["--request-timeout", "0"], "for '--request-timeout'"),
        (&["--max-time", "0"], "for '--max-time'"),
        (&["--max-filesize", "0"], "for '--max-filesize'"),
        (&["--sections", "#N/A"], "invalid ID for --sections"),
        (&["--sections", "s1, s2"], "a space"),
        (&["--option", r#"pdfOptions={"a": 1, "a": 2}"#], "occurs twice"),
        (&["--option", "new=12345678901234567890123"], "write it in quotes"),
        (&["-o", "out/{date}/"], "use out/{date}/{name}.{ext}"),
        (&["-o", "s3://b/{date}/"], "use s3://b/{date}/{name}.{ext}"),
    ] {
        let ran = world.run(&[&pdf[..], flags].concat());
        assert_eq!(ran.code, Some(2), "{flags:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{flags:?}: {}", ran.err);
    }
    for line in [
        &["status", "#N/A"][..],
        &["fetch", ".."],
        &["fetch", "op1", "--api-version", "2022-01-01", "--deny-deprecated"],
    ] {
        let ran = world.run(line);
        assert_eq!(ran.code, Some(2), "{line:?}: {}", ran.err);
    }
    assert!(world.requests().is_empty());
}

/// The error does not repeat the path, and the depth does not overflow the stack.
#[test]
fn deep_option_is_rejected() {
    let world = World::new();
    let option = format!("{}b=1", "a.".repeat(30_000));
    let ran = world.run(&["document", "d1", "-f", "pdf", "--option", &option]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("a has more than 64 objects"), "{}", ran.err);
    assert!(ran.err.len() < 300, "{}", ran.err);
}

#[test]
fn invalid_variables_are_rejected() {
    let world = World::new();
    let pdf = ["document", "d1", "-f", "pdf"];
    let mut errors = String::new();
    for (variable, value) in [
        ("WEXPORT_REGION", "mars"),
        ("WEXPORT_BASE_URL", "http://user:hunter2@example.com"),
        ("WEXPORT_BASE_URL", "ftp://example.com"),
        ("WEXPORT_TIMEOUT", "soon"),
        ("WEXPORT_RETRIES", "-1"),
        ("WEXPORT_API_VERSION", "2024-01-01"),
        ("WEXPORT_PROXY", "socks5://user:hunter2@proxy"),
        ("WORKIVA_CLIENT_ID", ""),
        ("WORKIVA_TOKEN", "two words"),
    ] {
        let mut command = world.command(&pdf);
        if variable == "WEXPORT_REGION" {
            command.env_remove("WEXPORT_BASE_URL");
        }
        let ran = world.ran(command.env(variable, value).output().unwrap());
        assert_eq!(ran.code, Some(2), "{variable}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
        errors.push_str(&format!("{variable}={value}\n{}", ran.err));
    }
    let errors = errors.replace("user:hunter2@", "USER@");
    insta::assert_snapshot!(errors);
    assert!(world.requests().is_empty());
}

#[test]
fn proxy_flag_with_a_password_is_rejected() {
    let world = World::new();
    let line = ["document", "d1", "-f", "pdf", "--proxy", "http://me:hunter2@proxy:3128"];
    let ran = world.run(&line);
    assert_eq!(ran.code, Some(2));
    assert!(!ran.err.contains("hunter2") && ran.err.contains("WEXPORT_PROXY"), "{}", ran.err);
}

#[test]
fn missing_credentials_are_rejected() {
    let world = World::new();
    for (without, message) in [
        (&["WORKIVA_CLIENT_SECRET"][..], "no client secret for the client ID in WORKIVA_CLIENT_ID"),
        (&["WORKIVA_CLIENT_ID"], "no client ID for the client secret in WORKIVA_CLIENT_SECRET"),
        (
            &["WORKIVA_CLIENT_ID", "WORKIVA_CLIENT_SECRET"],
            "WORKIVA_CLIENT_ID and WORKIVA_CLIENT_SECRET",
        ),
    ] {
        let mut command = world.command(&["document", "d1", "-f", "pdf"]);
        for variable in without {
            command.env_remove(variable);
        }
        let ran = world.ran(command.output().unwrap());
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.contains(message), "{without:?}: {}", ran.err);
    }
    assert!(world.requests().is_empty());
}

#[test]
fn resume_without_a_job_names_the_choice() {
    let ran = World::new().run(&["jobs", "resume"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("not provided:\n  <ID|--failed>\n"), "{}", ran.err);
}
