//! The entries that run the program each night.

use std::path::Path;

use crate::args::EntryKind;
use crate::settings::CredentialSource;

/// What an entry runs, and where its credentials are.
pub(super) struct Entry<'a> {
    pub(super) program: &'a str,
    /// The command of the program, with its flags.
    pub(super) command: &'a [String],
    /// The flags to add, unless the entry says otherwise where the config file is.
    pub(super) flags: &'a [&'a str],
    pub(super) config: &'a str,
    pub(super) secret: &'a CredentialSource,
}

impl Entry<'_> {
    /// The text of an entry, with comments on how to install it.
    pub(super) fn text(&self, kind: EntryKind) -> String {
        match kind {
            EntryKind::Cron => self.cron(),
            EntryKind::Systemd => self.systemd(),
            EntryKind::Cronjob => self.cronjob(),
            EntryKind::Task => self.task(),
        }
    }

    /// The words of the command line.
    fn words(&self) -> impl Iterator<Item = &str> {
        let command = self.command.iter().map(String::as_str);
        std::iter::once(self.program).chain(command).chain(self.flags.iter().copied())
    }

    /// Whether the command continues its own run. It is run each hour from 2 to 6 then: this repeats
    /// what has failed, and sends nothing after a success.
    fn is_repeated(&self) -> bool {
        let continues = |word: &String| {
            matches!(word.as_str(), "--continue" | "--key") || word.starts_with("--key=")
        };
        self.command.iter().any(continues)
    }

    /// The hours in which cron and Kubernetes run it.
    fn cron_hours(&self) -> &'static str {
        if self.is_repeated() { "2-6" } else { "2" }
    }

    /// Whether the client secret has to be in a variable.
    const fn needs_variable(&self) -> bool {
        matches!(self.secret, CredentialSource::Missing)
    }

    fn cron(&self) -> String {
        // In a crontab, % is a line break.
        let line = joined(self.words(), " ", sh_word).replace('%', "\\%");
        let variable = match self.needs_variable() {
            true => "# Above it, on a line of its own: WORKIVA_CLIENT_SECRET=...\n",
            false => "",
        };
        let hours = self.cron_hours();
        format!(
            "# Add this line with `crontab -e`. Paths are relative to your home folder.\n{variable}15 {hours} * * *  {line}\n"
        )
    }

    fn systemd(&self) -> String {
        let line = joined(self.words(), " ", systemd_word);
        let variable = match self.needs_variable() {
            true => {
                "# A file with WORKIVA_CLIENT_SECRET=..., which only you can read:\n\
                 EnvironmentFile=%h/.config/wexport/environment\n"
            }
            false => "",
        };
        let hours = if self.is_repeated() { "02..06" } else { "02" };
        format!(
            "\
# ~/.config/systemd/user/wexport.service
[Unit]
Description=Export files from Workiva

[Service]
Type=oneshot
WorkingDirectory=%h
{variable}ExecStart={line}

# ~/.config/systemd/user/wexport.timer
[Unit]
Description=Export files from Workiva each night

[Timer]
OnCalendar=*-*-* {hours}:15:00
Persistent=true

[Install]
WantedBy=timers.target

# Then run the following. The last line is for nights on which you are not logged in.
# systemctl --user daemon-reload
# systemctl --user enable --now wexport.timer
# loginctl enable-linger
"
        )
    }

    fn cronjob(&self) -> String {
        let secret = |from: &str| {
            format!("# kubectl create secret generic wexport --from-file=secret={from}\n")
        };
        let from_path = |path: &Path| secret(&sh_word(&path.to_string_lossy()));
        let (comment, variable) = match self.secret {
            CredentialSource::ClientSecretFile(path) => {
                (from_path(path), "WORKIVA_CLIENT_SECRET_FILE")
            }
            CredentialSource::TokenFile(path) => (from_path(path), "WORKIVA_TOKEN_FILE"),
            CredentialSource::Command(_) => {
                ("# The image needs what credential_command runs.\n".into(), "")
            }
            _ => (secret("FILE"), "WORKIVA_CLIENT_SECRET_FILE"),
        };
        let [variables, mounts, volumes] = match variable {
            "" => [String::new(), String::new(), String::new()],
            name => [
                format!(
                    "            - name: {name}\n              value: /run/secrets/wexport/secret\n"
                ),
                "            - name: secret\n              mountPath: /run/secrets/wexport\n".into(),
                "          - name: secret\n            secret:\n              secretName: wexport\n"
                    .into(),
            ],
        };
        let words = joined(self.command.iter().map(String::as_str), ", ", kubernetes_word);
        let config = sh_word(self.config);
        let hours = self.cron_hours();
        format!(
            "\
# kubectl create configmap wexport --from-file=config.toml={config}
{comment}\
# IMAGE has wexport in its PATH. The claim wexport keeps the files, and the state of jobs.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: wexport
spec:
  schedule: \"15 {hours} * * *\"
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: wexport
            image: IMAGE
            command: [\"wexport\", {words}]
            workingDir: /work
            env:
            - name: WEXPORT_CONFIG
              value: /etc/wexport/config.toml
            - name: WEXPORT_STATE_DIR
              value: /work/state
{variables}\
\x20           volumeMounts:
            - name: config
              mountPath: /etc/wexport
            - name: work
              mountPath: /work
{mounts}\
\x20         volumes:
          - name: config
            configMap:
              name: wexport
          - name: work
            persistentVolumeClaim:
              claimName: wexport
{volumes}"
        )
    }

    fn task(&self) -> String {
        let arguments = joined(self.words().skip(1), " ", windows_word);
        let variable = match self.needs_variable() {
            true => "# Set the variable WORKIVA_CLIENT_SECRET of your account first.\n",
            false => "",
        };
        let [program, arguments] = [self.program, arguments.as_str()].map(powershell_word);
        let trigger = match self.is_repeated() {
            true => "2..6 | ForEach-Object { New-ScheduledTaskTrigger -Daily -At \"0${_}:15\" }",
            false => "New-ScheduledTaskTrigger -Daily -At 02:15",
        };
        format!(
            "\
# Run this in PowerShell. Paths are relative to your home folder.
{variable}\
$action = New-ScheduledTaskAction -WorkingDirectory $HOME -Execute {program} -Argument {arguments}
$trigger = {trigger}
$settings = New-ScheduledTaskSettingsSet -StartWhenAvailable
Register-ScheduledTask -TaskName wexport -Action $action -Trigger $trigger -Settings $settings
"
        )
    }
}

