"""Holds raw answers against botocore's models: no unknown member, no wrong type, no value outside its enum or limits, none missing."""

import base64
import re
from datetime import datetime
from xml.etree import ElementTree

# The model spells these `Windows` and `Available`; EC2 itself answers `windows` and `available`, as its own documentation says.
AS_EC2_ANSWERS = {("PlatformValues", "windows"), *(("State", word) for word in ("available", "pendingAcceptance", "rejected", "failed"))}
# Timestamps of EC2, and of the other query protocols.
ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
ISO_SECONDS = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$")


def classes(pattern):
    """The models' classes of letters, spaces and digits, which Python calls otherwise."""
    return pattern.replace(r"\p{L}", r"\w").replace(r"\p{Z}", r"\s").replace(r"\p{N}", r"\d")


def scalar(shape, text, where, complaints):
    """What every string must be, whichever protocol carried it."""
    values = getattr(shape, "enum", None)
    if values and text not in values and (shape.name, text) not in AS_EC2_ANSWERS:
        complaints.append(f"{where}: {text!r} is not one of {values}")
    limits = shape.metadata
    if "max" in limits and len(text) > limits["max"] or "min" in limits and len(text) < limits["min"]:
        complaints.append(f"{where}: {text!r} is not {limits.get('min')} to {limits.get('max')} long")
    if "pattern" in limits and not re.search(classes(limits["pattern"]), text):
        complaints.append(f"{where}: {text!r} does not match {limits['pattern']}")


def missing(shape, present, where, complaints):
    for name in shape.required_members:
        if name not in present:
            complaints.append(f"{where}: {name} is missing")


def judge_json(shape, value, where, complaints):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            complaints.append(f"{where}: not an object: {value!r}")
            return
        missing(shape, value, where, complaints)
        for name, inner in value.items():
            if name not in shape.members:
                complaints.append(f"{where}: unknown member {name}")
            else:
                judge_json(shape.members[name], inner, f"{where}.{name}", complaints)
    elif kind == "list":
        if not isinstance(value, list):
            complaints.append(f"{where}: not a list: {value!r}")
            return
        for place, inner in enumerate(value):
            judge_json(shape.member, inner, f"{where}[{place}]", complaints)
    elif kind == "map":
        if not isinstance(value, dict):
            complaints.append(f"{where}: not a map: {value!r}")
            return
        for key, inner in value.items():
            judge_json(shape.key, key, f"{where} key", complaints)
            judge_json(shape.value, inner, f"{where}.{key}", complaints)
    elif kind == "string":
        if isinstance(value, str):
            scalar(shape, value, where, complaints)
        else:
            complaints.append(f"{where}: not a string: {value!r}")
    elif kind == "boolean":
        if not isinstance(value, bool):
            complaints.append(f"{where}: not a boolean: {value!r}")
    elif kind == "blob":
        try:
            size = len(base64.b64decode(value, validate=True))
            if not shape.metadata.get("min", 0) <= size <= shape.metadata.get("max", size):
                complaints.append(f"{where}: {size} bytes")
        except (TypeError, ValueError):
            complaints.append(f"{where}: not base64: {value!r}")
    elif kind in ("integer", "long"):
        if not isinstance(value, int) or isinstance(value, bool):
            complaints.append(f"{where}: not a whole number: {value!r}")
    elif kind in ("timestamp", "double", "float"):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            complaints.append(f"{where}: not a number: {value!r}")
    else:
        complaints.append(f"{where}: nothing is known of {kind}")


def tag(element):
    return element.tag.split("}")[-1]


def judge_xml(shape, element, where, complaints, ec2):
    kind = shape.type_name
    text = element.text or ""
    if kind == "structure":
        names = {inner.serialization.get("name", name): name for name, inner in shape.members.items()}
        missing(shape, [names.get(tag(child)) for child in element], where, complaints)
        seen = set()
        for child in element:
            name = names.get(tag(child))
            if name is None:
                complaints.append(f"{where}: unknown element {tag(child)}")
                continue
            if name in seen:
                complaints.append(f"{where}: {name} occurs twice")
            seen.add(name)
            judge_xml(shape.members[name], child, f"{where}.{name}", complaints, ec2)
        if not list(element) and text.strip():
            complaints.append(f"{where}: text instead of elements: {text!r}")
    elif kind == "list":
        item = shape.member.serialization.get("name", "item" if ec2 else "member")
        for place, child in enumerate(element):
            if tag(child) != item:
                complaints.append(f"{where}: {tag(child)} in a list of {item}")
            judge_xml(shape.member, child, f"{where}[{place}]", complaints, ec2)
    elif len(element):
        complaints.append(f"{where}: elements instead of {kind}")
    elif kind == "string":
        # EC2 answers `<dnsName/>` for what there is none of.
        if text or not ec2:
            scalar(shape, text, where, complaints)
    elif kind == "boolean":
        if text not in ("true", "false"):
            complaints.append(f"{where}: not a boolean: {text!r}")
    elif kind in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", text):
            complaints.append(f"{where}: not a whole number: {text!r}")
    elif kind == "timestamp":
        if not (ISO if ec2 else ISO_SECONDS).match(text) or not datetime.fromisoformat(text.replace("Z", "+00:00")):
            complaints.append(f"{where}: not a time: {text!r}")
    else:
        complaints.append(f"{where}: nothing is known of {kind}")


def judge_xml_answer(operation, body):
    """A whole answer of the query protocols."""
    complaints = []
    service = operation.service_model
    ec2 = service.metadata["protocol"] == "ec2"
    root = ElementTree.fromstring(body)
    if tag(root) != f"{operation.name}Response":
        complaints.append(f"the root is {tag(root)}")
    namespace = root.tag.split("}")[0].lstrip("{")
    wanted = service.metadata.get("xmlNamespace") or f"http://ec2.amazonaws.com/doc/{service.api_version}"
    if namespace.rstrip("/") != wanted.rstrip("/"):
        complaints.append(f"the namespace is {namespace}")
    shape = operation.output_shape
    if shape is None:
        wanted = {"requestId", "return"} if ec2 else {"ResponseMetadata"}
        if {tag(child) for child in root} != wanted:
            complaints.append(f"the answer holds {[tag(child) for child in root]}")
        return complaints
    if ec2:
        own = [child for child in root if tag(child) == "requestId"]
        if len(own) != 1:
            complaints.append("no requestId")
        for child in own:
            root.remove(child)
        judge_xml(shape, root, operation.name, complaints, True)
        return complaints
    results = [child for child in root if tag(child) == shape.serialization["resultWrapper"]]
    rest = [tag(child) for child in root if tag(child) != shape.serialization["resultWrapper"]]
    if len(results) != 1 or rest != ["ResponseMetadata"]:
        complaints.append(f"the answer holds {[tag(child) for child in root]}")
    for result in results:
        judge_xml(shape, result, operation.name, complaints, False)
    return complaints
