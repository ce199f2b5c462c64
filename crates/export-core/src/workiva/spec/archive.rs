//! What goes into the archive of a folder or of a Workiva file.

use super::options::options;

options! {
    /// What goes into a `.tar.gz` of a folder or a Workiva file. Whatever is `None` is left to
    /// the service, which takes it as false.
    pub struct ArchiveOptions {
        /// Sends a mail to a person when the archive is ready.
        ///
        /// The one option with an effect on somebody: an export that asks for it is
        /// [never asked for twice](crate::Repeat::SideEffect) unless the config says so.
        pub email_on_complete: bool,
        /// The attachments.
        pub include_attachments: bool,
        /// The comments.
        pub include_comments: bool,
        /// The values of custom fields.
        pub include_custom_field_values: bool,
        /// The markup of documents.
        pub include_document_markup: bool,
        /// The values of input cells.
        pub include_input_cell_values: bool,
        /// The labels of outlines.
        pub include_outline_labels: bool,
        /// The metadata of smart links.
        pub include_smart_link_metadata: bool,
        /// Connections through which Wdata comes in.
        pub include_wdata_incoming_connections: bool,
        /// Connections through which Wdata goes out.
        pub include_wdata_outgoing_connections: bool,
        /// XBRL.
        #[serde(rename = "includeXBRL")]
        pub include_xbrl: bool,
        /// XBRL that is disconnected.
        #[serde(rename = "includeXBRLDisconnected")]
        pub include_xbrl_disconnected: bool,
        /// Leaves input mode on.
        pub keep_input_mode_enabled: bool,
        /// Removes links to governance, risk and compliance.
        #[serde(rename = "removeGRCLinks")]
        pub remove_grc_links: bool,
        /// Removes links.
        pub remove_links: bool,
    }
}
