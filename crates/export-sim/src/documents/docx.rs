use std::io;

use super::document::Document;
use super::xml::{DECLARATION, escape, package};

/// An Office Open XML text document (ECMA-376) with a title, the export options, and a table for each section.
pub(super) fn write(document: &Document) -> io::Result<Vec<u8>> {
    let mut body = paragraph(&document.title, true);
    for (name, value) in &document.options {
        body += &paragraph(&format!("{name}: {value}"), false);
    }
    for part in &document.parts {
        body += &paragraph(&part.name, true);
        body += "<w:tbl><w:tblPr><w:tblW w:w=\"0\" w:type=\"auto\"/></w:tblPr>\
                 <w:tblGrid><w:gridCol w:w=\"4000\"/><w:gridCol w:w=\"4000\"/></w:tblGrid>";
        for (item, amount) in &part.rows {
            body += &row(item, *amount);
        }
        body += &row("Total", part.total());
        body += "</w:tbl>";
    }
    let (width, height) = ((document.page.0 * 1440.0) as u32, (document.page.1 * 1440.0) as u32);
    let document = format!(
        "{DECLARATION}\n<w:document \
         xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>{body}\
         <w:sectPr><w:pgSz w:w=\"{width}\" w:h=\"{height}\"/></w:sectPr></w:body></w:document>"
    );
    package(&[
        ("[Content_Types].xml", format!("{DECLARATION}\n{TYPES}")),
        ("_rels/.rels", format!("{DECLARATION}\n{RELATIONS}")),
        ("word/document.xml", document),
    ])
}

const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
    <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
    <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
    <Override PartName=\"/word/document.xml\" \
    ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";

const RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
    <Relationship Id=\"rId1\" \
    Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
    Target=\"word/document.xml\"/></Relationships>";

fn paragraph(text: &str, bold: bool) -> String {
    let properties = if bold { "<w:rPr><w:b/></w:rPr>" } else { "" };
    format!("<w:p><w:r>{properties}<w:t xml:space=\"preserve\">{}</w:t></w:r></w:p>", escape(text))
}

fn row(item: &str, amount: u64) -> String {
    let cell = |text: &str| {
        let content = paragraph(text, false);
        format!("<w:tc><w:tcPr><w:tcW w:w=\"4000\" w:type=\"dxa\"/></w:tcPr>{content}</w:tc>")
    };
    format!("<w:tr>{}{}</w:tr>", cell(item), cell(&amount.to_string()))
}
