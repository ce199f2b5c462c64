use std::collections::HashMap;

use super::catalog::survivable;
use super::fault::Fault;
use super::scenario::{ConnectionRule, Per, Role, Scenario};
use super::values::ConnectionFault;
use crate::random::{Random, hash};
use crate::{Endpoint, Origin};

/// Counts requests and connections, and selects the faults of each.
#[derive(Clone, Debug)]
pub(crate) struct FaultSelector {
    scenario: Scenario,
    counts: HashMap<(Endpoint, Option<String>), u64>,
    connections: HashMap<Origin, u64>,
}

/// The faults of one request.
#[derive(Clone, Debug)]
pub(crate) struct FaultPlan {
    pub(crate) faults: Vec<Fault>,
    pub(crate) role: Role,
}

impl FaultSelector {
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self { scenario, counts: HashMap::new(), connections: HashMap::new() }
    }

    /// Counts the next request and selects its faults.
    pub(crate) fn next_request(
        &mut self,
        endpoint: Endpoint,
        operation: Option<&str>,
    ) -> FaultPlan {
        let all = self.count(endpoint, None);
        // Counting per operation needs memory for each operation: do it only if a rule uses it.
        let is_used = self.scenario.rules.iter().any(|rule| rule.matches.per == Per::Operation);
        let own = operation.filter(|_| is_used).map(|id| self.count(endpoint, Some(id.to_owned())));
        self.select(endpoint, all, own)
    }

    /// Whether this fault will be selected for the next request.
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
        self.select(endpoint, next(None), own).faults.contains(fault)
    }

    /// Counts the next connection and selects its fault.
    pub(crate) fn next_connection(&mut self, origin: Origin) -> Option<ConnectionFault> {
        let count = self.connections.entry(origin).or_default();
        *count += 1;
        let matches = |rule: &&ConnectionRule| rule.origin == origin && rule.nth.contains(*count);
        self.scenario.connections.iter().find(matches).map(|rule| rule.then)
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self, origin: Origin) -> u64 {
        self.connections.get(&origin).copied().unwrap_or_default()
    }

    fn select(&self, endpoint: Endpoint, all: u64, own: Option<u64>) -> FaultPlan {
        let mut plan = FaultPlan { faults: Vec::new(), role: Role::Acts };
        for rule in &self.scenario.rules {
            let count = match rule.matches.per {
                Per::Service => all,
                Per::Operation => own.unwrap_or(all),
            };
            if rule.matches.endpoint == endpoint && rule.matches.nth.contains(count) {
                plan.faults.extend(rule.then.iter().cloned());
                let replaced = rule.then.iter().any(Fault::replaces_response);
                let default = if replaced { Role::Idle } else { plan.role };
                plan.role = rule.service.unwrap_or(default);
            }
        }
        if plan.faults.is_empty()
            && let Some(fault) = self.at_random(endpoint, all)
        {
            plan.role = if fault.replaces_response() { Role::Idle } else { Role::Acts };
            plan.faults.push(fault);
        }
        plan
    }

    fn count(&mut self, endpoint: Endpoint, operation: Option<String>) -> u64 {
        let count = self.counts.entry((endpoint, operation)).or_default();
        *count += 1;
        *count
    }

    /// Selects a random fault. It depends only on the seed, the endpoint and the count, not on concurrent requests to
    /// other endpoints.
    fn at_random(&self, endpoint: Endpoint, count: u64) -> Option<Fault> {
        let random = self.scenario.random.as_ref()?;
        let mut dice =
            Random::new(hash(random.seed ^ (endpoint as u64) << 56, &count.to_le_bytes()));
        if dice.fraction() >= random.rate {
            return None;
        }
        let default = survivable(endpoint);
        let faults = if random.faults.is_empty() { &default } else { &random.faults };
        faults.get(dice.below(faults.len())).cloned()
    }
}
