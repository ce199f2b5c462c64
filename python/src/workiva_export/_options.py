"""The options of exports. Printed by `tools/options.py`."""

from __future__ import annotations

from typing import List, Literal, TypedDict


class DocumentOptions(TypedDict, total=False):
    sections: List[str]
    """Export only these sections."""
    include_comments: bool
    """Include comments (pdf)."""
    include_hyperlinks: bool
    """Include hyperlinks (pdf)."""
    include_draft_watermark: bool
    """Add a "draft" watermark (pdf)."""
    include_track_changes: bool
    """Include tracked changes (pdf)."""
    include_leader_dots: bool
    """Include leader dots in tables of contents (pdf, docx)."""
    include_alternate_row_fill: bool
    """Include the fill of alternate table rows (pdf)."""
    include_attachment_labels: bool
    """Include labels of attachments (pdf)."""
    remove_space_from_partial_export: bool
    """Remove the gaps of sections that are not exported (pdf)."""
    tag_for_web_accessibility: bool
    """Add tags for accessibility (pdf)."""
    use_cmyk_colorspace: bool
    """Use CMYK colours, for print (pdf)."""
    show_table_cell_shading: bool
    """Include the shading of table cells (docx)."""
    editable_xhtml: bool
    """Export xhtml for editing (default without xhtml options); excludes all others (xhtml)."""
    editable_simple: bool
    """Export simple xhtml for editing; excludes all others (xhtml)."""
    include_external_hyperlinks: bool
    """Include links to targets outside of the document (xhtml)."""
    include_headers_and_footers: bool
    """Include headers and footers (xhtml)."""


class SpreadsheetOptions(TypedDict, total=False):
    sheets: List[str]
    """Export only these sheets; csv takes one."""
    export_as_formulas: bool
    """Export formulas instead of their values (xlsx, csv)."""
    export_precision: Literal["fullPrecision", "rounded", "displayed"]
    """Digits of numbers (default: full precision) (xlsx)."""
    include_comments: bool
    """Include comments (pdf)."""
    include_hyperlinks: bool
    """Include hyperlinks (pdf)."""
    include_draft_watermark: bool
    """Add a "draft" watermark (pdf)."""
    include_track_changes: bool
    """Include tracked changes (pdf)."""
    include_leader_dots: bool
    """Include leader dots in tables of contents (pdf)."""
    use_cmyk_colorspace: bool
    """Use CMYK colours, for print (pdf)."""
    page_orientation: Literal["portrait", "landscape"]
    """Page orientation (default: portrait) (pdf)."""
    page_scale: Literal["actualSize", "fitToWidth"]
    """Page scale (default: actual size) (pdf)."""
    page_width: float
    """Page width in inches, 3 to 100 (default: 8.5) (pdf)."""
    page_height: float
    """Page height in inches, 3 to 100 (default: 11) (pdf)."""
    only_export_print_areas: bool
    """Export only the print areas (pdf)."""
    show_cell_fills: bool
    """Include the fill of cells (pdf)."""
    show_gridlines: bool
    """Include gridlines (pdf)."""


class PresentationOptions(TypedDict, total=False):
    slides: List[str]
    """Export only these slides."""
    include_comments: bool
    """Include comments (pdf)."""
    include_hyperlinks: bool
    """Include hyperlinks (pdf)."""
    include_draft_watermark: bool
    """Add a "draft" watermark (pdf)."""
    include_leader_dots: bool
    """Include leader dots in tables of contents (pdf)."""
    include_alternate_row_fill: bool
    """Include the fill of alternate table rows (pdf)."""
    tag_for_web_accessibility: bool
    """Add tags for accessibility (pdf)."""
    use_cmyk_colorspace: bool
    """Use CMYK colours, for print (pdf)."""
    include_unused_layout_slides: bool
    """Include unused slides of the layout (pptx)."""


class ArchiveOptions(TypedDict, total=False):
    include_comments: bool
    """Include comments."""
    email_on_complete: bool
    """Send an email when the export is complete."""
    include_attachments: bool
    """Include attachments."""
    include_custom_field_values: bool
    """Include values of custom fields."""
    include_document_markup: bool
    """Include the markup of documents."""
    include_input_cell_values: bool
    """Include values of input cells."""
    include_outline_labels: bool
    """Include labels of outlines."""
    include_smart_link_metadata: bool
    """Include the metadata of smart links."""
    include_wdata_incoming_connections: bool
    """Include incoming Wdata connections."""
    include_wdata_outgoing_connections: bool
    """Include outgoing Wdata connections."""
    include_xbrl: bool
    """Include XBRL."""
    include_xbrl_disconnected: bool
    """Include disconnected XBRL."""
    keep_input_mode_enabled: bool
    """Keep input mode enabled."""
    remove_grc_links: bool
    """Remove links to governance, risk and compliance (GRC)."""
    remove_links: bool
    """Remove links."""
