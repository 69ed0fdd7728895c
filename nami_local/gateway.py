"""The gateways of local AWS, where ministack's do otherwise than AWS: above all the REST API that writes to a queue.

ministack has the integration, and a part of the language of mapping templates that is too small for an envelope. Here a
Velocity engine runs them, with what AWS gives a template: the binary body as text, the headers, the query, the context.
"""

import base64
import ipaddress
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any
from urllib.parse import quote_plus, unquote_plus

_VALIDATED = ("validateRequestBody", "validateRequestParameters")

_Answer = tuple[int, dict[str, str], bytes]

_current: ContextVar["_Run"] = ContextVar("_current")


def register(handlers: dict[str, Any]) -> None:
    """Put this in ministack's place.

    Args:
        handlers: of its CloudFormation, by resource type.

    Raises:
        AttributeError, KeyError: ministack's internals have moved.
    """
    from ministack.services import apigateway_v1  # noqa: PLC0415 (the CLI runs without ministack)

    theirs = apigateway_v1._invoke_sqs_v1
    matches = apigateway_v1._media_type_matches
    if not hasattr(apigateway_v1, "_render_request_template_v1"):
        raise AttributeError("_render_request_template_v1")

    async def invoke(  # noqa: PLR0913, PLR0917 (ministack's own signature)
        integration: dict[str, Any],
        api_id: str,
        stage_name: str,
        stage: dict[str, Any],
        resource: dict[str, Any],
        path: str,
        method: str,
        headers: dict[str, Any],
        body: bytes,
        query: dict[str, Any],
        path_parameters: dict[str, Any],
        **more: Any,
    ) -> _Answer:
        run = _Run(f"/{stage_name}{path}", method, headers, query)
        _current.set(run)
        sent_as = str(headers.get("content-type") or "application/json")
        is_binary = matches(sent_as, more.get("binary_media_types"))
        if is_binary and integration.get("contentHandling") == "CONVERT_TO_TEXT":
            body = base64.b64encode(body)
        arguments = (api_id, stage_name, stage, resource, path, method, headers, body, query, path_parameters)
        status, answered, content = await theirs(integration, *arguments, **more)
        told = {name: run.value_of(value) for name, value in answered.items()}
        return int(run.context["responseOverride"].get("status", status)), told, content

    _keep_what_it_drops(handlers["AWS::ApiGateway::Method"], apigateway_v1._resources)
    handlers["AWS::ApiGateway::RequestValidator"] = _validator(apigateway_v1)
    apigateway_v1._invoke_sqs_v1 = invoke
    apigateway_v1._render_request_template_v1 = lambda template, body, *_: _current.get().render(template, body)


def also(handler: dict[str, Any], act: Callable[[Any, dict[str, Any]], Any]) -> None:
    """Whenever ministack's CloudFormation has made or changed such a resource, let this return what came of it.

    `act` is given what ministack's handler returned, and the resource's properties.
    """

    def wrap(theirs: Callable[..., Any], properties_at: int) -> Callable[..., Any]:
        return lambda *arguments: act(theirs(*arguments), arguments[properties_at])

    handler["create"], handler["update"] = wrap(handler["create"], 1), wrap(handler["update"], 2)


def let_options_reach_their_route() -> None:
    """Have an HTTP API without CORS hand OPTIONS to a route that there is for it, as AWS does.

    ministack takes each for a preflight, which AWS answers by itself only where CORS is configured:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """
    from ministack.services import apigateway  # noqa: PLC0415

    theirs, match = apigateway._handle_execute_in_scope, apigateway._match_route

    async def handle(api_id: str, stage: str, path: str, method: str, *more: Any, **named: Any) -> _Answer:
        as_preflight = (apigateway._apis.get(api_id) or {}).get("corsConfiguration")
        unseen = "options" if method == "OPTIONS" and not as_preflight else method
        answered: _Answer = await theirs(api_id, stage, path, unseen, *more, **named)
        return answered

    apigateway._handle_execute_in_scope = handle
    apigateway._match_route = lambda api_id, method, path: match(api_id, method.upper(), path)


