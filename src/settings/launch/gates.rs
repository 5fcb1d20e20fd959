//! Gates that cannot fail, and gates that cannot pass.

use launchgate_core::check::Level;
use launchgate_core::gate::Checklist;
use launchgate_core::problem::{KeyPath, Problem};

use super::compiler::Compiler;

impl Compiler<'_> {
    /// Notes what makes a checklist's gate useless.
    pub(super) fn gate(&mut self, checklist: &Checklist, path: &KeyPath, written: usize) {
        if written == 0 {
            let message = "this gate cannot pass: the checklist holds no check";
            self.problem(
                Problem::new(path.entry("checks"), message)
                    .at_key()
                    .hint("add a check, or leave the checklist out"),
            );
        } else if checklist.checks.len() == written
            && checklist.checks.iter().all(|check| check.level == Level::Advisory)
        {
            let message = "this gate cannot fail: every check of the checklist is advisory";
            self.problem(
                Problem::new(path.entry("checks"), message)
                    .at_key()
                    .hint("make at least one check `level: required`"),
            );
        }
    }
}
