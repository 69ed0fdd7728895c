// The pre-queue function in Node with aws-sdk v3, which Lambda's own runtime has: what comes is parsed, and sent on.
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const sqs = new SQSClient({});

export const handler = async (event) => {
  const body = JSON.parse(event.body);
  const message = JSON.stringify({ headers: event.headers, body });
  const answer = await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: message }));
  return { statusCode: 200, body: JSON.stringify({ id: answer.MessageId }) };
};
