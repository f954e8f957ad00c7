"""Writes YAML as a person would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from metazoo.serving.extras import require


def yaml_text(documents: Iterable[Mapping[str, Any]], heading: str) -> str:
    """Writes documents in the order of their keys.

    Args:
        documents: Of plain values.
        heading: A comment for the first lines.
    """
    yaml = require("yaml")

    class Dumper(yaml.SafeDumper):  # type: ignore[misc,name-defined]
        def increase_indent(
            self, flow: bool = False, indentless: bool = False
        ) -> Any:
            # Lists are indented below their key.
            return super().increase_indent(flow, False)

        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(str, _represent_text)
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return comment + str(
        yaml.dump_all(
            documents,
            Dumper=Dumper,
            sort_keys=False,
            width=80,
            allow_unicode=True,
        )
    )


def _represent_text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
