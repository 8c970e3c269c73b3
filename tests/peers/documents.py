"""The AWS CLI lists, reads and writes documents, changes the preferences, makes keys, and finds containers."""

import json
import os
import tempfile

from check import aws, check, finish, same

folder = tempfile.mkdtemp()


def file(name, content):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(content)
    return f"file://{path}"


# What there is.
code, answer, why = aws("ssm", "list-documents", "--document-filter-list", "key=DocumentType,value=Session")
names = [row["Name"] for row in (answer or {"DocumentIdentifiers": []})["DocumentIdentifiers"]]
check("list-documents", code == 0 and "AWS-StartPortForwardingSession" in names and "Shop-Announce" in names, why)
code, answer, why = aws("ssm", "list-documents", "--filters", "Key=Owner,Values=Self", "Key=DocumentType,Values=Session", "--page-size", "4")
own = [row["Name"] for row in answer["DocumentIdentifiers"]]
check("the account's own, in pages of 4", code == 0 and own and not any(name.startswith("AWS-") for name in own), why or own)
code, answer, why = aws("ssm", "describe-document", "--name", "Shop-Announce")
check("describe-document", code == 0 and {p["Name"] for p in answer["Document"]["Parameters"]} == {"service", "level", "minutes", "audience", "note"}, why)
code, answer, why = aws("ssm", "get-document", "--name", "AWS-StartSSHSession")
check("get-document", code == 0 and json.loads(answer["Content"])["properties"] == {"portNumber": "{{ portNumber }}"}, why)
code, answer, why = aws("ssm", "get-document", "--name", "Shop-Greet", "--document-version", "$LATEST", "--document-format", "YAML")
check("get-document as YAML", code == 0 and "sessionType: InteractiveCommands" in answer["Content"], why)

# The preferences, as AWS's guide has them changed.
preferences = "SSM-SessionManagerRunShell"
inputs = {"idleSessionTimeout": "33", "maxSessionDuration": "44", "shellProfile": {"linux": "pwd"}, "runAsEnabled": False, "kmsKeyId": ""}
content = {"schemaVersion": "1.0", "description": "regional settings", "sessionType": "Standard_Stream", "inputs": inputs}
written = file("preferences.json", json.dumps(content))
code, answer, why = aws("ssm", "update-document", "--name", preferences, "--content", written, "--document-version", "$LATEST")
check("update-document", code == 0 and answer["DocumentDescription"]["LatestVersion"] == "2", why)
code, answer, why = aws("ssm", "get-document", "--name", preferences, "--document-version", "$LATEST")
check("and they are changed", code == 0 and json.loads(answer["Content"]) == content, why)
code, answer, why = aws("ssm", "update-document-default-version", "--name", preferences, "--document-version", "2")
same("update-document-default-version", answer, {"Description": {"Name": preferences, "DefaultVersion": "2"}})

# A document of one's own.
yaml = file("say.yaml", "---\nschemaVersion: '1.0'\nsessionType: InteractiveCommands\nproperties:\n  linux:\n    commands: echo hi\n")
create = ("ssm", "create-document", "--name", "Say", "--document-type", "Session", "--document-format", "YAML", "--content", yaml)
code, answer, why = aws(*create)
check("create-document", code == 0 and answer["DocumentDescription"]["Status"] == "Active", why)
code, _, why = aws(*create)
check("it is there already", code != 0 and "(DocumentAlreadyExists)" in why, why)
code, answer, why = aws("ssm", "list-document-versions", "--name", "Say")
check("list-document-versions", code == 0 and len(answer["DocumentVersions"]) == 1, why)
code, _, why = aws("ssm", "delete-document", "--name", "Say")
check("delete-document", code == 0, why)

# Keys.
context = "aws:ssm:SessionId=demo-1,aws:ssm:TargetId=i-1"
code, made, why = aws("kms", "generate-data-key", "--key-id", "alias/sessions", "--number-of-bytes", "64", "--encryption-context", context)
check("generate-data-key", code == 0 and len(made["Plaintext"]) == 88, why)
decrypt = ("kms", "decrypt", "--ciphertext-blob", made["CiphertextBlob"], "--cli-binary-format", "base64") if os.environ.get("AWS_CLI_V2") else ()
if not decrypt:  # Version 1 takes bytes from a file.
    import base64

    path = os.path.join(folder, "blob")
    with open(path, "wb") as out:
        out.write(base64.b64decode(made["CiphertextBlob"]))
    decrypt = ("kms", "decrypt", "--ciphertext-blob", f"fileb://{path}")
code, opened, why = aws(*decrypt, "--encryption-context", context)
check("decrypt", code == 0 and opened["Plaintext"] == made["Plaintext"], why)
code, _, why = aws(*decrypt, "--encryption-context", context.replace("i-1", "i-2"))
check("another context opens nothing", code != 0 and "(InvalidCiphertextException)" in why, why)

# Containers.
code, answer, why = aws("ecs", "list-tasks", "--cluster", "shop", "--family", "search")
check("list-tasks", code == 0 and len(answer["taskArns"]) == 1, why)
task = answer["taskArns"][0]
code, answer, why = aws("ecs", "describe-tasks", "--cluster", "shop", "--tasks", task)
check("describe-tasks", code == 0 and answer["tasks"][0]["containers"][0]["runtimeId"], why)
code, answer, why = aws("ecs", "describe-clusters", "--clusters", "shop")
check("describe-clusters", code == 0 and answer["clusters"][0]["status"] == "ACTIVE", why)

# Refusals.
for arguments, words in (
    (("ssm", "get-document", "--name", "Nowhere"), "(InvalidDocument) when calling the GetDocument operation: Document with name Nowhere does not exist."),
    (("kms", "generate-data-key", "--key-id", "alias/vault", "--key-spec", "AES_256"), "is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:"),
    (("kms", "generate-data-key", "--key-id", "alias/retired", "--key-spec", "AES_256"), "(DisabledException)"),
    (("ecs", "list-tasks", "--cluster", "moon"), "(ClusterNotFoundException)"),
    (("ec2-instance-connect", "send-ssh-public-key", "--instance-id", "i-0123456789abcdef0", "--instance-os-user", "x", "--ssh-public-key", "ssh-ed25519 " + "A" * 90), "(InvalidArgsException)"),
):
    code, _, why = aws(*arguments)
    check(" ".join(arguments), code != 0 and words in why, why)
finish()
