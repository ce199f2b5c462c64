use crate::random::Random;
use crate::service::Order;

/// What a document says, before it is written in some format.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) title: String,
    /// What was ordered: names and values.
    pub(crate) facts: Vec<(String, String)>,
    /// Sections, sheets or slides; at least one.
    pub(crate) parts: Vec<Part>,
    /// Width and height of a page, in inches.
    pub(crate) page: (f64, f64),
}

/// A request may name as many as fit into its body; a document has no more than these.
const MOST_PARTS: usize = 250;

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) rows: Vec<(String, u64)>,
}

impl Draft {
    pub(super) fn new(order: &Order, fingerprint: u64) -> Self {
        let mut random = Random::new(fingerprint);
        let part = |name: String| Part {
            name,
            rows: (1..=8).map(|n| (format!("Item {n}"), random.next() % 1_000_000)).collect(),
        };
        let names = match order.parts() {
            [] => vec!["Part 1".to_owned(), "Part 2".to_owned()],
            parts => parts[..parts.len().min(MOST_PARTS)].to_vec(),
        };
        let facts = order.facts().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            title: format!("Export of {}", order.name()),
            facts: facts.collect(),
            parts: names.into_iter().map(part).collect(),
            page: order.page(),
        }
    }

    pub(super) fn first_part(&self) -> &Part {
        self.parts.first().expect("a draft has at least one part")
    }
}

impl Part {
    pub(super) fn total(&self) -> u64 {
        self.rows.iter().map(|(_, amount)| amount).sum()
    }
}
