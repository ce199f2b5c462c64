//! `wexport help`: the help of commands, and the topics.

use std::fmt::Write;

use clap::CommandFactory;

use crate::args::{CONFIG, Cli, HelpArgs, TOPICS};
use crate::hooks::VARIABLES;
use crate::output::PLACEHOLDERS;
use crate::problem::{Problem, exit_code_table};
use crate::text::wrap;
use crate::ui::print;

pub(super) fn run(args: &HelpArgs) -> Result<(), Problem> {
    let words: Vec<&str> = args.topic.iter().map(String::as_str).collect();
    match &words[..] {
        ["exit-codes"] => print(&exit_codes()),
        ["templates"] => print(&templates()),
        ["batch-files"] => print(BATCH_FILES),
        ["stores"] => print(STORES),
        ["config"] => print(CONFIG),
        ["environment"] => print(ENVIRONMENT),
        ["hooks"] => print(&hooks()),
        ["json"] => print(JSON),
        words => print(&command_help(words)?),
    }
}

fn command_help(words: &[&str]) -> Result<String, Problem> {
    let mut command = Cli::command();
    // Without this, usage lines do not have the names of parent commands.
    command.build();
    let mut found = &mut command;
    for word in words {
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            Problem::usage(format!("unknown command or topic '{word}'"))
                .advise(format!("known topics: {}", TOPICS.join(", ")))
        })?;
    }
    Ok(found.render_long_help().to_string())
}

fn exit_codes() -> String {
    format!("Exit codes of wexport:\n\n{}", exit_code_table())
}

fn templates() -> String {
    let mut text = String::from("Placeholders in the argument of -o:\n\n");
    for (name, meaning) in PLACEHOLDERS {
        let _ = writeln!(text, "  {:<12} {meaning}", format!("{{{name}}}"));
    }
    text.push_str(
        "\n{date:utc} and {time:utc} are in UTC; {date:%Y-%m} has a format of strftime, and\n\
         {date:utc:%Y-%m} both. Local time is that of TZ or of the system, as `date +%F`\n\
         prints it. --date 2026-11-30 sets the date, to repeat the exports of a night.\n\
         In a crontab, write \\% for %.\n\
         \nMissing folders are made. Values are changed to file names that are valid\n\
         on every system. Values that the service chooses are shortened if the file name\n\
         would be too long. {{ and }} are literal braces. For example:\n\n  \
         -o 'reports/{date}/{id}-{name}.{ext}'\n",
    );
    text
}

fn hooks() -> String {
    let mut text = String::from(
        "Hooks: what a command that exports does when it begins and ends. The commands\n\
         that download files (document, batch, fetch, jobs resume and others) have them.\n\
         \n  \
         --on-failure CMD, --on-success CMD    or on_failure, on_success in the config\n  \
         --ping URL                            or WEXPORT_PING, or ping in the config\n  \
         --metrics FILE                        or WEXPORT_METRICS, or metrics\n\
         \nCMD is run once, at the end: --on-success if the exit code is 0, --on-failure\n\
         otherwise, also if the command was stopped by a signal or its settings are\n\
         invalid (then only of the flag). It is a command line for the shell, or an array\n\
         of words in the config file. A summary is on its standard input; what it prints\n\
         goes to standard error. It is killed with its processes after --hook-timeout\n\
         (hook_timeout, 60s). It does not get WORKIVA_TOKEN and WORKIVA_CLIENT_SECRET. In\n\
         its environment are:\n\n",
    );
    for (name, meaning) in VARIABLES {
        let _ = writeln!(text, "  {name:<18} {}", wrap(meaning, 59, 0).replace('\n', HANG));
    }
    text.push_str(
        "\n--ping sends GET URL/start at the beginning, and GET URL or GET URL/fail at the\n\
         end, as healthchecks.io expects it. No token is sent. Proxies and CA bundles are\n\
         those of exports. A ping is tried 3 times, for 5 s each. Of the URL, only the\n\
         host is ever printed.\n\
         \n--metrics writes a file for the textfile collector of Prometheus, which reads\n\
         *.prom. It is replaced in one step. All are gauges of the last command:\n\n  \
         wexport_exit_code\n  \
         wexport_end_timestamp_seconds\n  \
         wexport_last_success_timestamp_seconds   kept by a command that fails\n  \
         wexport_duration_seconds\n  \
         wexport_exports{status=\"done\"}          also skipped, failed and left\n  \
         wexport_file_bytes\n  \
         wexport_requests\n  \
         wexport_throttled_responses              responses with 429\n\
         \nA hook or a ping that fails is a warning, and never changes the exit code. A\n\
         wexport that a hook runs has the hooks of its flags only. For example:\n\n  \
         on_failure = 'mail -s \"wexport: $WEXPORT_FAILED failed\" ops@example.com'\n",
    );
    text
}

