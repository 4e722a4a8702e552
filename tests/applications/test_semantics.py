"""The original's semantics in cases of our own: what is stated of it, and an application that shows it.

A case is a small application with what it is started with and what has to come of it, written down from the statement
and not from a run. Each is run by the command line, as a person would, and its input has to be as it was afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from transmissions.cli import main

Make = Callable[..., Any]
CONTEXT = frozenset({"appName", "appPath", "subtask", "rootDir", "dataDir", "workingDir", "targetDir", "appRunStart"})


@dataclass(frozen=True)
class Case:
    """One statement of the semantics, and what shows it.

    Args:
        says: the statement, in words of its own.
        turtle: `transmissions.ttl`.
        leaves: the messages that leave the application, without what tells of the run; None if that is not compared.
        message: what `-m` gives.
        config: `config.ttl`.
        site: `tt.ttl` of a target, for which the application is then run; None for no target.
        files: other files, below the folder that holds `app` and `site`.
        subtask: what stands behind the application's name.
        writes: what has to be in files afterwards.
        exit: the exit code.
        told: what is said on standard error.
    """

    says: str
    turtle: str
    leaves: list[dict[str, Any]] | None = None
    message: dict[str, Any] = field(default_factory=dict)
    config: str | None = None
    site: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    subtask: str = ""
    writes: dict[str, str] = field(default_factory=dict)
    exit: int = 0
    told: str = ""


WHICH_RUN = {
    "a label of two transmissions": Case(
        "A subtask runs every transmission that has the label, in the order of the file, and no other.",
        """:one a :EntryTransmission ; rdfs:label "x" ; :pipe (:a) . :two a :Transmission ; :pipe (:b) .
        :three a :Transmission ; rdfs:label "x" ; :pipe (:c) . :a a :NOP . :b a :NOP . :c a :NOP .""",
        [{"tags": "a.c"}],
        subtask="x",
    ),
    "a label with a dot": Case(
        "What stands behind the first dot is the subtask, also if there is another dot in it.",
        """:one a :Transmission ; rdfs:label "part.2" ; :pipe (:a) . :two a :Transmission ; :pipe (:b) .
        :a a :NOP . :b a :NOP .""",
        [{"tags": "a"}],
        subtask="part.2",
    ),
    "a label that is not there": Case(
        "A label that no transmission has runs nothing; here that is told, and is no success.",
        ':one a :Transmission ; rdfs:label "part" ; :pipe (:a) . :a a :NOP .',
        subtask="prat",
        exit=2,
        told="did you mean part?",
    ),
    "a nested transmission as a subtask": Case(
        "A transmission that stands in another's pipe can be asked for by itself, and its nodes are its own then.",
        """:main a :EntryTransmission ; :pipe (:a :inner :a2) . :inner a :Transmission ; rdfs:label "in" ; :pipe (:b) .
        :a a :NOP . :a2 a :NOP . :b a :SetText ; :settings [ :text "x" ] .""",
        [{"tags": "b", "content": "x"}],
        subtask="in",
    ),
    "one processor hands on what it made": Case(
        "The next transmission starts with what the one before returned; one of a single processor returned its input "
        "in the original, here it is what the processor made.",
        """:one a :Transmission ; :pipe (:set) . :two a :Transmission ; :pipe (:turn) .
        :set a :SetText ; :settings [ :text "abc" ] . :turn a :Reverse .""",
        [{"content": "cba", "tags": "set.turn"}],
    ),
    "nothing left the one before": Case(
        "A transmission from which nothing comes back ends the application without an error; those behind do not run.",
        """:one a :Transmission ; :pipe (:a :end) . :two a :Transmission ; :pipe (:w) . :a a :NOP . :end a :DeadEnd .
        :w a :FileWriter ; :settings [ :contentField "k" ] .""",
        [],
        {"k": "v"},
        files={"app/data/x": ""},
    ),
    "a nested one runs again by itself": Case(
        "Without an entry, all transmissions run in the order of the file, also those that are a part of another.",
        """:main a :Transmission ; :pipe (:a :part) . :part a :Transmission ; :pipe (:b :c) .
        :a a :NOP . :b a :NOP . :c a :NOP .""",
        [{"tags": "a.b.c.b.c"}],
    ),
}

NESTING = {
    "three deep, first and last": Case(
        "A transmission in a pipe is put in its place; the original lost what was the first or the last of a nested "
        "one, here any depth and any place will do.",
        """:main a :EntryTransmission ; :pipe (:one :z) . :one a :Transmission ; :pipe (:two :y) .
        :two a :Transmission ; :pipe (:x :three) . :three a :Transmission ; :pipe (:set :turn) .
        :set a :SetText ; :settings [ :text "ab" ] . :turn a :Reverse . :x a :NOP . :y a :NOP . :z a :NOP .""",
        [{"content": "ba", "tags": "x.set.turn.y.z"}],
    ),
    "a split inside, gathered outside": Case(
        "Done marks cross the borders of nested transmissions as all messages do.",
        """:main a :EntryTransmission ; :pipe (:in :gather :close) . :in a :Transmission ; :pipe (:deep) .
        :deep a :Transmission ; :pipe (:each) . :each a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :gather a :Accumulate ; :settings [ :accumulatorType "array" ] . :close a :Unfork .""",
        [{"accumulate": [1, 2], "done": False, "tags": "each.gather.close"}],
        {"l": [1, 2]},
    ),
    "the same part in two places": Case(
        "A nested transmission is built for each place where it stands, so that its accumulators are two.",
        """:main a :EntryTransmission ; :pipe (:left :right) . :left a :Transmission ; :pipe (:count :l) .
        :right a :Transmission ; :pipe (:count :r) . :count a :Transmission ; :pipe (:each :gather :close) .
        :each a :ForEach ; :settings [ :forEach "items" ] . :close a :Unfork . :l a :NOP . :r a :NOP .
        :gather a :Accumulate ; :settings [ :label "shared" ; :targetField "all" ] .""",
        [{"items": ["a", "b"], "all": "ab", "done": False, "tags": "each.gather.close.l.each.gather.close.r"}],
        {"items": ["a", "b"]},
    ),
    "nested in each other": Case(
        "Transmissions that stand in each other's pipes have no end; that is told before anything runs.",
        """:main a :EntryTransmission ; :pipe (:a :other) . :other a :Transmission ; :pipe (:b :main) .
        :a a :NOP . :b a :NOP .""",
        exit=2,
        told="main",
    ),
    "twice in one pipe": Case(
        "A node that stood twice in one pipe kept the original busy for ever; here it is an error with a place.",
        ":t a :Transmission ; :pipe (:a :b :a) . :a a :NOP . :b a :NOP .",
        exit=2,
        told="stage :a is twice in one :pipe",
    ),
    "two types": Case(
        "A node of a pipe has just one type; with two of them nothing runs, and the node is named.",
        ":t a :Transmission ; :pipe (:a :b) . :a a :NOP, :SetText . :b a :NOP .",
        exit=2,
        told=":a",
    ),
}

SETTINGS = {
    "five places": Case(
        "Each property is looked up by itself: the message, the target's file, the application's, its configuration, "
        "and the processor's default last.",
        """:t a :Transmission ; :pipe (:c :end) . :end a :NOP . :c a :Choice ; :settings :s .
        :s :testProperty "not this" ; :testOperator "exists" ; :testValue "10" ; :falseValue "small" .""",
        [{"testProperty": "size", "size": 9, "out": "small", "tags": "c.end"}],
        {"testProperty": "size", "size": 9},
        config=':s :testProperty "nor this" ; :testOperator "exists" ; :testValue "1" ; :falseProperty "out" .',
        site=':s :testProperty "nor that" ; :testOperator "greater" .',
    ),
    "all values of a property are hidden": Case(
        "Where a property is found first, all its values are taken from there, and none from the places behind.",
        """:t a :Transmission ; :pipe (:r :end) . :end a :NOP .
        :r a :Restructure ; :settings :s . :s :remove "a", "b" ; :rename ( [ :pre "c" ; :post "d" ] ) .""",
        [{"a": 1, "b": 2, "d": 3, "tags": "r.end"}],
        {"a": 1, "b": 2, "c": 3},
        site=':s :remove "c" .',
    ),
    "nodes without a name are of one file": Case(
        "Settings written in place belong to the application's file; blank nodes of the other files are not they, "
        "whatever their labels.",
        """:t a :Transmission ; :pipe (:a :end) . :end a :NOP . :a a :SetText ; :settings _:b0 . _:b0 :text "ours" .""",
        [{"content": "ours", "tags": "a.end"}],
        config='_:b0 :targetField "config" . [] :targetField "config" .',
        site='_:b0 :text "theirs" . [] :text "theirs" .',
    ),
    "one node for several stages": Case(
        "Several stages may share a node of settings; each takes the properties that it knows.",
        """:t a :Transmission ; :pipe (:a :b :c) . :a a :SetText ; :settings :s . :b a :Concat ; :settings :s .
        :c a :StringReplace ; :settings :s .
        :s :text "x.y" ; :targetField "out" ; :sourceFieldA "out" ; :sourceFieldB "out" ; :separator "." ;
            :inputField "out" ; :match "." ; :replace "-" .""",
        [{"out": "x-y-x-y", "tags": "a.b.c"}],
    ),
    "two nodes of settings": Case(
        "A stage with two nodes of settings has none, which the original kept to itself.",
        """:t a :Transmission ; :pipe (:a :end) . :end a :NOP . :a a :SetText ; :settings :s, :s2 .
        :s :text "x" . :s2 :targetField "out" .""",
        [{"content": "text", "tags": "a.end"}],
        told="stage :a has 2 :settings",
    ),
    "a stage without settings": Case(
        "Without :settings there are the defaults only, whatever the files say of the stage itself.",
        ":t a :Transmission ; :pipe (:a :end) . :end a :NOP . :a a :SetText .",
        [{"content": "text", "tags": "a.end"}],
        config=':a :text "config" .',
        site=':a :text "site" .',
    ),
    "lists with one, and with several": Case(
        "An RDF list is the list of its members, also with one; so are several values, and both may be had of one.",
        """:t a :Transmission ; :pipe (:a :b :c :end) . :end a :NOP .
        :a a :Restructure ; :settings [ :remove ( "a" ) ] . :b a :Restructure ; :settings [ :remove ( "b" "c" ), "d" ] .
        :c a :Restructure ; :settings [ :rename [ :pre "e" ; :post "f" ] ; :remove "e" ] .""",
        [{"f": 5, "g": 6, "tags": "a.b.c.end"}],
        {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "g": 6},
    ),
    "values are text": Case(
        "Values arrive as text, just as they are written; an address does as well, made absolute by @base.",
        """@base <http://example.org/base/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
        :t a :Transmission ; :pipe (:a :b :c :d :end) . :end a :NOP .
        :a a :SetText ; :settings [ :text ( 042 +1.50 1e3 true "1"^^xsd:boolean ) ; :targetField "a" ] .
        :b a :SetText ; :settings [ :text <é/x> ; :targetField "b" ] .
        :c a :SetText ; :settings [ :text "wort"@de ; :targetField "c" ] .
        :d a :SetText ; :settings [ :text "2025-01-02T03:04:05Z"^^xsd:dateTime ; :targetField "d" ] .""",
        [
            {
                "a": ["042", "+1.50", "1e3", "true", "1"],
                "b": "http://example.org/base/é/x",
                "c": "wort",
                "d": "2025-01-02T03:04:05Z",
                "tags": "a.b.c.d.end",
            }
        ],
    ),
    "what is false overrides nothing": Case(
        "A field of the message counts before all settings only if JavaScript takes it for true.",
        """:t a :Transmission ; :pipe (:a :b :end) . :end a :NOP .
        :a a :StringReplace ; :settings [ :match "a" ; :replace "b" ] .
        :b a :ForEach ; :settings [ :forEach "l" ; :limit 1 ] .""",
        [
            {
                "content": "b",
                "match": "",
                "replace": None,
                "limit": 0,
                "forEach": False,
                "currentItem": "x",
                "eachCounter": 0,
                "l": ["x", "y"],
                "done": False,
                "tags": "a.b.end",
            },
            {
                "content": "b",
                "match": "",
                "replace": None,
                "limit": 0,
                "forEach": False,
                "l": ["x", "y"],
                "done": True,
                "tags": "a.b.end",
            },
        ],
        {"content": "a", "match": "", "replace": None, "limit": 0, "forEach": False, "l": ["x", "y"]},
    ),
    "an override goes on to every stage": Case(
        "A field that is a setting's name overrides it in each stage that the message comes to, nested and gone to.",
        """:main a :EntryTransmission ; :pipe (:a :in :g) . :in a :Transmission ; :pipe (:b) .
        :away a :Transmission ; :pipe (:c) . :g a :GOTO ; :settings [ :gotoTarget "away" ] .
        :a a :SetText ; :settings [ :text "1" ; :targetField "a" ] .
        :b a :SetText ; :settings [ :text "2" ; :targetField "b" ] .
        :c a :SetText ; :settings [ :text "3" ; :targetField "c" ] .""",
        [{"text": "m", "a": "m", "b": "m", "c": "m", "tags": "a.b.g.c"}],
        {"text": "m"},
    ),
}

START = {
    "what -m gives goes through": Case(
        "The message of -m is what the run starts with; values that are false, empty or nested come out as they were.",
        ":t a :Transmission ; :pipe (:a :end) . :a a :NOP . :end a :NOP .",
        [{"zero": 0, "empty": "", "no": False, "nothing": None, "list": [], "object": {}, "deep": {"a": [None, [0]]},
          "ä": "日本語 💡", "tags": "a.end"}],
        {"zero": 0, "empty": "", "no": False, "nothing": None, "list": [], "object": {}, "deep": {"a": [None, [0]]},
         "ä": "日本語 💡"},
    ),
    "the fields of the run": Case(
        "What tells of the run is written over what -m gives; without a target there is none of it.",
        """:t a :Transmission ; rdfs:label "t" ; :pipe (:keep :end) . :end a :NOP . :keep a :Restructure ; :settings [
            :rename ( [ :pre "subtask" ; :post "kept.s" ] [ :pre "targetDir" ; :post "kept.t" ]
                      [ :pre "appName" ; :post "kept.n" ] ) ] .""",
        [{"kept": {"s": "t", "n": "app"}, "tags": "keep.end"}],
        {"subtask": "mine", "targetDir": "/mine", "appName": "mine"},
        subtask="t",
    ),
}  # fmt: skip

MARKS = {
    "three splits, three gathered": Case(
        "A mark closes the parts of its own split: each level is gathered by itself.",
        """:t a :Transmission ; :pipe (:rows :cells :copies :g1 :u1 :g2 :u2 :g3 :u3) .
        :rows a :ForEach ; :settings [ :forEach "rows" ; :remove "rows" ] .
        :cells a :ForEach ; :settings [ :forEach "currentItem" ] . :copies a :Fork ; :settings [ :forks 2 ] .
        :g1 a :Accumulate ; :settings [ :targetField "copied" ] . :u1 a :Unfork .
        :g2 a :Accumulate ; :settings [ :sourceField "copied" ; :targetField "row" ; :accumulatorType "array" ] .
        :u2 a :Unfork . :u3 a :Unfork .
        :g3 a :Accumulate ; :settings [ :sourceField "row" ; :targetField "table" ; :accumulatorType "object" ] .""",
        [{"table": [["aa", "bb"], [], ["cc"]], "done": False, "tags": "rows.cells.copies.g1.u1.g2.u2.g3.u3"}],
        {"rows": [["a", "b"], [], ["c"]]},
    ),
    "what branches did is gone": Case(
        "Unfork lets only the marked message on, as an ordinary one: what the copies hold is gone with them.",
        """:t a :Transmission ; :pipe (:fork :set :join :end) . :fork a :Fork ; :settings [ :forks 3 ] .
            :join a :Unfork .
        :end a :NOP . :set a :SetText ; :settings [ :text "of a copy" ; :processWhenDone "false" ] .""",
        [{"k": "v", "done": False, "tags": "fork.set.join.end"}],
        {"k": "v"},
    ),
    "parts pass the accumulator": Case(
        "Accumulate lets the parts by, and puts what it gathered into the mark, under a path if one is given.",
        """:t a :Transmission ; :pipe (:f :a :end) . :end a :NOP .
        :f a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :a a :Accumulate ; :settings [ :sourceField "currentItem.n" ; :targetField "x.y" ;
            :accumulatorType "array" ] .""",
        [
            {"currentItem": {"n": 1}, "eachCounter": 0, "done": False, "tags": "f.a.end"},
            {"currentItem": {}, "eachCounter": 1, "done": False, "tags": "f.a.end"},
            {"x": {"y": [1]}, "done": True, "tags": "f.a.end"},
        ],
        {"l": [{"n": 1}, {}]},
    ),
    "nothing to split": Case(
        "A list without members has no parts; its mark comes all the same and closes what is empty.",
        """:t a :Transmission ; :pipe (:f :a :b :u) . :u a :Unfork .
        :f a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :a a :Accumulate ; :settings [ :targetField "text" ] .
        :b a :Accumulate ; :settings [ :targetField "list" ; :accumulatorType "array" ] .""",
        [{"text": "", "list": [], "done": False, "tags": "f.a.b.u"}],
        {"l": []},
    ),
    "items of every kind": Case(
        "ForEach sends every item, whatever it is; joined as text each is what JavaScript writes for it.",
        """:t a :Transmission ; :pipe (:f :a :b :u) . :u a :Unfork .
        :f a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :a a :Accumulate ; :settings [ :targetField "text" ] .
        :b a :Accumulate ; :settings [ :targetField "list" ; :accumulatorType "array" ] .""",
        [{"text": "0falsenull5.5", "list": [0, "", False, None, 5.5], "done": False, "tags": "f.a.b.u"}],
        {"l": [0, "", False, None, 5.5]},
    ),
    "a walk in a walk": Case(
        "JSONWalker sends each member, and the last again as the mark; the original took that for another part, and "
        "walked it twice.",
        """:t a :Transmission ; :pipe (:w :v :end) . :w a :JSONWalker . :v a :JSONWalker . :end a :NOP .""",
        [
            {"content": 1, "done": False, "tags": "w.v.end"},
            {"content": 2, "done": False, "tags": "w.v.end"},
            {"content": 2, "done": True, "tags": "w.v.end"},
            {"content": 3, "done": False, "tags": "w.v.end"},
            {"content": 3, "done": True, "tags": "w.v.end"},
            {"content": [3], "done": True, "tags": "w.v.end"},
        ],
        {"content": [[1, 2], [3]]},
    ),
    "done from outside": Case(
        "A message may come in marked done: stages that skip such messages let it by, others handle it.",
        """:t a :Transmission ; :pipe (:a :b :c :d) . :a a :SetText ; :settings [ :text "a & b" ] .
        :b a :Escaper ; :settings [ :outputField "escaped" ] . :c a :MarkdownToLinks . :d a :Reverse .""",
        [{"done": True, "content": "b & a", "tags": "a.b.c.d"}],
        {"done": True},
    ),
    "files walked, gathered, written": Case(
        "DirWalker sends a message for each file and marks the end; what is gathered from them is written once.",
        """:t a :Transmission ; :pipe (:walk :read :gather :close :write) .
        :walk a :DirWalker ; :settings [ :sourceDir "data/in" ; :includePattern "*.md" ] . :read a :FileReader .
        :gather a :Accumulate ; :settings [ :sourceField "content" ; :targetField "content" ] . :close a :Unfork .
        :write a :FileWriter ; :settings [ :destinationFile "all.txt" ] .""",
        files={"app/data/in/é.md": "E", "app/data/in/a/b c.md": "B", "app/data/in/no.txt": "N"},
        writes={"app/data/all.txt": "BE"},
    ),
}  # fmt: skip

ROUTES = {
    "a chain of calls": Case(
        "What is gone to may go to others, by name or by address; the message comes back through all of them.",
        """:main a :EntryTransmission ; :pipe (:g1 :end) . :g1 a :GOTO ; :settings [ :gotoTarget "one" ] . :end a :NOP .
        :one a :Transmission ; :pipe (:g2 :b) . :g2 a :GOTO ; :settings [ :gotoTarget :two ] . :b a :NOP .
        :two a :Transmission ; :pipe (:inner) . :inner a :Transmission ; :pipe (:set) .
        :set a :SetText ; :settings [ :text "there" ] .""",
        [{"content": "there", "tags": "g1.g2.set.b.end"}],
    ),
    "one processor is gone to": Case(
        "GOTO goes on with what the other transmission made; of a single processor the original took its input.",
        """:main a :EntryTransmission ; :pipe (:g :end) . :g a :GOTO ; :settings [ :gotoTarget "t" ] . :end a :NOP .
        :t a :Transmission ; :pipe (:turn) . :turn a :Reverse .""",
        [{"content": "cba", "tags": "g.turn.end"}],
        {"content": "abc"},
    ),
    "unknown in a chain": Case(
        "An unknown target is warned of, and the message goes on, also within a transmission that was gone to.",
        """:main a :EntryTransmission ; :pipe (:g :end) . :g a :GOTO ; :settings [ :gotoTarget "t" ] . :end a :NOP .
        :t a :Transmission ; :pipe (:h :b) . :h a :GOTO ; :settings [ :gotoTarget "nowhere" ] . :b a :NOP .""",
        [{"tags": "g.h.b.end"}],
        told="no transmission is called nowhere",
    ),
    "a circle of two": Case(
        "Transmissions that go to each other never came back in the original; here that is an error.",
        """:main a :EntryTransmission ; :pipe (:g) . :g a :GOTO ; :settings [ :gotoTarget "ping" ] .
        :ping a :Transmission ; :pipe (:h) . :h a :GOTO ; :settings [ :gotoTarget "pong" ] .
        :pong a :Transmission ; :pipe (:i) . :i a :GOTO ; :settings [ :gotoTarget "ping" ] .""",
        exit=1,
        told="leads to itself",
    ),
    "each item its own way": Case(
        "Choice sets the field that GOTO reads, for each message by itself; the mark of the group takes no way.",
        """:main a :EntryTransmission ; :pipe (:f :c :g :a :u) . :f a :ForEach ; :settings [ :forEach "l" ;
            :remove "l" ] .
        :c a :Choice ; :settings [ :testProperty "currentItem" ; :testOperator "less" ; :testValue 10 ;
            :trueProperty "gotoTarget" ; :trueValue "small" ; :falseProperty "gotoTarget" ; :falseValue "big" ;
            :processWhenDone "false" ] .
        :g a :GOTO ; :settings [ :processWhenDone "false" ] . :u a :Unfork .
        :a a :Accumulate ; :settings [ :sourceField "size" ; :accumulatorType "array" ] .
        :small a :Transmission ; :pipe (:s :n) . :s a :SetText ; :settings [ :text "S" ; :targetField "size" ] .
        :big a :Transmission ; :pipe (:b :n) . :b a :SetText ; :settings [ :text "B" ; :targetField "size" ] .
            :n a :NOP .""",
        [{"accumulate": ["S", "B", "S"], "done": False, "tags": "f.c.g.a.u"}],
        {"l": [9, 11, "9.5"]},
    ),
    "a group inside what is gone to": Case(
        "A split within a transmission that is gone to has groups of its own, for each message that goes there.",
        """:main a :EntryTransmission ; :pipe (:f :g :a :u) . :f a :ForEach ; :settings [ :forEach "rows" ;
            :remove "rows" ] .
        :g a :GOTO ; :settings [ :gotoTarget "sum" ; :processWhenDone "false" ] . :u a :Unfork .
        :a a :Accumulate ; :settings [ :sourceField "row" ; :accumulatorType "array" ] .
        :sum a :Transmission ; :pipe (:h :b :v) . :h a :ForEach ; :settings [ :forEach "currentItem" ] . :v a :Unfork .
        :b a :Accumulate ; :settings [ :targetField "row" ] .""",
        [{"accumulate": ["ab", "c", ""], "done": False, "tags": "f.g.a.u"}],
        {"rows": [["a", "b"], ["c"], []]},
    ),
    "a target that splits": Case(
        "GOTO goes on with the first message that reached the end of the other, and with no other.",
        """:main a :EntryTransmission ; :pipe (:g :end) . :g a :GOTO ; :settings [ :gotoTarget "t" ] . :end a :NOP .
        :t a :Transmission ; :pipe (:f :n) . :f a :Fork ; :settings [ :forks 3 ] . :n a :NOP .""",
        [{"forkN": 0, "tags": "g.f.n.end"}],
    ),
}


NAMES = {
    "letters of every script": Case(
        "Names of nodes, fields, labels and files are any letters there are, and tags show them as they are written.",
        """:größe a :Transmission ; rdfs:label "メモ" ; :pipe (:čti :преобразуй :napiš) .
        :čti a :FileReader ; :settings [ :sourceFile "ein/ö 💡.txt" ; :targetField "straße.名前" ] .
        :преобразуй a :Reverse ; :settings [ :sourceField "straße.名前" ; :targetField "straße.λ" ] .
        :napiš a :FileWriter ; :settings [ :contentField "straße.λ" ; :destinationFile "aus/ß.txt" ] .""",
        [{"straße": {"名前": "äb", "λ": "bä"}, "filePath": "${APP}/data/ein/ö 💡.txt",
          "tags": "čti.преобразуй.napiš"}],
        files={"app/data/ein/ö 💡.txt": "äb"},
        subtask="メモ",
        writes={"app/data/aus/ß.txt": "bä"},
    ),
    "nodes of other vocabularies": Case(
        "A node may have any address; its short name is what follows the last slash or hash.",
        """@prefix ex: <http://example.org/my/steps#> . @prefix ü: <http://example.org/ü/> .
        ex:main a :Transmission ; :pipe (ex:first ü:zweite <http://example.org/third>) .
        ex:first a :SetText ; :settings ex:set . ex:set :text <http://example.org/straße?x=ä#é> .
        ü:zweite a :NOP . <http://example.org/third> a :NOP .""",
        [{"content": "http://example.org/straße?x=ä#é", "tags": "first.zweite.third"}],
    ),
    "fields named as lists are": Case(
        "A step of a path that is a number is the member of a list, or the field of that name.",
        """:t a :Transmission ; :pipe (:a :end) . :end a :NOP . :a a :Restructure ; :settings [
            :rename ( [ :pre "l.1.x" ; :post "one" ] [ :pre "o.1" ; :post "two" ] [ :pre "l.9" ; :post "none" ]
                      [ :pre "l[0]" ; :post "none" ] ) ; :remove "l", "o.1" ] .""",
        [{"one": 5, "two": "b", "o": {"0": "a"}, "tags": "a.end"}],
        {"l": [0, {"x": 5}], "o": {"0": "a", "1": "b"}},
    ),
}  # fmt: skip

