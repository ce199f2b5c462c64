"""Prints the types of the options, which the state machine declares: `src/workiva_export/_options.py`."""

from __future__ import annotations

from typing import Any, Dict, List

from workiva_export import _native

KINDS = [
    ("document", "DocumentOptions"),
    ("spreadsheet", "SpreadsheetOptions"),
    ("presentation", "PresentationOptions"),
    ("archive", "ArchiveOptions"),
]

HEAD = '''"""The options of exports. Printed by `tools/options.py`."""

from __future__ import annotations

from typing import List, Literal, TypedDict
'''


def text() -> str:
    parts = [HEAD]
    for kind, name in KINDS:
        options: Dict[str, Dict[str, Any]] = {}
        formats: Dict[str, List[str]] = {}
        for option in _native.options():
            if option["kind"] == kind:
                options.setdefault(option["name"], option)
                formats.setdefault(option["name"], []).append(option["format"])
        lines = [f"class {name}(TypedDict, total=False):"]
        for option in options.values():
            of = [found for found in formats[option["name"]] if found]
            only = f" ({', '.join(of)})" if of else ""
            lines.append(f"    {option['name']}: {annotation(option['value'])}")
            lines.append(f'    """{option["help"]}{only}."""')
        parts.append("\n".join(lines) + "\n")
    return "\n\n".join(parts)


def annotation(value: Any) -> str:
    simple = {"bool": "bool", "ids": "List[str]", "inches": "float"}
    if isinstance(value, str):
        return simple[value]
    return "Literal[" + ", ".join(f'"{word}"' for word in value) + "]"


if __name__ == "__main__":
    print(text(), end="")
