"""`python -m audit_lib VERB`: see `commands`."""

from __future__ import annotations

from typing import Any

from audit_lib.commands import cli, entry


def main(arguments: list[str] | None = None) -> Any:
    """Entry point."""
    return entry.run(cli, arguments)


if __name__ == "__main__":
    main()
