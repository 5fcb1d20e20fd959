//! Walks a procedure through without doing anything: is the script there, would the secret be had, does somebody listen?

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::name::Name;
use launchgate_core::plan::Plan;
use launchgate_core::procedure::{Procedure, Step, fill};
use launchgate_core::rehearsal::{Rehearsal, Rehearsed};
use launchgate_core::report::Report;
use launchgate_probes::secret::TextOrCredential;
use reqwest::Url;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::actions::settings::{
    ExecSettings, GateSettings, HttpSettings, MilestoneSettings, NotifySettings, WaitSettings,
};
use crate::postman::{self, Undelivered};

/// How long somebody may take to listen.
const LISTENS: Duration = Duration::from_secs(3);
/// A script that is larger is not hashed.
const MAX_SCRIPT: u64 = 16 << 20;

/// What a step would do, with a hash of what it would run; or why it could not.
type Says = Result<(String, Option<String>), String>;

/// Walks a procedure of a plan through.
pub async fn rehearse(
    plan: &Arc<Plan>,
    folder: &Path,
    procedure: &Procedure,
    report: &Report,
    by: Option<Name>,
    at: Timestamp,
) -> Rehearsal {
    let walk = Walk { plan, folder, report };
    let mut steps = Vec::new();
    for step in &procedure.steps {
        let says = walk.step(step).await;
        let (ready, (says, fingerprint)) = match says {
            Ok(would) => (true, would),
            Err(why) => (false, (why, None)),
        };
        steps.push(Rehearsed { step: step.id.clone(), ready, says, fingerprint });
    }
    Rehearsal {
        procedure: procedure.id.clone(),
        hash: Rehearsal::hash_of(procedure),
        version: plan.version.clone(),
        by,
        at,
        steps,
    }
}

struct Walk<'a> {
    plan: &'a Arc<Plan>,
    folder: &'a Path,
    report: &'a Report,
}

