//! Whom to turn to about a blocker: who answers for it, then whom the launch file names beside its check.

use super::State;
use crate::contact::Reach;
use crate::gate::Blocker;
use crate::name::Name;

impl State {
    /// Puts beside each blocker how its people are reached.
    pub(super) fn with_contacts(&self, blockers: &mut [Blocker]) {
        if self.plan.contacts.is_empty() && self.plan.escalations.is_empty() {
            return;
        }
        for blocker in blockers {
            blocker.contacts = self.contacts(blocker);
        }
    }

    fn contacts(&self, blocker: &Blocker) -> Vec<Reach> {
        let named = blocker.check.as_ref().and_then(|check| self.plan.escalations.get(check));
        let mut reached: Vec<Reach> = Vec::new();
        // The owner stands on every report; here only if there is a way to reach them.
        let owner = blocker.owner.iter().flat_map(|owner| self.people(owner));
        let owner = owner.filter(|reach| !reach.ways.is_empty());
        let further = named.into_iter().flatten().flat_map(|name| self.people(name));
        for reach in owner.chain(further) {
            if !reached.iter().any(|known| known.who == reach.who) {
                reached.push(reach);
            }
        }
        reached
    }

    /// Those who hold a role, or the one of that name.
    fn people(&self, name: &Name) -> Vec<Reach> {
        let reach = |who: &Name, role: Option<&Name>| {
            let contact = self.plan.contacts.get(who);
            Reach {
                who: who.clone(),
                role: role.cloned(),
                name: contact.and_then(|contact| contact.name.clone()),
                ways: contact.map(|contact| contact.ways.clone()).unwrap_or_default(),
            }
        };
        match self.plan.people.get(name) {
            Some(people) => people.iter().map(|who| reach(who, Some(name))).collect(),
            None => vec![reach(name, None)],
        }
    }
}
