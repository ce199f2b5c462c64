//! `wexport files`: lists the files of the workspace.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use export_core::workiva::{FilesQuery, ListFiles, ListedFile};
use export_hyper::{DocumentExport, Event as JobEvent, PresentationExport, SpreadsheetExport};

use super::{environment, exit_code};
use crate::args::{FileSortArg, FilesArgs};
use crate::clock;
use crate::engine::shared_pace;
use crate::event::{Event, FileEntry};
use crate::explain::{Context, explain};
use crate::problem::{Exit, Problem};
use crate::request::item_id;
use crate::settings::{Overrides, Settings};
use crate::state::{KnownFile, known_files_path, remember_files};
use crate::sunset;
use crate::text::{clip, columns, sanitize};
use crate::ui::{Reporter, print, stdout_columns};

pub(super) async fn run(args: FilesArgs) -> Exit {
    let show = args.session.show;
    let reporter = Arc::new(Reporter::of_single(show, None, false));
    let printed = match list(&args, &reporter).await {
        Ok(files) => print_files(&args, &files, &reporter),
        Err(problem) => {
            reporter.failed(&problem);
            Err(problem)
        }
    };
    exit_code(printed, show, &reporter)
}

async fn list(args: &FilesArgs, reporter: &Arc<Reporter>) -> Result<Vec<ListedFile>, Problem> {
    let settings = Settings::resolve(&args.session, &Overrides::default(), &environment)?;
    check_format(args.format.as_deref())?;
    let list = ListFiles::new(query(args)?, &settings.config()?);
    check_sunset(&list, &settings, reporter)?;
    let loaded = settings.credentials.load(&mut |warning| reporter.warn(warning))?;
    let token_source = settings.credentials.token_source(loaded.client_id.as_deref());
    let pace = shared_pace(&settings, loaded.client_id.as_deref(), reporter);
    let client = settings.client(loaded.credentials, None, pace)?;
    let events = Arc::clone(reporter);
    let on_event = move |event: &JobEvent| {
        // A page is no download to those who wait for a list.
        if !matches!(event, JobEvent::Downloading { .. }) {
            events.job_event(1, event);
        }
    };
    let scope = Some(ListFiles::scope().into());
    let context = Context { scope, token_source, ..Context::default() };
    let files = client.list_files(list, |page| page.on_event(on_event.clone())).await;
    let mut files = files.map_err(|error| explain(&error, &context))?;
    if settings.state.is_some() {
        remember(&files);
    }
    sort(&mut files, args.sort.unwrap_or_default());
    Ok(files)
}

fn query(args: &FilesArgs) -> Result<FilesQuery, Problem> {
    let mut query = FilesQuery::new();
    if let Some(text) = &args.text {
        query = query.with_text(text);
    }
    if let Some(kind) = &args.kind {
        query = query.with_kind(kind);
    }
    if let Some(folder) = &args.container {
        item_id::check("ID for --in", folder)?;
        query = query.with_container(folder);
    }
    Ok(match (args.trashed, args.all) {
        (true, _) => query.with_state("Trashed"),
        (false, false) => query.with_state("Active"),
        (false, true) => query,
    })
}

/// Warns of the announced end of the endpoint, or fails with `--deny-deprecated`.
fn check_sunset(
    list: &ListFiles,
    settings: &Settings,
    reporter: &Arc<Reporter>,
) -> Result<(), Problem> {
    let now = clock::now();
    let Some(notice) = list.sunset(now) else { return Ok(()) };
    if settings.deny_deprecated {
        return Err(sunset::denied(&notice));
    }
    reporter.job_event(1, &JobEvent::Sunset { at: now, notice });
    Ok(())
}

/// Keeps the IDs for the completion of a shell. It is no reason to fail that they cannot be kept.
fn remember(files: &[ListedFile]) {
    let known = files.iter().filter_map(|file| {
        let (kind, name) = (file.kind().into(), file.name().into());
        Some(KnownFile { id: file.id()?.into(), kind, name })
    });
    let _ = known_files_path().map(|path| remember_files(&path, known.collect()));
}

