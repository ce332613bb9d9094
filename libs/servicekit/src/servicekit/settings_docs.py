"""`python -m servicekit.settings_docs [folder] [--check]`: write settings.md, or say that it is not current.

Everything in it comes from the classes that read the settings. The services' are found by their names: the kit imports
no service.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from contracts.topology import THE_FIVE
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from servicekit.operator.settings import OperatorSettings, ProvisionSettings
from servicekit.settings import ServiceSettings

NAME = "settings.md"
PASSWORDS = tuple(f"{service.replace('-', '_').upper()}_PASSWORD" for service in THE_FIVE)
OF_COMPOSE = {
    "RABBITMQ_ADMIN_PASSWORD": "the broker's administrator, made with its first start; `make env` writes one",
    "POSTGRES_ADMIN_PASSWORD": "PostgreSQL's administrator, made with its first start; `make env` writes one",
    "RABBITMQ_PORT": "the address and port of this machine that lead to the broker (`127.0.0.1:5672`)",
    "HTTP_PORT": "the address and port of this machine that lead to room-ui (`127.0.0.1:8000`)",
    "NGINX_PORT": "with the profile `scale`: those that lead to nginx (`127.0.0.1:8080`)",
    "GRAFANA_ADMIN_PASSWORD": "with the profile `observability`: the password of `admin`; `make env` writes one",
    "GRAFANA_PORT": "those that lead to Grafana (`127.0.0.1:3000`)",
    "PROMETHEUS_PORT": "those that lead to Prometheus (`127.0.0.1:9090`)",
    "JAEGER_PORT": "those that lead to the traces (`127.0.0.1:16686`)",
}
"""Variables of docker-compose.yml that no program of ours reads, with their meaning."""
OF_OPENTELEMETRY = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "where traces go, such as `http://otel-collector:4318`; without it none are made",
    "OTEL_TRACES_SAMPLER": "which traces are recorded (`parentbased_always_on`: all); the same in every service",
    "OTEL_TRACES_SAMPLER_ARG": "with `parentbased_traceidratio`: the part of them, from 0 to 1 (`1.0`)",
}
"""Variables that the library for traces reads by itself, in every service."""
_SECRET_WORDS = {"password": "the service's password, at the broker and at PostgreSQL; `webinarctl env` prints one"}
_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}


class UndescribedError(ValueError):
    """A setting that does not say what it means."""


def settings_of(service: str) -> type[ServiceSettings]:
    """Return the class that reads the settings of a service."""
    package = service.replace("-", "_")
    [found] = [
        one
        for one in vars(import_module(f"{package}.settings")).values()
        if isinstance(one, type) and issubclass(one, ServiceSettings) and one.__module__.startswith(package)
    ]
    return found


def page() -> str:
    """Return the text of docs/settings.md."""
    parts = [
        """# Settings

Written from the code (`make docs`). Environment variables, read once when a process starts. A list is separated by
commas; an empty text is no number. What is secret belongs where you keep passwords; no service writes it into its log.
Which of them you need, and how to change a secret: [operating.md](operating.md).
""",
        "## Every service\n\n"
        + _table(ServiceSettings, ServiceSettings.model_fields)
        + "\nBeside them OpenTelemetry's own, which its library reads:\n\n"
        + _rows(("variable", "meaning"), [(f"`{name}`", meaning) for name, meaning in OF_OPENTELEMETRY.items()]),
    ]
    for service in THE_FIVE:
        found = settings_of(service)
        own = {name: field for name, field in found.model_fields.items() if name not in ServiceSettings.model_fields}
        words = _table(found, own) if own else "Nothing beside those of every service.\n"
        parts.append(f"## {service}\n\n{words}")
    parts += [
        "## webinarctl\n\nEvery command says which of these it needs. What is empty is not set.\n\n"
        + _table(OperatorSettings, OperatorSettings.model_fields),
        "### provision\n\n" + _table(ProvisionSettings, _own_of_provisioning(), _password_rows()),
        "## docker compose\n\nIn `.env`, which `make env` writes: the passwords and keys from above, and\n\n"
        + _rows(("variable", "meaning"), [(f"`{name}`", meaning) for name, meaning in OF_COMPOSE.items()])
        + "\nOf the others docker-compose.yml hands on those that it names; another one goes into a\n"
        "`docker-compose.override.yml` of yours, under the service's `environment`.\n",
    ]
    return "\n".join(parts)


def documented() -> set[str]:
    """Return every variable that the page tells of."""
    classes: tuple[type[BaseSettings], ...] = (ProvisionSettings, *map(settings_of, THE_FIVE))
    return (
        {name.upper() for one in classes for name in one.model_fields}
        | set(PASSWORDS)
        | set(OF_COMPOSE)
        | set(OF_OPENTELEMETRY)
    )


def _own_of_provisioning() -> dict[str, FieldInfo]:
    known = OperatorSettings.model_fields
    return {name: field for name, field in ProvisionSettings.model_fields.items() if name not in known}


def _password_rows() -> Iterator[tuple[str, ...]]:
    for name in PASSWORDS:
        yield f"`{name}`", "text", "required", "secret", _SECRET_WORDS["password"]


def _table(model: type[BaseSettings], fields: Mapping[str, FieldInfo], more: Iterable[tuple[str, ...]] = ()) -> str:
    schemas = model.model_json_schema()["properties"]
    rows = [_row(model, name, field, schemas[name]) for name, field in fields.items()]
    return _rows(("variable", "value", "default", "", "meaning"), [*rows, *more])


def _row(model: type[BaseSettings], name: str, field: FieldInfo, schema: Mapping[str, Any]) -> tuple[str, ...]:
    if not field.description:
        raise UndescribedError(f"{model.__name__}.{name} has no description")
    return (
        f"`{name.upper()}`",
        _value(schema),
        "required" if field.is_required() else _default(field, schema),
        "secret" if _is_secret(field) else "",
        field.description,
    )


def _is_secret(field: FieldInfo) -> bool:
    """Whether a setting holds a secret: such a one is not shown with the others."""
    return field.repr is False or SecretStr in (field.annotation, *get_args(field.annotation))


def _value(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        [schema] = [one for one in schema["anyOf"] if one["type"] != "null"]
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    if schema["type"] == "array":
        return "list"
    unit = schema.get("unit")
    return _KINDS[schema["type"]] + (f" of {unit}" if unit else "") + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    least, most, above = (schema.get(word) for word in ("minimum", "maximum", "exclusiveMinimum"))
    if least is not None and most is not None:
        return f", {least}–{most}"
    if least is not None:
        return f", at least {_number(least)}"
    if above is not None:
        return f", above {_number(above)}"
    return f", {schema['minLength']}–{schema['maxLength']} characters" if "maxLength" in schema else ""


def _default(field: FieldInfo, schema: Mapping[str, Any]) -> str:
    default = field.default
    if "default_words" in schema:
        return str(schema["default_words"])
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default in {None, ""}:
        return "–"
    return f"`{_number(default)}`"


def _number(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the page into a folder; with `--check` write nothing and return 1 when it is missing or differs."""
    parser = argparse.ArgumentParser(prog="python -m servicekit.settings_docs", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs"), help="default: docs")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is not current")
    chosen = parser.parse_args(arguments)
    file, text = chosen.folder / NAME, page()
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return 0
    if chosen.check:
        sys.stderr.write(f"{file} is not current: run `python -m servicekit.settings_docs {chosen.folder}`\n")
        return 1
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{file} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
