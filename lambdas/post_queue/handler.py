"""Takes webhooks from the queue to the destination. This file is yours to change."""

from nami_runtime import batch, destinations, documents

destination = destinations.from_environment()


def process(document: documents.Document) -> documents.Processed:
    """Your own processing of one webhook, before it is stored: return the document, changed or not.

    Or return None, and it is not stored; or a list of documents, which are stored as `<id>~1`, `<id>~2` and so on.
    What is raised here fails this webhook alone: it is delivered again, and after five times it is a dead letter.
    """
    return document


def handler(event: dict[str, object], context: batch.Context) -> dict[str, object]:
    """Called with a batch of the queue's messages; returns those that must be delivered again."""
    return batch.drain(event, context, process, destination)