fn sort(files: &mut [ListedFile], by: FileSortArg) {
    // They are sorted by name, and this keeps that order among equal ones.
    match by {
        FileSortArg::Name => {}
        FileSortArg::Kind => files.sort_by(|one, other| one.kind().cmp(other.kind())),
        FileSortArg::Created => files.sort_by(|one, other| other.created().cmp(&one.created())),
        FileSortArg::Modified => files.sort_by(|one, other| other.modified().cmp(&one.modified())),
    }
}

fn print_files(
    args: &FilesArgs,
    files: &[ListedFile],
    reporter: &Arc<Reporter>,
) -> Result<(), Problem> {
    if args.session.show.json {
        for file in files {
            reporter.event(Event::File(FileEntry::from(file)));
        }
        return Ok(());
    }
    if files.is_empty() {
        reporter.warn("no file matches");
    }
    match args.csv {
        true => print_csv(files, args.format.as_deref(), reporter),
        false => print(&table(files, stdout_columns())),
    }
}

/// The kinds that can be exported: the kind of a list, and the formats.
const EXPORTED: [(&str, &str, &[&str]); 5] = [
    ("Document", "document", DocumentExport::FORMATS),
    ("Spreadsheet", "spreadsheet", SpreadsheetExport::FORMATS),
    ("Presentation", "presentation", PresentationExport::FORMATS),
    ("Folder", "folder", &[]),
    ("SupportingDocument", "file", &[]),
];

fn check_format(format: Option<&str>) -> Result<(), Problem> {
    let Some(format) = format else { return Ok(()) };
    let mut formats: Vec<&str> =
        EXPORTED.iter().flat_map(|(.., formats)| *formats).copied().collect();
    formats.sort_unstable();
    formats.dedup();
    match formats.iter().any(|known| known.eq_ignore_ascii_case(format)) {
        true => Ok(()),
        false => Err(Problem::usage(format!(
            "invalid value '{format}' for '--format': expected one of {}",
            formats.join(", ")
        ))),
    }
}

/// Prints the files as a list for `wexport batch`, and warns of those that it cannot have.
fn print_csv(
    files: &[ListedFile],
    format: Option<&str>,
    reporter: &Arc<Reporter>,
) -> Result<(), Problem> {
    let format = format.map(str::to_ascii_lowercase);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut left_out = BTreeMap::<&str, u64>::new();
    let mut without_format = BTreeMap::<&str, u64>::new();
    let mut write = |row: [&str; 4]| writer.write_record(row).map_err(|error| csv_problem(&error));
    write(["kind", "id", "file-kind", "format"])?;
    for file in files {
        let exported = EXPORTED.iter().find(|(kind, ..)| file.kind().eq_ignore_ascii_case(kind));
        let (Some((kind, command, formats)), Some(id)) = (exported, file.id()) else {
            *left_out.entry(file.kind()).or_default() += 1;
            continue;
        };
        let file_kind = if *command == "file" { kind } else { "" };
        let format = format.as_deref().filter(|format| formats.contains(format));
        if format.is_none() && !formats.is_empty() {
            *without_format.entry(command).or_default() += 1;
        }
        write([command, id, file_kind, format.unwrap_or_default()])?;
    }
    for (kind, count) in left_out {
        reporter
            .warn(format!("left out, since it cannot be exported by its kind: {kind} ({count})"));
    }
    for (command, count) in without_format {
        reporter.warn(format!("without a format, which an export needs: {command} ({count})"));
    }
    let text = writer.into_inner().map_err(|error| csv_problem(&error.into_error().into()))?;
    print(&String::from_utf8_lossy(&text))
}

fn csv_problem(error: &csv::Error) -> Problem {
    Problem::new(Exit::Local, format!("cannot write the list: {error}"))
}

/// The fewest columns for a name beside the other columns.
const NAME: usize = 16;

