from __future__ import annotations

import runpy
from pathlib import Path

import workiva_export

ROOT = Path(__file__).parents[1]


def test_types_of_options_are_those_of_the_machine() -> None:
    """If this fails: `python tools/options.py > src/workiva_export/_options.py`."""
    printed = runpy.run_path(str(ROOT / "tools" / "options.py"))["text"]()
    committed = Path(workiva_export.__file__).with_name("_options.py").read_text()
    assert printed == committed
