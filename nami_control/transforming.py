"""What a transform makes of a webhook, tried as the function behind the queue does it."""

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
        UsageError: there is none, or several where no destination is named, or what was given is none.
    """
    if given is not None:
        from nami_runtime import expression  # noqa: PLC0415 (it loads jsonata, which costs `nami --help` nothing)

        try:
            expression.parsed(given)
        except expression.Wrong as wrong:
            raise UsageError(f"--transform: {wrong}") from None
        return given
    text = _kept(target, destination)
    if text is None:
        text = find(target).drain(destination).post_queue.environment.get("TRANSFORM")
    if text is None:
        raise UsageError(f"{target.name} has no transform; give one to try as --transform")
    return text


def _kept(target: Target, destination: str | None) -> str | None:
    subscription = target.subscription
    if subscription.destinations is None:
        return subscription.transform if destination is None else None
    there = {name: way.transform for name, way in subscription.each.items() if way.transform is not None}
    if destination is None and len(there) > 1:
        raise UsageError(f"{target.name} has a transform to {' and to '.join(there)}; name one as --destination")
    return there.get(destination) if destination is not None else next(iter(there.values()), None)


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
