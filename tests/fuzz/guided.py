"""One target under atheris: python -m tests.fuzz.guided TARGET SEED SECONDS CORPUS. `tests.fuzz.running` starts it."""

import json
import sys
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(
    include=["nami_runtime", "nami_console", "nami_control", "nami_local.gateway", "nami_stack.gateways.mapping"]
):
    from tests.fuzz.running import FOLDER, Found, changed
    from tests.fuzz.targets import TARGETS


def main(name: str, seed: str, seconds: str, corpus: str) -> None:
    """Ends the process."""
    seeds = TARGETS[name].seeds()
    for number, case in enumerate(seeds):
        Path(corpus, f"seed-{number}").write_text(json.dumps(case))
    found = Found()

    def other(data: bytes, largest: int, drawn: int) -> bytes:
        random = Random(drawn)
        made = json.dumps(changed(_case(data) or random.choice(seeds), random)).encode()
        return made if len(made) <= largest else data

    with TARGETS[name].opened() as check:

        def one(data: bytes) -> int:
            case = _case(data)
            if case is None:
                return -1
            found.check(name, check, case)
            return 0

        options = {
            "seed": seed,
            "max_total_time": seconds,
            "max_len": "262144",
            "len_control": "0",
            "timeout": "120",
            "report_slow_units": "120",
            "rss_limit_mb": "4096",
            "print_final_stats": "1",
            "artifact_prefix": f"{FOLDER}/{name}-",
        }
        atheris.Setup(
            [sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), corpus], one, custom_mutator=other
        )
        atheris.Fuzz()


def _case(data: bytes) -> dict[str, object] | None:
    try:
        case = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return case if isinstance(case, dict) and "frozen" in case else None


if __name__ == "__main__":
    main(*sys.argv[1:])