def _keep_what_it_drops(handler: dict[str, Any], resources: Any) -> None:
    """The two properties of a method that ministack's CloudFormation does not hand on."""

    def keep(made: Any, properties: dict[str, Any]) -> Any:
        methods = resources[properties["RestApiId"]][properties["ResourceId"]]["resourceMethods"]
        method = methods[properties["HttpMethod"]]
        method["requestValidatorId"] = properties.get("RequestValidatorId")
        if method["methodIntegration"]:
            method["methodIntegration"]["contentHandling"] = properties["Integration"].get("ContentHandling")
        return made

    also(handler, keep)


def _validator(service: Any) -> dict[str, Callable[..., Any]]:
    """ministack's CloudFormation makes an id and nothing that would validate; it updates by making another."""

    def create(_logical_id: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        wanted = {key: properties.get(key[0].upper() + key[1:]) for key in ("name", *_VALIDATED)}
        _status, _headers, made = service._create_request_validator(properties["RestApiId"], wanted)
        validator_id = json.loads(made)["id"]
        return validator_id, {"RequestValidatorId": validator_id}

    def delete(validator_id: str, properties: dict[str, Any]) -> None:
        service._request_validators.get(properties["RestApiId"], {}).pop(validator_id, None)

    return {"create": create, "delete": delete}


class _Run:
    """One request on its way through the integration."""

    def __init__(self, path: str, method: str, headers: Mapping[str, Any], query: Mapping[str, Any]) -> None:
        request_id = str(uuid.uuid4())
        forwarded = str(headers.get("x-forwarded-for")).partition(",")[0].strip()
        self.context: dict[str, Any] = {
            "extendedRequestId": request_id,
            "requestId": request_id,
            "requestTimeEpoch": int(time.time() * 1000),
            "httpMethod": method,
            "path": path,
            "identity": {"sourceIp": forwarded if _is_address(forwarded) else "127.0.0.1"},
            "responseOverride": {},
        }
        self._parameters = {"header": _map(headers), "querystring": _map(query), "path": _map({})}

    def render(self, template: str, body: str) -> str:
        """What the template makes of this body."""
        names = {"input": _Input(body, self._parameters), "util": _Util(), "context": self.context}
        return str(_template(template).merge(names))

    def value_of(self, source: str) -> str:
        """A response header's value, where it is mapped from the context."""
        return str(self.context[source.removeprefix("context.")]) if source.startswith("context.") else source


@cache
def _template(text: str) -> Any:
    """Read once: that takes longer than what it is for."""
    import airspeed  # type: ignore[import-untyped]  # noqa: PLC0415 (it has no types; few gateways have a template)

    return airspeed.Template(text)


def _is_address(text: str) -> bool:
    try:
        return "%" not in text and bool(ipaddress.ip_address(text))  # behind which anything may stand
    except ValueError:
        return False


def _map(values: Mapping[str, Any]) -> dict["_Text", "_Text"]:
    """As AWS gives it to a template: the last one of several values."""
    return {_Text(k): _Text(v if isinstance(v, str) else v[-1]) for k, v in values.items()}


class _Text(str):
    """A Java string, as far as templates use it."""

    __slots__ = ()

    def toLowerCase(self) -> "_Text":  # noqa: N802 (Java's names, here and below)
        return _Text(self.lower())

    def contains(self, text: str) -> bool:
        return text in self

    def startsWith(self, text: str) -> bool:  # noqa: N802
        return self.startswith(text)

    def matches(self, pattern: str) -> bool:
        return re.fullmatch(pattern, self) is not None

    def length(self) -> int:
        return len(self)

    def replaceAll(self, pattern: str, by: str) -> "_Text":  # noqa: N802
        return _Text(re.sub(pattern, by.replace("\\", r"\\"), self))


class _Input:
    def __init__(self, body: str, parameters: dict[str, dict[_Text, _Text]]) -> None:
        self.body = _Text(body)
        self._parameters = parameters

    def params(self) -> dict[str, dict[_Text, _Text]]:
        return self._parameters


class _Util:
    def escapeJavaScript(self, text: str) -> _Text:  # noqa: N802
        escaped = json.dumps(text)[1:-1]
        return _Text(escaped.replace("'", r"\'").replace("/", r"\/"))

    def urlEncode(self, text: str) -> str:  # noqa: N802
        return quote_plus(text)

    def base64Decode(self, text: str) -> str:  # noqa: N802
        return base64.b64decode(text).decode()

    def urlDecode(self, text: str) -> str:  # noqa: N802
        return unquote_plus(text)
