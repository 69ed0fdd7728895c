"""What `make fuzz` drives, by name."""

from tests.fuzz import console, filters, intake, mapping, queue, transforms, typed
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    "intake": intake.TARGET,
    "handshakes": intake.HANDSHAKES,
    "direct": queue.DIRECT,
    "documents": queue.DOCUMENTS,
    "mapping": mapping.TARGET,
    "filters": filters.TARGET,
    "transforms": transforms.TARGET,
    "console": console.TARGET,
    "typed": typed.TARGET,
}