/// A line for each file, or three where a terminal is too narrow. An ID is never cut, since it is what
/// the next command needs.
fn table(files: &[ListedFile], width: Option<usize>) -> String {
    let day = |file: &ListedFile| {
        file.modified().and_then(|time| time.get(..10)).unwrap_or("-").to_owned()
    };
    let widest = |text: fn(&ListedFile) -> &str| {
        files.iter().map(|file| columns(&sanitize(text(file)))).max().unwrap_or_default()
    };
    let (ids, kinds) = (widest(id), widest(ListedFile::kind));
    let before_name = ids + kinds + 16;
    let mut text = String::new();
    for file in files {
        let (id, kind, day) =
            (sanitize(id(file)), sanitize(file.kind()), sanitize_owned(day(file)));
        let name = sanitize(file.name());
        let _ = match width {
            Some(width) if width < before_name + NAME => {
                let facts = format!("  {kind}, {day}");
                writeln!(text, "{}\n{}\n  {id}", clip(&name, width), clip(&facts, width))
            }
            Some(width) => writeln!(
                text,
                "{}  {}  {day:<10}  {}",
                padded(&id, ids),
                padded(&kind, kinds),
                clip(&name, width - before_name)
            ),
            None => {
                writeln!(text, "{}  {}  {day:<10}  {name}", padded(&id, ids), padded(&kind, kinds))
            }
        };
    }
    text
}

fn id(file: &ListedFile) -> &str {
    file.id().unwrap_or("-")
}

fn sanitize_owned(text: String) -> String {
    sanitize(&text).into_owned()
}

/// A text with spaces up to a number of columns, which characters may have two of.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

#[cfg(test)]
mod tests {
    use export_core::Config;
    use export_core::workiva::Region;

    use super::*;

    fn listed(page: &str) -> Vec<ListedFile> {
        let mut list = ListFiles::new(FilesQuery::new(), &Config::for_region(Region::Us));
        list.next_page().unwrap();
        list.handle_page(page.as_bytes()).unwrap();
        list.into_files()
    }

    #[test]
    fn lines_fit_any_width_and_names_are_aligned() {
        let (id, name) = ("124efa2a142f472ba1ceab34ed18915f", "\u{5e74}".repeat(60));
        let kind = "\u{6587}\u{66f8}";
        let files = listed(&format!(
            r#"{{"data": [{{"id": "{id}", "name": "{name}", "kind": "{kind}"}},
                {{"id": "f", "name": "x", "kind": "SupportingDocument"}}]}}"#
        ));
        for width in 1..200 {
            let table = table(&files, Some(width));
            let is_id = |line: &&str| line.trim() == id;
            assert_eq!(table.lines().any(|line| is_id(&line)), width < 82, "{width}:\n{table}");
            let too_long = table.lines().find(|line| columns(line) > width && !is_id(line));
            assert!(too_long.is_none() || width < 3, "{width}:\n{table}");
        }
        let table = table(&files, None);
        let starts = table.lines().zip(["x", &*name]);
        let starts = starts.map(|(line, name)| columns(line.strip_suffix(name).unwrap()));
        assert_eq!(starts.collect::<Vec<_>>(), [66, 66]);
    }

    #[test]
    fn newest_files_are_first() {
        let files = listed(
            r#"{"data": [
            {"name": "a", "kind": "y", "created": {"dateTime": "2026-01-02"}, "modified": {"dateTime": "2026-02-01"}},
            {"name": "b", "kind": "x", "created": {"dateTime": "2026-01-03"}, "modified": {"dateTime": "2026-02-03"}},
            {"name": "c", "kind": "x", "created": {"dateTime": "2026-01-01"}, "modified": {"dateTime": "2026-02-02"}},
            {"name": "d", "kind": "z"}]}"#,
        );
        for (by, expected) in [
            (FileSortArg::Name, "abcd"),
            (FileSortArg::Kind, "bcad"),
            (FileSortArg::Created, "bacd"),
            (FileSortArg::Modified, "bcad"),
        ] {
            let mut files = files.clone();
            sort(&mut files, by);
            assert_eq!(files.iter().map(ListedFile::name).collect::<String>(), expected, "{by:?}");
        }
    }
}
