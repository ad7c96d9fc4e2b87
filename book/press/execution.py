"""Executes a notebook with papermill, once for each language, all in one kernel.

The languages of a stage differ in one parameter, and most of what a stage computes does not depend on it. The first
language runs every cell. Each later one runs in the same kernel and leaves out what `book.press.dependence` finds to be
the same: so a stage computes once and prints twice.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audit_lib import errors
from audit_lib.errors import AuditError
from audit_lib.files import ONE_THREAD
from book.press.dependence import to_run
from book.press.notebooks import normalise, write

QUIET = "ignore:IProgress not found"
ENGINE = "one_kernel"


class StageError(AuditError, RuntimeError):
    """A cell of a stage failed, or its kernel died."""


@contextlib.contextmanager
def kernel_environment(root: Path) -> Iterator[None]:
    """Set what kernels inherit: the library on their path, one thread each, no chatter."""
    before = dict(os.environ)
    os.environ.update(ONE_THREAD)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), before.get("PYTHONPATH", "")]))
    os.environ.setdefault("PYTHONHASHSEED", "0")
    # A progress bar without widgets would print where it is installed.
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before.get("PYTHONWARNINGS", ""), QUIET]))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def execute(notebook: Any, outputs: Mapping[Path, Mapping[str, Any]], *, name: str, root: Path) -> dict[Path, float]:
    """Write the executed notebook to each path of `outputs`, run with the parameters beside it; return their seconds.

    The kernel starts in `root`. Raises StageError if a cell fails or the kernel dies: then no path is touched, and what
    ran is in `NAME.failed.ipynb` beside the path at fault.
    """
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    done, seconds, earlier, kernel = {}, {}, None, AsyncKernelManager(kernel_name="python3")
    try:
        with kernel_environment(root):
            for path, parameters in outputs.items():
                start = time.perf_counter()
                earlier = done[path] = _once(notebook, path, parameters, name, root, kernel, earlier)
                seconds[path] = time.perf_counter() - start
    finally:
        if kernel.has_kernel:
            run_sync(kernel.shutdown_kernel)(now=True)
    for path, executed in done.items():
        write(normalise(executed), path)
        path.with_suffix(".failed.ipynb").unlink(missing_ok=True)
    return seconds


def _once(
    notebook: Any, path: Path, parameters: Mapping[str, Any], name: str, root: Path, kernel: Any, earlier: Any
) -> Any:
    """The notebook executed in `kernel`; `earlier` is the one executed there before, None for the first."""
    import papermill
    from papermill.engines import papermill_engines

    failed, fresh, partial = (path.with_suffix(f".{kind}.ipynb") for kind in ("failed", "fresh", "running"))
    write(notebook, fresh)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    papermill_engines.register(ENGINE, _engine())
    try:
        return papermill.execute_notebook(
            str(fresh), str(partial), dict(parameters), kernel_name="python3", cwd=str(root), progress_bar=False,
            engine_name=ENGINE, kernel=kernel, earlier=earlier,
        )  # fmt: skip
    except (papermill.exceptions.PapermillException, RuntimeError) as error:
        if partial.exists():
            partial.replace(failed)
        raise StageError(f"{name} failed: {_reason(error)} What ran is in {failed}.") from error
    finally:
        fresh.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)


def _engine() -> type:
    """The engine for papermill that keeps the kernel, and takes over what `earlier` has and does not change."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine

    class Client(PapermillNotebookClient):
        def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
            source, part = cell.source, self.parts.get(cell_index, cell.source)
            if part is None:
                old = self.earlier.cells[cell_index]
                cell.outputs, cell.execution_count = old.outputs, old.execution_count
                return cell
            cell.source = part
            try:
                return super().execute_cell(cell, cell_index, **options)
            finally:
                cell.source = source

    class OneKernel(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
            client = Client(nb_man, km=options["kernel"], kernel_name=kernel_name)
            client.earlier, client.parts = options["earlier"], {}
            if client.earlier is not None:
                client.parts = to_run(nb_man.nb.cells, client.earlier.cells)
            client.execute()
            client.kc.stop_channels()

    return OneKernel


def _reason(error: Exception) -> str:
    """Why a notebook stopped, in a sentence: the traceback is in the notebook itself."""
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if isinstance(error, DeadKernelError):
        return (
            "its process died, most often because the memory was used up. End other programs, or take a smaller log or "
            "profile."
        )
    if not isinstance(error, PapermillExecutionError):
        return f"{' '.join(str(error).split())}."
    said = " ".join(str(error.evalue).split())
    if error.ename == "MemoryError" or error.ename.endswith("OutOfMemoryError"):
        said = f"the memory was used up ({said}). End other programs, or take a smaller log or profile."
    elif not hasattr(errors, error.ename):
        said = f"{error.ename}: {said}"
    return f"cell {error.exec_count}: {said.rstrip('.')}."
