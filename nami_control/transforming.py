"""What a transform makes of a webhook, tried as the function behind the queue does it."""

from collections.abc import Mapping
from contextlib import closing

from nami_control import events, filtering, replaying
from nami_control.deployment import find
from nami_control.errors import CheckError, NotFoundError, UsageError
from nami_control.stacks import Target
from nami_runtime import contents, documents, envelope
from nami_runtime.request import Request
from nami_runtime.transform import Failed, Transform


def transform_of(target: Target, given: str | None, destination: str | None) -> str:
    """The expression that was given, that the cdk.json here has, or that is deployed, to that destination.

    Raises:
        UsageError: there is none, or several, or what was given is none.
    """
    if given is not None:
        from nami_runtime import expression  # noqa: PLC0415 (it loads jsonata, which costs `nami --help` nothing)

        try:
            expression.parsed(given)
        except expression.Wrong as wrong:
            raise UsageError(f"--transform: {wrong}") from None
        return given
    found = _chosen({name: each.transform for name, each in target.subscription.each.items()}, destination)
    if not found:
        deployed = find(target)
        drains = deployed.drains if destination is None else [deployed.drain(destination)]
        found = _chosen(
            {each.destination: each.post_queue.environment.get("TRANSFORM") for each in drains}, destination
        )
    if not found:
        raise UsageError(f"{target.name} has no transform; give one to try as --transform")
    if len(set(found.values())) > 1:
        raise UsageError(f"{target.name} has several transforms; say whose as --destination {' or '.join(found)}")
    return next(iter(found.values()))


def _chosen(transforms: Mapping[str, str | None], destination: str | None) -> dict[str, str]:
    return {name: text for name, text in transforms.items() if text is not None and destination in (None, name)}


def of_file(target: Target, content: bytes, verified: str | None) -> documents.Document:
    """The document of a request as it came, or of the body of one alone, which is JSON then.

    Raises:
        UsageError: it begins as a request does, and is none.
    """
    return _document(target, filtering.webhook(content, verified))


def of_stored(target: Target, delivery_id: str, destination: str | None) -> documents.Document:
    """The document of a webhook that is stored, made anew of what came.

    Raises:
        NotFoundError: there is none.
    """
    store = events.destination_of(find(target), destination)
    if store.keeps_webhooks:
        with closing(store.stored(query={}, ids=[delivery_id], limit=1, follow=False)) as found:
            for each in found:
                return _document(target, replaying.request_of(each))
    raise NotFoundError(f"{store.drain.destination} keeps no webhook {delivery_id}")


def _document(target: Target, request: Request) -> documents.Document:
    delivery = envelope.read(envelope.write(request, target.name).decode())
    content = contents.opened(delivery.body, delivery.headers)
    return documents.build(delivery, content, message_id="-", attempts=1)


def result(text: str, document: documents.Document) -> str:
    """What the expression makes of the document, as JSON.

    Raises:
        CheckError: nothing; says why as the log does, and what JSONata says of it.
    """
    running = Transform(text)
    try:
        return running.of(document)
    except Failed as failed:
        said = () if failed.said == failed.reason else (f"JSONata says: {failed.said}",)
        raise CheckError(failed.reason, *said) from None
    finally:
        running.close()
