"""The rules under which application folders run: which transmissions, settings, tags, marks, calls, folders."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import transmissions
from transmissions import InvalidPipeline, StageError
from transmissions.errors import NoSuchPipeline, ParameterError

Make = Callable[..., Any]
LINE = ":t a :Transmission ; :pipe (:a :z) . :z a :NOP . "


def test_all_transmissions_run_in_the_order_of_the_file(application: Make) -> None:
    """Without an entry transmission all run, one after another, each with what left the one before."""
    app = application(
        """:two a :Transmission ; :pipe (:a :b) . :one a :Transmission ; :pipe (:c) .
        :a a :SetText ; :settings [ :text "x" ] . :b a :NOP . :c a :Reverse ."""
    )
    assert app.run({"content": "ignored"}) == [{"content": "x", "tags": "a.b.c"}]


def test_only_entry_transmissions_run_if_there_are_any(application: Make) -> None:
    """Entry transmissions keep all others from running unasked; several of them run in order."""
    app = application(
        """:main a :EntryTransmission ; :pipe (:a) . :side a :Transmission ; :pipe (:b) .
        :last a :EntryTransmission ; :pipe (:c) . :a a :NOP . :b a :NOP . :c a :NOP ."""
    )
    assert app.run() == [{"tags": "a.c"}]


def test_a_subtask_is_a_label_or_else_a_name(application: Make) -> None:
    """`FOLDER.SUBTASK` runs what is labelled so, entry or not; a name does if no label fits; an unknown one is told."""
    app = application(
        """:main a :EntryTransmission ; rdfs:label "all" ; :pipe (:a) . :a a :NOP .
        :side a :Transmission ; rdfs:label "part" ; :pipe (:b) . :b a :NOP ."""
    )
    assert app.run(subtask="part") == [{"tags": "b"}]
    assert app.run(subtask="side") == [{"tags": "b"}]
    with pytest.raises(NoSuchPipeline, match="did you mean part"):
        app.run(subtask="prat")


def test_the_next_transmission_starts_with_the_first_message_at_the_end(application: Make) -> None:
    """Of what a transmission sends, the next one gets the first, and only once all else has run to its end."""
    app = application(
        """:one a :Transmission ; :pipe (:each :write) . :two a :Transmission ; :pipe (:read) .
        :each a :ForEach ; :settings [ :forEach "items" ] .
        :write a :FileWriter ; :settings [ :destinationFile "last.txt" ; :contentField "currentItem" ] .
        :read a :FileReader ; :settings [ :sourceFile "last.txt" ] ."""
    )
    left = app.run({"items": ["x", "y"]})
    assert [(one["currentItem"], one["content"]) for one in left] == [("x", "y")]


def test_settings_come_from_the_target_then_the_application_then_its_configuration(
    application: Make, tmp_path: Path
) -> None:
    """Each property is looked up by itself; where it is found first, all its values are taken and no others."""
    app = application(
        LINE + ':a a :SetMessage ; :settings :s . :s a :ConfigSet ; :text "from transmissions" .'
        ":t2 a :Transmission ; :pipe (:b) . :b a :SetText ; :settings :s .",
        ':s a :ConfigSet ; :text "from config" ; :targetField "out" ;'
        ' :setters ( [ :key "k1" ; :value "c" ] [ :key "k2" ; :value "c" ] ) .',
    )
    target = tmp_path / "site"
    target.mkdir()
    (target / "tt.ttl").write_text(
        '@prefix : <http://purl.org/stuff/transmissions/> . :s :setters ( [ :key "k3" ; :value "t" ] ) ; :text "site" .'
    )
    assert app.run() == [{"tags": "a.z.b", "k1": "c", "k2": "c", "out": "from transmissions"}]
    assert app.run(target=target) == [{"tags": "a.z.b", "k3": "t", "out": "site"}]


def test_the_default_of_an_application_comes_last(application: Make) -> None:
    """A stage without settings, or whose settings nobody describes, has the defaults of applications."""
    app = application(LINE + ":a a :ForEach ; :settings :nowhere .")
    with pytest.raises(StageError, match="no field forEach"):
        app.run({"items": ["x"]})


@pytest.mark.parametrize(
    ("value", "expected"),
    [("theirs", "theirs"), ("", "ours"), (0, "ours"), (None, "ours"), (False, "ours"), ([], []), (5, 5)],
)
def test_a_message_field_overrides_the_setting_of_its_name(application: Make, value: Any, expected: Any) -> None:
    """A field of a setting's short name is the setting for that message, but for what is false to JavaScript."""
    app = application(LINE + ':a a :SetText ; :settings [ :text "ours" ; :targetField "out" ] .')
    assert app.run({"text": value})[0]["out"] == expected


