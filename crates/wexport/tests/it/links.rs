//! Links from a browser in place of IDs.

use crate::world::World;

const ID: &str = "1ce2dddb987b4b25a2e0f3a7804fc4af";

fn link(kind: &str) -> String {
    format!("https://app.wdesk.com/a/QWNjb3VudB8yMDAx/{kind}/{ID}/r/-1/v/1/sec/{ID}_1165")
}

#[test]
fn link_is_exported_as_its_id() {
    let world = World::new();
    world.done(&["document", &link("doc"), "-o", "a.pdf", "--quiet"]);
    world.done(&[
        "file",
        &link("spreadsheet"),
        "-k",
        "spreadsheet",
        "-f",
        "csv",
        "-o",
        "b.csv",
        "--quiet",
    ]);
    let receipt = world.done(&["jobs", "list"]).out;
    assert!(receipt.contains(&format!("document {ID} as pdf")), "{receipt}");
    world.write("list.csv", format!("kind,id,format\npresentation,{},pdf\n", link("presentation")));
    world.done(&["batch", "list.csv", "-o", "{id}.{ext}", "--quiet"]);
    assert!(world.names(".").contains(&format!("{ID}.pdf")));
    let submits = world.requests().into_iter().filter(|line| line.contains("/export "));
    let expected =
        ["documents", "files", "presentations"].map(|it| format!("POST /{it}/{ID}/export 202"));
    assert_eq!(submits.collect::<Vec<_>>(), expected);
}

#[test]
fn url_is_never_sent_as_an_id() {
    let world = World::new();
    let (doc, report) = (link("doc"), "https://app.wdesk.com/a/QWNj/report/source1/view1");
    for (line, why) in [
        (
            &["spreadsheet", doc.as_str(), "-f", "pdf"][..],
            "it is a link to a document: use `wexport document`",
        ),
        (
            &["document", "https://example.com/doc/124efa2a142f", "-f", "pdf"],
            "a link to another site",
        ),
        (&["document", "https://app.wdesk.com/home", "-f", "pdf"], "an ID looks like 124efa2a142f"),
        (&["graph-report", report], "which part of such a link is the ID is not known"),
        (
            &["attachment", "a1", "--test-form", report, "--test-phase", "p1"],
            "which part of such a link",
        ),
        (&["document", "d1", "-f", "pdf", "--sections", doc.as_str()], "it is a URL"),
        (&["status", doc.as_str()], "it is a link to an item"),
        (&["fetch", doc.as_str(), "-o", "a.pdf"], "it is a link to an item"),
        (&["files", "--in", doc.as_str()], "it is a link to a document"),
        (&["files", "--in", "a b"], "it contains a space"),
    ] {
        let ran = world.run(line);
        assert_eq!(ran.code, Some(2), "{line:?}: {}", ran.err);
        assert!(ran.err.contains(why), "{line:?}: {}", ran.err);
    }
    world.write("list.csv", format!("kind,id,format\nspreadsheet,{doc},pdf\n"));
    let ran = world.run(&["batch", "list.csv"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("a link to a document"), "{}", ran.err);
    assert!(world.requests().is_empty());
}
