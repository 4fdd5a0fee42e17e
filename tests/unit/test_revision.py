"""Which commit a checkout stands at, by git's own files."""

from pathlib import Path

from taskqueue_project import revision

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git(checkout: Path, **files: str) -> Path:
    for name, text in files.items():
        path = checkout / ".git" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return checkout


def test_without_git_there_is_none(tmp_path: Path) -> None:
    assert revision.of(tmp_path) == ""


def test_a_branch_is_followed_to_its_commit(tmp_path: Path) -> None:
    git(tmp_path, HEAD="ref: refs/heads/main\n", refs__heads__main=f"{COMMIT}\n")
    assert revision.of(tmp_path) == COMMIT[:10]


def test_a_detached_head_is_a_commit_itself(tmp_path: Path) -> None:
    assert revision.of(git(tmp_path, HEAD=f"{COMMIT}\n")) == COMMIT[:10]


def test_a_packed_branch_is_found(tmp_path: Path) -> None:
    git(tmp_path, HEAD="ref: refs/heads/main\n")
    (tmp_path / ".git" / "packed-refs").write_text(f"# pack-refs with: peeled\n{COMMIT} refs/heads/main\n")
    assert revision.of(tmp_path) == COMMIT[:10]


def test_a_worktree_says_where_its_git_is(tmp_path: Path) -> None:
    main, tree = git(tmp_path / "main", refs__heads__side=f"{COMMIT}\n"), tmp_path / "tree"
    own = main / ".git" / "worktrees" / "tree"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/side\n")
    (own / "commondir").write_text("../..\n")
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {own}\n")
    assert revision.of(tree) == COMMIT[:10]
