"""Rights that are missing, in AWS's words."""

from check import aws, check, finish

code, _, why = aws("ec2", "describe-instances")
check(
    "EC2's list is denied",
    code != 0
    and "(UnauthorizedOperation) when calling the DescribeInstances operation: You are not authorized to perform this operation. User: arn:aws:iam::"
    in why
    and "because no identity-based policy allows the ec2:DescribeInstances action" in why,
    why,
)
code, answer, why = aws("ssm", "describe-instance-information")
check("the other list is not", code == 0 and answer["InstanceInformationList"], why)
code, _, why = aws("ssm", "terminate-session", "--session-id", "demo-x")
check(
    "ending sessions is forbidden by the organisation",
    code != 0 and "is not authorized to perform: ssm:TerminateSession on resource: arn:aws:ssm:" in why
    and "session/demo-x with an explicit deny in a service control policy" in why,
    why,
)
finish()
