"""A destination that nami does not know, as the stack has it: a folder with a file for each webhook."""

import os

from nami_stack import Destination
from nami_stack.destinations.table import DESTINATIONS, DestinationKind
from nami_stack.watching.graph import Graph, graph
from nami_stack.watching.metrics import own

DESTINATIONS["folder"] = DestinationKind("toy_stack:Folder")


class Folder(Destination):
    """On this machine, where functions of a local AWS run."""

    kind = "folder"
    path = os.environ.get("TOY_FOLDER", "")

    @property
    def outputs(self) -> dict[str, str]:
        return {"FolderPath": self.path}

    def environment(self, name: str) -> dict[str, str]:
        return {"FOLDER": self.path}

    def graphs(self) -> list[Graph]:
        return [graph("Files in the folder", [own("Files", "Maximum", Subscription="shelf")])]
