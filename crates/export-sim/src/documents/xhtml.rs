use super::document::Document;
use super::xml::escape;

pub(super) fn write(document: &Document) -> String {
    let title = escape(&document.title);
    let mut body = format!("<h1>{title}</h1>\n<dl>\n");
    for (name, value) in &document.options {
        body += &format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value));
    }
    body += "</dl>\n";
    for part in &document.parts {
        body += &format!("<h2>{}</h2>\n<table>\n", escape(&part.name));
        for (item, amount) in &part.rows {
            body += &format!("<tr><td>{}</td><td>{amount}</td></tr>\n", escape(item));
        }
        body += &format!("<tr><td>Total</td><td>{}</td></tr>\n</table>\n", part.total());
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html>\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n\
         <head><title>{title}</title></head>\n<body>\n{body}</body>\n</html>\n"
    )
}
