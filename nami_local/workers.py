"""The processes that run functions on this machine: ministack's workers, one for each invocation at a time."""

from typing import Any

# Imports botocore into each worker, three quarters of its start, so that a function which calls itself by boto3 again
# and again is stopped.
_WATCH_FOR_LOOPS = "    _ms_install_invoke_depth()\n"


def register() -> None:
    """Put this in ministack's place.

    Raises:
        AttributeError: ministack's internals have moved.
    """
    from ministack.core import lambda_runtime  # noqa: PLC0415 (the CLI runs without ministack)

    script, invoke = lambda_runtime._PYTHON_WORKER_SCRIPT, lambda_runtime.Worker.invoke
    if _WATCH_FOR_LOOPS not in script:
        raise AttributeError("ministack's workers watch for loops in another way")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_WATCH_FOR_LOOPS, "")

    def invoke_alone(worker: Any, *args: Any, **kwargs: Any) -> Any:
        """On AWS an environment that dies while it starts takes no other with it; ministack ends all of the function's.

        Under load the others are starting too, and each of them that is ended so ends all of them again, without end.
        """
        try:
            return invoke(worker, *args, **kwargs)
        except Exception as error:
            lambda_runtime.kill_workers([worker])
            return {"status": "error", "error": str(error)}

    lambda_runtime.Worker.invoke = invoke_alone
