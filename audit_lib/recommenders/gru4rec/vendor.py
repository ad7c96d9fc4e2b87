"""The authors' GRU4Rec (PyTorch), in the vendor folder (see `vendored`). `AUDIT_VENDOR_URL` names another source."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from audit_lib.recommenders import vendored
from audit_lib.recommenders.vendored import Code, Tree

URL = "https://github.com/hidasib/GRU4Rec_PyTorch_Official"
COMMIT = "d1fc31105577665d2f105de1c8d9a38d223a9a22"
NAME = "GRU4Rec_PyTorch_Official"
NOTICE = (
    "Official GRU4Rec (PyTorch) by Balázs Hidasi. Licence: free for research and education; commercial use needs "
    "its author's consent. Cite Hidasi et al., ICLR 2016 (arXiv 1511.06939) and Hidasi & Karatzoglou, CIKM 2018 "
    "(arXiv 1706.03847). It stays in a git-ignored folder and is not part of this project."
)


def official() -> Code:
    """What is fetched, and from where."""
    return Code("official", "The official GRU4Rec", NAME, URL, COMMIT, "AUDIT_VENDOR_URL", NOTICE)


def vendor_folder() -> Path:
    """Where the official repository lies, or would lie."""
    return official().place


def fetch_official(*, any_tree: bool | None = None) -> str:
    """Clones and verifies it, and returns the notice to show; errors as in `vendored.fetch`."""
    return vendored.fetch(official(), any_tree=any_tree)


def verify(*, any_tree: bool | None = None) -> Tree:
    """Its commit and cleanliness; errors as in `vendored.verify`."""
    return vendored.verify(official(), any_tree=any_tree)


def load_official(name: str = "gru4rec_pytorch") -> tuple[ModuleType, Tree]:
    """A verified module of the official code, loaded by path, and the tree it came from."""
    tree = verify()
    main = vendored.load(tree, "gru4rec_pytorch.py")
    if name == "gru4rec_pytorch":
        return main, tree
    return vendored.load(tree, f"{name}.py", beside={"gru4rec_pytorch": main}), tree  # which it imports by that name
