use std::collections::HashMap;

use super::catalog::survivable;
use super::fault::Fault;
use super::scenario::{ConnectionRule, Matches, Per, Role, Scenario};
use super::values::ConnectionFault;
use crate::random::{Random, hash};
use crate::{Endpoint, Origin};

/// Counts requests and connections, and selects the faults of each.
#[derive(Clone, Debug)]
pub(crate) struct FaultSelector {
    scenario: Scenario,
    counts: HashMap<(Endpoint, Group), u64>,
    connections: HashMap<Origin, u64>,
}

/// Requests that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Group {
    All,
    Operation(String),
    Source(String),
}

/// What a request is about, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subject<'a> {
    pub(crate) operation: Option<&'a str>,
    /// The id of the exported object.
    pub(crate) source: Option<&'a str>,
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
    pub(crate) fn next_request(&mut self, endpoint: Endpoint, subject: Subject<'_>) -> FaultPlan {
        for group in self.groups(subject) {
            *self.counts.entry((endpoint, group)).or_default() += 1;
        }
        let counts = &self.counts;
        self.select(endpoint, subject, |group| counts.get(&(endpoint, group)).copied())
    }

    /// Whether this fault will be selected for the next request.
    pub(crate) fn is_next(&self, endpoint: Endpoint, subject: Subject<'_>, fault: &Fault) -> bool {
        let next =
            |group| Some(self.counts.get(&(endpoint, group)).copied().unwrap_or_default() + 1);
        self.select(endpoint, subject, next).faults.contains(fault)
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

    /// The groups that a request counts in. Counting each operation needs memory for each: only those are
    /// counted that a rule uses.
    fn groups(&self, subject: Subject<'_>) -> Vec<Group> {
        let mut groups = vec![Group::All];
        for group in self.scenario.rules.iter().filter_map(|rule| rule.matches.group(subject)) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    fn select(
        &self,
        endpoint: Endpoint,
        subject: Subject<'_>,
        count: impl Fn(Group) -> Option<u64>,
    ) -> FaultPlan {
        let mut plan = FaultPlan { faults: Vec::new(), role: Role::Acts };
        for rule in self.scenario.rules.iter().filter(|rule| rule.matches.endpoint == endpoint) {
            let count = rule.matches.group(subject).and_then(&count);
            if count.is_some_and(|count| rule.matches.nth.contains(count)) {
                plan.faults.extend(rule.then.iter().cloned());
                let replaced = rule.then.iter().any(Fault::replaces_response);
                let default = if replaced { Role::Idle } else { plan.role };
                plan.role = rule.service.unwrap_or(default);
            }
        }
        if plan.faults.is_empty()
            && let Some(fault) = self.at_random(endpoint, count(Group::All).unwrap_or_default())
        {
            plan.role = if fault.replaces_response() { Role::Idle } else { Role::Acts };
            plan.faults.push(fault);
        }
        plan
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

impl Matches {
    /// The group in which a request is counted; `None` if it is about another object.
    fn group(&self, subject: Subject<'_>) -> Option<Group> {
        if self.source.is_some() && self.source.as_deref() != subject.source {
            return None;
        }
        Some(match (self.per, subject.operation, &self.source) {
            (Per::Operation, Some(operation), _) => Group::Operation(operation.to_owned()),
            (_, _, Some(source)) => Group::Source(source.clone()),
            (_, _, None) => Group::All,
        })
    }
}
