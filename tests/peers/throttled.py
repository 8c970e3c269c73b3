"""Every other call is refused with "Rate exceeded": clients that retry get everything all the same."""

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from check import check, finish

session = botocore.session.get_session()
patient = session.create_client("ssm", config=Config(retries={"mode": "standard", "max_attempts": 5}))
rows = [row for page in patient.get_paginator("describe_instance_information").paginate() for row in page["InstanceInformationList"]]
check("a client that retries gets the whole list", len({row["InstanceId"] for row in rows}) == len(rows) > 20, len(rows))

for service, call, code in (
    ("ssm", "describe_instance_properties", "ThrottlingException"),
    ("ec2", "describe_regions", "RequestLimitExceeded"),
    ("sts", "get_caller_identity", "Throttling"),
):
    hasty = session.create_client(service, config=Config(retries={"total_max_attempts": 1}))
    codes = []
    for _ in range(2):
        try:
            getattr(hasty, call)()
            codes.append(None)
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    check(f"one of two calls to {service} is throttled", sorted(map(str, codes)) == sorted([code, "None"]), codes)
finish()
