"""From the pre-queue function to one destination: queue, dead letters, post-queue function."""

from collections.abc import Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_lambda_event_sources import SqsEventSource
from constructs import Construct

from nami_stack import reporting
from nami_stack.assets import LAMBDAS
from nami_stack.destinations.destination import Destination
from nami_stack.destinations.table import check_transform
from nami_stack.functions import PythonFunction
from nami_stack.queue import Queue
from nami_stack.settings import PipelineSettings

# The most that SQS takes. Of an ordered queue it counts also what waits for others, so the function counts by itself.
_MOST_RECEIVES = 1000


class Drain(Construct):
    """One destination's own queue, so that another one's failing does not hold it back; its function, where it has one.

    Args:
        name: of the subscription.
        called: what the destination is called; its kind, and a number behind it, where the user gave it no name.
        source: folder of the post-queue function's code.
        extra_requirements: what the function needs beside its own requirements.txt.
        large_bodies: where the bodies lie that the queue can't hold.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        called: str,
        source: Path,
        destination: Destination,
        large_bodies: s3.Bucket,
        extra_requirements: Sequence[Path] = (),
        settings: PipelineSettings,
    ) -> None:
        super().__init__(scope, construct_id)
        self.destination, self.settings, self.called = destination, settings, called
        self.has_name = name_of(destination) is not None
        ordered = settings.order_by is not None
        has_function = getattr(destination, "has_function", True)  # a user's own may have but what is needed
        self.dead_letter_queue = Queue(self, "DeadLetters", days=settings.dead_letter_retention_days, ordered=ordered)
        receives = _MOST_RECEIVES if ordered and has_function else settings.max_receives
        self.queue = Queue(
            self,
            "Queue",
            days=settings.queue_retention_days,
            ordered=ordered,
            visibility_timeout=settings.visibility_timeout,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letter_queue, max_receive_count=receives),
            bodies=None if has_function else large_bodies,
        )
        if settings.transform is not None:
            transforms = getattr(destination, "transforms", False)
            check_transform(destination.kind, transforms=transforms, has_function=has_function)
        self.post_queue_function: PythonFunction | None = None
        if has_function:
            self.post_queue_function = function = self._function(
                name, source, large_bodies, extra_requirements, settings
            )
            self._let_use(function, large_bodies, name)
            self._let_send_on(function, large_bodies, ordered=ordered)
            destination.grant_write(function)
            batches = settings.maximum_concurrency
            limit = destination.batch_limit(settings.post_queue_timeout, ordered=ordered, batches=batches)
            self._feed(function, settings, limit)

    def _function(
        self,
        name: str,
        source: Path,
        large_bodies: s3.Bucket,
        extra_requirements: Sequence[Path],
        settings: PipelineSettings,
    ) -> PythonFunction:
        destination = self.destination
        reporting.check_way_out(settings, destination.placement.get("vpc"), destination.placement.get("vpc_subnets"))
        return PythonFunction(
            self,
            "PostQueue",
            source=source,
            extra_requirements=[*_requirements(destination, settings), *extra_requirements],
            memory=settings.post_queue_memory,
            timeout=settings.post_queue_timeout,
            settings=settings,
            environment={
                "NAMI_SUBSCRIPTION": name,
                "DESTINATION": destination.kind,
                **({"DESTINATION_NAME": self.called} if self.has_name else {}),
                "QUEUE_URL": self.queue.queue_url,
                "CLAIM_CHECK_BUCKET": large_bodies.bucket_name,
                "QUEUE_SECONDS": str(settings.queue_retention_days * 86_400),
                **self._where_set(settings),
                **destination.environment(name),
            },
            placement=destination.placement,
            reserved_concurrency=settings.post_queue_reservation,
        )

    def _where_set(self, settings: PipelineSettings) -> dict[str, str]:
        ordered = {"MAX_RECEIVES": str(settings.max_receives), "DEAD_LETTERS_URL": self.dead_letter_queue.queue_url}
        return {
            **({"TRANSFORM": settings.transform} if settings.transform is not None else {}),
            **({"KEEP_DAYS": str(settings.keep_days)} if settings.keep_days else {}),
            **(ordered if settings.order_by is not None else {}),
        }

    def _let_use(self, function: PythonFunction, large_bodies: s3.Bucket, name: str) -> None:
        function.allow_objects("s3:GetObject", large_bodies)
        if getattr(self.destination, "leaves_large_bodies", False):  # a user's own may have but what is needed
            function.allow_objects("s3:PutObject", large_bodies, under=f"{name}/")

    def _let_send_on(self, function: PythonFunction, large_bodies: s3.Bucket, *, ordered: bool) -> None:
        """Let the function put back what waits for the destination; in order, count its tries and give it up itself."""
        if ordered:
            self.dead_letter_queue.grant(function, "sqs:SendMessage")
            function.allow_objects("s3:PutObject", large_bodies, under="tries/")
        else:
            self.queue.grant(function, "sqs:SendMessage")

    def _feed(self, function: PythonFunction, settings: PipelineSettings, limit: int | None) -> None:
        # Reserved concurrency alone would throttle deliveries, and throttled receives count towards the dead letters.
        function.add_event_source(
            SqsEventSource(
                self.queue,
                # Those that no time is left for would count as failed.
                batch_size=min(settings.batch_size, limit or settings.batch_size),
                # A FIFO queue's event source takes no window, not even 0.
                max_batching_window=None if settings.order_by else cdk.Duration.seconds(settings.batch_window),
                max_concurrency=settings.maximum_concurrency,
                report_batch_item_failures=True,
            )
        )


def name_of(destination: Destination) -> str | None:
    """What the user calls it; one of a user's own may have but what a drain needs."""
    name: str | None = getattr(destination, "given_name", None)
    return name


def _requirements(destination: Destination, settings: PipelineSettings) -> list[Path]:
    """What parsing bodies, the runtime's module for this kind of destination, and a transform need beside Python."""
    parts = ["bodies", destination.kind, *(["transform"] if settings.transform is not None else [])]
    files = [LAMBDAS / "post_queue" / f"requirements-{each}.txt" for each in parts]
    return [file for file in files if file.is_file()]
