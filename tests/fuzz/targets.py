"""What `make fuzz` drives, by name."""

from tests.fuzz import intake
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {"intake": intake.TARGET}
