//! Attachments of a test form.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::workiva::routes::Endpoint;

/// An attachment of a test form: of a test phase, of a matrix, or of a sample.
///
/// ```
/// use export_core::workiva::TestAttachment;
///
/// let of_the_phase = TestAttachment::new("form", "phase", "attachment");
/// let of_a_sample = TestAttachment::new("form", "phase", "attachment").of_sample("matrix", "sample");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestAttachment {
    form: String,
    phase: String,
    holder: Holder,
    attachment: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    Phase,
    Matrix { matrix: String },
    Sample { matrix: String, sample: String },
}

impl TestAttachment {
    /// An attachment of a test phase.
    #[must_use]
    pub fn new(
        test_form_id: impl Into<String>,
        test_phase_id: impl Into<String>,
        attachment_id: impl Into<String>,
    ) -> Self {
        Self {
            form: test_form_id.into(),
            phase: test_phase_id.into(),
            holder: Holder::Phase,
            attachment: attachment_id.into(),
        }
    }

    /// Makes it an attachment of a matrix in the phase.
    #[must_use]
    pub fn of_matrix(self, matrix_id: impl Into<String>) -> Self {
        Self { holder: Holder::Matrix { matrix: matrix_id.into() }, ..self }
    }

    /// Makes it an attachment of a sample of a matrix in the phase.
    #[must_use]
    pub fn of_sample(self, matrix_id: impl Into<String>, sample_id: impl Into<String>) -> Self {
        let holder = Holder::Sample { matrix: matrix_id.into(), sample: sample_id.into() };
        Self { holder, ..self }
    }

    /// The endpoint that converts it, that of the original, and the ids in the order of their paths.
    pub(super) fn into_parts(self) -> (Endpoint, Endpoint, Vec<String>) {
        let Self { form, phase, holder, attachment } = self;
        match holder {
            Holder::Phase => {
                let ids = vec![form, phase, attachment];
                (Endpoint::PhaseAttachment, Endpoint::PhaseOriginal, ids)
            }
            Holder::Matrix { matrix } => {
                let ids = vec![form, phase, matrix, attachment];
                (Endpoint::MatrixAttachment, Endpoint::MatrixOriginal, ids)
            }
            Holder::Sample { matrix, sample } => {
                let ids = vec![form, phase, matrix, sample, attachment];
                (Endpoint::SampleAttachment, Endpoint::SampleOriginal, ids)
            }
        }
    }
}
