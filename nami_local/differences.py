"""What AWS does and the local run does not. The docs list it, and `nami local up` names their page."""

PAGE = "docs/local.md#what-aws-does-and-this-machine-does-not"

DIFFERENCES = (
    "IAM is not enforced: a right that is missing on AWS is not missed here",
    "no network: security groups, subnets and endpoints are recorded, and functions reach everything",
    "no EC2 host: its user data is not run; the database is a process of this machine",
    "functions run on this machine's Python and see its packages, memory limits do not hold",
    "a function that calls itself by boto3 again and again is not stopped",
    "every MongoDB host is the same database, so a name has one collection in all its environments",
    "AWS WAF looks at no request, and a REST API takes them from every address",
    "a body that is no UTF-8 reaches the function as it is also where its type says text; what AWS's HTTP API makes of "
    "one has not been seen",
    "throttling of the gateway, its 10 MB limit and Lambda's 6 MB limit do not exist",
    "metrics and alarms are recorded but do not fire",
    "items of a DynamoDB table, and documents of the stand-in for MongoDB, do not expire",
    "queues, secrets and logs are gone after `nami local down`; the documents stay in .nami",
)