def test_an_override_lasts_for_one_message_and_must_fit(application: Make) -> None:
    """The next message has the setting again; a field that could not be the setting's value is just data."""
    app = application(
        """:t a :Transmission ; :pipe (:each :move :set) . :each a :ForEach ; :settings [ :forEach "items" ] .
        :move a :Restructure ; :settings [ :rename ( [ :pre "currentItem.field" ; :post "targetField" ] ) ] .
        :set a :SetText ; :settings [ :targetField "plain" ; :text "x" ] ."""
    )
    left = app.run({"items": [{"field": "other"}, {}, {"field": {"no": "name"}}]})
    assert [sorted(one.keys() & {"other", "plain"}) for one in left] == [["other"], ["plain"], ["plain"], ["plain"]]


def test_settings_that_only_we_have_take_no_fields(application: Make) -> None:
    """A field whose name happens to be that of a setting which the original lacks stays data."""
    app = application(
        """:t a :Transmission ; :pipe (:f :acc :end) . :f a :ForEach ; :settings [ :forEach "items" ] .
        :acc a :Accumulate ; :settings [ :accumulatorType "array" ] . :end a :Unfork ."""
    )
    assert app.run({"items": ["x", "y"], "parts": "false", "separator": "-"})[0]["accumulate"] == ["x", "y"]


def test_properties_on_the_stage_itself_are_no_settings(application: Make) -> None:
    """Only the node behind :settings holds settings; what else is said of a stage is left alone."""
    app = application(LINE + ':a a :SetText ; :text "direct" ; rdfs:comment "c" ; :loglevel "debug" .')
    assert app.run()[0]["content"] == "text"


def test_values_are_text_or_what_the_setting_makes_of_them(application: Make) -> None:
    """Numbers and truths arrive as text, several values as a list, addresses absolute, lists member by member."""
    turtle = """:t a :Transmission ; :pipe (:a :b :c :d) .
        :a a :SetText ; :settings [ :text 42 ; :targetField "a" ] .
        :b a :SetText ; :settings [ :text true, "y" ; :targetField "b" ] .
        :c a :SetText ; :settings [ :text ( "p" "q" ) ; :targetField "c" ] .
        :d a :SetText ; :settings [ :text <http://example.org/x> ; :targetField "d" ] ."""
    left = application(turtle).run()[0]
    assert {name: left[name] for name in "abcd"} == {
        "a": "42",
        "b": ["true", "y"],
        "c": ["p", "q"],
        "d": "http://example.org/x",
    }


def test_tags_name_the_stages_that_a_message_came_through(application: Make) -> None:
    """Nested transmissions and calls add their stages; a node in two transmissions is two stages of one name."""
    app = application(
        """:main a :EntryTransmission ; :pipe (:a :inner :g :z) . :inner a :Transmission ; :pipe (:b :deep) .
        :deep a :Transmission ; :pipe (:deeper) . :deeper a :Transmission ; :pipe (:a :c) .
        :called a :Transmission ; :pipe (:c :b) . :a a :NOP . :b a :NOP . :c a :NOP . :z a :NOP .
        :g a :GOTO ; :settings [ :gotoTarget "called" ] ."""
    )
    assert app.run({"tags": "before"}) == [{"tags": "before.a.b.a.c.g.c.b.z"}]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(depth=st.integers(1, 12), width=st.integers(1, 4))
