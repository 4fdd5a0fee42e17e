"""What is generated from the code says what the code says."""

from jobs.domain import diagram
from tests.support import source


def test_the_lifecycle_page_is_what_the_table_says() -> None:
    page = (source.ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
    assert page == diagram.render(), "docs/lifecycle.md is old: run python manage.py lifecycle_doc"
