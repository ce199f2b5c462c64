//! Lists, and the exports or the errors that they are read as.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn config() -> Config {
    let config = Config::new("https://api.example.com").unwrap();
    config.with_api_version(export_hyper::ApiVersion::V2026_01_01)
}

fn parse(text: impl AsRef<[u8]>) -> Result<Vec<ListedExport>, Problem> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    std::fs::write(&path, text).unwrap();
    let defaults = OutputArgs { output: Some("{id}.{ext}".into()), ..OutputArgs::default() };
    let moment = Moment::local(export_hyper::Timestamp::from_date(2026, 11, 25));
    let mut exports = Vec::new();
    let list = Source::new(path.display().to_string()).open();
    let read = list.and_then(|mut list| {
        read(&mut list, &defaults, moment, &config(), |export| {
            exports.push(export);
            Ok(())
        })
    });
    read.map(|()| exports).map_err(|problem| {
        let folder = path.display().to_string();
        Problem { message: problem.message.replace(&folder, "list"), ..problem }
    })
}

fn describe(text: impl AsRef<[u8]>) -> String {
    match parse(text) {
        Err(problem) => problem.message,
        Ok(lines) => {
            let texts = lines.iter().map(|export| {
                let ListedExport { line, request, destination: place } = export;
                let (subject, body) = (&request.subject, request.job.checkpoint());
                let output = place.output.as_deref().unwrap_or_default();
                let exists = place.if_exists;
                let receipt = if place.receipt { ", receipt" } else { "" };
                let body = body.spec().to_owned();
                format!("{line}: {subject} -> {output} ({exists:?}{receipt}) {body}\n")
            });
            texts.collect()
        }
    }
}

#[test]
fn rows_with_long_bodies_are_read_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("long"), vec![b' '; 1_048_576]).unwrap();
    std::fs::write(path("short"), "{}").unwrap();
    for (body, expected) in [("long", 1), ("missing", 1), ("short", 4)] {
        let row = format!("{{\"kind\":\"document\",\"body\":\"@{}\"}}\n", path(body));
        std::fs::write(path("list"), row.repeat(4)).unwrap();
        let mut list = Source::new(path("list")).open().unwrap();
        let (chunk, fault) = rows::chunk(&mut rows::rows(&mut list).unwrap());
        assert_eq!((chunk.len(), fault.is_none()), (expected, true), "{body}");
    }
}

#[test]
fn every_export_command_is_a_kind() {
    let mut kinds = crate::args::export_commands();
    kinds.sort_unstable();
    assert!(kinds.len() >= 10, "{kinds:?}");
    let message = parse("kind,id\nnothing-like-it,x\n").unwrap_err().message;
    assert!(message.contains(&format!("expected one of {}", kinds.join(", "))), "{message}");
}

#[test]
fn csv_and_json_lines_read_alike() {
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
    assert_snapshot!(describe(csv));
    let without_numbers = |text: &str| -> Vec<String> {
        describe(text).lines().map(|line| line.split_once(": ").unwrap().1.into()).collect()
    };
    assert_eq!(without_numbers(csv), without_numbers(json));
    // The form of spreadsheet programs where the comma is the decimal separator.
    let semicolons = "kind;id;format\ndocument;d1;pdf\n";
    assert_eq!(describe(semicolons), describe("kind,id,format\ndocument,d1,pdf\n"));
}

#[test]
fn separator_is_that_of_the_header() {
    let expected = describe("kind,id,format\ndocument,d1,pdf\n");
    for list in [
        "kind\tid\tformat\ndocument\td1\tpdf\n",
        "kind;id;format\rdocument;d1;PDF\r",
        "kind;id;format\r\n\"document\";\"d1\";pdf\r\n",
    ] {
        assert_eq!(describe(list), expected, "{list:?}");
    }
    let named = describe("sep=;\r\nkind;id;format\r\ndocument;d1;pdf\r\n");
    assert_eq!(named, expected.replacen("2: ", "3: ", 1));
}

#[test]
fn quote_that_does_not_end_is_an_error() {
    let list = "kind,id,format,output\n\
         document,d1,pdf,\"a \"\"b\"\".pdf\"\n\
         document,d2,pdf,\"two\nlines.pdf\"\n";
    assert_eq!(describe(list).lines().count(), 3);
    let open = format!("{list}document,d3,pdf,\"c.pdf\ndocument,d4,pdf,d.pdf\n");
    assert!(describe(&open).contains("list:5: a quote is not closed"), "{}", describe(&open));
    let text_after = "kind,id,format\rdocument,d1,\"p\"df\r";
    assert!(describe(text_after).contains("list:2: text after a closing quote"));
}

