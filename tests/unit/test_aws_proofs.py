"""The test for a real account: what it costs, and what it lists; tests/local runs it."""

import pytest

from proofs.aws import report
from proofs.aws.cleaning import of_arn
from proofs.aws.proofs import PROOFS
from proofs.aws.run import FAILED, HELD, Outcome, Report
from proofs.aws.stacks import STACKS


def test_all_of_it_costs_under_a_dollar() -> None:
    assert 0 < sum(stack.dollars for stack in STACKS) < 1


def test_each_proof_has_its_stack_and_each_stack_a_proof() -> None:
    assert {proof.stack for proof in PROOFS} == {stack.name for stack in STACKS}


@pytest.mark.parametrize(
    ("arn", "kept"),
    [
        ("arn:aws:sqs:eu-west-1:123456789012:jobs.fifo", ("AWS::SQS::Queue", "jobs.fifo")),
        ("arn:aws:s3:::large", ("AWS::S3::Bucket", "large")),
        ("arn:aws-cn:dynamodb:cn-north-1:123456789012:table/t", ("AWS::DynamoDB::Table", "t")),
        ("arn:aws:ec2:eu-west-1:123456789012:volume/vol-1", ("AWS::EC2::Volume", "vol-1")),
        ("arn:aws:logs:eu-west-1:123456789012:log-group:/aws/x:*", ("AWS::Logs::LogGroup", "/aws/x")),
        ("arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1", None),
    ],
)
def test_leftover_is_known_by_its_arn(arn: str, kept: tuple[str, str] | None) -> None:
    assert of_arn(arn) == kept


def test_report_is_not_well_where_something_failed_or_stays() -> None:
    fine = Outcome("it works", "host", HELD)
    assert Report("eu-west-1", local=False, proofs=[fine]).holds
    assert not Report("eu-west-1", local=False, proofs=[fine], left=["a queue"]).holds
    assert not Report("eu-west-1", local=False, proofs=[Outcome("it works", "host", FAILED)]).holds


def test_report_shows_the_error_in_one_row() -> None:
    failed = Outcome("it works", "host", FAILED, "AccessDenied: a | b\nc", 1.5)
    text = report.as_markdown(
        Report("eu-west-1", local=False, proofs=[failed], left=["stack nami-awstest-host: in use"])
    )
    assert "| it works | host | failed | 1.5 | AccessDenied: a \\| b c |" in text
    assert "- stack nami-awstest-host: in use" in text
