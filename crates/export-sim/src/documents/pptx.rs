use std::io;

use super::document::{Document, Part};
use super::xml::{DECLARATION, escape, package};

const NAMESPACES: &str = "xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" \
    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
    xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\"";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPE: &str = "application/vnd.openxmlformats-officedocument";

/// An Office Open XML presentation (ECMA-376) with a slide for the export options and one for each part.
pub(super) fn write(document: &Document) -> io::Result<Vec<u8>> {
    let options = document.options.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let mut slides = vec![slide(&document.title, options)];
    slides.extend(document.parts.iter().map(|part| slide(&part.name, lines(part))));

    let mut types = String::new();
    let mut ids = String::new();
    let mut links = vec![("slideMaster", "slideMasters/slideMaster1.xml".to_owned())];
    let mut files = vec![
        ("ppt/slideMasters/slideMaster1.xml".to_owned(), master()),
        (
            "ppt/slideMasters/_rels/slideMaster1.xml.rels".to_owned(),
            relations(&[
                ("slideLayout", "../slideLayouts/slideLayout1.xml".to_owned()),
                ("theme", "../theme/theme1.xml".to_owned()),
            ]),
        ),
        ("ppt/slideLayouts/slideLayout1.xml".to_owned(), layout()),
        (
            "ppt/slideLayouts/_rels/slideLayout1.xml.rels".to_owned(),
            relations(&[("slideMaster", "../slideMasters/slideMaster1.xml".to_owned())]),
        ),
        ("ppt/theme/theme1.xml".to_owned(), theme()),
    ];
    for (n, slide) in (1..).zip(slides) {
        types += &part_type(&format!("slides/slide{n}"), "presentationml.slide");
        ids += &format!("<p:sldId id=\"{}\" r:id=\"rId{}\"/>", 255 + n, n + 1);
        links.push(("slide", format!("slides/slide{n}.xml")));
        let layout = relations(&[("slideLayout", "../slideLayouts/slideLayout1.xml".to_owned())]);
        files.push((format!("ppt/slides/slide{n}.xml"), slide));
        files.push((format!("ppt/slides/_rels/slide{n}.xml.rels"), layout));
    }
    let presentation = format!(
        "{DECLARATION}\n<p:presentation {NAMESPACES}><p:sldMasterIdLst>\
         <p:sldMasterId id=\"2147483648\" r:id=\"rId1\"/></p:sldMasterIdLst>\
         <p:sldIdLst>{ids}</p:sldIdLst><p:sldSz cx=\"9144000\" cy=\"6858000\"/>\
         <p:notesSz cx=\"6858000\" cy=\"9144000\"/></p:presentation>"
    );
    types += &part_type("presentation", "presentationml.presentation.main");
    types += &part_type("slideMasters/slideMaster1", "presentationml.slideMaster");
    types += &part_type("slideLayouts/slideLayout1", "presentationml.slideLayout");
    types += &part_type("theme/theme1", "theme");
    let types = format!(
        "{DECLARATION}\n<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>{types}</Types>"
    );
    files.splice(
        0..0,
        [
            ("[Content_Types].xml".to_owned(), types),
            (
                "_rels/.rels".to_owned(),
                relations(&[("officeDocument", "ppt/presentation.xml".to_owned())]),
            ),
            ("ppt/presentation.xml".to_owned(), presentation),
            ("ppt/_rels/presentation.xml.rels".to_owned(), relations(&links)),
        ],
    );
    package(&files)
}

fn part_type(part: &str, name: &str) -> String {
    format!("<Override PartName=\"/ppt/{part}.xml\" ContentType=\"{TYPE}.{name}+xml\"/>")
}

