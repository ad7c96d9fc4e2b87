"""How every command line of ours ends: an error of ours is one message on standard error, not a traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from audit_lib.errors import AuditError


def run(cli: click.Command, arguments: Sequence[str] | None = None) -> Any:
    """What `cli` returns for these arguments (None: the process's). Exits with 1 after an error, 130 when stopped."""
    try:
        return cli(list(arguments) if arguments is not None else None, standalone_mode=False)
    except AuditError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"Error: {error}. Is there room on the disk, and permission to read and to write?", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped.", err=True)
        sys.exit(130)
