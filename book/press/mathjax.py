"""MathJax, served with the pages: fetched from a package index when the site is built, verified by hash, cached."""

from __future__ import annotations

from pathlib import Path

from audit_lib.data.archives import wheel_member
from audit_lib.data.fetching import fetch_file
from audit_lib.data.registry import Wheel
from audit_lib.files import PROJECT, put, sha256

MATHJAX = Path("book/_static/mathjax/tex-svg.js")
VERSION = "3.2.2"
SHA256 = "2af9375000b5a3669be94d436ae1c61159855283cd18b3ee9817fb71c8f94c84"
WHEEL = Wheel("django-static-mathjax==3.2.2.1")  # of which nothing else is used or installed
WHEEL_FILE = "django_static_mathjax-3.2.2.1-py3-none-any.whl"
WHEEL_SHA256 = "05ad109fd9e5d9d380c76389689b7f523e9ccb7f7a85c1eb962c7564eac7601d"
MEMBER = "mathjax/static/mathjax/es5/tex-svg.js"


def ensure_mathjax(root: Path = PROJECT) -> Path:
    """Puts MathJax where the pages expect it and returns its path. The hash is checked every time.

    Raises MissingError, which says where to put the wheel, if it is not there and cannot be fetched.
    """
    target = root / MATHJAX
    if not (target.is_file() and sha256(target) == SHA256):
        wheel = fetch_file("mathjax", WHEEL_FILE, WHEEL_SHA256, WHEEL)
        put({target: wheel_member(wheel, MEMBER)})
    return target
