//! Options of the archive of a folder or a Workiva file.

use super::options::options;

options! {
    /// Options of the `.tar.gz` of a folder or a Workiva file. An option that is not set is not sent; the
    /// service's default is false.
    pub struct ArchiveOptions for Archive {
        /// Include comments.
        include_comments: bool = "includeComments",
        /// Send an email when the export is complete.
        ///
        /// This is the only option with a [side effect](crate::dialect::Repeat::SideEffect): a submit that may have
        /// arrived is not sent again unless [`Resubmit::Always`](crate::Resubmit::Always) is set.
        email_on_complete: bool = "emailOnComplete",
        /// Include attachments.
        include_attachments: bool = "includeAttachments",
        /// Include values of custom fields.
        include_custom_field_values: bool = "includeCustomFieldValues",
        /// Include the markup of documents.
        include_document_markup: bool = "includeDocumentMarkup",
        /// Include values of input cells.
        include_input_cell_values: bool = "includeInputCellValues",
        /// Include labels of outlines.
        include_outline_labels: bool = "includeOutlineLabels",
        /// Include the metadata of smart links.
        include_smart_link_metadata: bool = "includeSmartLinkMetadata",
        /// Include incoming Wdata connections.
        include_wdata_incoming_connections: bool = "includeWdataIncomingConnections",
        /// Include outgoing Wdata connections.
        include_wdata_outgoing_connections: bool = "includeWdataOutgoingConnections",
        /// Include XBRL.
        include_xbrl: bool = "includeXBRL",
        /// Include disconnected XBRL.
        include_xbrl_disconnected: bool = "includeXBRLDisconnected",
        /// Keep input mode enabled.
        keep_input_mode_enabled: bool = "keepInputModeEnabled",
        /// Remove links to governance, risk and compliance (GRC).
        remove_grc_links: bool = "removeGRCLinks",
        /// Remove links.
        remove_links: bool = "removeLinks",
    }
}
