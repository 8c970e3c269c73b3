"""Credentials that have expired, as each service says it."""

from check import aws, check, finish

for arguments, words in (
    (("ssm", "describe-sessions", "--state", "Active"), "(ExpiredTokenException) when calling the DescribeSessions operation: The security token included in the request is expired"),
    (("ec2", "describe-instances"), "(RequestExpired)"),
    (("sts", "get-caller-identity"), "(ExpiredToken)"),
):
    code, _, why = aws(*arguments)
    check(" ".join(arguments), code != 0 and words in why, why)
finish()
