"""RunProgram: gives a field to a program of this machine, and takes what it writes."""

from __future__ import annotations

import json
from typing import Any, Literal

from processors.values import as_text
from transmissions import Duration, Message, Processor, TransmissionsError, require_field, set_field, setting

__all__ = ["RunProgram"]

_SHOWN = 200


class RunProgram(Processor):
    r"""Give a field of the message to a program on its standard input, and take what it writes to standard output.

    Program and arguments are those that the pipeline's file names, and no message changes them. There is no shell: an
    argument is what it is, whatever signs are in it. Whoever runs the pipeline has to allow the program by name, with
    `trans run --allow-program NAME`, or `allow_programs=["NAME"]` in Python. It runs in an empty folder that is gone
    afterwards, so name files in whole paths; of the environment it sees the search path and what `:environment` names.
    When its time is over, it is ended with all that it started.

    Example:
        :stage a :RunProgram ; :settings [ :program "sort" ; :arguments "-r" ] .
        with --allow-program sort
        in {"content": "a\nb\n"}
        out {"content": "b\na\n", "exitCode": 0}

    Guarantee: that of the program.
    """

    overridable = False
    writes = ("exitCode",)

    program: str = setting(doc="the program: a name on the search path, or a whole path, as it was allowed")
    arguments: list[str] = setting((), "its arguments, in order")
    input_field: str = setting("content", "field that it reads, as text or else JSON; nothing if empty", reads=True)
    output_field: str = setting("content", "field that receives what it writes", writes=True)
    media_type: Literal["text/plain", "application/json"] = setting("text/plain", "what it writes; JSON is parsed")
    error_field: str = setting("", "field that receives what it writes to standard error; none if empty")
    on_failure: Literal["fail", "mark"] = setting(
        "fail", "what an exit code other than 0 does: the message fails, or it goes on with that in `exitCode`"
    )
    timeout: Duration = setting(30.0, "seconds that it may take for one message", minimum=0.001)
    max_output_bytes: int = setting(16_777_216, "the most bytes that it may write", minimum=1)
    environment: list[str] = setting((), "names of variables of the environment that it sees")

    def start(self) -> None:
        """Refuse a program that is not allowed or not there, before the first message."""
        self.context.programs.find(self.program)

    def process(self, message: Message) -> Message:
        """Return the message with what the program wrote."""
        given = as_text(require_field(message, self.input_field)) if self.input_field else ""
        ended = self.context.programs.run(
            self.program,
            self.arguments,
            given=given.encode("utf-8", "surrogatepass"),
            timeout_s=self.timeout,
            max_bytes=self.max_output_bytes,
            environment=self.environment,
            stopping=self.context.stopping,
        )
        errors = ended.errors.decode("utf-8", "replace")
        if ended.status != 0 and self.on_failure == "fail":
            said = " ".join(errors.split())[:_SHOWN]
            raise TransmissionsError(f"{self.program}: it ended with {ended.status}" + (f": {said}" if said else ""))
        set_field(message, self.output_field, self._value(ended.output))
        message["exitCode"] = ended.status
        if self.error_field:
            set_field(message, self.error_field, errors)
        return message

    def _value(self, output: bytes) -> Any:
        try:
            text = output.decode("utf-8")
            return json.loads(text) if self.media_type == "application/json" else text
        except (ValueError, RecursionError) as error:
            raise TransmissionsError(f"{self.program}: what it wrote is no {self.media_type}: {error}") from None
