"""List prices of AWS in us-east-1, in US dollars, without free tiers and discounts.

Each stands beside the listing that it was read from. Listings copy AWS's pages; before a decision,
compare with those. A price that changed changes here, and nowhere else.
"""

from dataclasses import dataclass

READ_ON = "2026-11-26"
REGION = "us-east-1"
MONTH_HOURS = 730


@dataclass(frozen=True, slots=True)
class Price:
    dollars: float
    per: str
    listing: str


_FARGATE = "cloudburn.io/blog/aws-fargate-pricing, vantage.sh"
_CLOUDWATCH = "c3x.dev, unusd.cloud"

SQS = Price(0.40e-6, "call", "cloudburn.io/blog/amazon-sqs-pricing")
SQS_FIFO = Price(0.50e-6, "call", "cloudburn.io/blog/amazon-sqs-pricing")
FARGATE_CPU = Price(0.03238, "vCPU hour (ARM)", _FARGATE)
FARGATE_MEMORY = Price(0.00356, "GB hour (ARM)", _FARGATE)
BALANCER = Price(0.0225, "hour", "calculator.city: AWS ALB")
BALANCER_UNIT = Price(0.008, "LCU hour", "not looked up")
DATABASE = Price(0.032, "hour", "infratally.com: RDS, db.t4g.small, one zone")
STORAGE = Price(0.115, "GB month", "usage.ai: RDS, gp3")
LOGS = Price(0.50, "GB", "fortem.dev: CloudWatch Logs")
ALARM = Price(0.10, "alarm", _CLOUDWATCH)
GATEWAY = Price(1.00e-6, "request", "vantage.sh: API Gateway, HTTP API")
LAMBDA_CALL = Price(0.20e-6, "invocation", "vantage.sh: Lambda")
LAMBDA_TIME = Price(16.6667e-6, "GB second", "vantage.sh: Lambda, x86")
DYNAMO_WRITE = Price(0.625e-6, "write", "airbyte.com: DynamoDB, on demand")
DYNAMO_READ = Price(0.125e-6, "read", "airbyte.com: DynamoDB, on demand")
DYNAMO_STORAGE = Price(0.25, "GB month", "not looked up")
