//! `wexport help`: a command's help, or a topic's.

use std::fmt::Write;

use clap::CommandFactory;

use crate::args::{Cli, HelpArgs, TOPICS};
use crate::output::PLACEHOLDERS;
use crate::problem::{Problem, exit_code_table};
use crate::ui::print;

/// Prints help.
pub(super) fn run(command: &HelpArgs) -> Result<(), Problem> {
    let words: Vec<&str> = command.topic.iter().map(String::as_str).collect();
    match &words[..] {
        ["exit-codes"] => print(&exit_codes()),
        ["templates"] => print(&templates()),
        ["batch-files"] => print(BATCH_FILES),
        ["stores"] => print(STORES),
        ["environment"] => print(ENVIRONMENT),
        ["json"] => print(JSON),
        words => print(&of_command(words)?),
    }
}

fn of_command(words: &[&str]) -> Result<String, Problem> {
    let mut command = Cli::command();
    // Usage lines name the whole command.
    command.build();
    let mut found = &mut command;
    for word in words {
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            Problem::usage(format!("there is no command or topic {word:?}"))
                .advise(format!("the topics are: {}", TOPICS.join(", ")))
        })?;
    }
    Ok(found.render_long_help().to_string())
}

fn exit_codes() -> String {
    format!("Exit codes of wexport:\n\n{}", exit_code_table())
}

fn templates() -> String {
    let mut text = String::from("What may stand in braces after -o:\n\n");
    for (name, meaning) in PLACEHOLDERS {
        let _ = writeln!(text, "  {:<12} {meaning}", format!("{{{name}}}"));
    }
    text.push_str(
        "\nFolders are made as they are needed. Each part is made safe for every system; {{ and }}\n\
         are braces. For example: -o 'reports/{date}/{id}-{name}.{ext}'\n",
    );
    text
}