READ_AND_WRITE = """:t a :Transmission ; :pipe (:r :turn :w) . :turn a :Reverse .
    :r a :FileReader ; :settings :in . :in :sourceFile "sub/in.txt" .
    :w a :FileWriter ; :settings [ :destinationFile "sub/deep/out.txt" ] ."""
PATHS = {
    "without a target": Case(
        "A relative path starts from the application's data; what is read is looked for in data below it as well.",
        READ_AND_WRITE,
        files={"app/data/data/sub/in.txt": "abc"},
        writes={"app/data/sub/deep/out.txt": "cba"},
    ),
    "the nearer file": Case(
        "Of two files of one name, the one in the working folder is read, not the one in data below it.",
        READ_AND_WRITE,
        site=':in :sourceFile "in.txt" .',
        files={"site/in.txt": "near", "site/data/in.txt": "far", "app/data/sub/in.txt": "other"},
        writes={"site/sub/deep/out.txt": "raen"},
    ),
    "with a target": Case(
        "For a target, a relative path starts from it, and what is written is there.",
        READ_AND_WRITE,
        site="",
        files={"site/data/sub/in.txt": "abc", "app/data/sub/in.txt": "not this"},
        writes={"site/sub/deep/out.txt": "cba"},
    ),
    "the message names the file": Case(
        "`filepath` in a message comes before the setting for what is read, relative to the same folder.",
        READ_AND_WRITE,
        message={"filepath": "sub/other.txt"},
        files={"app/data/sub/in.txt": "abc", "app/data/sub/other.txt": "xyz"},
        writes={"app/data/sub/deep/out.txt": "zyx"},
    ),
    "folders are copied below the target": Case(
        "FileCopy starts from the target as well, copies folders with all that is in them, and lets the message on.",
        ':t a :Transmission ; :pipe (:c :end) . :end a :NOP . :c a :FileCopy ; :settings :s . :s :source "a" .',
        [{"tags": "c.end"}],
        site=':s :destination "b/c" .',
        files={"site/a/x.txt": "1", "site/a/y/z.txt": "2"},
        writes={"site/b/c/x.txt": "1", "site/b/c/y/z.txt": "2"},
    ),
    "what was read is not lost": Case(
        "In the original a writer behind a walk wrote over the walked files, whatever its settings said.",
        """:t a :Transmission ; :pipe (:walk :read :set :write) . :read a :FileReader .
        :walk a :DirWalker ; :settings [ :sourceDir "in" ] . :set a :SetText ; :settings [ :text "new" ] .
        :write a :FileWriter ; :settings [ :destinationFile "out.txt" ] .""",
        site="",
        files={"site/in/a.md": "old", "site/in/b.md": "old"},
        writes={"site/out.txt": "new"},
    ),
}

