//! What was learnt of a service's limits, for the next batch.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use export_host::CheckpointFile;
use export_hyper::Pacer;

/// The pace at each service, in a file of the state.
#[derive(Clone, Debug)]
pub(crate) struct Paces {
    file: CheckpointFile,
}

impl Paces {
    pub(super) fn in_file(path: PathBuf) -> Self {
        Self { file: CheckpointFile::new(path) }
    }

    /// What was learnt at this base URL. Nothing, if that cannot be read: it is learnt anew.
    pub(crate) fn at(&self, base_url: &str) -> Option<Pacer> {
        self.all().remove(base_url)
    }

    /// Keeps what was learnt at this base URL.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written.
    pub(crate) fn keep(&self, base_url: &str, pacer: &Pacer) -> io::Result<()> {
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
    use export_hyper::{Rate, Rates, RequestClass};

    use super::*;

    #[test]
    fn each_service_has_a_pace_of_its_own_and_a_damaged_file_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pace.json");
        let paces = Paces::in_file(path.clone());
        let pacer =
            |rate| Pacer::new(Rates { operations: Rate::per_second(rate), ..Rates::default() });
        assert!(paces.at("https://a").is_none());
        paces.keep("https://a", &pacer(5.0)).unwrap();
        paces.keep("https://b", &pacer(7.0)).unwrap();
        let rate = |url| paces.at(url).and_then(|pacer| pacer.per_second(RequestClass::Operation));
        assert_eq!((rate("https://a"), rate("https://b")), (Some(5.0), Some(7.0)));
        std::fs::write(path, "{").unwrap();
        assert_eq!(rate("https://a"), None);
        paces.keep("https://a", &pacer(5.0)).unwrap();
        assert_eq!(rate("https://a"), Some(5.0));
    }
}
