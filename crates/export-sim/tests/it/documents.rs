//! The exported files are valid in their formats.

use std::io::Read;

use crate::fixture::{config, fixture, header, text};
use crate::lifecycle::EXPORTS;

fn export(path: &str, body: &str) -> Vec<u8> {
    fixture(config()).export(path, body).into_body().to_vec()
}

/// The names and contents of the files in a zip archive.
fn unzip(bytes: Vec<u8>) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|n| {
            let mut file = zip.by_index(n).unwrap();
            let mut content = String::new();
            file.read_to_string(&mut content).unwrap();
            (file.name().to_owned(), content)
        })
        .collect()
}

#[test]
fn same_request_gives_same_bytes() {
    for (path, body, _) in EXPORTS {
        assert_eq!(export(path, body), export(path, body), "{path} {body}");
    }
}

#[test]
fn id_and_options_change_the_bytes() {
    for body in [r#"{"format":"pdf"}"#, r#"{"format":"docx"}"#, r#"{"format":"xhtml"}"#] {
        let first = export("/documents/d1/export", body);
        assert_ne!(first, export("/documents/d2/export", body));
        let option = body.replace('}', r#","sections":["a"]}"#);
        assert_ne!(first, export("/documents/d1/export", &option));
    }
    let size = || config().with_artifact_size(1000);
    let file = |path, body| fixture(size()).export(path, body).into_body();
    let first = file("/documents/d1/export", r#"{"format":"pdf"}"#);
    assert_ne!(first, file("/documents/d2/export", r#"{"format":"pdf"}"#));
    assert_ne!(first, file("/documents/d1/export", r#"{"format":"pdf","sections":["a"]}"#));
}

#[test]
fn pdf_xref_table_is_correct() {
    let pdf = export("/documents/d1/export", r#"{"format":"pdf","sections":["a (b)","Ü\\"]}"#);
    let find = |what: &[u8]| pdf.windows(what.len()).rposition(|window| window == what).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.7") && pdf.ends_with(b"%%EOF\n"));
    let table = String::from_utf8_lossy(&pdf[find(b"xref\n0 ")..]).into_owned();
    let start = table.split("startxref\n").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(start.parse::<usize>().unwrap(), find(b"xref\n0 "));
    let offsets = table.lines().filter_map(|line| line.strip_suffix(" 00000 n "));
    let mut count = 0;
    for (n, offset) in (1..).zip(offsets) {
        let object = format!("{n} 0 obj\n");
        let offset: usize = offset.parse().unwrap();
        assert!(pdf[offset..].starts_with(object.as_bytes()), "object {n}");
        count = n;
    }
    assert!(count >= 5);
    assert!(String::from_utf8_lossy(&pdf).contains(r"(a \(b\)) Tj"));
}

#[test]
fn pdf_page_has_requested_size() {
    let page = |options: &str| {
        let body = format!(r#"{{"format":"pdf","pdfOptions":{{{options}}}}}"#);
        let pdf = export("/spreadsheets/s1/export", &body);
        let text = String::from_utf8_lossy(&pdf).into_owned();
        text.split("/MediaBox [ ").nth(1).unwrap().split(" ]").next().unwrap().to_owned()
    };
    assert_eq!(page(""), "0 0 612.00 792.00");
    assert_eq!(page(r#""pageOrientation":"landscape""#), "0 0 792.00 612.00");
    assert_eq!(page(r#""pageWidth":5,"pageHeight":3"#), "0 0 360.00 216.00");
}

#[test]
fn office_file_has_requested_parts() {
    for (path, body, part) in [
        ("/documents/d1/export", r#"{"format":"docx","sections":["A<B"]}"#, "word/document.xml"),
        ("/spreadsheets/d1/export", r#"{"format":"xlsx","sheets":["A<B"]}"#, "xl/workbook.xml"),
        (
            "/presentations/d1/export",
            r#"{"format":"pptx","slides":["A<B"]}"#,
            "ppt/slides/slide2.xml",
        ),
    ] {
        let files = unzip(export(path, body));
        assert_eq!(files[0].0, "[Content_Types].xml", "{path}");
        let (_, content) = files.iter().find(|(name, _)| name == part).unwrap();
        assert!(content.contains("A&lt;B"), "{content}");
        for (name, _) in files.iter().skip(1).filter(|(name, _)| !name.ends_with(".rels")) {
            let declared = files[0].1.contains(&format!("PartName=\"/{name}\""));
            assert!(declared, "{name} has no content type");
        }
    }
}

#[test]
fn csv_of_whole_spreadsheet_is_a_zip() {
    let files = unzip(export("/spreadsheets/s1/export", r#"{"format":"csv"}"#));
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["1 Part 1.csv", "2 Part 2.csv"]);
    assert!(files.iter().all(|(_, sheet)| sheet.starts_with("item,amount\r\n")));
    let one = export("/spreadsheets/s1/export", r#"{"format":"csv","sheets":["a,\"b\""]}"#);
    assert!(String::from_utf8(one).unwrap().contains("\"Total of a,\"\"b\"\"\","));
}

#[test]
fn folder_is_exported_as_tar_gz() {
    let bytes =
        export("/files/f1/export", r#"{"kind":"Folder","folderExport":{"removeLinks":true}}"#);
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let mut order = String::new();
    let mut names = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        if names.len() == 1 {
            entry.read_to_string(&mut order).unwrap();
        }
    }
    assert_eq!(names, ["Export of f1/order.txt", "Export of f1/document.xhtml"]);
    assert_eq!(order, "folderExport.removeLinks: true\nkind: Folder\n");
}

#[test]
fn synthetic_file_starts_with_magic_bytes() {
    for (path, body, magic) in [
        ("/documents/d1/export", r#"{"format":"pdf"}"#, &b"%PDF-"[..]),
        ("/documents/d1/export", r#"{"format":"docx"}"#, b"PK\x03\x04"),
        ("/documents/d1/export", r#"{"format":"xhtml"}"#, b"<?xml"),
        ("/files/f1/export", r#"{"kind":"Folder"}"#, b"\x1f\x8b\x08"),
    ] {
        let file = fixture(config().with_artifact_size(100)).export(path, body);
        assert_eq!(file.body().len(), 100);
        assert!(file.body().starts_with(magic), "{path}");
    }
    for size in [0, 1, 3] {
        let file = fixture(config().with_artifact_size(size))
            .export("/documents/d1/export", r#"{"format":"pdf"}"#);
        assert_eq!(header(&file, "content-length"), size.to_string());
        assert_eq!(text(&file), "%PDF-"[..size as usize]);
    }
}

#[test]
fn uploaded_file_keeps_its_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f1.png"), "a picture").unwrap();
    let mut fixture = fixture(config().with_files(folder.path()));
    let file = fixture.export("/files/f1/export", r#"{"kind":"SupportingDocument"}"#);
    assert_eq!(header(&file, "content-disposition"), "attachment; filename=\"f1.png\"");
    assert_eq!(header(&file, "content-type"), "application/octet-stream");
}