DATA = {
    "put aside in each part": Case(
        "What a stage puts aside is the message's own: each part of a split has what was put aside of itself.",
        """:t a :Transmission ; :pipe (:f :aside :set :back :gather :close) .
        :f a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :aside a :Stash ; :settings [ :fields "currentItem", "gone" ] .
        :set a :SetText ; :settings [ :targetField "currentItem" ; :text "x" ; :processWhenDone "false" ] .
        :back a :Stash ; :settings [ :action "restore" ; :processWhenDone "false" ] . :close a :Unfork .
        :gather a :Accumulate ; :settings [ :accumulatorType "array" ] .""",
        [{"accumulate": ["a", {"b": 0}], "done": False, "tags": "f.aside.set.back.gather.close"}],
        {"l": ["a", {"b": 0}]},
    ),
    "the whiteboard in the message": Case(
        "What was gathered on the whiteboard comes into the message as one list for each name; the original threw.",
        """:t a :Transmission ; :pipe (:f :keep :all :turn :end) . :f a :ForEach ; :settings [ :forEach "l" ;
            :remove "l" ] .
        :keep a :Restructure ; :settings [ :rename ( [ :pre "currentItem.t" ; :post "title" ] ) ;
            :remove "currentItem" ] .
        :all a :CaptureAll . :turn a :WhiteboardToMessage . :end a :Restructure ; :settings [ :remove "whiteboard" ;
            :lists "list" ; :rename ( [ :pre "whiteboard.title" ; :post "titles" ]
                                      [ :pre "whiteboard.eachCounter" ; :post "numbers" ] ) ] .""",
        [{"titles": ["A", None], "numbers": [0, 1], "done": False, "tags": "f.keep.all.turn.end"}],
        {"l": [{"t": "A"}, {}]},
    ),
    "two lists deep": Case(
        "A list is walked, its members are put in another form by paths of any depth, and a list in them is walked.",
        """:t a :Transmission ; :pipe (:read :walk :form :each :last :end) . :end a :NOP .
        :read a :FileReader ; :settings [ :sourceFile "in.json" ; :mediaType "application/json" ] .
        :walk a :JSONWalker . :each a :JSONWalker .
        :form a :Restructure ; :settings [ :remove "content.chat", "filePath" ;
            :rename ( [ :pre "content.meta.names.0.full" ; :post "conversation.by.name" ]
                      [ :pre "conversation.by.name" ; :post "conversation.again" ]
                      [ :pre "content.chat.messages" ; :post "content" ] ) ] .
        :last a :Restructure ; :settings [ :rename ( [ :pre "content.text" ; :post "out.text" ] ) ;
            :remove "content" ] .""",
        [
            {"conversation": {"by": {"name": "N"}, "again": "N"}, "out": {"text": "one"}, "done": False,
             "tags": "read.walk.form.each.last.end"},
            {"conversation": {"by": {"name": "N"}, "again": "N"}, "out": {"text": ""}, "done": False,
             "tags": "read.walk.form.each.last.end"},
            {"conversation": {"by": {"name": "N"}, "again": "N"}, "content": {"text": ""}, "done": True,
             "tags": "read.walk.form.each.last.end"},
            {"content": {"meta": {"names": [{"full": "N"}]},
                         "chat": {"messages": [{"text": "one"}, {"text": ""}]}},
             "filePath": "${APP}/data/in.json", "done": True, "tags": "read.walk.form.each.last.end"},
        ],
        files={"app/data/in.json": '[{"meta": {"names": [{"full": "N"}]},'
                                   ' "chat": {"messages": [{"text": "one"}, {"text": ""}]}}]'},
    ),
    "values that are nothing": Case(
        "What is copied, set and joined may be 0, false, null, empty text or an empty list, and stays that.",
        """:t a :Transmission ; :pipe (:r :c :d :end) . :end a :NOP . :r a :Restructure ; :settings [ :remove "v" ;
            :rename ( [ :pre "v.zero" ; :post "a" ] [ :pre "v.empty" ; :post "b" ] [ :pre "v.no" ; :post "c" ]
                      [ :pre "v.nothing" ; :post "d" ] [ :pre "v.list" ; :post "e" ] ) ] .
        :c a :Concat ; :settings [ :sourceFieldA "a" ; :sourceFieldB "c" ; :separator "/" ; :targetField "f" ] .
        :d a :Concat ; :settings [ :sourceFieldA "b" ; :sourceFieldB "nowhere" ; :targetField "g" ] .""",
        [{"a": 0, "b": "", "c": False, "d": None, "e": {}, "f": "0/false", "g": "", "tags": "r.c.d.end"}],
        {"v": {"zero": 0, "empty": "", "no": False, "nothing": None, "list": []}},
    ),
    "every kind of member": Case(
        "A list that is walked may hold anything and be anywhere: each member is `content` as it is, without the list.",
        ":t a :Transmission ; :pipe (:w :end) . :w a :JSONWalker ; :settings [ :pointer \"a.b\" ] . :end a :NOP .",
        [{"a": {}, "content": one, "done": False, "tags": "w.end"}
         for one in (0, "", False, None, [])]
        + [{"a": {}, "content": [], "done": True, "tags": "w.end"}],
        {"a": {"b": '[0, "", false, null, []]'}},
    ),
    "zero and false are something": Case(
        "A required field is there if it holds anything but nothing at all, empty text or nothing inside.",
        """:t a :Transmission ; :pipe (:f :r :g :u) . :f a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :r a :RequiredFields ; :settings [ :requiredFields "currentItem.v" ; :processWhenDone "false" ] . :u a :Unfork .
        :g a :Accumulate ; :settings [ :sourceField "currentItem.v" ; :accumulatorType "array" ] .""",
        [{"accumulate": [0, False, "x"], "done": False, "tags": "f.r.g.u"}],
        {"l": [{"v": one} for one in (0, False, "x", "", None, [], {})] + [{}]},
        told="left out for its field currentItem.v",
    ),
}  # fmt: skip

