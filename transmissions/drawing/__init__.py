"""Draw a pipeline's definition as text, SVG, Mermaid or DOT; pure functions, and no other program is needed."""

from transmissions.drawing.dot import draw_dot
from transmissions.drawing.mermaid import draw_mermaid
from transmissions.drawing.notes import PLAIN, Notes
from transmissions.drawing.svg import draw_svg
from transmissions.drawing.text import draw_text

__all__ = ["FORMATS", "PLAIN", "Notes", "draw_dot", "draw_mermaid", "draw_svg", "draw_text"]

FORMATS = {"text": draw_text, "mermaid": draw_mermaid, "dot": draw_dot, "svg": draw_svg}
"""The drawing functions by the name of their format."""
