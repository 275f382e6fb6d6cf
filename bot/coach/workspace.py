"""Changes to the project's files 改动: planned in memory, shown as a diff, written, committed.

YAML is read and written by ruamel's round trip, so that comments and quotes of the files stay.
The commit goes on a branch of its own and touches neither the checkout nor the index.
"""

from __future__ import annotations

import difflib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from bot.handbook.errors import DeskError

_ESCAPED = re.compile(r"\\U([0-9A-Fa-f]{8})")


class GitRefused(DeskError):
    """Say why the change could not be committed."""

    def __init__(self, why: str) -> None:
        super().__init__("git_refused", f"git: {why}", why=why)


def round_trip() -> YAML:
    """Return the reader and writer that keeps comments, quotes and long lines."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 10**6
    yaml.indent(mapping=2, sequence=2, offset=0)
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


def load_yaml(text: str) -> Any:
    """Read a document for changing it."""
    return round_trip().load(text)


def dump_yaml(document: Any) -> str:
    """Write a document; what stands beyond the first plane (emoji) is not escaped."""
    out = io.StringIO()
    round_trip().dump(document, out)
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)), out.getvalue())


def quoted(text: str) -> DoubleQuotedScalarString:
    """Return a text that is written in double quotes."""
    return DoubleQuotedScalarString(text)


def flow(values: Mapping[str, Any]) -> CommentedMap:
    """Return a mapping that is written on one line."""
    row = CommentedMap(values)
    row.fa.set_flow_style()
    return row


@dataclass
class Changes:
    """Files to be written under a root: the old text of each, and the new one."""

    root: Path
    old: dict[str, str | None] = field(default_factory=dict)
    new: dict[str, str | None] = field(default_factory=dict)

    def text(self, path: str) -> str | None:
        """Return a file's text as it will be, or None when there is none."""
        if path in self.new:
            return self.new[path]
        file = self.root / path
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def put(self, path: str, text: str | None) -> None:
        """Plan a file's new text; None takes the file away."""
        if path not in self.old:
            file = self.root / path
            self.old[path] = file.read_text(encoding="utf-8") if file.is_file() else None
        self.new[path] = text

    def paths(self) -> list[str]:
        """Return the files that would change."""
        return sorted(path for path, text in self.new.items() if text != self.old[path])

    def diff(self) -> str:
        """Return the change as a unified diff."""
        parts = []
        for path in self.paths():
            old, new = self.old[path] or "", self.new[path] or ""
            parts += difflib.unified_diff(
                old.splitlines(keepends=True), new.splitlines(keepends=True),
                f"a/{path}" if self.old[path] is not None else "/dev/null",
                f"b/{path}" if self.new[path] is not None else "/dev/null",
            )
        return "".join(parts)

    def check(self) -> None:
        """Refuse when a file changed since it was read."""
        for path in self.paths():
            file = self.root / path
            now = file.read_text(encoding="utf-8") if file.is_file() else None
            if now != self.old[path]:
                raise DeskError("changed_meanwhile", f"{path} 刚被别人改过，请重新预览", path=path)

    def write(self) -> list[str]:
        """Write every changed file, each whole; refuse when one changed since it was read."""
        paths = self.paths()
        self.check()
        for path in paths:
            file, text = self.root / path, self.new[path]
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_name(f".{file.name}.draft")
            draft.write_text(text, encoding="utf-8")
            draft.replace(file)
        return paths


def has_git(root: Path) -> bool:
    """Tell whether the root is the top of a git checkout with a commit."""
    try:
        top = _git(root, "rev-parse", "--show-toplevel").strip()
        _git(root, "rev-parse", "HEAD")
    except (GitRefused, FileNotFoundError):
        return False
    return Path(top).resolve() == root.resolve()


def commit_on_branch(changes: Changes, branch: str, message: str, *, author: str) -> str:
    """Commit the changes on a new branch, or on top of a branch there is; return the commit."""
    root = changes.root
    known = _git(root, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}").strip()
    if known and not _lies_there(root, known):
        raise GitRefused(f"{branch} holds work that is not in this checkout; name another branch")
    if known and _git(root, "branch", "--show-current").strip() == branch:
        raise GitRefused(f"{branch} is checked out here; name another branch")
    parent = known or _base(root)
    with tempfile.TemporaryDirectory() as folder:
        environ = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(root, "read-tree", parent, environ=environ)
        for path in changes.paths():
            text = changes.new[path]
            if text is None:
                _git(root, "update-index", "--force-remove", path, environ=environ)
                continue
            blob = _git(root, "hash-object", "-w", "--stdin", given=text).strip()
            _git(
                root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}",
                environ=environ,
            )
        tree = _git(root, "write-tree", environ=environ).strip()
    name = re.sub(r"[<>\n]", "", author) or "trainer"
    who = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", name), ("EMAIL", "trainers@localhost"))
    }
    commit = _git(root, "commit-tree", tree, "-p", parent, given=message, environ=who).strip()
    # Git refuses when another run made or moved the branch meanwhile.
    _git(root, "update-ref", f"refs/heads/{branch}", commit, known or "0" * len(commit))
    return commit


def _base(root: Path) -> str:
    """Return what a new branch grows from: the last run whose work lies in the checkout, else HEAD.

    Grown from HEAD, the second run of a day would bring the first one's lines as its own.
    """
    found = _git(
        root, "for-each-ref", "--sort=-committerdate", "--contains=HEAD", "--format=%(objectname)",
        "refs/heads/training/",
    )
    here = (commit for commit in found.split() if _lies_there(root, commit))
    return next(here, _git(root, "rev-parse", "HEAD").strip())


def _lies_there(root: Path, commit: str) -> bool:
    """Tell whether all that a commit has beyond HEAD stands in the checkout."""
    names = _git(root, "diff", "--name-only", "--no-renames", "-z", f"HEAD...{commit}").split("\0")
    rows = (row.split("\t") for row in _git(root, "ls-tree", "-r", "-z", commit).split("\0") if row)
    kept = {name: about.split()[2] for about, name in rows}
    return all(
        kept.get(name) == (_git(root, "hash-object", name).strip() if (root / name).is_file() else None)
        for name in names if name
    )


def unused(root: Path, branch: str) -> str:
    """Return the name for a new branch: a second one of the same name gets a number."""
    taken = set(_git(root, "for-each-ref", "--format=%(refname)", "refs/heads/").split())
    names = (branch, *(f"{branch}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if f"refs/heads/{name}" not in taken)


def save(
    changes: Changes, *, branch: str, message: str, author: str, commit: bool, named: str = ""
) -> dict[str, Any]:
    """Write the files, and commit them when asked and git is there; say what was done.

    The commit goes on a new branch, or on the one that a person named.
    """
    changes.check()
    done: dict[str, Any] = {}
    if commit and not has_git(changes.root):
        print(f"not committed: {changes.root} is no git checkout with a commit", file=sys.stderr)
    elif commit and changes.paths():
        # Git first: when it refuses, the files are as they were and the run can be repeated.
        branch = named or unused(changes.root, branch)
        done = {"branch": branch, "commit": commit_on_branch(changes, branch, message, author=author)}
    return {"written": changes.write(), **done}


def _git(root: Path, *words: str, given: str | None = None, environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", *words], cwd=root, input=given, capture_output=True, text=True,
        env=dict(os.environ) | (environ or {}), check=False,
    )
    if done.returncode:
        raise GitRefused(done.stderr.strip() or f"{words[0]} failed")
    return done.stdout
