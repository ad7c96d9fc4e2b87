"""The authors' GRU4Rec (PyTorch), in the vendor folder (see `vendored`). `AUDIT_VENDOR_URL` names another source."""

from __future__ import annotations

from types import ModuleType

from audit_lib.recommenders import vendored
from audit_lib.recommenders.vendored import Code, Tree

OFFICIAL = Code(
    name="official",
    title="The official GRU4Rec",
    folder="GRU4Rec_PyTorch_Official",
    url="https://github.com/hidasib/GRU4Rec_PyTorch_Official",
    commit="d1fc31105577665d2f105de1c8d9a38d223a9a22",
    variable="AUDIT_VENDOR_URL",
    notice=(
        "Official GRU4Rec (PyTorch) by Balázs Hidasi. Licence: free for research and education; commercial use needs "
        "its author's consent. Cite Hidasi et al., ICLR 2016 (arXiv 1511.06939) and Hidasi & Karatzoglou, CIKM 2018 "
        "(arXiv 1706.03847). It stays in a git-ignored folder and is not part of this project."
    ),
)


def load_official(name: str = "gru4rec_pytorch") -> tuple[ModuleType, Tree]:
    """A verified module of the official code, loaded by path, and the tree it came from; errors as in `vendored`."""
    tree = vendored.verify(OFFICIAL)
    main = vendored.load(tree, "gru4rec_pytorch.py")
    if name == "gru4rec_pytorch":
        return main, tree
    return vendored.load(tree, f"{name}.py", beside={"gru4rec_pytorch": main}), tree  # which it imports by that name