def test_nesting_to_any_depth_changes_nothing(application: Make, depth: int, width: int) -> None:
    """Stages nested however deep, as first, middle or last, run in the order in which they would be written flat."""
    lines, flat = [], []
    for level in range(depth):
        names = [f"s{level}x{number}" for number in range(width)]
        lines += [f":{name} a :NOP ." for name in names]
        members = [*names, f"t{level + 1}"] if level + 1 < depth else names
        kind = "EntryTransmission" if level == 0 else "Transmission"
        lines.append(f":t{level} a :{kind} ; :pipe ({' '.join(':' + name for name in members)}) .")
        flat += names
    assert application("\n".join(lines)).run() == [{"tags": ".".join(flat)}]


def test_a_message_marked_done_passes_by_or_is_handled(application: Make) -> None:
    """Processors handle done messages as the original's do: SetText does, Restructure does not; all add their tags."""
    app = application(
        """:t a :Transmission ; :pipe (:a :b) . :a a :SetText ; :settings [ :text "x" ] .
        :b a :Restructure ; :settings [ :rename ( [ :pre "content" ; :post "moved" ] ) ] ."""
    )
    assert app.run({"done": True}) == [{"done": True, "content": "x", "tags": "a.b"}]
    assert app.run({"done": False}) == [{"done": False, "content": "x", "moved": "x", "tags": "a.b"}]


def test_process_when_done_keeps_a_stage_from_done_messages(application: Make) -> None:
    """`:processWhenDone "false"` means what it says."""
    app = application(LINE + ':a a :SetText ; :settings [ :processWhenDone "false" ] .')
    assert "content" not in app.run({"done": True})[0]


def test_a_mark_is_not_lost_where_its_parts_have_a_field_that_it_has_not(application: Make) -> None:
    """A stage that would handle a done message, but finds nothing in it, lets it pass."""
    app = application(
        """:t a :Transmission ; :pipe (:f :r) . :f a :ForEach ; :settings [ :forEach "items" ; :remove "items" ] .
        :r a :Reverse ; :settings [ :sourceField "currentItem" ] ."""
    )
    assert [one.get("content") for one in app.run({"items": ["ab", "cd"]})] == ["ba", "dc", None]


def test_groups_are_closed_by_the_marks_of_their_own_split(application: Make) -> None:
    """A split inside a split has groups of its own: the inner marks gather the inner parts, the outer all of them."""
    app = application(
        """:t a :Transmission ; :pipe (:outer :inner :gather :close :all :end) .
        :outer a :ForEach ; :settings [ :forEach "rows" ; :remove "rows" ] .
        :inner a :ForEach ; :settings [ :forEach "currentItem" ] .
        :gather a :Accumulate ; :settings [ :targetField "row" ] . :close a :Unfork .
        :all a :Accumulate ; :settings [ :sourceField "row" ; :accumulatorType "array" ] . :end a :Unfork ."""
    )
    left = app.run({"rows": [["a", "b"], [], ["c"]]})
    assert [one["accumulate"] for one in left] == [["ab", "", "c"]]


def test_a_split_lets_the_marks_of_another_pass(application: Make) -> None:
    """A mark is not split again, though it would have what a split needs."""
    app = application(
        """:t a :Transmission ; :pipe (:f :g) . :f a :ForEach ; :settings [ :forEach "items" ] .
        :g a :Fork ; :settings [ :forks 1 ] ."""
    )
    left = app.run({"items": ["x"]})
    assert [(one.get("forkN"), one.get("currentItem"), one["done"]) for one in left] == [
        (0, "x", False),
        (None, "x", True),
        (None, None, True),
    ]
    assert [one.get("forkN") for one in application(LINE + ":a a :Fork .").run({"done": True})] == [0, 1, None]


def test_parts_that_share_a_list_do_not_see_each_other(application: Make) -> None:
    """All parts hold the list they are a part of; what a stage changes in one of them is that one's alone."""
    app = application(
        """:t a :Transmission ; :pipe (:f :copy :set) . :f a :ForEach ; :settings [ :forEach "items" ] .
        :copy a :Restructure ; :settings [ :rename ( [ :pre "eachCounter" ; :post "items.0.n" ] ) ] .
        :set a :NOP ."""
    )
    left = app.run({"items": [{"n": "x"}, {"n": "y"}]})
    assert [one["items"][0]["n"] for one in left] == [0, 1, "x"]
    assert [one["currentItem"]["n"] for one in left[:2]] == ["x", "y"]


