//! The exported files are valid in their formats.

use std::io::Read;

use export_sim::Format;

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

/// The names of the files in a gzipped tar archive.
fn untar(bytes: &[u8]) -> Vec<String> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    let mut names = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        assert!(std::io::copy(&mut entry, &mut std::io::sink()).unwrap() > 0);
    }
    names
}

#[test]
fn same_request_gives_same_bytes() {
    for (path, body, _) in EXPORTS {
        assert_eq!(export(path, body), export(path, body), "{path} {body}");
    }
}

#[test]
fn id_and_options_change_the_bytes() {
    for config in [config(), config().with_artifact_size(1000)] {
        for (path, body, _) in EXPORTS.iter().filter(|(path, ..)| path.contains("1/export")) {
            let file =
                |path: &str, body: &str| fixture(config.clone()).export(path, body).into_body();
            let first = file(path, body);
            let other = file(&path.replace("1/export", "2/export"), body);
            assert_ne!(first, other, "{path} {body}");
            assert_eq!(first.len(), other.len(), "{path} {body}");
        }
        let file =
            |body: &str| fixture(config.clone()).export("/documents/d1/export", body).into_body();
        assert_ne!(file(r#"{"format":"pdf"}"#), file(r#"{"format":"pdf","sections":["a"]}"#));
    }
}

#[test]
fn documents_are_valid_in_their_formats() {
    for (path, body, _) in EXPORTS {
        let mut fixture = fixture(config());
        let file = fixture.export(path, body).into_body().to_vec();
        let format = fixture.service.exports()[0].format();
        assert!(file.starts_with(format.magic()), "{path} {body}");
        match format {
            Format::Pdf => check_pdf(&file),
            Format::Docx => check_office(file, "word/document.xml"),
            Format::Xlsx => check_office(file, "xl/workbook.xml"),
            Format::Pptx => check_office(file, "ppt/presentation.xml"),
            Format::Xhtml => assert!(String::from_utf8(file).unwrap().contains("</body></html>")),
            Format::Csv => check_csv(&String::from_utf8(file).unwrap()),
            Format::CsvZip => unzip(file).iter().for_each(|(_, sheet)| check_csv(sheet)),
            Format::TarGz => assert!(!untar(&file).is_empty()),
            _ => unreachable!("{format:?}"),
        }
    }
}

/// The end of a PDF names the place of its cross-reference table.
fn check_pdf(pdf: &[u8]) {
    let text = String::from_utf8_lossy(&pdf[pdf.len() - 40..]).into_owned();
    let (_, end) = text.split_once("startxref\n").unwrap();
    let (start, end) = end.split_once('\n').unwrap();
    assert_eq!(end, "%%EOF\n");
    assert!(pdf[start.parse::<usize>().unwrap()..].starts_with(b"xref\n"));
}

fn check_office(file: Vec<u8>, main: &str) {
    let files = unzip(file);
    let (_, types) = files.iter().find(|(name, _)| name == "[Content_Types].xml").unwrap();
    assert!(types.contains(&format!("PartName=\"/{main}\"")), "{types}");
    assert!(files.iter().any(|(name, content)| name == main && content.starts_with("<?xml ")));
}

fn check_csv(sheet: &str) {
    assert!(sheet.lines().count() > 10);
    assert!(sheet.contains(",2025,2024\n"), "{sheet}");
}

#[test]
fn pdf_is_of_the_exported_kind() {
    let pdf = |path: &str, body: &str| {
        let pdf = export(path, body);
        check_pdf(&pdf);
        pdf.len()
    };
    let body = r#"{"format":"pdf"}"#;
    let document = pdf("/documents/d1/export", body);
    let spreadsheet = pdf("/spreadsheets/s1/export", body);
    let presentation = pdf("/presentations/p1/export", body);
    assert!(document != spreadsheet && document != presentation && spreadsheet != presentation);
    let body = r#"{"kind":"Spreadsheet","spreadsheetExport":{"format":"pdf"}}"#;
    assert_eq!(pdf("/files/s1/export", body), spreadsheet);
    let body = r#"{"kind":"Presentation","presentationExport":{"format":"pdf"}}"#;
    assert_eq!(pdf("/files/p1/export", body), presentation);
}

#[test]
fn csv_of_whole_spreadsheet_is_a_zip() {
    let files = unzip(export("/spreadsheets/s1/export", r#"{"format":"csv"}"#));
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Balance sheet.csv", "Cash flow.csv", "Income statement.csv"]);
    let one = export("/spreadsheets/s1/export", r#"{"format":"csv","sheets":["a"]}"#);
    assert!(String::from_utf8(one).unwrap().starts_with(&files[2].1));
}

#[test]
fn folder_is_exported_as_tar_gz() {
    let body = r#"{"kind":"Folder","folderExport":{"removeLinks":true}}"#;
    let names = untar(&export("/files/f1/export", body));
    assert_eq!(names, ["folder/figures.csv", "folder/report.xhtml"]);
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
