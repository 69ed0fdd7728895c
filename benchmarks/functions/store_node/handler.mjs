// The post-queue function in Node: a document for each message of the batch, one after the other.
import { MongoClient } from "mongodb";

const collection = new MongoClient(process.env.MONGO_URI).db("nami").collection("shopify");

export const handler = async (event) => {
  for (const record of event.Records) {
    const webhook = JSON.parse(record.body);
    webhook.body = JSON.parse(webhook.body);
    await collection.insertOne(webhook);
    console.log(JSON.stringify({ stored: webhook.id }));
  }
};
