//! Options of the archive of a folder or a Workiva file.

use super::options::options;

options! {
    /// Options of the `.tar.gz` of a folder or a Workiva file. A field that is `None` is not sent; the
    /// service's default is false.
    pub struct ArchiveOptions {
        /// Sends a mail when the archive is ready.
        ///
        /// This is the only option with a [side effect](crate::Repeat::SideEffect): a submit that may
        /// have arrived is not sent again unless [`Resubmit::Always`](crate::Resubmit::Always) is set.
        pub email_on_complete: bool,
        /// Includes attachments.
        pub include_attachments: bool,
        /// Includes comments.
        pub include_comments: bool,
        /// Includes the values of custom fields.
        pub include_custom_field_values: bool,
        /// Includes the markup of documents.
        pub include_document_markup: bool,
        /// Includes the values of input cells.
        pub include_input_cell_values: bool,
        /// Includes outline labels.
        pub include_outline_labels: bool,
        /// Includes the metadata of smart links.
        pub include_smart_link_metadata: bool,
        /// Includes incoming Wdata connections.
        pub include_wdata_incoming_connections: bool,
        /// Includes outgoing Wdata connections.
        pub include_wdata_outgoing_connections: bool,
        /// Includes XBRL.
        #[serde(rename = "includeXBRL")]
        pub include_xbrl: bool,
        /// Includes disconnected XBRL.
        #[serde(rename = "includeXBRLDisconnected")]
        pub include_xbrl_disconnected: bool,
        /// Keeps input mode enabled.
        pub keep_input_mode_enabled: bool,
        /// Removes GRC (governance, risk and compliance) links.
        #[serde(rename = "removeGRCLinks")]
        pub remove_grc_links: bool,
        /// Removes links.
        pub remove_links: bool,
    }
}
