"""What every client can export."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Dict, Generic, Mapping, Optional, Sequence, TypeVar, Union

from . import _native
from ._values import Checkpoint

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import ArchiveOptions, DocumentOptions, PresentationOptions, SpreadsheetOptions

E = TypeVar("E")


class Exporter(Generic[E]):
    """Makes the exports of a client. Nothing is sent until a method of an export is called.

    Options that the service would refuse are a `ValueError` at once. `key` names the export in the client's folder
    of checkpoints: `resume_key` finds it there after a crash.
    """

    _settings: _native.Settings

    def _export(self, job: _native.Job) -> E:
        raise NotImplementedError

    def _new(
        self,
        kind: str,
        ids: Sequence[str],
        format: Optional[str],
        key: Optional[str],
        options: Mapping[str, Any],
    ) -> E:
        return self._export(
            _native.Job.new_export(self._settings, kind, list(ids), format, dict(options), key)
        )

    def export_document(
        self,
        document_id: str,
        *,
        format: str = "pdf",
        key: Optional[str] = None,
        **options: "Unpack[DocumentOptions]",
    ) -> E:
        """A document as `pdf`, `docx` or `xhtml`."""
        return self._new("document", [document_id], format, key, options)

    def export_spreadsheet(
        self,
        spreadsheet_id: str,
        *,
        format: str = "xlsx",
        key: Optional[str] = None,
        **options: "Unpack[SpreadsheetOptions]",
    ) -> E:
        """A spreadsheet as `xlsx`, `csv` or `pdf`."""
        return self._new("spreadsheet", [spreadsheet_id], format, key, options)

    def export_presentation(
        self,
        presentation_id: str,
        *,
        format: str = "pptx",
        key: Optional[str] = None,
        **options: "Unpack[PresentationOptions]",
    ) -> E:
        """A presentation as `pptx` or `pdf`."""
        return self._new("presentation", [presentation_id], format, key, options)

    def export_file(
        self,
        file_id: str,
        *,
        kind: str = "supporting_document",
        format: Optional[str] = None,
        key: Optional[str] = None,
        **options: Any,
    ) -> E:
        """A file of any kind: `document`, `spreadsheet`, `presentation`, `supporting_document`, `folder`, or
        `workiva` for Workiva's own format. Without a format, the service chooses it."""
        return self._new(f"file_{kind}", [file_id], format, key, options)

    def export_folder(
        self, folder_id: str, *, key: Optional[str] = None, **options: "Unpack[ArchiveOptions]"
    ) -> E:
        """The contents of a folder."""
        return self._new("file_folder", [folder_id], None, key, options)

    def export_style_guide(
        self, style_guide_id: str, *, revision: Optional[str] = None, key: Optional[str] = None
    ) -> E:
        """A style guide, in its latest revision by default."""
        ids = [style_guide_id] if revision is None else [style_guide_id, revision]
        return self._new("style_guide", ids, None, key, {})

    def export_graph_report(self, report_id: str, *, key: Optional[str] = None) -> E:
        """A graph report, as csv."""
        return self._new("graph_report", [report_id], None, key, {})

    def export_test_form(self, test_form_id: str, *, key: Optional[str] = None) -> E:
        """A test form, as xlsx."""
        return self._new("test_form", [test_form_id], None, key, {})

    def export_test_attachment(
        self,
        test_form_id: str,
        test_phase_id: str,
        attachment_id: str,
        *,
        matrix_id: Optional[str] = None,
        sample_id: Optional[str] = None,
        original: bool = False,
        key: Optional[str] = None,
    ) -> E:
        """An attachment of a test phase, of a matrix in it, or of a sample of that matrix: as pdf, or as it was
        uploaded."""
        if sample_id is not None and matrix_id is None:
            raise ValueError("sample_id needs matrix_id")
        ids = [test_form_id, test_phase_id, attachment_id]
        ids += [part for part in (matrix_id, sample_id) if part is not None]
        kind = "original_test_attachment" if original else "test_attachment"
        return self._new(kind, ids, None, key, {})

    def export_request(
        self, path: str, body: Union[str, Mapping[str, Any]], *, key: Optional[str] = None
    ) -> E:
        """The export of a request that a script already sends: its path or URL, and its JSON body."""
        text = body if isinstance(body, str) else json.dumps(body)
        return self._export(_native.Job.of_request(self._settings, path, text, key))

    def resume(self, checkpoint: Checkpoint, *, key: Optional[str] = None) -> E:
        """An export that continues from its checkpoint, with new time limits."""
        return self._export(_native.Job.resumed(self._settings, checkpoint.to_json(), key))

    def resume_key(self, key: str) -> Optional[E]:
        """The export that was begun with this key, also by another process; None if there is none: it was never
        begun, or its file is complete."""
        if self._settings.checkpoints is None:
            raise ValueError("resume_key needs a client with a folder for checkpoints")
        found = self._settings.load(key)
        return None if found is None else self.resume(Checkpoint(found), key=key)

    def attach(self, operation: str, *, key: Optional[str] = None) -> E:
        """An export that was started elsewhere, by the id or the URL of its operation."""
        return self._export(_native.Job.attached(self._settings, operation, key))


class OneProcess:
    """Refuses a client that was forked with its process: its connections and locks belong to the parent."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def check(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError(
                "this client belongs to the process that has created it: create one after a fork"
            )


def facts(outcome: Dict[str, Any]) -> Dict[str, Any]:
    """What an export has returned, or the exception for its error."""
    from ._errors import export_error

    error = outcome.get("error")
    if error is not None:
        raise export_error(error)
    done: Dict[str, Any] = outcome["done"]
    return done
