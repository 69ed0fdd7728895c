"""One run: each stack is deployed, tried and destroyed, and nothing is left however it ends."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from nami_control import deploying
from nami_control.aws import Aws
from nami_control.aws_errors import told
from nami_control.cdk_output import Progress
from nami_control.client import Subscription
from nami_control.errors import DeployError
from nami_control.progress import Tell
from nami_control.stacks import Target
from proofs.aws import cleaning
from proofs.aws.proofs import Proof
from proofs.aws.stacks import Stack

HELD, FAILED, SKIPPED, NOT_REACHED = "held", "failed", "skipped", "not reached"


@dataclass
class Outcome:
    """How one thing went, with what was seen or what AWS said."""

    what: str
    stack: str
    outcome: str = NOT_REACHED
    detail: str = ""
    seconds: float = 0.0


@dataclass
class Report:
    """What became of the stacks and of the proofs, and what could not be removed."""

    region: str
    local: bool
    started: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()))
    stacks: list[Outcome] = field(default_factory=list)
    proofs: list[Outcome] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether all that could be tried holds, and nothing is left."""
        fine = all(each.outcome in (HELD, SKIPPED) for each in (*self.stacks, *self.proofs))
        return fine and not self.left


class Run:
    def __init__(self, aws: Aws, stacks: Sequence[Stack], proofs: Sequence[Proof], tell: Tell) -> None:
        self._aws, self._tell, self._stacks, self._proofs = aws, tell, stacks, proofs
        region = aws.client("sts").meta.region_name
        self.report = Report(region, aws.is_local)
        self._stack_outcomes = {each.name: Outcome(each.what, each.name) for each in stacks}
        self._outcomes = {each.what: Outcome(each.what, each.stack) for each in proofs}
        self.report.stacks, self.report.proofs = list(self._stack_outcomes.values()), list(self._outcomes.values())

    def carry_out(self) -> None:
        """Try all of it. What ends it early is raised after everything was removed; the report has what was seen."""
        try:
            for stack in self._stacks:
                self._try(stack)
        finally:
            self._tell("removing what is left")
            self.report.left = cleaning.clean(self._aws, self._tell)

    def _try(self, stack: Stack) -> None:
        target = Target(stack.name, self._aws)
        self._tell(f"{target.stack_name}: deploying {stack.what}")
        if not self._attempt(self._stack_outcomes[stack.name], lambda: self.deploy(stack).stack_name):
            return
        deployed = Subscription(stack.name, self._aws)
        for proof in self._proofs:
            if proof.stack == stack.name:
                self._prove(proof, deployed)
        self._tell(f"{target.stack_name}: destroying")
        # Where that fails, the cleaning at the end tries again.
        removal = Outcome(f"{target.stack_name} is removed", stack.name)
        self.report.stacks.append(removal)
        self._attempt(removal, lambda: _removed(target))

    def _prove(self, proof: Proof, deployed: Subscription) -> None:
        outcome = self._outcomes[proof.what]
        if proof.not_local and self._aws.is_local:
            outcome.outcome, outcome.detail = SKIPPED, f"local AWS: {proof.not_local}"
        else:
            self._attempt(outcome, lambda: proof.carry_out(deployed))
        self._tell(f"  {outcome.outcome:<8}{proof.what}: {outcome.detail}")

    def _attempt(self, outcome: Outcome, act: Callable[[], str]) -> bool:
        started = time.monotonic()
        outcome.outcome = FAILED
        try:
            outcome.detail = act()
            outcome.outcome = HELD
        except Exception as error:  # one that fails, for whatever reason, does not keep the others from being tried
            outcome.detail = str(told(error) or repr(error))
        except BaseException:
            outcome.detail = "interrupted"
            raise
        finally:
            outcome.seconds = round(time.monotonic() - started, 1)
        return outcome.outcome == HELD

    def deploy(self, stack: Stack) -> Target:
        """Deploy one stack, its signature's secret filled in.

        Raises:
            NamiError: it can't be deployed.
        """
        target = Target(stack.name, self._aws, stack.settings)
        done = deploying.deploy(target, _shown, tell=self._tell)
        if arn := done.outputs.get("SignatureSecretArn"):
            # Before the first webhook, since the function would look for it again only after a while.
            made = secrets.token_hex(32)
            target.aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=made)
        return target


def _removed(target: Target) -> str:
    if failed := cleaning.remove(target):
        raise DeployError("; ".join(failed))
    return "removed"


@contextmanager
def _shown(_target: Target) -> Iterator[Progress]:
    yield cleaning.Unshown()
