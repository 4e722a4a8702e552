"""A template is data: it reaches nothing of Python and no file outside, and is stopped before it makes too much.

Holds "templates": each of these is refused or shows nothing, within the time and the memory that a template has.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.nunjucks import pieces, rendered
from processors.templates import RDFBuilder, Templater
from transmissions import TransmissionsError

TWICE = "{% set ns = namespace(s=START) %}{% for i in range(40) %}{% set ns.s = MORE %}{% endfor %}{{ ns.s|length }}"


def twice(start: str, more: str) -> str:
    """Return a template that makes something larger forty times."""
    return TWICE.replace("START", start).replace("MORE", more)


PYTHON = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''['_' ~ '_class_' ~ '_'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ [''] | map(attribute='__class__') | first }}",
    "{{ [''] | map('attr', 'format') | list }}",
    "{{ [''] | sum(attribute='__class__') }}",
    "{{ ([''] | groupby('__class__') | first).grouper.__name__ }}",
    "{{ '{0.__class__}'.format('') }}",
    "{{ '{0.__class__}'['format']('') }}",
    "{{ '{x.__class__}'.format_map({'x': ''}) }}",
    "{% set f = '{0.__class__}'.format %}{{ f('') }}",
    "{{ ['{0.__class__}'] | map(attribute='format') | first }}",
    "{{ 'a'.encode() }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner.__init__ }}{{ namespace.__init__ }}{{ range.__class__ }}",
    "{{ dict.mro() }}",
    "{{ self.__init__ }}{{ self._TemplateReference__context }}{{ self.environment }}",
    "{{ (range(3) | map('string')).gi_frame }}",
    "{{ gone.__init__.__globals__ }}",
    "{{ uri.__globals__ }}{{ now.__code__ }}{{ hash.__closure__ }}",
    "{{ tick.__func__ }}{{ counted.__self__ }}{{ environment }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}{{ m.__call__ }}",
    "{% for i in [1] %}{{ loop._iterator }}{{ loop.__class__ }}{% endfor %}",
    "{{ d.update({'a': 1}) }}",
    "{{ l.append(1) }}",
    "{% set d.a = 2 %}",
]
FILES = [
    "{% include '../secret.txt' %}",
    "{% include '/etc/hostname' %}",
    "{% include 'sub/../../secret.txt' %}",
    "{% include 'link.txt' %}",
    "{% include 'folder/secret.txt' %}",
    "{% include path %}",
    "{% include [path, 'link.txt'] %}",
    "{% extends 'link.txt' %}",
    "{% import 'link.txt' as x %}{{ x }}",
    "{% from '../secret.txt' import x %}{{ x }}",
]
TOO_MUCH = [
    twice("'a'", "ns.s ~ ns.s"),
    twice("'a'", "ns.s + ns.s"),
    twice("'a'", "ns.s|replace('a', 'aaaa')"),
    twice("'a'", "ns.s.replace('a', 'aaaa')"),
    twice("'a'", "ns.s.join([ns.s, ns.s, ns.s])"),
    twice("'a'", "[ns.s, ns.s]|join"),
    twice("'\"'", "ns.s|tojson|string"),
    twice("[1]", "ns.s + ns.s"),
    twice("[1]", "[ns.s, ns.s]"),
    twice("[1]", "{'a': ns.s, 'b': ns.s}"),
    twice("[1, 2]", "ns.s|map(attribute='x', default=ns.s)|list"),
    twice("[1, 2]", "ns.s|slice(2, ns.s)|list"),
    twice("1", "namespace(a=ns.s, b=ns.s)") + "{{ ns.s }}",
    "{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n }}",
    "{{ 9 ** 99999 }}",
    "{{ 2 ** 2 ** 100000 }}",
    "{{ 'a' * 100000000 }}",
    "{{ ('a' * 1000000).replace('a', 'a' * 1000000)|length }}",
    "{{ ('a' * 1000000) | replace('', 'a' * 1000000) | length }}",
    "{{ ('ab' * 500000).translate({97: 'a' * 1000000}) | length }}",
    "{{ '{:>1000000000}'.format(1) | length }}",
    "{{ 'a'.ljust(width=1000000000) | length }}",
    "{{ 'a\tb'.expandtabs(1000000000) | length }}",
    "{{ ('a\n' * 400000) | indent(1000000) | length }}",
    "{{ ('a ' * 400000) | wordwrap(1, wrapstring='x' * 1000) | length }}",
    "{{ ([1] * 100000) | tojson(indent=1000000) | length }}",
    "{{ ([[1] * 1000] * 1000) | sum(start=[]) | length }}",
    "{{ [1] | batch(1000000, 'x' * 1000) | list }}",
    "{% set s = 'a' * 1000000 %}{{ ([s] * 1000) | string | length }}",
    "{% set s = 'a' * 1000000 %}{{ [s] * 1000 }}",
    "{% set s = 'a' * 1000000 %}{% set x %}{% for i in range(99999) %}{{ s }}{% endfor %}{% endset %}{{ x | length }}",
    "{% for i in range(99999) %}" + "x" * 100_000 + "{% endfor %}",
    "{% macro m() %}" + "x" * 1000 + "{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for i in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "{{ range(99999999) }}",
    "x" * 2_000_000,
]
TOO_LONG = [
    "{% set tick = range %}{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    "{% macro tick(n) %}{% endmacro %}{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
]
DATA = {"d": {}, "l": [3, 1], "path": "../secret.txt"}


@pytest.mark.parametrize("template", PYTHON)
def test_nothing_of_python_is_reached(template: str) -> None:
    """Attributes of Python are shown as nothing, or refused; nothing that is filled in is changed."""
    for processor in (
        Templater(template=template, data_field="d"),
        RDFBuilder(template=template, output_field="content"),
    ):
        try:
            made = processor.process({"d": dict(DATA), **DATA})["content"]
        except TransmissionsError as error:
            assert "template" in str(error)
        else:
            assert made.strip() in ("", "Undefined", "[Undefined]")
    assert DATA == {"d": {}, "l": [3, 1], "path": "../secret.txt"}


@pytest.mark.parametrize("template", FILES)
def test_no_file_outside_the_templates_folder_is_read(template: str, tmp_path: Path) -> None:
    """A template includes its neighbours: no path, and no link that lies among them, leads elsewhere."""
    (tmp_path / "outside").mkdir()
    for path in (tmp_path / "secret.txt", tmp_path / "outside" / "secret.txt"):
        path.write_text("secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "folder").symlink_to(tmp_path / "outside")
    (folder / "page.txt").write_text(template)
    with pytest.raises(TransmissionsError, match=r"leads out|none of the templates"):
        rendered(folder / "page.txt", DATA)


def test_neighbours_are_included(tmp_path: Path) -> None:
    """What is in the folder, and below it, is read; and the template that was named may itself be a link."""
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "sub" / "part.txt").write_text("part {{ path }}")
    (tmp_path / "folder" / "page.txt").write_text("{% include 'sub/part.txt' %}")
    (tmp_path / "named.txt").symlink_to(tmp_path / "folder" / "page.txt")
    assert rendered(tmp_path / "named.txt", DATA) == "part ../secret.txt"


@pytest.mark.parametrize("template", TOO_MUCH, ids=lambda template: template[:60])
def test_what_would_be_too_much_is_refused_before_it_is_made(template: str) -> None:
    """A few words that ask for more than 64 million characters, or for numbers without end, get none of it."""
    with pytest.raises(TransmissionsError, match="template"):
        rendered(template, DATA)


@pytest.mark.parametrize("template", TOO_LONG, ids=lambda template: template[:40])
def test_what_takes_too_long_is_stopped(template: str) -> None:
    """Loops are stopped when their time is over, and no name that a template sets keeps the clock from being seen."""
    with pytest.raises(TransmissionsError, match="takes more than 2 s"):
        rendered(template, DATA)


def test_what_templates_do_goes_on() -> None:
    """What pages are made of is refused nowhere."""
    template = """{% set names = [] %}{% for one in l|sort %}{{ loop.index }}:{{ one * 2 + 1 }} {% endfor -%}
{{ l|join("-") }} {{ ", ".join(["a", "b"]) }} {{ "a-b".replace("-", "+")|upper }} {{ "a b"|title|truncate(9) }}
{{- " " ~ l ~ {"k": [path]} }} {{ [{"n": 1}, {"n": 2}]|sum(attribute="n") }} {{ (d.x or "none")|center(8) }}
{%- macro m(x) %}<{{ x }}>{% endmacro %}{{ m("y") }}{% filter upper %}z{% endfilter %}
{{- "abc".length }}{{ l | dump }}"""
    assert rendered(template, DATA) == ("1:3 2:7 3-1 a, b A+B A B [3, 1]{'k': ['../secret.txt']} 3   none  <y>Z3[3,1]")


@given(st.lists(st.sampled_from(["{{", "}}", "{%", "%}", "{#", "#}", "a", "{", "}", "\n"])).map("".join))
def test_a_template_is_its_pieces(source: str) -> None:
    """Cut into text and tags, nothing is lost, and every second piece is a tag."""
    parts = pieces(source)
    assert "".join(parts) == source
    assert len(parts) % 2 == 1
    assert all(tag[:2] + tag[-2:] in ("{{}}", "{%%}", "{##}") for tag in parts[1::2])
