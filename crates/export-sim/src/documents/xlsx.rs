use std::io;

use super::document::{Document, Part};
use super::xml::{DECLARATION, escape, package};

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml";
const BOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml";

/// An Office Open XML workbook (ECMA-376) with a sheet for the export options and one for each part.
pub(super) fn write(document: &Document) -> io::Result<Vec<u8>> {
    let mut sheets = String::new();
    let mut links = String::new();
    let mut types = String::new();
    let mut files = Vec::new();
    let request = std::iter::once(("Order".to_owned(), options(document)));
    let parts = document.parts.iter().map(|part| (part.name.clone(), rows(part)));
    for (n, (name, rows)) in (1..).zip(request.chain(parts)) {
        let name = escape(&sheet_name(n, &name));
        sheets += &format!("<sheet name=\"{name}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>");
        links += &format!(
            "<Relationship Id=\"rId{n}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
        );
        types += &format!(
            "<Override PartName=\"/xl/worksheets/sheet{n}.xml\" ContentType=\"{SHEET}\"/>"
        );
        let sheet = format!(
            "{DECLARATION}\n<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"
        );
        files.push((format!("xl/worksheets/sheet{n}.xml"), sheet));
    }
    let types = format!(
        "{DECLARATION}\n<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Override PartName=\"/xl/workbook.xml\" ContentType=\"{BOOK}\"/>{types}</Types>"
    );
    let root = format!(
        "{DECLARATION}\n<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" \
         Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    let book = format!(
        "{DECLARATION}\n<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{sheets}</sheets></workbook>"
    );
    let links =
        format!("{DECLARATION}\n<Relationships xmlns=\"{RELATIONS}\">{links}</Relationships>");
    files.splice(
        0..0,
        [
            ("[Content_Types].xml".to_owned(), types),
            ("_rels/.rels".to_owned(), root),
            ("xl/workbook.xml".to_owned(), book),
            ("xl/_rels/workbook.xml.rels".to_owned(), links),
        ],
    );
    package(&files)
}

fn options(document: &Document) -> String {
    let title = format!("<row r=\"1\">{}</row>", text("A1", &document.title));
    let options = (2..).zip(&document.options).map(|(n, (name, value))| {
        let (name, value) = (text(&format!("A{n}"), name), text(&format!("B{n}"), value));
        format!("<row r=\"{n}\">{name}{value}</row>")
    });
    std::iter::once(title).chain(options).collect()
}

fn rows(part: &Part) -> String {
    let mut rows = String::new();
    let mut last = 0;
    for (n, (item, amount)) in (1..).zip(&part.rows) {
        let item = text(&format!("A{n}"), item);
        rows += &format!("<row r=\"{n}\">{item}<c r=\"B{n}\"><v>{amount}</v></c></row>");
        last = n;
    }
    let n = last + 1;
    rows + &format!(
        "<row r=\"{n}\">{}<c r=\"B{n}\"><f>SUM(B1:B{last})</f><v>{}</v></c></row>",
        text(&format!("A{n}"), "Total"),
        part.total()
    )
}

fn text(cell: &str, text: &str) -> String {
    let text = escape(text);
    format!("<c r=\"{cell}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
}

/// A valid sheet name: at most 31 characters, without those reserved for references, unique by its number.
fn sheet_name(n: usize, name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if "[]:*?/\\'".contains(c) || c.is_control() { '_' } else { c })
        .collect();
    let number = if n == 1 { String::new() } else { format!("{} ", n - 1) };
    (number + &clean).chars().take(31).collect()
}
