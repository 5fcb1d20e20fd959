//! The launch file: from YAML to a plan that is wholly valid, or to everything that is wrong with it.

mod announcements;
mod cadence;
mod channels;
mod checks;
mod compiler;
mod contacts;
mod day;
mod gates;
mod people;
mod places;
mod procedures;
mod raw;
mod reference;
mod schema;
mod triggers;
mod vars;
mod watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use launchgate_core::name::CheckPath;
use launchgate_core::plan::Plan;
use launchgate_probes::{DynProbe, Registry};
pub use reference::reference;
pub use schema::schema;

use super::diagnostic::Diagnostics;
use super::document::Document;
use crate::runner::Canaries;

/// A launch file may not be larger: 10,000 checks take about 3 MiB.
const MAX_FILE: u64 = 16 << 20;

/// A launch file, compiled.
#[derive(Clone)]
pub struct Compiled {
    /// The plan.
    pub plan: Arc<Plan>,
    /// What looks for each probed check.
    pub probes: HashMap<CheckPath, Arc<dyn DynProbe>>,
    /// The probes that tell this host's own fault from a target's.
    pub canaries: Canaries,
    /// The launch file's folder, which relative paths count from.
    pub folder: PathBuf,
}

/// Compiles a launch file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn compile_file(path: &Path, registry: &Registry) -> Result<Compiled, Diagnostics> {
    let file = path.display().to_string();
    let text = super::file::read(path, MAX_FILE)?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    compile_text(&file, &text, folder, registry)
}

/// Compiles the text of a launch file that stands in `folder`; `file` is its name in problems.
///
/// # Errors
/// Everything that is wrong with it.
pub fn compile_text(
    file: &str,
    text: &str,
    folder: PathBuf,
    registry: &Registry,
) -> Result<Compiled, Diagnostics> {
    let document =
        Document::parse(text).map_err(|flaws| Diagnostics::of_flaws(file, text, flaws))?;
    let compiler = compiler::Compiler::new(document.value(), text, registry);
    match compiler.compile() {
        Ok((plan, probes, canaries)) => {
            let canaries = Canaries::new(canaries);
            Ok(Compiled { plan: Arc::new(plan), probes, canaries, folder })
        }
        Err(problems) => Err(Diagnostics::of_problems(file, text, &document, problems)),
    }
}
