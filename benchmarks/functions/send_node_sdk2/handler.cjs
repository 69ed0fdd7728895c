// The pre-queue function in Node with aws-sdk v2: what comes is parsed, and sent on.
const AWS = require("aws-sdk");

const sqs = new AWS.SQS({ endpoint: process.env.AWS_ENDPOINT_URL });

exports.handler = async (event) => {
  const body = JSON.parse(event.body);
  const message = JSON.stringify({ headers: event.headers, body });
  const answer = await sqs.sendMessage({ QueueUrl: process.env.QUEUE_URL, MessageBody: message }).promise();
  return { statusCode: 200, body: JSON.stringify({ id: answer.MessageId }) };
};