FAILURES = {
    "in the midst of a group": Case(
        "What goes wrong with one message ends the run and is told with stage and place; the original dropped it.",
        """:t a :Transmission ; :pipe (:f :r :end) . :end a :NOP . :f a :ForEach ; :settings [ :forEach "l" ] .
        :r a :Reverse ; :settings [ :sourceField "currentItem" ; :targetField "currentItem" ] .""",
        message={"l": ["ab", 5, "cd"]},
        exit=1,
        told="stage :r failed in process",
    ),
    "a file that is not there": Case(
        "A file that cannot be read fails the run; the original ended well, and wrote nothing.",
        READ_AND_WRITE,
        files={"app/data/x": ""},
        exit=1,
        told="there is no such file",
    ),
    "Turtle that is none": Case(
        "A mistake in the configuration is told with file and line; the original ran without its settings.",
        ":t a :Transmission ; :pipe (:a :end) . :a a :NOP . :end a :NOP .",
        config=":s :text .",
        exit=2,
        told="config.ttl:3:",
    ),
}

CASES = {
    **WHICH_RUN, **NESTING, **SETTINGS, **START, **MARKS, **ROUTES, **NAMES, **PATHS, **DATA, **FAILURES,
}  # fmt: skip


def with_places(value: Any, folder: Path) -> Any:
    """Return what is expected, with the folders of this run."""
    return json.loads(json.dumps(value).replace("${APP}", str(folder / "app")))


