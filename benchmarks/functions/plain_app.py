"""The pipeline by hand, as one begins: an HTTP API, a function, a queue with dead letters, a function; no more."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from aws_cdk.aws_lambda_event_sources import SqsEventSource

HERE = Path(__file__).parent


def function(stack: cdk.Stack, name: str, folder: str, **variables: str) -> lambda_.Function:
    """One whose folder is its bundle."""
    code = lambda_.Code.from_asset(str(HERE / folder))
    return lambda_.Function(
        stack, name, runtime=lambda_.Runtime.PYTHON_3_13, handler="handler.handler", code=code, environment=variables
    )


app = cdk.App()
stack = cdk.Stack(app, "plain")
dead_letters = sqs.DeadLetterQueue(max_receive_count=5, queue=sqs.Queue(stack, "DeadLetters"))
queue = sqs.Queue(stack, "Queue", dead_letter_queue=dead_letters)
before = function(stack, "Before", "send_boto3", QUEUE_URL=queue.queue_url)
after = function(stack, "After", "store_one", MONGO_URI="mongodb://127.0.0.1/")
queue.grant_send_messages(before)
after.add_event_source(SqsEventSource(queue, batch_size=1))
api = apigateway.HttpApi(stack, "Api")
integration = HttpLambdaIntegration("Before", before)
api.add_routes(path="/webhooks", methods=[apigateway.HttpMethod.POST], integration=integration)
app.synth()
