//! Who is asking. A secret is never an argument: others could read it.

use std::path::PathBuf;

use clap::Args;

/// Flags of the credentials.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Credentials (never an argument)")]
pub(crate) struct CredentialArgs {
    /// OAuth client [env: WORKIVA_CLIENT_ID, with its secret in WORKIVA_CLIENT_SECRET]
    #[arg(long, value_name = "ID", hide_short_help = true)]
    pub(crate) client_id: Option<String>,

    /// File with the client's secret [env: WORKIVA_CLIENT_SECRET_FILE]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// File with a bearer token [env: WORKIVA_TOKEN_FILE; the token itself: WORKIVA_TOKEN]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    #[arg(conflicts_with_all = ["client_id", "client_secret_file"])]
    pub(crate) token_file: Option<PathBuf>,

    /// Read a bearer token from standard input
    #[arg(long, hide_short_help = true)]
    #[arg(conflicts_with_all = ["token_file", "client_id", "client_secret_file"])]
    pub(crate) token_stdin: bool,

    /// Refuse a secret's file that others may read, in place of warning about it
    #[arg(long, hide_short_help = true)]
    pub(crate) strict_permissions: bool,
}
