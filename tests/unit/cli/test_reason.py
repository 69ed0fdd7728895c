"""A failed run of the CDK CLI is told in one line, the most telling one."""

import pytest

from nami_control.cdk_output import reason


def test_line_of_the_app_wins() -> None:
    output = "warming up\nerror: batch_size=20: more than 10 needs batch_window\n\napp.py: exited with error 1\n"
    assert reason(output) == "batch_size=20: more than 10 needs batch_window"


def test_failed_resource_is_named_with_its_reason() -> None:
    output = (
        "nami-x |  3/9 | 10:00:00 AM | CREATE_FAILED        | AWS::SQS::Queue | Queue (Queue1) Bad thing happened\n"
        "nami-x |  4/9 | 10:00:00 AM | ROLLBACK_IN_PROGRESS | AWS::CloudFormation::Stack | nami-x\n"
        "❌  nami-x failed: ToolkitError: the stack named nami-x failed\n"
    )
    assert reason(output) == "AWS::SQS::Queue | Queue (Queue1) Bad thing happened"


def test_summary_serves_where_no_resource_failed() -> None:
    assert (
        reason("x\n❌  nami-x failed: ValidationError: Unrecognized types\n") == "ValidationError: Unrecognized types"
    )


def test_exception_of_a_users_app_serves() -> None:
    output = 'Traceback (most recent call last):\n  File "app.py", line 1\nModuleNotFoundError: No module named "x"\n'
    assert reason(output) == 'No module named "x"'


@pytest.mark.parametrize(("output", "said"), [("", "it said nothing"), ("what\nnow\n", "now")])
def test_anything_else_is_the_last_line(output: str, said: str) -> None:
    assert reason(output) == said
