//! Style guides, graph reports, test forms and their attachments: what has no options.

use export_hyper::{ExportSpec, StyleGuideExport, TestAttachment};

use super::{Asked, encoded};
use crate::cli::{AttachmentArgs, GraphReportArgs, StyleGuideArgs, TestFormArgs};
use crate::report::Problem;

impl Asked for StyleGuideArgs {
    fn kind(&self) -> &'static str {
        "style guide"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/content/styleGuides/{}/export", encoded(&self.id))
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = match &self.revision {
            Some(revision) => StyleGuideExport::revision(revision),
            None => StyleGuideExport::latest(),
        };
        Ok(ExportSpec::style_guide(&self.id, export))
    }
}

impl Asked for GraphReportArgs {
    fn kind(&self) -> &'static str {
        "graph report"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/graph/reports/{}/export", encoded(&self.id))
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        Ok(ExportSpec::graph_report(&self.id))
    }
}

impl Asked for TestFormArgs {
    fn kind(&self) -> &'static str {
        "test form"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/testForms/{}/export", encoded(&self.id))
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        Ok(ExportSpec::test_form(&self.id))
    }
}

impl Asked for AttachmentArgs {
    fn kind(&self) -> &'static str {
        "attachment"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        let mut path = format!(
            "/testForms/{}/testPhases/{}",
            encoded(&self.test_form),
            encoded(&self.test_phase)
        );
        for (name, id) in [("matrices", &self.matrix), ("samples", &self.sample)] {
            if let Some(id) = id {
                path.push_str(&format!("/{name}/{}", encoded(id)));
            }
        }
        path.push_str(&format!("/attachments/{}/export", encoded(&self.id)));
        path
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let attachment = TestAttachment::new(&self.test_form, &self.test_phase, &self.id);
        Ok(ExportSpec::test_attachment(match (&self.matrix, &self.sample) {
            (Some(matrix), Some(sample)) => attachment.of_sample(matrix, sample),
            (Some(matrix), None) => attachment.of_matrix(matrix),
            (None, _) => attachment,
        }))
    }
}