/// The start of a line that continues the meaning of a variable.
const HANG: &str = "\n                     ";

const BATCH_FILES: &str = "\
Lists for `wexport batch`: CSV with a header row, or JSON lines (an object on
each line). UTF-8, at most 256 MiB and 1,000,000 exports, each at most 1 MiB.

  kind,id,format,output,include-comments
  document,124efa2a,pdf,reports/{name}.{ext},yes
  spreadsheet,8a2c,xlsx,,

  {\"kind\": \"document\", \"id\": \"124efa2a\", \"format\": \"pdf\", \"sections\": [\"s1\"]}
  {\"kind\": \"spreadsheet\", \"id\": \"8a2c\", \"format\": \"xlsx\"}

Columns:
  kind        document, spreadsheet, presentation, file, folder, container,
              style-guide, graph-report, test-form or attachment
  id          ID of the document, spreadsheet, ...
  file-kind   --kind of `wexport file`, if the kind is file
  output, if-exists, date, receipt
              override the flags of the same name for this export
  any other flag of the kind's command, without dashes: format, sections,
              page-width, option, body, ... (see `wexport document --help`)

A flag without a value takes yes or no, true or false, 1 or 0. An empty cell
means that the flag is not set. In JSON, several values are an array; `option`
may be an object of PATH: VALUE, and `body` the object to send. A CSV file may
use semicolons or tabs instead of commas. An ID in JSON is a string, or a whole
number of at most 19 digits.

Exports of a batch do not overwrite each other: a second file with the same name
is called `name (2)`. Names that differ only in case or in Unicode form are the
same.
";

const STORES: &str = "\
Object stores: -o s3://BUCKET/KEY. If KEY ends in /, the service's name for the
file is appended. Placeholders are filled in (see `wexport help templates`).
gs:// and az:// require a wexport built with the cargo features `gs` and `az`.

A file is first downloaded to the folder of its job, which needs the disk space,
and uploaded when it is complete. The store shows nothing before the upload is
complete. `wexport jobs resume` retries a failed upload without a new export.

Credentials and settings:
  s3   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
       AWS_ENDPOINT_URL, AWS_ALLOW_HTTP=true for an endpoint without TLS;
       otherwise a web identity, or the credentials of the container or machine.
       Profiles are not read. To use one:
       eval \"$(aws configure export-credentials --format env)\"
       Objects are sent with their SHA-256, which Object Lock requires. For
       stores that refuse it: AWS_REQUEST_CHECKSUM_CALCULATION=when_required
  gs   GOOGLE_APPLICATION_CREDENTIALS, or the credentials of the machine
  az   AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY, or with the
       credentials of a client
The flags --proxy, --ca-bundle, --retries and --stall-timeout and the variable
NO_PROXY apply to stores too.

An object has its media type, and the metadata sha256, bytes, operation,
originalrequest, created, updated, submits and wexport. --receipt writes
KEY.receipt.json.

--if-exists is atomic in S3, which checks it as part of the upload. In gs and az
it is atomic up to 8 MiB; for larger files wexport checks just before the
upload, and another program may create the object in between. The same applies
to all files with AWS_CONDITIONAL_PUT=disabled, which is for stores that refuse
conditional requests (If-None-Match).

`jobs resume` does not replace an object that is newer than the job, by the
store's clock, unless --overwrite-newer is given. It cannot know of one that the
credentials do not allow to read, and does not notice an older object that was
put there since the job was begun.

Files larger than 8 MiB are uploaded in parts. The parts of an upload that
failed or was stopped are removed at once; those of one that was killed, by
`jobs resume` and `jobs clean --resumable`. If a process is killed after the
store has created an upload and before its ID is on disk, the upload remains in
the store, without parts: a lifecycle rule of the bucket removes it
(AbortIncompleteMultipartUpload).
";

const ENVIRONMENT: &str = "\
Environment variables. A flag overrides its variable, which overrides the config
file (see `wexport help config`).

Credentials:
  WORKIVA_CLIENT_ID, WORKIVA_CLIENT_SECRET   OAuth client
  WORKIVA_CLIENT_ID_FILE, WORKIVA_CLIENT_SECRET_FILE   files with them
  WORKIVA_TOKEN, WORKIVA_TOKEN_FILE          bearer token; overrides a client,
                                             unless --client-id is given
  credential_command, in the config file     command line for the shell, or an
                                             array of words; prints a token, or
                                             JSON with client_id and
                                             client_secret, within
                                             --request-timeout
Connection:
  WEXPORT_REGION, WEXPORT_BASE_URL, WEXPORT_API_VERSION
  WEXPORT_PROXY, or else HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY
    (with a password: http://USER:PASSWORD@HOST:PORT, which --proxy refuses)
  WEXPORT_CA_BUNDLE, or else SSL_CERT_FILE   (on Linux, the latter replaces the
                                             system's CA certificates)
  WEXPORT_TIMEOUT, WEXPORT_STALL_TIMEOUT, WEXPORT_REQUEST_TIMEOUT
  WEXPORT_MIN_SPEED, WEXPORT_MAX_TIME, WEXPORT_MAX_FILESIZE
  WEXPORT_POLL_INTERVAL, WEXPORT_POLL_RATE, WEXPORT_SUBMIT_RATE,
  WEXPORT_PACE_GROUP, WEXPORT_RETRIES
Files:
  AWS_..., GOOGLE_..., AZURE_...             object stores (see `wexport help
                                             stores`)
  WEXPORT_STATE, or else WEXPORT_STATE_DIR   folder for the state of jobs, or
                                             URL of a PostgreSQL database
  WEXPORT_LEASE                              time after which a batch in a
                                             database is taken over (1m)
  keep_done_for, keep_done, in the config    age and number of done jobs that
    file                                     are kept (30d, 1000)
  WEXPORT_CONFIG, WEXPORT_PROFILE            config file, and a profile in it
Hooks:
  WEXPORT_PING, WEXPORT_METRICS              URL of --ping, file of --metrics
  on_failure, on_success, hook_timeout,      see `wexport help hooks`
    ping, metrics, in the config file
";

const JSON: &str = "\
With --json, each line is an object with v (1), at (RFC 3339, UTC), event, job
(if state is kept), row (in a batch), and the members of the event:

  started       subject {kind, id, format}, api_version, base_url, resumed
  sending       phase (submit, poll, fetch), method, url
  response      phase, status, retry_after_seconds, request_id
  no_response   phase, reason
  accepted      operation
  status        status
  waiting       seconds, until, reason (retry_after, pace, back_off, resumed,
                turn)
  downloading   offset, length
  progress      bytes, length
  uploading     url, length
  sunset        endpoint, date, days_left, successor
  deprecated
  ignored       description
  continuing    message
  warning       message
  operation     operation, status, is_ready, created, updated, original_request
  file          id, name, kind, type, container, created, modified, state,
                template (a file that `wexport files` lists)
  done          file, bytes, media_type, operation, original_request, details
  setting       name, value, source
  check         name, status (ok, warning, failed, not_checked), message, advice
  diagnosis     exit_code
  skipped       file
  interrupted   exit_code
  error         exit_code, message, subject {kind, id, format}, phase, status,
                code, service_message, details, request_id, original_request,
                operation, advice, retry, ending (refused: the service refused
                or ended it; unconfirmed: it may have started an export)
  batch_started source, exports, done, skipped, failed, left, resumed,
                api_version, base_url
  totals        exports, done, skipped, failed, to_submit, open (accepted),
                to_download, uploading, under_way (with a request in flight),
                polls_per_second, throttled_seconds, throttled_until,
                seconds_left
  batch_done    exports, done, skipped, failed, left, not_started, seconds,
                exit_code

In a batch, row is the line of the export in its list, and job is BATCH/ROW.
Events without a row are about the whole batch. batch_done is the last one of
it: as after the end of an export, only warnings of hooks may follow, and an
error if the end cannot be recorded.

--log-level errors prints error and the result of a command, and warnings also
warning. info, the default, leaves out sending, response, waiting, progress and
ignored, but for a response or no_response that is a failure. Of an export of a
batch it has only the end (done, skipped or error), and totals every 30 seconds.
debug prints all events, as the log of a job has them.

Nothing but events is printed: also an error of the command line is an event,
and standard error is empty, unless standard output has the file or cannot be
written. docs/schema.json in the repository is a JSON Schema of events, of the
lines of `wexport jobs list --json` and --results, and of receipts.

Each line of `wexport jobs list --json` has v, job, status, superseded_by,
process {pid, host, heard}, began, ended, exit_code, result, base_url,
api_version and client_id; a job also subject and output, a batch source and
exports {waiting, open, done, skipped, failed}.

Members without a value are omitted. Later releases may add events and members.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::export_commands;
    use crate::settings::KEYS;

    #[test]
    fn overview_and_batch_files_name_every_export_command() {
        let overview = Cli::command().render_help().to_string();
        for name in export_commands() {
            let has_name = |text: &str| {
                text.split(|c: char| !c.is_ascii_alphabetic() && c != '-').any(|word| word == name)
            };
            assert!(has_name(&overview), "{name}: {overview}");
            assert!(has_name(BATCH_FILES), "{name}: {BATCH_FILES}");
        }
    }

    #[test]
    fn every_key_of_the_config_file_is_documented() {
        let (_, table) = CONFIG.split_once("meaning\n").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        let names = table.lines().filter_map(|line| {
            let name = line.strip_prefix("  ")?.split(' ').next()?;
            (!name.is_empty()).then_some(name)
        });
        assert_eq!(names.collect::<Vec<_>>(), KEYS);
    }
}