def test_goto_goes_on_with_the_first_message_that_left(application: Make) -> None:
    """The target may split: all of it runs, and the first message goes on; one that lets nothing out ends the way."""
    app = application(
        """:main a :EntryTransmission ; :pipe (:g :z) . :g a :GOTO ; :settings [ :gotoTarget "split" ] . :z a :NOP .
        :split a :Transmission ; :pipe (:f :w) . :f a :ForEach ; :settings [ :forEach "items" ] .
        :w a :FileWriter ; :settings [ :contentField "currentItem" ; :destinationFile "last.txt" ] .
        :nothing a :Transmission ; :pipe (:d) . :d a :DeadEnd ."""
    )
    left = app.run({"items": ["x", "y"]})
    assert [(one["currentItem"], one["tags"]) for one in left] == [("x", "g.f.w.z")]
    assert app.text("data/last.txt") == "y"
    assert app.run({"gotoTarget": "nothing"}) == []


def test_goto_counts_the_stages_that_it_ran(application: Make) -> None:
    """The report has the counters of the stages called, and what they wrote is among the outputs."""
    app = application(
        """:main a :EntryTransmission ; :pipe (:g) . :g a :GOTO ; :settings [ :gotoTarget "t" ] .
        :t a :Transmission ; :pipe (:w :n) . :w a :FileWriter . :n a :NOP ."""
    )
    result = transmissions.load(app.folder).run(messages={"content": "x"})
    called = result.processors["g"]["called"]["t"]
    assert [(one["stage"], one["received"], one["emitted"]) for one in called] == [("w", 1, 1), ("n", 1, 1)]
    assert result.outputs["written"] == 1


def test_choice_and_goto_make_a_branch(application: Make) -> None:
    """Choice sets the field that GOTO reads, so a message takes one way or the other; an unknown way is none."""
    app = application(
        """:main a :EntryTransmission ; :pipe (:c :g :z) . :z a :NOP .
        :c a :Choice ; :settings [ :testProperty "n" ; :testOperator "greater" ; :testValue 10 ;
            :trueProperty "gotoTarget" ; :trueValue "many" ; :falseProperty "gotoTarget" ; :falseValue "few" ] .
        :g a :GOTO .
        :many a :Transmission ; :pipe (:m) . :m a :NOP . :few a :Transmission ; :pipe (:w) . :w a :NOP ."""
    )
    assert [app.run({"n": n})[0]["tags"] for n in (9, 11)] == ["c.g.w.z", "c.g.m.z"]
    result = transmissions.load(app.folder).run(messages={"n": 1, "testProperty": "n", "falseValue": "nowhere"})
    assert "no transmission is called nowhere" in str(result.problems)


def test_transmissions_that_call_each_other_for_ever_are_stopped(application: Make) -> None:
    """A circle of calls is an error that names it, not a hang."""
    app = application(""":main a :EntryTransmission ; :pipe (:g) . :g a :GOTO ; :settings [ :gotoTarget "main" ] .""")
    with pytest.raises(StageError, match="leads to itself"):
        app.run()


def test_a_called_stage_that_fails_is_named(application: Make) -> None:
    """The error of a stage that was gone to says which one it was and where it stands."""
    app = application(
        """:main a :EntryTransmission ; :pipe (:g) . :g a :GOTO ; :settings [ :gotoTarget "t" ] .
        :t a :Transmission ; :pipe (:r) . :r a :Reverse ."""
    )
    with pytest.raises(StageError, match=r"stage :r failed in process.*no field content"):
        app.run()


