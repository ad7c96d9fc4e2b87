"""The source of one language of the site: prose, executed notebooks and configuration, gathered in a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from audit_lib.errors import AuditError
from audit_lib.files import PROJECT
from book.press import alttext, pdf, root_pages, site_check, title_page

CATALOGUES = Path("book/locale/es/LC_MESSAGES")
NO_GIT_EPOCH = "1767225600"  # 2026-01-01, for a copy without its history


class SiteError(AuditError, RuntimeError):
    """Sphinx refused the book, or the finished site is not sound."""


def assemble(lang: str, target: Path, *, executed: Path, root: Path = PROJECT) -> Path:
    """Gather the Sphinx source of one language in `target` and return it. Unchanged files keep their time.

    executed: folder with LANG/notebooks/*.ipynb.
    """
    files = {path.relative_to(root): path for path in (root / "book").rglob("*") if path.is_file()}
    files = {name: path for name, path in files.items() if path.suffix not in {".mo", ".pyc"}}
    notebooks = executed / lang / "notebooks"
    files |= {Path("notebooks") / path.name: path for path in notebooks.glob("[0-9][0-9]_*.ipynb")
              if path.name.count(".") == 1}  # fmt: skip
    files |= {Path("notebooks") / "runs" / path.relative_to(executed): path for path in executed.rglob("*.run.json")}
    own = title_page.is_own(notebooks)
    if own:  # the front page of the audit stands behind that of the log, with its own translations
        files[Path(f"{title_page.AUDIT}.md")] = files.pop(Path(f"{title_page.HOME}.md"))
        catalogues = [name for name in files if name.match(f"LC_MESSAGES/{title_page.HOME}.po")]
        files |= {name.with_name(f"{Path(title_page.AUDIT).name}.po"): files.pop(name) for name in catalogues}
    for old in [path for path in target.rglob("*") if path.is_file() and path.suffix not in {".mo", ".pyc"}]:
        kept = own and old.relative_to(target) == Path(f"{title_page.HOME}.md")
        if old.relative_to(target) not in files and old.parent != target and not kept:
            old.unlink()
    for name, path in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if lang != "en" and path.suffix == ".ipynb":
            alttext.translate(path, target / name, site_check.messages(root / CATALOGUES / name.with_suffix(".po")))
        else:
            copy_if_changed(path, target / name)
    config = merged(yaml.safe_load((root / "_config.yml").read_text("utf8")), changes(root, lang))
    if own:
        found = title_page.values(notebooks)
        put_if_changed(title_page.markdown(found, lang), target / f"{title_page.HOME}.md")
        config["title"] = found["01_data"]["name"]
    config["sphinx"]["config"] |= {"audit_bilingual": True, "audit_site_url": root_pages.base_url(root)}
    config["sphinx"]["config"]["audit_pdf"] = pdf.NAME if lang in pdf.languages() else ""
    toc = table_of_contents(root, lang, lambda page: any(target.glob(f"{page}.*")))
    toc = title_page.contents_of_book(toc, lang) if own else toc
    for name, content in (("_config.yml", config), ("_toc.yml", toc)):
        (target / name).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf8")
    call([*script("jupyter_book.cli.main"), "config", "sphinx", str(target)], root=root)
    return target


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, mapping by mapping."""
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def table_of_contents(root: Path, lang: str, exists: Any) -> dict[str, Any]:
    """`_toc.yml` without the pages for which `exists(page)` is false, its captions in `lang`.

    Sphinx extracts the captions into the catalogue of the root page, but does not translate them itself.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf8"))
    catalogue = root / "book" / "locale" / lang / "LC_MESSAGES" / f"{toc['root']}.po"
    translations = site_check.messages(catalogue) if lang != "en" else {}
    for part in toc["parts"]:
        part["caption"] = translations.get(part["caption"], (part["caption"],))[0] or part["caption"]
        part["chapters"] = [chapter for chapter in part["chapters"] if exists(chapter["file"])]
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    return toc


def changes(root: Path, lang: str) -> dict[str, Any]:
    """What a language changes in the configuration: `book/config.LANG.yml`, nothing for English."""
    return {} if lang == "en" else yaml.safe_load((root / "book" / f"config.{lang}.yml").read_text("utf8"))


def copy_if_changed(source: Path, target: Path) -> None:
    """Copy a file unless the target holds the same bytes."""
    if not target.exists() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)


def put_if_changed(text: str, target: Path) -> None:
    """Write a text unless the target holds it."""
    if not target.is_file() or target.read_text("utf8") != text:
        target.write_text(text, "utf8")


def environment(root: Path) -> dict[str, str]:
    """What makes two builds equal: the date of the commit instead of today's, one hash seed, one locale."""
    date = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=root, capture_output=True, text=True, check=False
    ).stdout.strip()
    paths = [str(root), os.environ.get("PYTHONPATH", "")]
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    given = {"SOURCE_DATE_EPOCH": date or NO_GIT_EPOCH}
    return given | dict(os.environ) | own


def call(command: list[str], *, root: Path) -> str:
    """Run a command, quietly if it succeeds; raise SiteError with all that it said if it does not."""
    done = subprocess.run(command, cwd=root, env=environment(root), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SiteError(f"{' '.join(command[1:5])} … failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


def script(module: str) -> list[str]:
    """The command line of a module's `main`, in this environment."""
    return [sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())"]
