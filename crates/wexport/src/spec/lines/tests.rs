//! Lists as they are written, and what is said of them.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::source::text_of;
use super::*;

fn config() -> Config {
    let config = Config::new("https://api.example.com").unwrap();
    config.with_api_version(export_hyper::ApiVersion::V2026_01_01)
}

fn of_text(text: &str) -> Result<Vec<Line>, Problem> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    std::fs::write(&path, text).unwrap();
    let defaults = PlaceArgs { output: Some("{id}.{ext}".into()), ..PlaceArgs::default() };
    let at = Timestamp::from_date(2026, 11, 25);
    let read = read(&Source::new(path.display().to_string()), &defaults, at, &config());
    read.map_err(|problem| {
        let folder = path.display().to_string();
        Problem { what: problem.what.replace(&folder, "list"), ..problem }
    })
}

fn told(text: &str) -> String {
    match of_text(text) {
        Err(problem) => problem.what,
        Ok(lines) => {
            let told = lines.iter().map(|line| {
                let Line { number, what, place, spec, .. } = line;
                let body = export_hyper::ExportJob::new(spec.clone(), &config()).unwrap();
                let output = place.output.as_deref().unwrap_or_default();
                let exists = place.if_exists;
                let receipt = if place.receipt { ", receipt" } else { "" };
                let body = body.checkpoint().spec().to_owned();
                format!("{number}: {what} -> {output} ({exists:?}{receipt}) {body}\n")
            });
            told.collect()
        }
    }
}

#[test]
fn the_same_list_as_csv_and_as_json_lines() {
    let csv = "\u{feff}kind,id,format,output,If exists,receipt,include-comments,sections,option\r\n\
        document,d1,pdf,\"a, b.pdf\",skip,yes,x,\"s1,s2\",pdfOptions.new=1\r\n\
        \r\n\
        spreadsheet,s1,xlsx,,,,,,\r\n\
        graph-report,g1,,,,no,,,\r\n";
    let json = r#"
{"kind": "document", "id": "d1", "format": "pdf", "output": "a, b.pdf", "if_exists": "skip", "receipt": true, "include-comments": true, "sections": ["s1", "s2"], "option": {"pdfOptions.new": 1}}

{"kind": "spreadsheet", "id": "s1", "format": "xlsx", "output": null}
{"kind": "graph-report", "id": "g1", "receipt": false}
"#;
    assert_snapshot!(told(csv));
    let without_numbers = |text: &str| -> Vec<String> {
        told(text).lines().map(|line| line.split_once(": ").unwrap().1.into()).collect()
    };
    assert_eq!(without_numbers(csv), without_numbers(json));
    // As spreadsheet programs write it where the comma is for decimals.
    let semicolons = "kind;id;format\ndocument;d1;pdf\n";
    assert_eq!(told(semicolons), told("kind,id,format\ndocument,d1,pdf\n"));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let list = "kind,id,format,include-comment,page-width,output,include-comments,test-form,body\n\
         document,d1,pdf,,,,,,\n\
         documnt,d1,pdf,,,,,,\n\
         ,d1,pdf,,,,,,\n\
         document,,pdf,,,,,,\n\
         document,d1,xlsx,,,,,,\n\
         document,d1,,,,,,,\n\
         document,d1,pdf,yes,,,,,\n\
         spreadsheet,s1,pdf,,wide,,,,\n\
         spreadsheet,s1,pdf,,1000,,,,\n\
         document,d1,pdf,,,-,,,\n\
         document,d1,pdf,,,{nmae}.pdf,,,\n\
         document,d1,pdf,,,ftp://x/y,,,\n\
         document,d1,pdf,,,,perhaps,,\n\
         document,d1,pdf,,,,,f1,\n\
         document,d1,,,,,,,-\n\
         document,d1,,,,,,,{\n\
         document,d1,pdf,,,,,,,more\n\
         graph-report,g1,pdf,,,,,,\n\
         container,c1,,,,,,,\n";
    assert_snapshot!(told(list));
}

#[test]
fn json_that_is_none_is_told_with_its_place() {
    let list = "{\"kind\": \"document\", \"id\": \"d1\", \"format\": \"pdf\"}\n\
         {\"kind\": \"document\", \"id\": \"d1\", \"format\": pdf}\n\
         [1, 2]\n\
         {\"kind\": \"document\", \"id\": {\"is\": 1}, \"format\": \"pdf\"}\n\
         {\"kind\": 7, \"id\": \"d1\"}\n";
    assert_snapshot!(told(list));
}

#[test]
fn lists_without_an_export_are_refused() {
    for (text, said) in [
        ("", "list:1: there is no export in it"),
        ("\n\n", "list:1: there is no export in it"),
        ("kind,id\n", "list:1: there is no export in it"),
        ("kind,id\n,\n", "list:1: there is no export in it"),
        ("document,d1,pdf\n", "list:1: the first line names the columns, and there is no kind"),
        ("kind,id,id\ndocument,a,b\n", "list:1: column id: there are two of this name"),
    ] {
        let told = told(text);
        assert!(told.contains(said), "{text:?}: {told}");
    }
}

#[test]
fn what_is_no_text_is_told_with_its_line() {
    let problem = text_of(b"kind,id\ndocument,\xff\n".to_vec(), "list").unwrap_err();
    assert_eq!(problem.what, "list:2: this is not UTF-8");
}

#[test]
fn of_very_many_faults_the_first_are_shown_and_all_are_counted() {
    let mut list = String::from("kind,id\n");
    list.push_str(&"nothing,d1\n".repeat(1_000));
    let told = told(&list);
    assert!(told.contains("1000 things are wrong"), "{told}");
    assert!(told.ends_with("and 950 more"), "{told}");
    assert_eq!(told.lines().count(), 52);
}

#[test]
fn a_line_of_a_list_knows_what_this_release_does_not() {
    let list = "kind,id,format,option\ndocument,d1,pdf,pdfOptions.new=1\n";
    let lines = of_text(list).unwrap();
    assert_eq!(lines[0].unknown, ["pdfOptions.new"]);
}

proptest! {
    #[test]
    fn no_list_makes_it_panic(text in "(kind|id|format|,|;|\"|\n|\r|document|d1|pdf|\\{|\\}|:|\\[|\\PC){0,60}") {
        let _ = told(&text);
        let _ = told(&format!("kind,id,format,option\n{text}"));
        let _ = told(&format!("{{{text}"));
    }
}
