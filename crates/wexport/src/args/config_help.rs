//! `wexport help config`: the format of the config file.

/// The text of the topic, which is a section of the manual page too.
pub(crate) const CONFIG: &str = r#"The config file has the settings of all commands, so that a cron job needs no
variables. `wexport init` writes it. It is optional, and lies here:

  Linux, macOS  ~/.config/wexport/config.toml, or in $XDG_CONFIG_HOME if that is
                set
  Windows       %APPDATA%\wexport\config.toml

--config FILE or the variable WEXPORT_CONFIG names another one. `wexport doctor`
prints which file was read, and each setting with its source. The file is TOML
in UTF-8, at most 1 MiB. A key that is not listed here is an error:

  key                 type    default     meaning
  region              text    us          us, eu or apac
  base_url            text    -           URL of another API host, instead of
                                          region
  allow_plain_http    switch  false       send the token unencrypted, also to
                                          other machines
  allow_origin        texts   -           origins that get the token too
  api_version         text    2026-01-01  2026-01-01, 2022-01-01 or a later date
  proxy               text    -           URL of a proxy, or none; else that of
                                          HTTPS_PROXY and NO_PROXY
  ca_bundle           paths   -           CA certificates to trust too
  timeout             time    1h          give up if the export is not completed
  stall_timeout       time    1m          reconnect a download without data
  min_speed           size    1K          reconnect a slower download (a second)
  max_time            time    -           limit of a whole export
  max_filesize        size    -           limit of a file
  request_timeout     time    30s         limit of the response to a request,
                                          and of credential_command
  poll_interval       time    1s          least time between two polls
  poll_rate           rate    -           limit of the service, else learned
  submit_rate         rate    -           limit of the service, else learned
  pace_group          text    -           commands of this name share these
                                          limits, else those of a client_id
  retries             count   -           retries in succession; no limit but
                                          timeout
  state               path    -           folder for the state of jobs, else
                                          ~/.local/state/wexport, and on Windows
                                          %APPDATA%\wexport; or the URL of a
                                          PostgreSQL database for batches
  lease               time    1m          time after which a batch in a database
                                          is taken over
  keep_done_for       time    30d         age up to which done jobs are kept
  keep_done           count   1000        number of done jobs that are kept
  on_failure          text    -           command that is run after a failure
  on_success          text    -           command that is run after success
  hook_timeout        time    1m          limit of these commands
  ping                text    -           URL of a monitor of cron jobs
  metrics             path    -           file of metrics for Prometheus
  client_id           text    -           ID of the OAuth client
  client_id_file      path    -           file with it
  client_secret_file  path    -           file with the client secret
  token_file          path    -           file with a bearer token
  credential_command  texts   -           command that prints credentials

  text    "eu"
  texts   "one", or ["one", "two"]
  switch  true or false
  path    "/etc/wexport/secret"; relative to the folder of the config file, and
          ~/ is the home folder
  paths   as texts
  time    "500ms", "90s", "5m", "2h" or "30d"; a number is in seconds
  size    "64K", "10M" or "2G" (powers of 1024); a number is in bytes
  rate    "5/s" or "90/m"
  count   10

A flag overrides its variable, which overrides the config file. The keys of a
profile override those outside it. --profile NAME or WEXPORT_PROFILE chooses it:

  region = "eu"
  client_id = "8f2e"
  client_secret_file = "secret"

  [profile.sandbox]
  base_url = "https://api.sandbox.example"

The file contains no secret: it names where the secret is. If it names several,
token_file is used, or else client_secret_file. credential_command is
a command line for the shell (sh, or cmd on Windows), or an array of words. It
prints a token, or JSON with client_id and client_secret, as these do if the
secret there has both (of HashiCorp Vault, AWS, Google Cloud and Azure):

  credential_command = "vault kv get -format=json -field=data secret/wexport"

  credential_command = [
    "aws", "secretsmanager", "get-secret-value", "--secret-id", "wexport",
    "--query", "SecretString", "--output", "text",
  ]

  credential_command = "gcloud secrets versions access latest --secret wexport"

  credential_command = [
    "az", "keyvault", "secret", "show", "--vault-name", "NAME",
    "--name", "wexport", "--query", "value", "--output", "tsv",
  ]

These read the client secret from the keyring of Linux (of libsecret-tools) and
of macOS, and from a file that Windows encrypts for your account. ID is the
client ID. The comment says how to store the secret:

  # secret-tool store --label wexport service wexport
  credential_command = '''
  s=$(XDG_RUNTIME_DIR=/run/user/$(id -u) secret-tool lookup service wexport) &&
  printf '{"client_id": "ID", "client_secret": "%s"}' "$s"'''

  # security add-generic-password -a wexport -s wexport -w
  credential_command = '''
  s=$(security find-generic-password -s wexport -w) &&
  printf '{"client_id": "ID", "client_secret": "%s"}' "$s"'''

  # Get-Credential ID | Export-Clixml $HOME/wexport.xml
  credential_command = ["powershell", "-NoProfile", "-Command", """\
  $c = Import-Clixml $HOME/wexport.xml; ConvertTo-Json @{client_id = \
  $c.UserName; client_secret = $c.GetNetworkCredential().Password}"""]

A keyring is open only while you are logged in. On a server, use a file.

cron has a short PATH (/usr/bin:/bin): there, name such a program by its full
path. `wexport init` tries the settings with that PATH.
"#;
