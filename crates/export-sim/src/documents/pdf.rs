use super::document::Document;

const LEADING: f64 = 16.0;
const MARGIN: f64 = 54.0;

/// A PDF 1.7 with text pages in Helvetica, one of the standard fonts that need not be embedded.
pub(super) fn write(document: &Document) -> Vec<u8> {
    let (width, height) = (document.page.0 * 72.0, document.page.1 * 72.0);
    let per_page = (((height - 2.0 * MARGIN) / LEADING) as usize).max(1);
    let lines = lines(document);
    let pages: Vec<_> = lines.chunks(per_page).collect();

    // Object 1 is the catalog, 2 the page tree, 3 the font; then there are two objects for each page.
    let kids: String = (0..pages.len()).map(|n| format!("{} 0 R ", 4 + 2 * n)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [ {kids}] /Count {} >>", pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
    ];
    for (n, page) in pages.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [ 0 0 {width:.2} {height:.2} ] \
             /Resources << /Font << /F1 3 0 R >> >> /Contents {} 0 R >>",
            5 + 2 * n
        ));
        let mut text = format!("BT /F1 11 Tf {LEADING} TL {MARGIN} {:.2} Td\n", height - MARGIN);
        for line in *page {
            text += &format!("({line}) Tj T*\n");
        }
        text += "ET";
        objects.push(format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()));
    }
    assemble(&objects)
}

/// Writes the objects, numbered from 1, and the cross-reference table.
fn assemble(objects: &[String]) -> Vec<u8> {
    // The non-ASCII bytes of the second line mark the file as binary.
    let mut file = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (n, object) in objects.iter().enumerate() {
        table += &format!("{:010} 00000 n \n", file.len());
        file.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", n + 1).as_bytes());
    }
    let start = file.len();
    let trailer = format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    );
    file.extend_from_slice((table + &trailer).as_bytes());
    file
}

fn lines(document: &Document) -> Vec<String> {
    let mut lines = vec![document.title.clone(), String::new()];
    lines.extend(document.options.iter().map(|(name, value)| format!("{name}: {value}")));
    for part in &document.parts {
        lines.extend([String::new(), part.name.clone()]);
        lines.extend(part.rows.iter().map(|(item, amount)| format!("    {item}: {amount}")));
        lines.push(format!("    Total: {}", part.total()));
    }
    lines.iter().map(|line| literal(line)).collect()
}

/// The content of a string literal: Latin-1 characters as octal escapes, characters beyond as question marks.
fn literal(text: &str) -> String {
    let mut literal = String::new();
    for c in text.chars() {
        match c {
            '(' | ')' | '\\' => literal.extend(['\\', c]),
            ' '..='~' => literal.push(c),
            '\u{a0}'..='\u{ff}' => literal += &format!("\\{:03o}", u32::from(c)),
            _ => literal.push('?'),
        }
    }
    literal
}
