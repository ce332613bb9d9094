"""What the system is made of, as a CycloneDX document: `python -m local_stack.bill_of_materials [file]`.

Every package of the lock files with its version, its hashes, and its licence where its own metadata name one; the
images that the containers start from.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.exceptions import InvalidSpdxLicenseException
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from pip_requirements_parser import RequirementsFile  # type: ignore[import-untyped]

from local_stack.errors import LocalStackError
from local_stack.paths import ROOT
from local_stack.progress import say

WRITTEN_TO = ROOT / "build/sbom.cdx.json"
LOCKS = {name: ROOT / f"requirements/{name}.txt" for name in ("runtime", "build", "dev", "bootstrap", "javascript")}
VERSION = SchemaVersion.V1_6
_LICENCES = LicenseFactory()
_CLASSIFIER = "License :: OSI Approved :: "


def pinned(lock: Path) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Yield name, version, hashes and condition of each package that a lock file pins."""
    for one in RequirementsFile.from_file(str(lock)).requirements:
        version = one.get_pinned_version
        if one.name is None or version is None:
            raise LocalStackError(f"{lock.name} does not pin {one.line}")
        yield one.name, version, tuple(sorted(one.hash_options)), str(one.marker or "")


def licence_of(name: str) -> str | None:
    """Return the licence that an installed package names; None when it names none, or is not for this machine."""
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    approved = [one.removeprefix(_CLASSIFIER) for one in said.get_all("Classifier") or () if _CLASSIFIER in one]
    written = {name: (said.get_all(name) or [""])[0] for name in ("License-Expression", "License")}
    ways = (written["License-Expression"], " and ".join(approved), written["License"].split("\n")[0])
    return next((words for words in ways if words), None)


def _component(name: str, version: str, hashes: Sequence[str], condition: str, *, used_for: str) -> Component:
    address = PackageURL("pypi", None, name, version)
    licence = licence_of(name)
    # Of all its archives; which of them a machine takes depends on what it is.
    digests = [HashTypeFactory().from_composite_str(one.removeprefix("--hash=")) for one in hashes]
    archives = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION, url=XsUri(address.to_string()), hashes=digests
    )
    properties = [Property(name="webinars:used_for", value=used_for)]
    if condition:
        properties.append(Property(name="webinars:only_where", value=condition))
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        scope=ComponentScope.REQUIRED if used_for == "runtime" else ComponentScope.EXCLUDED,
        purl=address,
        bom_ref=address.to_string(),
        licenses=[_licence(licence)] if licence else [],
        external_references=[archives],
        properties=properties,
    )


def _licence(words: str) -> License:
    try:
        return _LICENCES.make_with_id(words)
    except InvalidSpdxLicenseException:
        return _LICENCES.make_with_name(words)


def bill() -> Bom:
    """Return the document: what runs first, then the tools, each package once."""
    seen: dict[tuple[str, str], Component] = {}
    for used_for, lock in LOCKS.items():
        for name, version, hashes, condition in pinned(lock):
            if (name, version) not in seen:
                seen[name, version] = _component(name, version, hashes, condition, used_for=used_for)
    images = set(re.findall(r"^FROM (\S+:\S+)", (ROOT / "deploy/Dockerfile").read_text("utf-8"), re.MULTILINE))
    containers = [
        Component(name=name, version=tag, type=ComponentType.CONTAINER, bom_ref=f"{name}:{tag}")
        for name, _, tag in (image.partition(":") for image in images)
    ]
    whole = Component(name="webinars", type=ComponentType.APPLICATION, bom_ref="webinars")
    found = Bom(components=[*seen.values(), *containers])
    found.metadata.component = whole
    found.register_dependency(whole, [*seen.values(), *containers])
    return found


def written() -> str:
    """Return the document as JSON; raises `LocalStackError` where it does not keep to CycloneDX's own schema."""
    text: str = make_outputter(bill(), OutputFormat.JSON, VERSION).output_as_string(indent=1)
    if (problem := JsonStrictValidator(VERSION).validate_str(text)) is not None:
        raise LocalStackError(f"The bill of materials does not keep to the schema of CycloneDX: {problem}")
    return text


def main(words: Sequence[str]) -> int:
    """Write the document."""
    place = Path(words[0]) if words else WRITTEN_TO
    try:
        text = written()
    except LocalStackError as problem:
        say(f"\n{problem}")
        return 1
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text + "\n", "utf-8")
    say(f"Bill of materials: {place}, {len(json.loads(text)['components'])} components.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
