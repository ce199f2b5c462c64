use crate::random::Random;
use crate::service::ExportRequest;

/// The content of a document, independent of its format.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// The names and values of the export options.
    pub(crate) options: Vec<(String, String)>,
    /// Sections, sheets or slides; at least one.
    pub(crate) parts: Vec<Part>,
    /// The width and height of a page, in inches.
    pub(crate) page: (f64, f64),
}

/// Bounds the size of a document: a request can name as many parts as fit into its body.
const MAX_PARTS: usize = 250;

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) rows: Vec<(String, u64)>,
}

impl Document {
    pub(super) fn new(request: &ExportRequest, fingerprint: u64) -> Self {
        let mut random = Random::new(fingerprint);
        let part = |name: String| Part {
            name,
            rows: (1..=8).map(|n| (format!("Item {n}"), random.next() % 1_000_000)).collect(),
        };
        let names = match request.parts() {
            [] => vec!["Part 1".to_owned(), "Part 2".to_owned()],
            parts => parts[..parts.len().min(MAX_PARTS)].to_vec(),
        };
        let options = request.options().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            title: format!("Export of {}", request.name()),
            options: options.collect(),
            parts: names.into_iter().map(part).collect(),
            page: request.page(),
        }
    }

    pub(super) fn first_part(&self) -> &Part {
        self.parts.first().expect("a document has at least one part")
    }
}

impl Part {
    pub(super) fn total(&self) -> u64 {
        self.rows.iter().map(|(_, amount)| amount).sum()
    }
}