def test_the_start_message_tells_of_the_run(application: Make, tmp_path: Path) -> None:
    """The context fields are the engine's, with a target and without; a message cannot set them."""
    app = application(LINE + ":a a :NOP .", files={"data/x": ""})
    (tmp_path / "site").mkdir()
    (plain,) = app.run({"appName": "mine", "targetDir": "mine", "k": 1}, whole=True)
    folder = str(app.folder)
    assert (plain["appName"], plain["appPath"], plain["rootDir"], plain["k"]) == ("app", folder, folder, 1)
    assert (plain["workingDir"], plain["dataDir"]) == (folder + "/data", folder + "/data")
    assert not plain.keys() & {"targetDir", "subtask"}
    (for_target,) = app.run(target=tmp_path / "site", subtask="t", whole=True)
    site = str(tmp_path / "site")
    assert [for_target[name] for name in ("rootDir", "workingDir", "targetDir", "subtask")] == [site, site, site, "t"]


def test_relative_files_are_below_data_or_the_target(application: Make, tmp_path: Path) -> None:
    """Without a target files are read and written in `data`, with one in it; `data` below it is looked in as well."""
    app = application(
        """:t a :Transmission ; :pipe (:r :w) . :r a :FileReader ; :settings [ :sourceFile "in.txt" ] .
        :w a :FileWriter ; :settings [ :destinationFile "out/copy.txt" ] .""",
        files={"data/in.txt": "of the application", "../site/data/in.txt": "of the target"},
    )
    assert app.run()[0]["filePath"] == str(app.folder / "data/in.txt")
    assert app.text("data/out/copy.txt") == "of the application"
    app.run(target=tmp_path / "site")
    assert (tmp_path / "site/out/copy.txt").read_text() == "of the target"


