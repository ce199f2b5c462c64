//! The format that the name after `-o` implies.

use export_hyper::{DocumentExport, PresentationExport, SpreadsheetExport};

use crate::problem::Problem;

/// The formats that the service converts to.
const FORMATS: [&[&str]; 3] =
    [DocumentExport::FORMATS, SpreadsheetExport::FORMATS, PresentationExport::FORMATS];

/// Extensions of formats that the service does not convert to.
const OTHERS: [&str; 44] = [
    "7z", "bmp", "bz2", "doc", "docm", "dot", "dotx", "eps", "epub", "gif", "htm", "html", "jpeg",
    "jpg", "json", "key", "md", "mht", "numbers", "odp", "ods", "odt", "pages", "png", "pps",
    "ppsx", "ppt", "pptm", "ps", "rar", "rtf", "svg", "tar", "tbz", "tif", "tiff", "tsv", "txz",
    "xls", "xlsb", "xlsm", "xltx", "xz", "zst",
];

/// The extension of a name, in lower case.
pub(super) fn extension(output: &str) -> Option<String> {
    let name = output.rsplit(std::path::is_separator).next()?;
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase())
}

/// The format that a file with this name has to have, if nothing else is known of it: by default any
/// file but JSON.
pub(super) fn expected(output: Option<&str>) -> &'static str {
    let extension = output.and_then(extension).unwrap_or_default();
    match extension.as_str() {
        "json" => "any",
        "gz" | "tgz" => "tar.gz",
        _ => FORMATS
            .into_iter()
            .flatten()
            .copied()
            .find(|format| *format == extension)
            .unwrap_or("file"),
    }
}

/// Refuses a name that implies another format than the file will have, and returns a warning if it
/// might. `formats` are those that the file can have; none if that is not known.
pub(super) fn check(output: &str, formats: &[&str]) -> Result<Option<String>, Problem> {
    let Some(extension) = extension(output) else { return Ok(None) };
    let is_format = FORMATS.into_iter().flatten().any(|format| *format == extension)
        || OTHERS.contains(&&*extension);
    let is_archive = ["zip", "gz", "tgz"].contains(&&*extension);
    let wrong = |why: String| Problem::usage(format!("invalid value '{output}' for '-o': {why}"));
    match formats {
        ["zip"] if extension == "csv" => Ok(Some(format!(
            "{output} will be a zip with one csv for each sheet (--sheets ID exports one as csv)"
        ))),
        // Several files of these formats may come in a zip.
        ["csv" | "xhtml"] if extension == "zip" => Ok(None),
        ["xhtml"] if ["htm", "html"].contains(&&*extension) => Ok(None),
        ["tar.gz"] if ["gz", "tgz"].contains(&&*extension) => Ok(None),
        [format] if extension == *format => Ok(None),
        [format] if is_format || is_archive => {
            Err(wrong(format!("the format of the file will be {format}"))
                .advise(format!("end the name in .{format}, or change the format")))
        }
        [_, _, ..] if formats.contains(&&*extension) => {
            Err(wrong("the request names no format, and the service may choose another".into())
                .advise("set the format in the body"))
        }
        [_, _, ..] if is_format => Err(wrong(format!(
            "the file cannot be exported as {extension}, only as {}",
            formats.join(", ")
        ))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_imply_a_format() {
        let result = |output: &str, formats: &[&str]| match check(output, formats) {
            Ok(None) => "ok".to_owned(),
            Ok(Some(warning)) => warning,
            Err(problem) => problem.message,
        };
        for (output, formats) in [
            ("a.pdf", &["pdf"][..]),
            ("A.PDF", &["pdf"]),
            ("out/{name}.{ext}", &["pdf"]),
            ("report.2026", &["pdf"]),
            ("v1.docx/report", &["pdf"]),
            ("-", &["pdf"]),
            ("a.zip", &["csv"]),
            ("a.zip", &["zip"]),
            ("a.html", &["xhtml"]),
            ("a.doc", &[]),
            ("a.txt", &["csv"]),
            ("a.zip", &["xhtml"]),
            ("a.tar.gz", &["tar.gz"]),
            ("a.tgz", &["tar.gz"]),
            ("a.pdf", &[]),
            ("a", DocumentExport::FORMATS),
        ] {
            assert_eq!(result(output, formats), "ok", "{output} {formats:?}");
        }
        for (output, formats) in [
            ("a.pdf", &["docx"][..]),
            ("s3://b/a.pdf", &["docx"]),
            ("a.zip", &["pdf"]),
            ("a.zip", &["tar.gz"]),
            ("a.tar.gz", &["zip"]),
            ("{id}.xlsx", &["csv"]),
            ("a.doc", &["docx"]),
            ("a.XLS", &["xlsx"]),
            ("a.rtf", &["docx"]),
            ("a.ppt", &["pptx"]),
            ("a.tar", &["tar.gz"]),
            ("a.html", &["pdf"]),
        ] {
            let expected = format!("the format of the file will be {}", formats[0]);
            assert!(result(output, formats).contains(&expected), "{output} {formats:?}");
        }
        assert!(result("a.csv", &["zip"]).contains("will be a zip"));
        assert!(result("a.pdf", DocumentExport::FORMATS).contains("may choose another"));
        for output in ["a.xlsx", "a.doc"] {
            let result = result(output, DocumentExport::FORMATS);
            assert!(result.contains("only as pdf, docx, xhtml"), "{result}");
        }
    }
}