#[test]
fn member_that_occurs_twice_is_an_error() {
    for twice in [r#""id": "d2""#, r#""Format": "docx""#] {
        let list = format!(r#"{{"kind": "document", "id": "d1", "format": "pdf", {twice}}}"#);
        assert!(describe(&list).contains("duplicate column"), "{}", describe(&list));
    }
}

#[test]
fn id_arrives_as_it_was_written_or_is_refused() {
    let row =
        |id: &str| describe(format!(r#"{{"kind": "document", "id": {id}, "format": "pdf"}}"#));
    for id in ["12345678901234567", "18446744073709551615"] {
        assert!(row(id).contains(&format!("documents/{id}/export")), "{}", row(id));
    }
    for id in ["12345678901234567890123", "124e10", "1.5"] {
        assert!(row(id).contains("column id: a number that is not a whole number"), "{}", row(id));
    }
    for id in ["1.24E+11", "#N/A", "a\u{200b}b", ".."] {
        assert!(row(&format!("\"{id}\"")).contains("invalid ID"), "{}", row(&format!("\"{id}\"")));
    }
    assert!(row("\"https://x.example/d\"").contains("it is a link to another site"));
}

#[test]
fn utf16_is_named() {
    for bytes in [&b"k\0i\0n\0d\0"[..], b"\xff\xfek\0", b"\0k\0i"] {
        let problem = parse(bytes).unwrap_err();
        assert!(problem.message.contains("UTF-16"), "{}", problem.message);
    }
}

#[test]
fn all_errors_are_reported_at_once() {
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
    assert_snapshot!(describe(list));
}

#[test]
fn invalid_json_is_reported_with_its_place() {
    let list = "{\"kind\": \"document\", \"id\": \"d1\", \"format\": \"pdf\"}\n\
         {\"kind\": \"document\", \"id\": \"d1\", \"format\": pdf}\n\
         [1, 2]\n\
         {\"kind\": \"document\", \"id\": {\"is\": 1}, \"format\": \"pdf\"}\n\
         {\"kind\": 7, \"id\": \"d1\"}\n";
    assert_snapshot!(describe(list));
}

#[test]
fn lists_without_exports_are_refused() {
    for (text, expected) in [
        ("", "list:1: the list has no exports"),
        ("\n\n", "list:1: the list has no exports"),
        ("kind,id\n", "list:1: the list has no exports"),
        ("kind,id\n,\n", "list:1: the list has no exports"),
        ("document,d1,pdf\n", "list:1: the header row has no column kind"),
        ("kind,id,id\ndocument,a,b\n", "list:1: column id: duplicate column"),
    ] {
        let text_of_error = describe(text);
        assert!(text_of_error.contains(expected), "{text:?}: {text_of_error}");
    }
}

#[test]
fn invalid_utf8_is_reported_with_its_line() {
    let problem = parse(b"kind,id\ndocument,\xff\n").unwrap_err();
    assert_eq!(problem.message, "list:2: not valid UTF-8");
    let problem = parse(b"{}\n{}\n{\"id\": \"\xff\"}\n").unwrap_err();
    assert_eq!(problem.message, "list:3: not valid UTF-8");
}

#[test]
fn only_the_first_errors_are_shown() {
    let mut list = String::from("kind,id\n");
    list.push_str(&"nothing,d1\n".repeat(1_000));
    let errors = describe(&list);
    assert!(errors.contains("1000 errors"), "{errors}");
    assert!(errors.ends_with("and 950 more"), "{errors}");
    assert_eq!(errors.lines().count(), 52);
}

/// The message of an invalid list.
fn message(text: impl AsRef<[u8]>) -> String {
    parse(text).unwrap_err().message
}

#[test]
fn rows_that_are_too_long_are_refused_with_the_others() {
    let long = "1,".repeat(600_000);
    let row = r#"{"kind": "document", "id": "d1", "format": "pdf"}"#;
    let json = format!("{row}\n{{\"sections\": [{long}1]}}\n{{\"kind\": 1}}\n{row}\n");
    let text = message(&json);
    assert!(text.contains("2 errors"), "{text}");
    assert!(text.contains("list:2: longer than 1 MiB"), "{text}");
    assert!(text.contains("list:3: the kind is missing"), "{text}");

    let csv = format!("kind,id,sections\n,d1\ndocument,d2,\"{long}\"\n");
    let text = message(&csv);
    assert!(text.contains("list:2: the kind is missing"), "{text}");
    assert!(text.contains("list:3: a quote is not closed"), "{text}");
    let text = message(csv.replace('"', ""));
    assert!(text.contains("list:3: longer than 1 MiB"), "{text}");
    // Lines without cells are no row.
    assert_eq!(
        parse(format!("{}kind,id\ngraph-report,g1\n", "\n".repeat(500_000))).unwrap().len(),
        1
    );
}

#[test]
fn rows_with_too_many_cells_or_values_are_refused() {
    let ids = |count: usize| vec!["s1"; count].join(",");
    let row = |ids: &str| format!("kind,id,format,sections\ndocument,d1,pdf,\"{ids}\"\n");
    let json = |ids: &str| {
        let ids = ids.replace("s1", "\"s1\"");
        format!("{{\"kind\":\"document\",\"id\":\"d1\",\"format\":\"pdf\",\"sections\":[{ids}]}}")
    };
    for list in [row, json] {
        assert_eq!(parse(list(&ids(10_000))).unwrap().len(), 1);
        let text = message(list(&ids(10_001)));
        assert!(text.ends_with(": column sections: more than 10000 values"), "{text}");
    }
    let many: Vec<String> = (0..1_001).map(|number| format!("\"c{number}\":1")).collect();
    let many = many.join(",");
    let text = message(format!("{{{many}}}\n"));
    assert!(text.contains("list:1: more than 1000 columns"), "{text}");
    let text = message(many.replace([':', '"'], ""));
    assert!(text.contains("list:1: more than 1000 columns"), "{text}");
}

/// The text is read in blocks, which end anywhere.
#[test]
fn lines_are_counted_in_lists_of_any_length() {
    for end in ["\n", "\r\n", "\r"] {
        let mut list = format!("kind,id,format,output{end}");
        for number in 0..9_000 {
            let blank = if number % 7 == 0 { end } else { "" };
            list.push_str(&format!(
                "document,d{number},pdf,\"{{id}}{end}\"\"x\"\".pdf\"{end}{blank}"
            ));
        }
        let exports = parse(&list).unwrap();
        let lines = exports.iter().map(|export| export.line);
        let expected = (0..9_000).map(|number| 2 + 2 * number + u64::div_ceil(number, 7));
        assert!(lines.eq(expected), "{end:?}");
        let output = format!("{{id}}{end}\"x\".pdf");
        assert!(exports.iter().all(|it| it.destination.output.as_ref() == Some(&output)));
    }
}

#[test]
fn a_list_with_too_many_rows_is_refused() {
    let message = message("kind,id\n".to_owned() + &",1\n".repeat(1_000_001));
    assert!(message.contains("1000001 errors"), "{message}");
    assert!(message.ends_with("and 999951 more"), "{message}");
}

#[test]
fn unknown_fields_and_names_cause_warnings() {
    let list = "kind,id,format,option\ndocument,d1,pdf,pdfOptions.new=1\n";
    let exports = parse(list).unwrap();
    assert_eq!(exports[0].request.warnings, ["unknown field 'pdfOptions.new' is sent unchanged"]);
    let list = "kind,id,output,file-kind\nspreadsheet,s1,a.csv,\nfile,f1,b.csv,Spreadsheet\n";
    let exports = parse(list).unwrap();
    for export in &exports {
        assert_eq!(export.request.subject.format.as_deref(), Some("csv"));
        assert!(export.request.warnings[0].contains("will be a zip"), "{export:?}");
    }
    let errors = describe("kind,id,format,output\ndocument,d1,docx,a.pdf\nfolder,f1,,b.zip\n");
    assert!(errors.contains("will be docx") && errors.contains("will be tar.gz"), "{errors}");
}

proptest! {
    #[test]
    fn no_list_panics(text in "(kind|id|format|,|;|\"|\n|\r|document|d1|pdf|\\{|\\}|:|\\[|\\PC){0,60}") {
        let _ = describe(&text);
        let _ = describe(format!("kind,id,format,option\n{text}"));
        let _ = describe(format!("{{{text}"));
    }
}

#[test]
fn quoted_separator_line_is_read() {
    let plain = describe("\nkind;id;format\ndocument;d1;pdf\n");
    for first in ["sep=;", "\"sep=;\"", "SEP=;", "\u{feff}\"sep=;\""] {
        for end in ["\n", "\r\n"] {
            let list = format!("{first}{end}kind;id;format{end}document;d1;pdf{end}");
            assert_eq!(describe(list), plain, "{first:?}");
        }
    }
}

#[test]
fn json_cells_have_the_type_of_their_flag() {
    let of = |cell: &str| describe(format!(r#"{{"kind":"document","format":"pdf",{cell}}}"#));
    for (cell, error) in [
        (r#""id":true"#, "column id: invalid value 'true': expected a string"),
        (r#""id":["a"]"#, r#"column id: invalid value '["a"]': expected a string"#),
        (r#""id":[]"#, "column id: invalid value '[]': expected a string"),
        (r#""id":{}"#, "column id: invalid value '{}': expected a string"),
        (r#""id":"a","output":true"#, "column output: invalid value 'true': expected a string"),
        (r#""id":"a","output":["b"]"#, "column output: invalid value"),
        (r#""id":"a","sections":true"#, "expected a string or a list"),
        (r#""id":"a","sections":[true]"#, "column sections: invalid value 'true'"),
        (r#""id":"a","include-comments":"wahr""#, "expected yes or no, or true or false"),
        (r#""id":"a","option":{"a":1,"a":2}"#, "the field \"a\" occurs twice"),
        (r#""id":"a","option":{"a":{"b":1,"b":2}}"#, "the field \"b\" occurs twice"),
        (r#""id":"a","body":{"format":"pdf","format":"docx"}"#, "\"format\" occurs twice"),
    ] {
        let said = of(cell);
        assert!(said.contains(error), "{cell}: {said}");
    }
    for cell in [r#""id":12"#, r#""id":"a","sections":["s",1]"#, r#""id":"a","sections":"s""#] {
        assert!(of(cell).starts_with("1: document"), "{cell}: {}", of(cell));
    }
}
