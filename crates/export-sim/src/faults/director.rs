use std::collections::HashMap;

use super::fault::Fault;
use super::menu::menu;
use super::scenario::{ConnectionRule, Per, Role, Scenario};
use super::values::Refusal;
use crate::random::{Random, hash};
use crate::{Endpoint, Origin};

/// Counts the requests and chooses what goes wrong with each.
#[derive(Clone, Debug)]
pub(crate) struct Director {
    scenario: Scenario,
    counts: HashMap<(Endpoint, Option<String>), u64>,
    connections: HashMap<Origin, u64>,
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) faults: Vec<Fault>,
    pub(crate) role: Role,
}

impl Director {
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self { scenario, counts: HashMap::new(), connections: HashMap::new() }
    }

    /// Chooses for the next request.
    pub(crate) fn plan(&mut self, endpoint: Endpoint, operation: Option<&str>) -> Plan {
        let all = self.count(endpoint, None);
        // A million operations are counted only for a rule that asks for it.
        let is_asked = self.scenario.rules.iter().any(|rule| rule.matches.per == Per::Operation);
        let own =
            operation.filter(|_| is_asked).map(|id| self.count(endpoint, Some(id.to_owned())));
        self.choose(endpoint, all, own)
    }

    /// Whether the next request will meet this fault.
    pub(crate) fn is_next(
        &self,
        endpoint: Endpoint,
        operation: Option<&str>,
        fault: &Fault,
    ) -> bool {
        let next = |operation: Option<&str>| {
            let key = (endpoint, operation.map(str::to_owned));
            self.counts.get(&key).copied().unwrap_or_default() + 1
        };
        let own = operation.map(|id| next(Some(id)));
        self.choose(endpoint, next(None), own).faults.contains(fault)
    }

    /// Counts a connection, and chooses what becomes of it.
    pub(crate) fn connection(&mut self, origin: Origin) -> Option<Refusal> {
        let count = self.connections.entry(origin).or_default();
        *count += 1;
        let matches = |rule: &&ConnectionRule| rule.origin == origin && rule.nth.holds(*count);
        self.scenario.connections.iter().find(matches).map(|rule| rule.then)
    }

    pub(crate) fn connections(&self, origin: Origin) -> u64 {
        self.connections.get(&origin).copied().unwrap_or_default()
    }

    fn choose(&self, endpoint: Endpoint, all: u64, own: Option<u64>) -> Plan {
        let mut plan = Plan { faults: Vec::new(), role: Role::Acts };
        for rule in &self.scenario.rules {
            let count = match rule.matches.per {
                Per::Service => all,
                Per::Operation => own.unwrap_or(all),
            };
            if rule.matches.endpoint == endpoint && rule.matches.nth.holds(count) {
                plan.faults.extend(rule.then.iter().cloned());
                let replaced = rule.then.iter().any(Fault::replaces_answer);
                let default = if replaced { Role::Idle } else { plan.role };
                plan.role = rule.service.unwrap_or(default);
            }
        }
        if plan.faults.is_empty()
            && let Some(fault) = self.at_random(endpoint, all)
        {
            plan.role = if fault.replaces_answer() { Role::Idle } else { Role::Acts };
            plan.faults.push(fault);
        }
        plan
    }

    fn count(&mut self, endpoint: Endpoint, operation: Option<String>) -> u64 {
        let count = self.counts.entry((endpoint, operation)).or_default();
        *count += 1;
        *count
    }

    /// The choice depends on the seed, the endpoint and the count alone, and so not on what runs beside it.
    fn at_random(&self, endpoint: Endpoint, count: u64) -> Option<Fault> {
        let random = self.scenario.random.as_ref()?;
        let mut dice =
            Random::new(hash(random.seed ^ (endpoint as u64) << 56, &count.to_le_bytes()));
        if dice.share() >= random.rate {
            return None;
        }
        let own = menu(endpoint);
        let faults = if random.faults.is_empty() { &own } else { &random.faults };
        faults.get(dice.below(faults.len())).cloned()
    }
}
