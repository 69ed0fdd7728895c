"""The envelope as a mapping template: what the pre-queue function writes, written by the gateway itself.

nami_runtime/envelope.py is its reader and says what is in it. The language is Velocity with AWS's variables:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from urllib.parse import quote

# What webhooks are sent as. A template counts for one type, and AWS has no wildcard; others get 415.
CONTENT_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/octet-stream",
    "application/vnd.api+json",
    "application/xml",
    "multipart/form-data",
    "text/plain",
    "text/xml",
)


def send_message(subscription: str) -> str:
    """The request to SQS (its query protocol) that puts the envelope on the queue.

    The body comes in as base64, by binary media types */* and content handling CONVERT_TO_TEXT, so that any bytes
    travel. AWS's own table has rows in which a text stays text beside such settings, so each body is taken for what it
    is: what can't be base64 is text.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html
    """
    return "".join(
        (
            "Action=SendMessage&MessageBody=",
            _literal('{"v":1,"id":"'),
            # The other one, requestId, is the client's to choose.
            _encoded("$context.extendedRequestId"),
            _literal(f'","subscription":"{subscription}","received_at":'),
            "$context.requestTimeEpoch",
            _literal(',"method":"'),
            "$context.httpMethod",
            _literal('","path":"'),
            _text("$context.path"),
            _literal('","query":"'),
            _QUERY,
            _literal('","headers":{'),
            _HEADERS,
            _literal('},"source_ip":"'),
            _encoded("$context.identity.sourceIp"),
            _literal('","verified":null,"base64":'),
            _IS_BASE64,
            _literal(',"body":"'),
            # AWS puts {} in the place of no body, which base64 never is. Escaped, so that no text reaches into the
            # fields before it.
            '#if($input.body != "{}")' + _text("$input.body") + "#end",
            _literal('"}'),
        )
    )


def _literal(text: str) -> str:
    return quote(text, safe="")


def _encoded(value: str) -> str:
    return f"$util.urlEncode({value})"


def _text(value: str) -> str:
    """A JSON string's inside. JavaScript escapes ' as well, which JSON does not know."""
    return _encoded(f"""$util.escapeJavaScript({value}).replaceAll("\\\\'","'")""")


def _each(parameters: str, name_and_value: str, between: str) -> str:
    return (
        f"#foreach($name in $input.params().{parameters}.keySet())"
        f"{name_and_value}#if($foreach.hasNext){_literal(between)}#end#end"
    )


# Without groups that repeat, which would be as deep a recursion as the body is long.
_IS_BASE64 = '#if($input.body.matches("[A-Za-z0-9+/]*=?=?") && $input.body.length() % 4 == 0)true#{else}false#end'
_HEADERS = _each(
    "header",
    _literal('"') + _text("$name.toLowerCase()") + _literal('":"') + _text("$input.params().header.get($name)") + "%22",
    ",",
)
# Twice: once for the query, once for the message.
_QUERY = _each(
    "querystring",
    _encoded(_encoded("$name")) + "%3D" + _encoded(_encoded("$input.params().querystring.get($name)")),
    "&",
)
