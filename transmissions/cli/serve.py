"""`trans serve`: jobs over HTTP, and the page that shows them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transmissions.cli.command import Command
from transmissions.cli.options import Debug, JobStoreOption, Processors
from transmissions.errors import ParameterError, TransmissionsError

if TYPE_CHECKING:
    from transmissions.jobs import JobStore

__all__ = ["register", "serve"]

_EXAMPLES = """\b
Examples:
  trans serve
  trans serve pipelines --processors my.py --target archive
  trans serve --port 9000 --job-store redis://127.0.0.1:6379/0
  trans serve --allow-host jobs.example.org      behind a proxy of that name
"""
_LOCAL = ("127.0.0.1", "::1", "localhost")


def serve(  # noqa: PLR0917
    folders: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FOLDER]...", show_default=False, help="Pipelines in these may be run, besides the bundled ones."
        ),
    ] = None,
    port: Annotated[str, typer.Option("--port", metavar="NUMBER", help="Where to listen; 0 for any port.")] = "8765",
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="Also answer to this name, of a proxy; may be repeated."),
    ] = None,
    target: Annotated[str, typer.Option("--target", metavar="DIR", help="Runs write below this folder.")] = ".",
    max_runs: Annotated[
        str, typer.Option("--max-runs", metavar="NUMBER", help="How many runs may go on at once.")
    ] = "4",
    token_file: Annotated[
        str | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Where the token is kept.  [default: transmissions/server-token in the user's configuration folder]",
        ),
    ] = None,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Make a new token; the old one opens nothing.")
    ] = False,
    processors: Processors = None,
    job_store: JobStoreOption = None,
    debug: Debug = False,
) -> int:
    """Serve jobs over HTTP, and a page that shows them live.

    Whoever asks must show the token, which is made when there is none, and printed that once, to a terminal only. The
    server listens on this machine only, unless told otherwise. It needs the extra `server`."""
    _check_installed()
    places = [_folder(one) for one in folders or []]
    port_number, runs = _number("--port", port, 0, 65_535), _number("--max-runs", max_runs, 1, 1000)
    from transmissions.cli.log import set_up

    names = [_name(one) for one in allow_host or []]
    from transmissions.jobs import JobManager
    from transmissions.server import Catalogue, Server, Service, listening, read_token
    from transmissions.server.token import LiveToken, default_token_file

    set_up(quiet=False, verbose=False, debug=debug)
    catalogue = Catalogue(places, processors or [])
    file = default_token_file() if token_file is None else Path(token_file)
    # Before the token: one that is made is printed once, and is not to be lost to a port that is taken.
    with listening(host, port_number) as opened, _opened(job_store) as store, JobManager(store) as manager:
        token = read_token(file, renew=new_token)
        service = Service(manager, catalogue, Path(target), runs)
        server = Server(service, LiveToken(file, token.text), host=host, hosts=names, opened=opened)
        if host not in _LOCAL:
            typer.echo(
                f"trans serve: {host}: other machines can reach this; without TLS they can read the token", err=True
            )
        # What is no terminal may be a log, which keeps what it is told, and shows it to others.
        if token.made and sys.stdout.isatty():
            typer.echo(f"{server.address}#token={token.text}")
        else:
            typer.echo(server.address)
        typer.echo(f"the token is kept in {file}", err=True)
        server.run()
    return 0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("serve", cls=Command, epilog=_EXAMPLES)(serve)


def _check_installed() -> None:
    lacking = [name for name in ("starlette", "uvicorn", "sse_starlette") if find_spec(name) is None]
    if lacking:
        raise TransmissionsError(
            f"trans serve needs {', '.join(lacking)}: install them with pip install 'transmissions-engine[server]'"
        )


@contextmanager
def _opened(job_store: str | None) -> Iterator[JobStore]:
    from transmissions.jobs.place import open_store

    store = open_store(job_store)
    assert store is not None
    with store:
        yield store


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?", text):
        raise ParameterError(f"--allow-host {text}: write the name alone, as in jobs.example.org, or with a port")
    return text


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ParameterError(f"{text}: this is no folder; name folders in which there are pipelines")
    return path


def _number(option: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
        raise ParameterError(f"{option} {text}: write a whole number, {least} to {most}")
    return int(text)
