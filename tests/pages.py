"""Pages taken apart: what is in their HTML, and what must not be."""

from __future__ import annotations

from html.parser import HTMLParser

# As a prompt, it is to be shown and to do nothing.
EVIL = "</h2><script>alert(1)</script> \" onload='x' {{ 7*7 }} & \u202e"


class Page(HTMLParser):
    """A page's tags with their attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def check_escaped(text: str) -> None:
    """See that ``EVIL`` is text in a page, and nothing else."""
    parsed = Page(text)
    assert len(parsed.all("script")) == len(parsed.all("style")) == 1
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert not any("onload" in attributes for _, attributes in parsed.tags)
    assert "{{ 7*7 }}" in text


def check_fetches_nothing(text: str) -> None:
    """See that a page needs nothing from elsewhere but its clips."""
    parsed = Page(text)
    assert "http" not in text.replace(EVIL, "")
    assert not parsed.all("link")
    assert not parsed.all("img")
    assert "src" not in parsed.all("script")[0]