const BATCH_FILES: &str = "\
Lists for wexport batch: CSV with a first line that names the columns, or JSON lines,
which is an object on each line. UTF-8, up to 256 MiB and 1,000,000 exports.

  kind,id,format,output,include-comments
  document,124efa2a142f,pdf,reports/{name}.{ext},yes
  spreadsheet,8a2c,xlsx,,

  {\"kind\": \"document\", \"id\": \"124efa2a142f\", \"format\": \"pdf\", \"sections\": [\"s1\"]}
  {\"kind\": \"spreadsheet\", \"id\": \"8a2c\", \"format\": \"xlsx\"}

Columns
  kind        document, spreadsheet, presentation, file, folder, container,
              style-guide, graph-report, test-form, attachment
  id          what is exported
  file-kind   of a file, what `wexport file` takes as --kind
  output, if-exists, receipt
              where its file goes; the flags of the same name stand in for lines
              that do not say
  any other flag of the kind's command, without its dashes: format, sections,
              page-width, option, body, ... (see `wexport document --help`)

A flag without a value takes yes or no, true or false, 1 or 0. Empty cells are as if
the flag were not given. In JSON, several values are a list, `option` may be an object
of PATH: VALUE, and `body` the object that is sent. Semicolons may stand for commas in
all of a CSV file.

Two exports of one name never overwrite each other: the second is called `name (2)`.
";

const STORES: &str = "\
Object stores: -o s3://BUCKET/KEY. A KEY that ends in / gets the service's name for
the file, and braces are filled in (see `wexport help templates`). gs:// and az:// are
there if wexport was built with the cargo features `gs` and `az`.

The file is downloaded into the folder of its job first, which needs room for it, and
uploaded when it is complete; until then nothing is visible in the store. An upload
that fails is repeated by `wexport jobs resume`, without another export.

Credentials and settings
  s3   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
       AWS_ENDPOINT_URL, AWS_ALLOW_HTTP=true for an endpoint without TLS; else a web
       identity, or what the container or machine gives out. Profiles are not read:
       eval \"$(aws configure export-credentials --format env)\"
  gs   GOOGLE_APPLICATION_CREDENTIALS, or what the machine gives out
  az   AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or a client's
--proxy, NO_PROXY, --ca-bundle, --retries and --stall-timeout hold for stores too.

Each object has its media type, and as metadata: sha256, bytes, operation,
originalrequest, created, updated, submits, wexport. --receipt writes
KEY.receipt.json beside it.

--if-exists is checked by S3 itself, in one step with the upload. So it is by gs and
az up to 8 MiB; beyond that wexport looks just before, and a rival may slip between.

Files beyond 8 MiB go in parts. Parts of an upload that failed or was stopped are
taken back at once; those of one that was killed, by `jobs resume` and `jobs clean`.
A kill in the one moment between the store's answer and the disk leaves an upload
without parts that nobody knows of: for that, give the bucket a lifecycle rule
(AbortIncompleteMultipartUpload).
";

const ENVIRONMENT: &str = "\
Variables of the environment; a flag beats its variable, which beats the config file.

Credentials
  WORKIVA_CLIENT_ID, WORKIVA_CLIENT_SECRET   an OAuth client
  WORKIVA_CLIENT_SECRET_FILE                 a file with its secret
  WORKIVA_TOKEN, WORKIVA_TOKEN_FILE          a bearer token; beats a client, unless
                                             --client-id names it
  credential_command, in the config file     a shell line, or a list of words, that
                                             prints a token, or JSON with client_id and
                                             client_secret, within --request-timeout
Connection
  WEXPORT_REGION, WEXPORT_BASE_URL, WEXPORT_API_VERSION
  WEXPORT_PROXY, or else HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY
    (one that wants a password: http://USER:PASSWORD@HOST:PORT, never as a flag)
  WEXPORT_CA_BUNDLE, or else SSL_CERT_FILE   (the latter replaces the system's on Linux)
  WEXPORT_TIMEOUT, WEXPORT_STALL_TIMEOUT, WEXPORT_REQUEST_TIMEOUT
  WEXPORT_POLL_INTERVAL, WEXPORT_POLL_RATE, WEXPORT_SUBMIT_RATE, WEXPORT_RETRIES
Places
  AWS_..., GOOGLE_..., AZURE_...             object stores (see `wexport help stores`)
  WEXPORT_STATE_DIR                          the state of jobs
  WEXPORT_CONFIG, WEXPORT_PROFILE            the config file, and its profile
";

const JSON: &str = "\
With --json, every line is an object with v (1), at (RFC 3339, UTC), event, job (if its
state is kept), row (of a batch), and the members of the event:

  started       what {kind, id, format}, api_version, base_url, resumed
  sending       phase (submit, poll, fetch), method, url
  answered      phase, status, retry_after_seconds, request_id
  no_answer     phase, why
  accepted      operation
  status        status
  waiting       seconds, until, why (retry_after, pace, back_off, resumed, turn)
  downloading   offset, length
  progress      bytes, length
  uploading     url, length
  sunset        endpoint, date, days_left, successor
  deprecated
  ignored       what
  warning       message
  operation     operation, status, is_ready, created, updated, original_request
  done          file, bytes, media_type, operation, original_request
  setting       name, value, from
  check         name, standing (ok, warning, failed, not_checked), what, advice
  diagnosis     exit_code
  skipped       file
  interrupted   exit_code
  error         exit_code, what, export {kind, id, format}, phase, status, code,
                message, details, request_id, original_request, operation, advice, again
  batch_started source, exports, done, skipped, failed, left, resumed, api_version,
                base_url
  totals        exports, done, skipped, failed, to_submit, open (at the service),
                to_download, uploading, under_way (requests, for any of these),
                polls_per_second, held_seconds, held_until, seconds_left
  batch_done    exports, done, skipped, failed, left, not_begun, seconds, exit_code

In a batch, row is the number of the export in its file, and job is BATCH/ROW; events
without a row are about the whole batch, and batch_done is the last of them.

Members without a value are left out. Later releases add events and members.
";
