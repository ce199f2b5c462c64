//! What batches have learned of the limits of services, for the next batch.

use std::collections::BTreeMap;
use std::io;

use export_host::CheckpointFile;
use export_hyper::Pacer;

/// The pacer of each service, in a file of the state.
#[derive(Clone, Debug)]
pub(super) struct PaceFile {
    file: CheckpointFile,
}

impl PaceFile {
    pub(super) const fn new(file: CheckpointFile) -> Self {
        Self { file }
    }

    /// The pacer of a base URL. A file that cannot be read has none: the limits are learned again.
    pub(super) fn load(&self, base_url: &str) -> Option<Pacer> {
        self.all().remove(base_url)
    }

    pub(super) fn store(&self, base_url: &str, pacer: &Pacer) -> io::Result<()> {
        let mut all = self.all();
        all.insert(base_url.into(), pacer.clone());
        self.file.store(&all)
    }

    fn all(&self) -> BTreeMap<String, Pacer> {
        self.file.load().ok().flatten().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use export_core::pacer::RequestClass;
    use export_hyper::{Rate, Rates};

    use super::*;

    #[test]
    fn services_have_their_own_pacers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pace.json");
        let paces = PaceFile::new(CheckpointFile::new(path.clone()));
        let pacer = |rate| Pacer::new(Rates::default().with_operations(Rate::per_second(rate)));
        assert!(paces.load("https://a").is_none());
        paces.store("https://a", &pacer(5.0)).unwrap();
        paces.store("https://b", &pacer(7.0)).unwrap();
        let rate =
            |url| paces.load(url).and_then(|pacer| pacer.per_second(RequestClass::Operation));
        assert_eq!((rate("https://a"), rate("https://b")), (Some(5.0), Some(7.0)));
        std::fs::write(path, "{").unwrap();
        assert_eq!(rate("https://a"), None);
        paces.store("https://a", &pacer(5.0)).unwrap();
        assert_eq!(rate("https://a"), Some(5.0));
    }
}
