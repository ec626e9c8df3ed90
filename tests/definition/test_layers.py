from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition import Service
from bellwire.errors import DefinitionError, UnknownKeyError, UnsupportedFeatureError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]

TOP = """\
service: demo
provider: {name: aws, runtime: python3.11%s}
layers:
  common: {path: lib/common, description: shared code}
  two-parts: {path: lib/two}
  absent: {path: lib/absent}
functions: {f: {handler: h.f%s}}
"""
HINT = (
    "put its content into a folder that stands under `layers:`, its packages into the service's "
    ".venv or node_modules"
)


@pytest.fixture(autouse=True)
def lib(folder: Path) -> Path:
    for name in ("common", "two"):
        (folder / "lib" / name).mkdir(parents=True)
    return folder / "lib"


@pytest.mark.parametrize(
    ("provided", "own", "names"),
    [
        ("", "", []),
        ("", "[{Ref: CommonLambdaLayer}, !Ref TwoDashpartsLambdaLayer]", ["common", "two"]),
        ("", "[{'Fn::GetAtt': [CommonLambdaLayer, LayerVersionArn]}]", ["common"]),
        ("", "[!Sub '${CommonLambdaLayer}']", ["common"]),
        ("", "['arn:aws:lambda:${aws:region}:${aws:accountId}:layer:common:3']", ["common"]),
        ("[{Ref: CommonLambdaLayer}]", "", ["common"]),
        ("[{Ref: CommonLambdaLayer}]", "[{Ref: TwoDashpartsLambdaLayer}]", ["two"]),
        ("[{Ref: CommonLambdaLayer}]", "[]", []),
        ("[{Ref: CommonLambdaLayer}]", "null", ["common"]),
        ("", "[{Ref: AWS::NoValue}]", []),
    ],
)
def test_the_folders_of_layers(
    load: Load, lib: Path, provided: str, own: str, names: list[str]
) -> None:
    texts = [f", layers: {each}" if each else "" for each in (provided, own)]
    service = load(TOP % tuple(texts))
    assert service.functions["f"].layers == tuple(lib / name for name in names)
    assert service.findings == ()


@pytest.mark.parametrize(
    ("item", "named"),
    [
        (
            "'arn:aws:lambda:us-east-1:017000801446:layer:Powertools:3'",
            "`arn:aws:lambda:us-east-1:017000801446:layer:Powertools:3`",
        ),
        (
            "'arn:aws:lambda:us-east-1:${aws:accountId}:layer:other:3'",
            "`arn:aws:lambda:us-east-1:000000000000:layer:other:3`",
        ),
        ("'${ssm:/layers/shared}'", "a layer"),
        ("{'Fn::ImportValue': shared}", "a layer"),
        ("{Ref: PythonRequirementsLambdaLayer}", "`PythonRequirementsLambdaLayer`"),
        ("{Ref: Stored}", "`arn:aws:lambda:us-east-1:000000000000:layer:stored:1`"),
    ],
)
def test_a_layer_that_is_elsewhere_is_told_once(load: Load, item: str, named: str) -> None:
    resources = (
        "resources: {Resources: {Stored: {Type: AWS::Lambda::LayerVersion, "
        "Properties: {LayerName: stored}}}}\n"
    )
    service = load(TOP % (f", layers: [{item}]", "\n    }, g: {handler: h.f") + resources)
    assert service.functions["f"].layers == service.functions["g"].layers == ()
    (finding,) = (each for each in service.findings if "layers" in each.message)
    assert (finding.message, finding.hint) == (
        f"`provider.layers[0]` names {named}, not in this service: without effect here",
        HINT,
    )


def test_a_list_of_layers_may_be_elsewhere_too(load: Load) -> None:
    service = load(TOP % ("", ", layers: '${ssm:/layers}'"))
    assert service.functions["f"].layers == ()
    assert [each.message for each in service.findings] == [
        "`functions.f.layers` names layers, not in this service: without effect here"
    ]