@pytest.mark.parametrize("path", ["../../out.txt", "/tmp/out.txt", "link/out.txt"])
def test_nothing_is_written_outside_the_target_and_the_application(
    application: Make, tmp_path: Path, path: str
) -> None:
    """A path that leads out, also through a link, is refused and nothing is there; within the application it is not."""
    app = application(LINE + f':a a :FileWriter ; :settings [ :destinationFile "{path}" ] .', files={"data/x": ""})
    (tmp_path / "elsewhere").mkdir()
    (app.folder / "data/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StageError, match="refused"):
        app.run({"content": "x"})
    assert not (tmp_path / "out.txt").exists()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_files_of_the_application_may_be_named_from_the_target(application: Make, tmp_path: Path) -> None:
    """A target inside or beside the application may name the application's own files."""
    app = application(
        LINE + ':a a :FileWriter ; :settings [ :destinationFile "../app/data/out.txt" ] .', files={"../site/x": ""}
    )
    app.run({"content": "x"}, target=tmp_path / "site")
    assert app.text("data/out.txt") == "x"


def test_a_walked_file_is_not_overwritten(application: Make) -> None:
    """What was read is not written over, though the message names it: the result goes to `:destinationFile`."""
    app = application(
        """:t a :Transmission ; :pipe (:d :r :s :w) . :d a :DirWalker ; :settings [ :sourceDir "data" ] .
        :r a :FileReader . :s a :SetText ; :settings [ :text "new" ] .
        :w a :FileWriter ; :settings [ :destinationFile "out.txt" ] .""",
        files={"data/a.md": "old"},
    )
    app.run()
    assert (app.text("data/a.md"), app.text("data/out.txt")) == ("old", "new")


def test_what_is_wrong_is_told_before_anything_runs(application: Make) -> None:
    """Unknown processors, values that do not fit and stages that stand twice in a pipe are told with their places."""
    app = application(
        """:t a :Transmission ; :pipe (:a :b :c :c) . :a a :SetTxt . :c a :NOP .
        :b a :ForEach ; :settings :s .""",
        ':s :limit "many" .',
    )
    with pytest.raises(InvalidPipeline) as caught:
        transmissions.load(app.folder)
    text = str(caught.value)
    assert "did you mean :SetText?" in text
    assert "config.ttl:3:11: :limit on stage :b must be a whole number, 0 or more" in text
    assert "stage :c is twice in one :pipe" in text


def test_broken_turtle_in_any_of_the_files_is_told(application: Make, tmp_path: Path) -> None:
    """A syntax error in the configuration or the target's file ends the run before it begins, with its place."""
    app = application(LINE + ":a a :NOP .", ":s :text .", files={"../site/tt.ttl": "nonsense"})
    with pytest.raises(InvalidPipeline, match=r"config\.ttl:3:"):
        transmissions.load(app.folder)
    (app.folder / "config.ttl").unlink()
    with pytest.raises(InvalidPipeline, match=r"tt\.ttl:3:"):
        transmissions.load(app.folder).run(target=tmp_path / "site")


def test_a_misspelt_setting_is_warned_of_and_decoration_is_not(application: Make) -> None:
    """A property that is nearly a setting draws a warning; labels, comments and what is far from any do not."""
    app = application(
        LINE + ":a a :SetText ; :settings :s .", ':s a :ConfigSet ; rdfs:label "l" ; :txet "x" ; :me "y" .'
    )
    (warning,) = transmissions.load(app.folder).warnings
    assert (warning.severity, warning.hint) == ("warning", "did you mean :text?")


def test_a_target_must_be_a_folder(application: Make, tmp_path: Path) -> None:
    """A target that is not there is refused, rather than made."""
    app = application(LINE + ":a a :NOP .")
    with pytest.raises(ParameterError, match="there is no such folder"):
        transmissions.load(app.folder).run(target=tmp_path / "nowhere")


def test_the_plan_of_an_application_can_be_sent_elsewhere(application: Make) -> None:
    """A plan is data also where its stages have the rules: it is equal after a trip through pickle."""
    app = application(
        """:main a :EntryTransmission ; :pipe (:f :g) . :f a :Fork . :g a :GOTO ; :settings [ :gotoTarget "t" ] .
        :t a :Transmission ; :pipe (:n) . :n a :NOP ."""
    )
    plan = transmissions.load(app.folder).plan()
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_a_plain_pipeline_has_nothing_to_go_to(tmp_path: Path) -> None:
    """In a plain file, a stage that goes to other transmissions is warned of, and says so when it runs."""
    file = tmp_path / "plain.ttl"
    turtle = ':t a :Transmission ; :pipe (:g) . :g a :GOTO ; :settings [ :gotoTarget "t" ] .'
    file.write_text(f"@prefix : <http://purl.org/stuff/transmissions/> . {turtle}")
    pipeline = transmissions.load(file)
    assert [warning.code for warning in pipeline.warnings] == ["no-application"]
    with pytest.raises(StageError, match="only the transmissions of an application folder call one another"):
        pipeline.run()


def test_halt_ends_the_run_without_failing_it(application: Make) -> None:
    """Nothing passes Halt, and the run is no failure."""
    app = application(LINE + ":a a :Halt .")
    result = transmissions.load(app.folder).run(messages={})
    assert (str(result.status), result.on_purpose, result.stage("z").received) == ("aborted", True, 0)


def test_the_page_on_applications_shows_one_that_runs(application: Make) -> None:
    """The example of the documentation does what its comment says, under the application's rules."""
    page = (Path(__file__).parents[2] / "docs" / "applications.md").read_text(encoding="utf-8")
    turtle = page.split("```turtle\n")[1].split("```")[0]
    app = application("", files={"data/a.md": "*hi*", "data/b.md": "# B"})
    (app.folder / "transmissions.ttl").write_text(turtle, encoding="utf-8")
    app.run()
    assert (app.text("data/a.html"), app.text("data/b.html")) == ("<p><em>hi</em></p>\n", "<h1>B</h1>\n")


def test_a_plain_pipeline_has_none_of_the_rules(tmp_path: Path) -> None:
    """In a plain file the stages are the processors' own classes, with nothing around them, and fields are data."""
    file = tmp_path / "plain.ttl"
    file.write_text(
        "@prefix : <http://purl.org/stuff/transmissions/> . :t a :Transmission ; :pipe (:a :b) ."
        ':a a :SetText ; :settings [ :text "ours" ] . :b a :NOP .'
    )
    pipeline = transmissions.load(file)
    assert [stage.processor for stage in pipeline.plan().stages] == [
        pipeline.registry.find("SetText"),
        pipeline.registry.find("NOP"),
    ]
    assert all(stage.processor.__mro__[1] is transmissions.Processor for stage in pipeline.plan().stages)
    assert list(pipeline.stream(messages={"text": "theirs"})) == [{"text": "theirs", "content": "ours"}]
