"""The finished site: the same book in English and in Spanish, from one table of contents.

`build` runs Sphinx over the source of both languages (see `source`) and adds what joins them; `update_catalogues` keeps
the Spanish catalogues in step. `site_check` says whether the result is sound. Commands: `python -m book.press.site
build|translate|check|mathjax`.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click
import yaml

from audit_lib.commands import entry
from audit_lib.commands.progress import heartbeat
from audit_lib.files import PROJECT
from audit_lib.show.words import LANGUAGES
from book.press import alttext, explorer, pdf, root_pages, site_check, translated
from book.press.mathjax import ensure_mathjax
from book.press.source import CATALOGUES, SiteError, assemble, call, environment, script


# --- Sphinx
def sphinx(builder: str, source: Path, out: Path, *, doctrees: Path, root: Path = PROJECT) -> str:
    """Run one Sphinx builder with warnings, unresolved references among them, as errors."""
    return call([sys.executable, "-m", "sphinx", *arguments(builder, source, out, doctrees=doctrees)], root=root)


def arguments(builder: str, source: Path, out: Path, *, doctrees: Path) -> list[str]:
    """Give what Sphinx is told, with warnings as errors."""
    return ["-b", builder, "-n", "-W", "--keep-going", "-q", "-d", str(doctrees), str(source), str(out)]


def build(*, root: Path = PROJECT, work: Path | None = None, executed: Path | None = None) -> Path:
    """Build the site in both languages and return its folder, `work`/site. Nothing is published if a build fails."""
    work = work or root / "_build"
    executed = executed or work / "executed"
    ensure_mathjax(root)
    explorer.ensure(root)
    call([sys.executable, "-m", "book.press.site", "pages", str(work), str(executed)], root=root)
    site = work / "site"
    shutil.rmtree(site, ignore_errors=True)
    for lang in LANGUAGES:
        shutil.copytree(rendered(work, lang), site / lang, ignore=shutil.ignore_patterns(*UNPUBLISHED))
        if lang != "en":
            translated.downloads(site / lang, root / CATALOGUES)
    root_pages.write(site, base=root_pages.base_url(root))
    return site


def rendered(work: Path, lang: str) -> Path:
    """The pages of a language, in a folder of its own: MyST-NB keeps the values of stages beside it."""
    return work / "pages" / lang / "html"


def pages(work: Path, executed: Path, *, root: Path = PROJECT) -> None:
    """Make the pages of every language below `work`, each in a process of its own.

    Where no numbers of the evidence and the code of today are kept, they are computed here first, once, for both.
    """
    from book.press.directives import computed, quoted_facts  # here, since they load all that the pages show

    for lang in LANGUAGES:
        assemble(lang, work / "source" / lang, executed=executed, root=root)
    if not computed.stored(computed.file(work / "doctrees" / LANGUAGES[0]), computed.digest()):
        source = work / "source" / LANGUAGES[0]
        quoted_facts.compute(path for name in in_order(source) if (path := source / f"{name}.md").is_file())
    able = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
    with ProcessPoolExecutor(len(LANGUAGES), multiprocessing.get_context(able)) as pool:
        list(pool.map(partial(_pages, work=work, root=root), LANGUAGES))


def _pages(lang: str, *, work: Path, root: Path) -> None:
    from sphinx.cmd.build import main as sphinx_build

    source, out, said = work / "source" / lang, rendered(work, lang), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = sphinx_build(arguments("html", source, out, doctrees=work / "doctrees" / lang))
    if status:
        raise SiteError(f"Sphinx failed:\n{said.getvalue()}")
    print_book(lang, work, root=root)


def print_book(lang: str, work: Path, *, root: Path) -> None:
    """Put the PDF of a language beside its pages, if it is wanted and there is a browser to print it."""
    pages = rendered(work, lang)
    (pages / pdf.NAME).unlink(missing_ok=True)
    if lang in pdf.languages():
        order = in_order(work / "source" / lang)
        pdf.write(pages, order, pages / pdf.NAME, lang=lang, epoch=int(environment(root)["SOURCE_DATE_EPOCH"]))


def in_order(source: Path) -> list[str]:
    """The pages of a language's source in the order of its contents, without suffix."""
    toc = yaml.safe_load((source / "_toc.yml").read_text("utf8"))
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


UNPUBLISHED = (".buildinfo*", ".doctrees", "*webpack-macros.html")  # the last are the theme's own templates


# --- translation
def templates(*, root: Path = PROJECT, work: Path | None = None, executed: Path | None = None) -> Path:
    """Extract the English messages of every page into `work`/gettext/*.pot and return that folder."""
    work = work or root / "_build"
    source = assemble("en", work / "source" / "en", executed=executed or work / "executed", root=root)
    sphinx("gettext", source, work / "gettext", doctrees=work / "doctrees" / "gettext", root=root)
    for notebook in sorted((source / "notebooks").glob("*.ipynb")):
        template = work / "gettext" / "notebooks" / f"{notebook.stem}.pot"
        if template.is_file():
            alttext.add_to_template(notebook, template)
    return work / "gettext"


def update_catalogues(*, root: Path = PROJECT, work: Path | None = None) -> None:
    """Bring book/locale/es in step with the English pages: new messages come in empty, changed ones marked fuzzy."""
    pot = templates(root=root, work=work)
    locale = root / "book" / "locale"
    options = ["-p", str(pot), "-d", str(locale), "-l", "es", "-w", "120", "--no-obsolete"]
    call([*script("sphinx_intl.commands"), "update", *options], root=root)
    for path in locale.rglob("*.po"):  # the date of extraction says nothing and would change every file
        lines = [line for line in path.read_text("utf8").splitlines(True) if "POT-Creation-Date" not in line]
        path.write_text("".join(lines), "utf8")


# --- commands
@click.group()
def cli() -> None:
    """Build and check the site."""


@cli.command("build")
def build_command() -> None:
    """Build both languages from the executed notebooks."""
    click.echo("[site] pages in English and Spanish ...", err=True)
    with heartbeat("[site] the pages in both languages"):
        site = build()
    click.echo(f"[site] {len(list(site.rglob('*.html')))} pages", err=True)


@cli.command("pages")
@click.argument("work", type=click.Path(path_type=Path))
@click.argument("executed", type=click.Path(path_type=Path))
def pages_command(work: Path, executed: Path) -> None:
    """Make the pages of both languages below WORK from EXECUTED notebooks."""
    pages(work, executed)


@cli.command("translate")
def translate_command() -> None:
    """Refresh the Spanish catalogues and list what is untranslated or fuzzy."""
    update_catalogues()
    problems = site_check.catalogue_problems(PROJECT / CATALOGUES, PROJECT / "_build" / "gettext")
    click.echo("\n".join(problems) or "Spanish is complete.")


@cli.command("check")
def check_command() -> None:
    """Check the finished site; list what is wrong."""
    if problems := site_check.check(PROJECT / "_build" / "site"):
        raise SiteError("\n".join(problems))
    click.echo("The site is sound.")


@cli.command("mathjax")
def mathjax_command() -> None:
    """Fetch MathJax."""
    click.echo(f"MathJax is at {ensure_mathjax().relative_to(PROJECT)}")


def main() -> None:
    """Entry point."""
    entry.run(cli)


if __name__ == "__main__":
    main()
