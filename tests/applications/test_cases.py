"""What the original's processors do with a message, as its catalogue tells: one small application each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import StageError

Make = Callable[..., Any]
OF_RDFLIB = pytest.mark.filterwarnings("ignore:Dataset.default_context is deprecated:DeprecationWarning")
"""What rdflib's parser of Notation3 says of rdflib."""

ONE: list[tuple[str, str, dict[str, Any], list[dict[str, Any]]]] = [
    ("NOP", "", {"k": [1]}, [{"k": [1]}]),
    ("DeadEnd", "", {"k": 1}, []),
    ("Fork", ':forks "1"', {"k": 1}, [{"k": 1, "forkN": 0}, {"k": 1, "done": True}]),
    ("Unfork", "", {"k": 1}, []),
    ("Unfork", "", {"k": 1, "done": True}, [{"k": 1, "done": False}]),
    ("ForEach", ':forEach "a" ; :remove "b"', {"a": ["x"], "b": 1}, [
        {"currentItem": "x", "eachCounter": 0, "done": False}, {"done": True}]),
    ("ForEach", ':forEach "a"', {"a": {"0": "x"}}, [
        {"a": ["x"], "currentItem": "x", "eachCounter": 0, "done": False}, {"a": ["x"], "done": True}]),
    ("Choice", ':testProperty "a" ; :testValue "2" ; :trueProperty "r" ; :trueValue "y" ; :falseProperty "s.t" ;'
     ' :falseValue "n"', {"a": 1}, [{"a": 1, "s": {"t": "n"}}]),
    ("Choice", ':testProperty "a" ; :testOperator "less" ; :testValue 10 ; :trueProperty "r" ; :trueValue "y"',
     {"a": "9"}, [{"a": "9", "r": "y"}]),
    ("Choice", ':testProperty "a" ; :testOperator "exists" ; :trueProperty "r" ; :trueValue "no.such"',
     {"a": 0}, [{"a": 0}]),
    ("Choice", ':testProperty "a" ; :testOperator "contains" ; :testValue 2 ; :trueProperty "r" ; :trueValue "y"',
     {"a": [1, 2]}, [{"a": [1, 2], "r": "y"}]),
    ("SetField", ':field "a.b" ; :value "v"', {}, [{"a": {"b": "v"}}]),
    ("SetMessage", ':setters ( [ :key "a" ; :value "1" ] [ :key "b.c" ; :value "2" ] )', {},
     [{"a": "1", "b": {"c": "2"}}]),
    ("Restructure", ':rename ( [ :pre "a.b" ; :post "c" ] ) ; :remove "a", "x"', {"a": {"b": ["p"]}, "x": 1},
     [{"c": {"0": "p"}}]),
    ("Restructure", ':rename ( [ :pre "a" ; :post "b" ] [ :pre "gone" ; :post "c" ] ) ; :lists "list"', {"a": ["p"]},
     [{"a": ["p"], "b": ["p"]}]),
    ("JSONWalker", "", {"content": [{"k": 1}, 2], "o": 1}, [
        {"content": {"k": 1}, "o": 1, "done": False}, {"content": 2, "o": 1, "done": False},
        {"content": 2, "o": 1, "done": True}]),
    ("JSONWalker", ':pointer "a.b"', {"a": {"b": "[]", "c": 1}}, [{"a": {"c": 1}, "content": [], "done": True}]),
    ("JSONWalker", "", {"content": {}}, [{"content": [], "done": True}]),
    ("Blanker", ':preserve "content.k.0"', {"content": {"k": ["a", "b", 1]}, "o": "x"},
     [{"content": {"k": ["a", "", 1]}, "o": "x"}]),
    ("Blanker", ':pointer ""', {"a": "x"}, [{"a": ""}]),
    ("SetText", ':targetField "a.b" ; :text "t"', {}, [{"a": {"b": "t"}}]),
    ("Concat", ':sourceFieldA "a" ; :sourceFieldB "b.c" ; :targetField "d" ; :separator "-"',
     {"a": "x", "b": {"c": 5}}, [{"a": "x", "b": {"c": 5}, "d": "x-5"}]),
    ("Reverse", ':targetField "r"', {"content": "añb"}, [{"content": "añb", "r": "bña"}]),
    ("StringReplace", ':match "." ; :replace "!"', {"content": "a.b."}, [{"content": "a!b!"}]),
    ("StringFilter", ':includePattern "*.md" ; :excludePattern "*draft*"', {"filepath": "a/b.md"},
     [{"filepath": "a/b.md"}]),
    ("StringFilter", ':includePattern "*.md" ; :excludePattern "*draft*"', {"filepath": "drafts/b.md"}, []),
    ("LineReader", ':commentChar ";"', {"content": " a\r\n\r\n;b\n#c"},
     [{"content": " a\r\n\r\n;b\n#c", "lines": ["a", "#c"]}]),
    ("Escaper", "", {"content": 'a "b"\n\\'}, [{"content": 'a \\"b\\"\\n\\\\'}]),
    ("Templater", ':template "{% if n === 1 && b %}{{ list.length }}{% elseif n %}x{% endif %}{{ gone.x }}" ;'
     ' :dataField "d"', {"d": {"n": 1, "b": True, "list": [1, 2]}},
     [{"d": {"n": 1, "b": True, "list": [1, 2]}, "content": "2"}]),
    ("RDFBuilder", ':template "<{{ baseURI }}{{ uri(t) }}> :d {{ isoDate(day) }}" ; :baseURI "http://e.org/"',
     {"t": "A b", "day": "2025-01-02"},
     [{"t": "A b", "day": "2025-01-02", "rdf": "<http://e.org/a-b> :d 2025-01-02T00:00:00.000+00:00"}]),
    ("RequiredFields", ':requiredFields "a,b.c"', {"a": "x", "b": {"c": 0}}, [{"a": "x", "b": {"c": 0}}]),
    ("RequiredFields", ':requiredFields "a", "b"', {"a": "x"}, []),
    ("RequiredFields", "", {"httpError": "x"}, []),
    ("PathOps", ':asPath "true" ; :values ( [ :field "a" ] [ :string "../b" ] [ :field "gone" ] [ :string "c" ] )',
     {"a": "x/y"}, [{"a": "x/y", "concat": "x/b/c"}]),
    ("FilenameMapper", "", {"filepath": "a.b/c.mmd"}, [{"filepath": "a.b/c.mm.html"}]),
    ("FileFilter", "", {"filepath": "a/b.md", "fileSpec": {"fileFilter": {"include": ["*.md"]}}}, []),
    ("FileFilter", ':includePattern "{a,c}/*.m?"', {"filepath": "a/b.md"}, [{"filepath": "a/b.md", "match": True}]),
    ("MarkdownToHTML", ':sourceField "m" ; :outputField "h.x"', {"m": "~~a~~ <b>"},
     [{"m": "~~a~~ <b>", "h": {"x": "<p><del>a</del> <b></p>\n"}}]),
    ("MarkdownToHTML", "", {"content": "*a*", "done": True}, [{"content": "*a*", "done": True}]),
    ("MarkdownToLinks", "", {"content": "[a](b) ![c](d_(e))"},
     [{"content": "[a](b) ![c](d_(e))", "links": [{"url": "b", "text": "a"}, {"url": "d_(e)", "text": "c"}]}]),
    ("MarkdownBindingsToHTML", "", {"queryResults": {"results": {"bindings": [{"content": {"value": "*a*"}}, {}]}}},
     [{"queryResults": {"results": {"bindings": [{"content": {"type": "literal", "value": "<p><em>a</em></p>\n"}},
                                                  {}]}}}]),
    ("HTMLFeedExtractor", ':inputField "h"', {"url": "http://e.org/a/", "h": '<link rel=alternate href=f '
     'type="application/atom+xml"><link rel=stylesheet href=s>'},
     [{"url": "http://e.org/a/", "h": '<link rel=alternate href=f type="application/atom+xml"><link rel=stylesheet '
       "href=s>", "feedUrl": "http://e.org/a/f", "feedType": "atom"}]),
    ("OpmlFeedExtractor", ':unique "false"', {"content": "<opml><outline xmlUrl='a'/><outline xmlUrl='a'/></opml>"},
     [{"content": "<opml><outline xmlUrl='a'/><outline xmlUrl='a'/></opml>", "feedUrls": ["a", "a"]}]),
    ("TestSetting", ':theSettingProperty "s"', {}, [{"settingValue": "s"}]),
    ("TestSettings", ':name "n" ; :aSetting "x", "y"', {}, [{"test": "this came from message"}]),
    ("ShowMessage", ':stringLimit "5" ; :alert "a"', {"k": "long"}, [{"k": "long"}]),
    ("ShowConfig", "", {"k": 1}, [{"k": 1}]),
    ("ShowSettings", ':name "n"', {"k": 1}, [{"k": 1}]),
    ("ShowTransmission", "", {"k": 1}, [{"k": 1}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("processor", "given", "message", "expected"), ONE, ids=[f"{n}-{one[0]}" for n, one in enumerate(ONE)]
)
def test_one_stage(
    application: Make, processor: str, given: str, message: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    """A stage does to one message what the catalogue says, or what it should have done."""
    app = application(f":t a :Transmission ; :pipe (:a) . :a a :{processor} ; :settings [ {given} ] .")
    left = app.run(message)
    assert [one.pop("tags") for one in left] == ["a"] * len(left)
    assert left == expected


WRONG = [
    ("ForEach", ':forEach "a"', {"a": "text"}, "holds no list but str"),
    ("JSONWalker", "", {"content": "{"}, "text that is no JSON"),
    ("JSONWalker", ':die "true"', {"content": []}, "told to end the run"),
    ("Reverse", "", {"content": 5}, "holds no text but int"),
    ("SetField", ':field "a"', {}, "needs :value"),
    ("Templater", ':template "{{ a" ; :dataField "d"', {"d": {}}, "the template"),
    ("Templater", ':template "{{ a.__class__.__mro__ }}{{ a.x() }}" ; :dataField "d"', {"d": {"a": "x"}}, "template"),
    ("Templater", ':templateFilename "gone.njk" ; :dataField "d"', {"d": {}}, "there is no such template"),
    ("OpmlFeedExtractor", "", {"content": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}, "document type"),
    ("DirWalker", ':sourceDir "gone"', {}, "there is no such folder"),
    ("FileReader", ':sourceFile "gone"', {}, "there is no such file"),
    ("FileCopy", ':source "gone" ; :destination "x"', {}, "cannot be copied"),
    ("FileCopy", "", {}, "needs :source and :destination"),
    ("FileRemove", ':target "../.."', {}, "refused"),
    ("FileRemove", ':target "."', {}, "refused"),
    ("FileRemove", "", {}, "needs a :target"),
    ("Eye", "", {"data": "{", "query": ""}, "is not Notation3"),
]


@OF_RDFLIB
@pytest.mark.parametrize(
    ("processor", "given", "message", "reason"), WRONG, ids=[f"{n}-{one[0]}" for n, one in enumerate(WRONG)]
)
def test_what_is_wrong_is_told(
    application: Make, processor: str, given: str, message: dict[str, Any], reason: str
) -> None:
    """Where the original drops a message in silence, the run fails and says why, naming the stage."""
    app = application(
        f":t a :Transmission ; :pipe (:a) . :a a :{processor} ; :settings [ {given} ] .", files={"data/x": ""}
    )
    with pytest.raises(StageError, match=r"stage :a failed in (process|set-up)") as caught:
        app.run(message)
    assert reason in str(caught.value)


def test_accumulate_gathers_texts_or_a_list(application: Make) -> None:
    """By default the texts come one after the other, with `array` they are a list; the parts go on too."""
    turtle = """:t a :Transmission ; :pipe (:f :a) . :f a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :a a :Accumulate ; :settings [ :label "x" ; :targetField "all" %s ] ."""
    assert [one.get("all") for one in application(turtle % "").run({"l": ["a", 1, True]})] == [None] * 3 + ["a1true"]
    listed = application(turtle % '; :accumulatorType "array"')
    assert listed.run({"l": ["a", 1]})[-1]["all"] == ["a", 1]


def test_two_accumulators_of_one_label_do_not_continue_each_other(application: Make) -> None:
    """An accumulator is its stage's own, and empty for the next group."""
    app = application(
        """:t a :Transmission ; :pipe (:f :a :u :g :b :v) . :f a :ForEach ; :settings [ :forEach "l" ] .
        :a a :Accumulate . :u a :Unfork . :v a :Unfork . :g a :ForEach ; :settings [ :forEach "l" ] .
        :b a :Accumulate ; :settings [ :targetField "second" ] ."""
    )
    assert [(one["accumulate"], one["second"]) for one in app.run({"l": ["x", "y"]})] == [("xy", "xy")]


def test_the_walker_tells_where_each_file_is(application: Make) -> None:
    """Files come in byte order with their paths from the application's folder; excluded folders are not entered."""
    app = application(
        ':t a :Transmission ; :pipe (:d) . :d a :DirWalker ; :settings [ :sourceDir "data" ; :targetPath "." ] .',
        files={
            "data/b.md": "",
            "data/a/x.y.json": "",
            "data/node_modules/m.js": "",
            "data/c.txt": "",
            "data/B.ttl": "",
        },
    )
    parts = app.run()
    names = ("relPath", "slug", "subdir", "count")
    assert [tuple(part.get(name) for name in names) for part in parts] == [
        ("data/B.ttl", "B", None, 0),
        ("data/a/x.y.json", "x", "a", 2),
        ("data/b.md", "b", None, 4),
        (None, None, None, 6),
    ]
    assert [part["done"] for part in parts] == [False, False, False, True]
    assert app.run({"limit": 1})[0]["fullPath"] == str(app.folder / "data/B.ttl")


def test_the_walker_does_not_go_in_circles(application: Make) -> None:
    """Links to folders are not followed, so one that leads back up is harmless."""
    app = application(
        ':t a :Transmission ; :pipe (:d) . :d a :DirWalker ; :settings [ :sourceDir "data" ] .', files={"data/a.md": ""}
    )
    (app.folder / "data/up").symlink_to(app.folder)
    assert len(app.run()) == 2


def test_files_are_read_with_what_the_system_knows_of_them(application: Make) -> None:
    """FileReader parses JSON if told to, names what it read, and gives the facts; with `cache` it sees a change too."""
    app = application(
        """:t a :Transmission ; :pipe (:r) . :r a :FileReader ; :settings [ :sourceFile "in.json" ; :cache "true" ;
            :mediaType "application/json" ; :targetField "a.b" ; :metaField "meta" ] .""",
        files={"data/in.json": "[1]"},
    )
    (left,) = app.run()
    assert (left["a"], left["filePath"]) == ({"b": [1]}, str(app.folder / "data/in.json"))
    assert {name: left["meta"][name] for name in ("filename", "mediaType", "size", "isFile")} == {
        "filename": "in.json",
        "mediaType": "application/json",
        "size": 3,
        "isFile": True,
    }
    assert app.run({"done": True}) == [{"done": True, "tags": "r"}]


def test_a_writer_writes_text_json_and_whole_messages(application: Make) -> None:
    """Text is written as it is, all else as JSON; a message with `dump` is written whole and ends."""
    app = application(
        ':t a :Transmission ; :pipe (:w) . :w a :FileWriter ; :settings [ :contentField "c.d" ] .', files={"data/x": ""}
    )
    assert app.run({"c": {"d": "text"}}) == [{"c": {"d": "text"}, "tags": "w"}]
    assert app.text("data/output/output.md") == "text"
    app.run({"c": {"d": {"k": [1]}}, "destinationFile": "o.json"})
    assert app.text("data/o.json") == '{\n  "k": [\n    1\n  ]\n}'
    assert app.run({"dump": True, "k": "v"}) == []
    assert '"k": "v"' in app.text("data/message.json")


def test_a_mapped_name_is_where_the_result_goes(application: Make) -> None:
    """`filepath` beats `:destinationFile` once it names something else than what was read."""
    app = application(
        """:t a :Transmission ; :pipe (:d :r :m :w) . :d a :DirWalker ; :settings [ :sourceDir "data" ] .
        :r a :FileReader . :m a :FilenameMapper . :w a :FileWriter ; :settings [ :destinationFile "not-this" ] .""",
        files={"data/a.md": "x"},
    )
    app.run()
    # The walker's `filepath` starts from the application's folder, a written one from `data`.
    assert app.text("data/data/a.mm.html") == "x"
    assert app.text("data/a.md") == "x"


def test_files_and_folders_are_copied_and_removed(application: Make) -> None:
    """A folder is copied with all in it; removing it empties it, but for names that begin with a dot."""
    app = application(
        """:t a :Transmission ; :pipe (:c :d :r) . :c a :FileCopy ; :settings [ :source "in" ; :destination "out" ] .
        :d a :FileCopy ; :settings [ :source "in/a.txt" ; :destination "one/b.txt" ] .
        :r a :FileRemove ; :settings [ :target "in" ] .""",
        files={"data/in/a.txt": "a", "data/in/deep/b.txt": "b", "data/in/.keep": ""},
    )
    result = transmissions.load(app.folder).run(messages={})
    data = app.folder / "data"
    held = {str(path.relative_to(data)): path.read_text() for path in data.rglob("*") if path.is_file()}
    assert held == {"in/.keep": "", "out/.keep": "", "out/a.txt": "a", "out/deep/b.txt": "b", "one/b.txt": "a"}
    assert (result.outputs["written"], result.outputs["removed"]) == (4, 2)
    transmissions.load(app.folder).run(messages={"target": "never-was", "source": "out", "destination": "out2"})


def test_templates_include_others_and_leave_html_alone(application: Make) -> None:
    """A template file may include its neighbours; what is filled in is not escaped unless asked for."""
    app = application(
        """:t a :Transmission ; :pipe (:p) . :p a :Templater ; :settings [ :templateFilename "page.njk" ;
            :dataField "d" ] .""",
        files={"data/page.njk": "{% include 'head.njk' %}{{ x }}{{ y | dump }}", "data/head.njk": "<{{ x }}>"},
    )
    assert app.run({"d": {"x": "<b>", "y": {"k": None}}})[0]["content"] == '<<b>><b>{"k":null}'


@OF_RDFLIB
def test_conclusions_are_drawn_until_nothing_new_follows(application: Make) -> None:
    """A rule that builds on its own conclusions is followed to the end; what was stated is no conclusion."""
    app = application(":t a :Transmission ; :pipe (:e) . :e a :Eye .")
    data = """@prefix : <http://e.org/#> . :a :next :b . :b :next :c . :c :next :d .
        { ?x :next ?y . ?y :next ?z } => { ?x :next ?z } ."""
    query = "@prefix : <http://e.org/#> . { :a :next ?x } => { :a :next ?x } ."
    (left,) = app.run({"data": data, "query": query})
    shown = sorted(line for line in left["inferred"].splitlines() if line.startswith(":a"))
    assert shown == [":a :next :c.", ":a :next :d."]
    assert ":a :next :b." in left["result"]


def test_items_are_written_as_turtle_that_can_be_read(application: Make, tmp_path: Path) -> None:
    """Whatever an item holds, what is written is Turtle, without the members that are null."""
    from rdflib import Graph

    app = application(":t a :Transmission ; :pipe (:f) . :f a :TurtleFormatter .")
    item = {"id": "a b", "name": 'say "hi"\n', "n": 5, "gone": None, "odd key": ["x", "y"], "last": None}
    (left,) = app.run({"currentItem": item})
    graph = Graph().parse(data=left["content"], format="turtle")
    assert sorted(str(value) for value in graph.objects() if not str(value).startswith("http")) == sorted(
        ["a b", 'say "hi"\n', "5", "x", "y"]
    )
    assert left["targetFile"] == "a%20b.ttl"