@pytest.mark.parametrize("name", CASES)
def test_the_semantics_hold(
    name: str, application: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the case says holds: of the exit code, what is told, the messages, the files, and those that were there."""
    case = CASES[name]
    given = {f"../{path}": text for path, text in case.files.items()}
    if case.site is not None:
        given["../site/tt.ttl"] = case.site
    application(case.turtle, case.config, given)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.chdir(tmp_path)
    words = ["run", f"app.{case.subtask}" if case.subtask else "app", "-m", json.dumps(case.message)]
    words += ["--target", "site"] if case.site is not None else []
    code = main([*words, "--messages", "left.jsonl"])
    said = capsys.readouterr().err
    assert code == case.exit, said
    assert case.told in said
    if case.leaves is not None:
        lines = (tmp_path / "left.jsonl").read_text(encoding="utf-8").splitlines()
        left = [{key: one for key, one in json.loads(line).items() if key not in CONTEXT} for line in lines]
        assert left == with_places(case.leaves, tmp_path)
    assert {path: (tmp_path / path).read_text(encoding="utf-8") for path in case.writes} == case.writes
    assert {path: path.read_bytes() for path in before} == before


def test_what_is_unchanged_closes_no_group(application: Make) -> None:
    """A part that is skipped leaves its group; the original marked it done, and whatever waited for that went off."""
    app = application(
        """:t a :Transmission ; :pipe (:f :r :d :g :u) . :f a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :r a :Restructure ; :settings [ :rename ( [ :pre "currentItem.id" ; :post "id" ]
            [ :pre "currentItem.v" ; :post "content" ] ) ] .
        :d a :MessageChangeDetector ; :settings [ :cacheFile "seen.json" ] . :u a :Unfork .
        :g a :Accumulate ; :settings [ :sourceField "id" ; :accumulatorType "array" ] .""",
        files={"data/x": ""},
    )
    items = [{"id": "a", "v": "1"}, {"id": "b", "v": "1"}, {"id": "c", "v": "1"}]
    assert [one["accumulate"] for one in app.run({"l": items})] == [["a", "b", "c"]]
    changed = [items[0], {"id": "b", "v": "2"}, items[2]]
    assert [one["accumulate"] for one in app.run({"l": changed})] == [["b"]]


@pytest.mark.parametrize(
    ("value", "operator", "wanted", "holds"),
    [
        (5, "equals", "5", True), (5.0, "equals", "5", True), (5, "equals", "5.0", True), ("5", "equals", "5", True),
        ("5.0", "equals", "5", False), (0, "equals", "0", True), (None, "equals", "null", False),
        (True, "equals", "true", True), ("x", "equals", "X", False), ("", "equals", "x", False),
        ("日本語", "equals", "日本語", True),
        ("a b", "contains", " ", True), ("a", "contains", "b", False), (["a", 1], "contains", "1", True),
        ([], "contains", "a", False), ({"k": 0}, "contains", "k", True), (5, "contains", "5", False),
        (10, "greater", "9", True), ("10", "greater", "9", True), (9, "greater", "9", False),
        ("b", "greater", "a", True), (None, "greater", "0", False), (-1, "less", "0", True), (0, "less", "0.5", True),
        (10**400, "greater", "9", True), ("9.5", "less", "10", True), (10, "less", "9", False),
        (0, "exists", "", True), (False, "exists", "", True), ([1], "exists", "", True), ([], "exists", "", False),
        (None, "exists", "", False),
    ],
)  # fmt: skip
def test_every_test_of_a_choice(application: Make, value: Any, operator: str, wanted: str, holds: bool) -> None:
    """Settings are text, so a number equals what is written for it, and numbers are compared as numbers."""
    app = application(
        f""":t a :Transmission ; :pipe (:c :end) . :end a :NOP . :c a :Choice ; :settings [
            :testProperty "deep.v" ; :testOperator "{operator}" ; :testValue "{wanted}" ;
            :trueProperty "yes" ; :trueValue "y" ; :falseProperty "no" ; :falseValue "n" ] ."""
    )
    (left,) = app.run({"deep": {"v": value}})
    assert {name: left[name] for name in ("yes", "no") if name in left} == ({"yes": "y"} if holds else {"no": "n"})


@pytest.mark.parametrize("operator", ["equals", "contains", "greater", "less", "exists"])
def test_a_field_that_is_not_there_is_nothing(application: Make, operator: str) -> None:
    """No test of a field that the message lacks holds, and the message takes the other way."""
    app = application(
        f""":t a :Transmission ; :pipe (:c :end) . :end a :NOP . :c a :Choice ; :settings [ :testProperty "gone" ;
            :testOperator "{operator}" ; :testValue "x" ; :trueProperty "r" ; :trueValue "y" ; :falseProperty "r" ;
            :falseValue "n" ] ."""
    )
    assert app.run()[0]["r"] == "n"