fn joined<'a>(
    words: impl Iterator<Item = &'a str>,
    separator: &str,
    quote: impl Fn(&str) -> String,
) -> String {
    words.map(quote).collect::<Vec<_>>().join(separator)
}

/// A word for a POSIX shell.
pub(super) fn sh_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+=:,./@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A word of `ExecStart=` (systemd.service(5), "Command lines").
fn systemd_word(word: &str) -> String {
    let escaped = word.replace('\\', r"\\").replace('"', "\\\"");
    let escaped = escaped.replace('%', "%%").replace('$', "$$");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+=:,./@%{}".contains(c);
    let is_plain = !word.is_empty() && word.chars().all(is_plain);
    if is_plain { escaped } else { format!("\"{escaped}\"") }
}

/// A word of `command` of a container, as JSON, which YAML includes. Kubernetes replaces `$(NAME)`.
fn kubernetes_word(word: &str) -> String {
    serde_json::Value::from(word.replace("$(", "$$(")).to_string()
}

/// An argument of a command line of Windows: backslashes before a quote are doubled.
fn windows_word(word: &str) -> String {
    if !word.is_empty() && !word.contains([' ', '\t', '"']) {
        return word.into();
    }
    let mut quoted = String::from("\"");
    let mut backslashes = 0;
    for c in word.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                quoted.push_str(&"\\".repeat(backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        quoted.push(c);
    }
    quoted + &"\\".repeat(backslashes) + "\""
}

/// A string of PowerShell, without replacements. It takes typographic quotes as quotes too.
fn powershell_word(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_their_reader() {
        assert_eq!(sh_word("reports/a.pdf"), "reports/a.pdf");
        assert_eq!(sh_word("it's $HOME {id}"), r"'it'\''s $HOME {id}'");
        assert_eq!(systemd_word("{date:%Y-%m}/{id}"), "{date:%%Y-%%m}/{id}");
        assert_eq!(systemd_word(r#"a "b" $c \d"#), r#""a \"b\" $$c \\d""#);
        assert_eq!(kubernetes_word(r#"$(A) "b""#), r#""$$(A) \"b\"""#);
        assert_eq!(windows_word(r"C:\a\b"), r"C:\a\b");
        assert_eq!(windows_word(r"C:\a b\"), r#""C:\a b\\""#);
        assert_eq!(windows_word(r#"a\"b c"#), r#""a\\\"b c""#);
        assert_eq!(powershell_word("it\u{2019}s 'a'"), "'it\u{2019}\u{2019}s ''a'''");
        for quote in [sh_word, systemd_word, windows_word] {
            assert!(quote("").len() == 2);
        }
    }
}