@pytest.mark.parametrize(
    ("layers", "error"),
    [
        (
            "[{Ref: ComonLambdaLayer}]",
            "7:46: nothing in this service has the logical id `ComonLambdaLayer`",
        ),
        (
            "[{Ref: AbsentLambdaLayer}]",
            "6:18: the layer `absent` is in `lib/absent`, and there is no such folder in .",
        ),
        ("[common]", "7:40: `functions.f.layers[0]` must be the ARN of a layer, not `common`"),
        ("common", "7:39: `functions.f.layers` must be a list, not `common`"),
        (f"[{', '.join(['a'] * 6)}]", "7:39: `functions.f.layers` has 6 layers; Lambda takes 5"),
    ],
)
def test_layers_that_cannot_be(refuse: Refuse, layers: str, error: str) -> None:
    assert refuse(TOP % ("", f", layers: {layers}"))[1] == f"serverless.yml:{error}"


def test_what_to_do_about_a_missing_folder(refuse: Refuse) -> None:
    assert refuse(TOP % ("", ", layers: [!Ref AbsentLambdaLayer]"))[2] == (
        "correct `path:`, or build the layer; for Python that is "
        "`pip install --target lib/absent/python …`"
    )


@pytest.mark.parametrize(
    ("layer", "kind", "error"),
    [
        (
            "{package: {artifact: l.zip}}",
            UnsupportedFeatureError,
            "4:29: `layers.l.package.artifact` is a packed layer, which is not unpacked here",
        ),
        ("{description: d}", DefinitionError, "4:5: the layer `l` has no `path:`"),
        ("null", DefinitionError, "4:5: the layer `l` has no `path:`"),
        ("{path: lib/two, pth: x}", UnknownKeyError, "4:24: unknown key `layers.l.pth`"),
    ],
)
def test_a_layer_needs_a_folder(
    refuse: Refuse, head: str, layer: str, kind: type[DefinitionError], error: str
) -> None:
    text = (
        head
        + "layers:\n"
        + f"    l: {layer}\n"
        + "functions: {f: {handler: h.f, layers: [{Ref: LLambdaLayer}]}}\n"
    )
    assert refuse(text)[:2] == (kind, f"serverless.yml:{error}")


def test_a_layer_that_no_function_has_may_be_anything(load: Load) -> None:
    assert load(TOP % ("", "")).functions["f"].layers == ()


def test_layers_that_cannot_be_read_harm_only_who_names_them(load: Load, head: str) -> None:
    text = (
        "layers: ${file(none.yml)}\nfunctions: {f: {handler: h.f, layers: [!Ref ALambdaLayer]}}\n"
    )
    service = load(head + text)
    assert [each.message for each in service.findings] == [
        "`layers` are not read: there is no file `none.yml` in .",
        "`functions.f.layers[0]` names `ALambdaLayer`, not in this service: without effect here",
    ]


def test_a_variable_may_name_a_layer(load: Load, head: str) -> None:
    service = load(
        head + "layers: {a: {path: lib/two}}\n"
        "functions: {f: {handler: h.f, environment: {LAYER: !Ref ALambdaLayer}}}\n"
    )
    assert service.functions["f"].environment == {
        "LAYER": "arn:aws:lambda:us-east-1:000000000000:layer:a:1"
    }


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("x" * 5000, f"6:18: the layer `absent` is in `{'x' * 79}…`, and there is no such folder"),
        ('""', "6:3: the layer `absent` has no `path:`"),
    ],
)
def test_a_path_that_no_folder_can_have(refuse: Refuse, path: str, error: str) -> None:
    top = TOP.replace("lib/absent", path) % ("", ", layers: [{Ref: AbsentLambdaLayer}]")
    _, message, hint = refuse(top)
    assert len(hint or "") < 200
    assert message.startswith(f"serverless.yml:{error}")