impl Walk<'_> {
    async fn step(&self, step: &Step) -> Says {
        if self.plan.previous_version.is_none()
            && step.settings.to_string().contains("${previous_version}")
        {
            return Err(
                "it goes back to `previous_version`, and the launch file names none".to_owned()
            );
        }
        match step.action.as_str() {
            "exec" => self.exec(&settings(step)?),
            "http" => self.http(&settings(step)?).await,
            "notify" => self.notify(&settings(step)?).await,
            "wait" => self.wait(&settings(step)?),
            "manual" => Ok((self.manual(step), None)),
            "gate" => self.gate(&settings(step)?),
            "milestone" => {
                let settings: MilestoneSettings = settings(step)?;
                Ok((format!("would record {}", settings.milestone), None))
            }
            other => Err(format!("there is no action `{other}`")),
        }
    }

    fn gate(&self, settings: &GateSettings) -> Says {
        let there = |id: &&Name| self.plan.checklist(id).is_none();
        if let Some(gone) = settings.checklists.iter().find(there) {
            return Err(format!("there is no checklist `{gone}`"));
        }
        let lists: Vec<&str> = settings.checklists.iter().map(Name::as_str).collect();
        let what = if lists.is_empty() { "the verdict is".to_owned() } else { lists.join(" and ") };
        let who =
            if settings.decision { ", and for the incident commander's decision" } else { "" };
        Ok((format!("would wait until {what} GO{who}"), None))
    }

    fn exec(&self, settings: &ExecSettings) -> Says {
        let words: Vec<String> = settings.command.iter().map(|word| self.filled(word)).collect();
        let found = self.program(words.first().map_or("", String::as_str))?;
        self.secrets(settings.env.values())?;
        let script = match self.script(&words)? {
            Some(script) => script,
            None => found,
        };
        let hash = hash(&script)?;
        let short: String = hash.chars().take(12).collect();
        let command = words.join(" ");
        Ok((format!("would run `{command}`, sha256 {short}…"), Some(hash)))
    }

    /// A text with what is known before there is a run filled in.
    fn filled(&self, text: &str) -> String {
        let previous = self.plan.previous_version.as_deref().unwrap_or("unknown");
        let values = [
            ("launch", self.plan.launch.as_str()),
            ("version", self.plan.version.as_str()),
            ("previous_version", previous),
        ];
        fill(text, &values)
    }

    /// Where a program is: below the launch file's folder, or on the path that commands are given.
    fn program(&self, program: &str) -> Result<PathBuf, String> {
        let path = Path::new(program);
        let places: Vec<PathBuf> = if path.components().count() > 1 {
            vec![self.folder.join(path)]
        } else {
            let paths = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&paths).map(|folder| folder.join(path)).collect()
        };
        places
            .into_iter()
            .find(|place| is_executable(place))
            .ok_or_else(|| format!("there is no program `{program}` that can be run"))
    }

    /// The script that an interpreter is given, if it is given one.
    fn script(&self, command: &[String]) -> Result<Option<PathBuf>, String> {
        let interpreter = Path::new(&command[0]).file_name().and_then(|name| name.to_str());
        let interprets = interpreter.is_some_and(|name| {
            ["sh", "bash", "dash", "zsh", "python3", "python", "perl", "ruby", "node"]
                .contains(&name)
        });
        let Some(first) = command.get(1).filter(|word| interprets && !word.starts_with('-')) else {
            return Ok(None);
        };
        let script = self.folder.join(first);
        std::fs::File::open(&script).map_err(|e| format!("the script {first}: {e}"))?;
        Ok(Some(script))
    }

    fn secrets<'s>(
        &self,
        values: impl Iterator<Item = &'s TextOrCredential>,
    ) -> Result<(), String> {
        for value in values {
            if let TextOrCredential::Credential(credential) = value {
                credential.resolve_in(self.folder).map_err(|failure| failure.message)?;
            }
        }
        Ok(())
    }

    async fn http(&self, settings: &HttpSettings) -> Says {
        self.secrets(settings.headers.values())?;
        let text = match &settings.url {
            TextOrCredential::Text(text) => self.filled(text),
            TextOrCredential::Credential(credential) => credential
                .resolve_in(self.folder)
                .map_err(|failure| failure.message)?
                .expose_secret()
                .to_owned(),
        };
        let url: Url = text.parse().map_err(|e| format!("its address cannot be read: {e}"))?;
        listens(&url).await?;
        Ok((format!("would {} to {}", settings.method, host(&url)), None))
    }

    async fn notify(&self, settings: &NotifySettings) -> Says {
        for channel in &settings.to {
            let url = postman::door(self.plan, self.folder, channel).map_err(|e| match e {
                Undelivered::Yet { because: why, .. } | Undelivered::ForGood(why) => {
                    format!("{channel}: {why}")
                }
            })?;
            listens(&url).await.map_err(|why| format!("{channel}: {why}"))?;
        }
        let names: Vec<&str> = settings.to.iter().map(Name::as_str).collect();
        Ok((format!("would tell {}", names.join(", ")), None))
    }

    fn wait(&self, settings: &WaitSettings) -> Says {
        let checks = self.report.checklists.iter().flat_map(|list| &list.checks);
        let stands: Vec<String> = checks
            .filter(|check| settings.checks.contains(&check.id))
            .map(|check| format!("{} ({})", check.id, check.outcome.name()))
            .collect();
        if stands.len() < settings.checks.len() {
            return Err("a check that it waits for is not there".to_owned());
        }
        Ok((format!("would wait for {}", stands.join(", ")), None))
    }

    fn manual(&self, step: &Step) -> String {
        let people = step.owner.as_ref().and_then(|role| self.plan.people.get(role));
        let names: Vec<&str> = people.into_iter().flatten().map(Name::as_str).collect();
        match &step.owner {
            Some(role) => format!("would ask {role} ({})", names.join(", ")),
            None => "would ask whoever commands".to_owned(),
        }
    }
}

fn settings<T: DeserializeOwned>(step: &Step) -> Result<T, String> {
    serde_json::from_value(step.settings.clone())
        .map_err(|e| format!("the step's settings cannot be read: {e}"))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn hash(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let length = std::fs::metadata(path).map_err(|e| format!("{shown}: {e}"))?.len();
    if length > MAX_SCRIPT {
        return Ok(format!("{length} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|e| format!("{shown}: {e}"))?;
    Ok(format!("{:x}", Sha256::digest(&bytes)))
}

/// Host and port alone: a path may hold a secret.
fn host(url: &Url) -> String {
    let port = url.port_or_known_default().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// Whether somebody listens there. Nothing is sent.
async fn listens(url: &Url) -> Result<(), String> {
    let (Some(name), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err("its address names no host".to_owned());
    };
    let name = name.trim_matches(['[', ']']);
    match tokio::time::timeout(LISTENS, tokio::net::TcpStream::connect((name, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("{} does not answer: {error}", host(url))),
        Err(_) => Err(format!("{} does not answer in time", host(url))),
    }
}
