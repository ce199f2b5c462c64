use super::draft::Part;

/// One sheet as RFC 4180 has it.
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
