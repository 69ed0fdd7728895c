"""Where webhooks go that the gateway took by itself and that turned out not to be genuine."""

from collections.abc import Sequence

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_stack.acknowledge import acknowledge
from nami_stack.functions import PythonFunction
from nami_stack.queue import Queue
from nami_stack.signature import Signature


class Quarantine(Construct):
    """Has a drain's function verify what it writes; what fails comes here and not to the dead letters.

    Send it back to the drain's queue once the secret is right, and it is verified again as of its arrival.

    Args:
        function: of the drain, which verifies. Where that is in a VPC made here without a way out, the VPC gets an
            endpoint for SQS; in a VPC of the caller's the function's subnet must have a way to SQS.
        deduplicate_by: what the function makes a delivery's id of, once it is verified; empty: the provider's.
        days: that it is kept.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: PythonFunction,
        signature: Signature,
        secret: secretsmanager.ISecret,
        deduplicate_by: Sequence[str] = (),
        days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.queue = Queue(self, "Queue", days=days)
        acknowledge(self.queue, "nothing receives from it by itself, so nothing can fail to", "SQS3")
        function.add_environment("QUARANTINE_URL", self.queue.queue_url)
        function.add_environment("SIGNATURE", signature.to_json())
        function.add_environment("SIGNATURE_SECRET_ARN", secret.secret_arn)
        if deduplicate_by:
            function.add_environment("DEDUPLICATE_BY", ",".join(deduplicate_by))
        function.allow_secret(secret)
        self.queue.grant(function, "sqs:SendMessage")
