"""How numbers and names are written."""

from __future__ import annotations

from collections.abc import Iterable

NOTHING = "–"  # in a table, where there is nothing to measure


def signed(text: str) -> str:
    """With a true minus sign, and none before a zero."""
    minus = text.startswith("-") and text.partition(" ")[0].strip("-0.") != ""
    return ("−" if minus else "") + text.lstrip("-")


def p_told(p: float) -> str:
    """``p .012``."""
    return "p < .001" if p < 0.001 else f"p {p:.3f}".replace(" 0.", " .")


def listed(values: Iterable[float]) -> str:
    """``0.5, 1, 2``."""
    return ", ".join(f"{value:g}" for value in values)


def capital(text: str) -> str:
    """Its first letter; of the others none becomes small."""
    return text[0].upper() + text[1:]
