"""Application folders of the JavaScript project, run under its rules: this package is where those rules are.

- `folder`: what an application is, which of its transmissions run, and what a message holds at the start;
- `lookup`: where the value of a setting comes from;
- `reading`: the folder's Turtle as one definition, its transmissions one after another;
- `stage`: what a stage does besides its processor: tags, done marks, settings that a message overrides;
- `line`: one transmission run by another, which is what GOTO does.

`docs/applications.md` tells the same to whoever writes applications. A plain Turtle file meets none of this.
"""

from transmissions.applications.folder import Folder, find, is_application
from transmissions.applications.reading import read
from transmissions.applications.registry import ApplicationRegistry
from transmissions.applications.stage import Place, placed

__all__ = ["ApplicationRegistry", "Folder", "Place", "find", "is_application", "placed", "read"]