/// The relationships to other files of the package, numbered from `rId1`.
fn relations(links: &[(&str, String)]) -> String {
    let links: String = (1..)
        .zip(links)
        .map(|(n, (kind, target))| {
            format!("<Relationship Id=\"rId{n}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
        })
        .collect();
    format!(
        "{DECLARATION}\n<Relationships \
         xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{links}</Relationships>"
    )
}

fn lines(part: &Part) -> Vec<String> {
    let rows = part.rows.iter().map(|(item, amount)| format!("{item}: {amount}"));
    rows.chain([format!("Total: {}", part.total())]).collect()
}

fn slide(title: &str, lines: Vec<String>) -> String {
    let title = text_box(2, "Title", 457_200, 1_143_000, &[title.to_owned()], 3200);
    let text = text_box(3, "Text", 1_600_200, 4_525_963, &lines, 1600);
    format!(
        "{DECLARATION}\n<p:sld {NAMESPACES}><p:cSld>{}</p:cSld>\
         <p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sld>",
        tree(&(title + &text))
    )
}

fn tree(shapes: &str) -> String {
    format!(
        "<p:spTree><p:nvGrpSpPr><p:cNvPr id=\"1\" name=\"\"/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr>\
         <p:grpSpPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"0\" cy=\"0\"/><a:chOff x=\"0\" y=\"0\"/>\
         <a:chExt cx=\"0\" cy=\"0\"/></a:xfrm></p:grpSpPr>{shapes}</p:spTree>"
    )
}

fn text_box(id: u32, name: &str, top: u32, height: u32, lines: &[String], size: u32) -> String {
    let paragraphs: String = lines
        .iter()
        .map(|line| {
            format!(
                "<a:p><a:r><a:rPr lang=\"en-US\" sz=\"{size}\"/><a:t>{}</a:t></a:r></a:p>",
                escape(line)
            )
        })
        .collect();
    // A text body needs a paragraph.
    let paragraphs = if paragraphs.is_empty() { "<a:p/>".to_owned() } else { paragraphs };
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id=\"{id}\" name=\"{name}\"/><p:cNvSpPr txBox=\"1\"/><p:nvPr/></p:nvSpPr>\
         <p:spPr><a:xfrm><a:off x=\"457200\" y=\"{top}\"/><a:ext cx=\"8229600\" cy=\"{height}\"/></a:xfrm>\
         <a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></p:spPr>\
         <p:txBody><a:bodyPr/><a:lstStyle/>{paragraphs}</p:txBody></p:sp>"
    )
}

fn master() -> String {
    format!(
        "{DECLARATION}\n<p:sldMaster {NAMESPACES}><p:cSld><p:bg><p:bgRef idx=\"1001\">\
         <a:schemeClr val=\"bg1\"/></p:bgRef></p:bg>{}</p:cSld>\
         <p:clrMap bg1=\"lt1\" tx1=\"dk1\" bg2=\"lt2\" tx2=\"dk2\" accent1=\"accent1\" accent2=\"accent2\" \
         accent3=\"accent3\" accent4=\"accent4\" accent5=\"accent5\" accent6=\"accent6\" hlink=\"hlink\" \
         folHlink=\"folHlink\"/><p:sldLayoutIdLst><p:sldLayoutId id=\"2147483649\" r:id=\"rId1\"/>\
         </p:sldLayoutIdLst></p:sldMaster>",
        tree("")
    )
}

fn layout() -> String {
    format!(
        "{DECLARATION}\n<p:sldLayout {NAMESPACES} type=\"blank\"><p:cSld name=\"Blank\">{}</p:cSld>\
         <p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sldLayout>",
        tree("")
    )
}

fn theme() -> String {
    let colors: String = [
        ("dk1", "000000"),
        ("lt1", "FFFFFF"),
        ("dk2", "1F3864"),
        ("lt2", "E7E6E6"),
        ("accent1", "4472C4"),
        ("accent2", "ED7D31"),
        ("accent3", "A5A5A5"),
        ("accent4", "FFC000"),
        ("accent5", "5B9BD5"),
        ("accent6", "70AD47"),
        ("hlink", "0563C1"),
        ("folHlink", "954F72"),
    ]
    .iter()
    .map(|(name, rgb)| format!("<a:{name}><a:srgbClr val=\"{rgb}\"/></a:{name}>"))
    .collect();
    let font = "<a:latin typeface=\"Arial\"/><a:ea typeface=\"\"/><a:cs typeface=\"\"/>";
    let fill = "<a:solidFill><a:schemeClr val=\"phClr\"/></a:solidFill>".repeat(3);
    let line =
        "<a:ln w=\"9525\"><a:solidFill><a:schemeClr val=\"phClr\"/></a:solidFill></a:ln>".repeat(3);
    let effect = "<a:effectStyle><a:effectLst/></a:effectStyle>".repeat(3);
    format!(
        "{DECLARATION}\n<a:theme xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" \
         name=\"Plain\"><a:themeElements><a:clrScheme name=\"Plain\">{colors}</a:clrScheme>\
         <a:fontScheme name=\"Plain\"><a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont>\
         </a:fontScheme><a:fmtScheme name=\"Plain\"><a:fillStyleLst>{fill}</a:fillStyleLst>\
         <a:lnStyleLst>{line}</a:lnStyleLst><a:effectStyleLst>{effect}</a:effectStyleLst>\
         <a:bgFillStyleLst>{fill}</a:bgFillStyleLst></a:fmtScheme></a:themeElements></a:theme>"
    )
}
