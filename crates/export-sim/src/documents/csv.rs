use super::document::Part;

/// A sheet as CSV (RFC 4180).
pub(super) fn write(part: &Part) -> String {
    let mut text = String::from("item,amount\r\n");
    for (item, amount) in &part.rows {
        text += &format!("{},{amount}\r\n", quote(item));
    }
    text + &format!("{},{}\r\n", quote(&format!("Total of {}", part.name)), part.total())
}

fn quote(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
