from __future__ import annotations

import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError
from bellwire.gateway.templates import TemplateError, TemplateInput, compile_template
from bellwire.limits import TEMPLATE_BYTES


PLACE = Place("serverless.yml", 21, 15)
BODY = (
    '{"action":"order","id":7,"price":1.5,"gone":null,"yes":true,"no":false,"text":"it\'s",'
    '"items":[{"sku":"a","n":1},{"sku":"b","n":2}],"user":{"name":"Ann","tags":["x","y"]}}'
)
GIVEN = TemplateInput(
    context={
        "connectionId": "c1=",
        "routeKey": "order",
        "requestTimeEpoch": 1731332746514,
        "identity": {"sourceIp": "10.0.0.1"},
        "authorizer": {"principalId": "me", "level": 3},
    },
    body=BODY,
    parameters={
        "path": {"same": "of the path"},
        "querystring": {"token": "t", "same": "of the query"},
        "header": {"X-Kind": "k"},
    },
    stage_variables={"host": "example.com"},
)


def render(text: str, given: TemplateInput = GIVEN) -> str:
    return compile_template(text, PLACE).render(given)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ('{"statusCode": 200}', '{"statusCode": 200}'),
        ("$input.body", BODY),
        ("${input.body}", BODY),
        ("$input.json('$')", BODY),
        ("$input.json('$.id')", "7"),
        ("$input.json('$.action')", '"order"'),
        ("$input.json('$.gone')", "null"),
        ("$input.json('$.missing')", '""'),
        ("$input.json('$.items[0]')", '{"sku":"a","n":1}'),
        ("$input.json('$.items[*].sku')", '["a","b"]'),
        ('$input.json("$.user.name")', '"Ann"'),
        ("$input.path('$.action')", "order"),
        ("$input.path('$.id')", "7"),
        ("$input.path('$.price')", "1.5"),
        ("$input.path('$.yes') $input.path('$.no')", "true false"),
        ("[$input.path('$.gone')$input.path('$.missing')]", "[]"),
        ("$input.path('$').user.name", "Ann"),
        ("$input.path('$.items')[1].sku", "b"),
        ("$input.path('$.items[0]').get('sku')", "a"),
        ("$input.path('$.items').get(1).n", "2"),
        ("$input.path('$.items').size()", "2"),
        ("$input.path('$.items')", '[{"sku":"a","n":1},{"sku":"b","n":2}]'),
        ("$input.path('$.user')", '{name=Ann, tags=["x","y"]}'),
        ("$input.path('$..sku')", '["a","b"]'),
        ("$input.params('token')", "t"),
        ("$input.params('same')", "of the path"),
        ("$input.params('X-Kind')", "k"),
        ("[$input.params('missing')]", "[]"),
        ("$input.params().querystring.token", "t"),
        ("$input.params().header.get('X-Kind')", "k"),
        ("$input.params().keySet()", "[path, querystring, header]"),
        ("$context.connectionId", "c1="),
        ("$context.identity.sourceIp", "10.0.0.1"),
        ("$context.authorizer.level", "3"),
        ("$context.requestTimeEpoch", "1731332746514"),
        ("[$context.missing.deeper]", "[]"),
        ("$stageVariables.host ${stageVariables.host}", "example.com example.com"),
        ("$stageVariables['host']", "example.com"),
        ("[$stageVariables.missing]", "[]"),
        ("$util.escapeJavaScript($input.path('$.text'))", "it\\'s"),
        ("$util.parseJson('{\"a\":[1,2]}').a[1]", "2"),
        ("$util.urlEncode('a b&c=~*é')", "a+b%26c%3D%7E*%C3%A9"),
        ("$util.urlDecode('a+b%26c')", "a b&c"),
        ("$util.base64Encode('ä')", "w6Q="),
        ("$util.base64Decode('w6Q=')", "ä"),
    ],
)
def test_what_a_template_can_name(template: str, text: str) -> None:
    assert render(template) == text


def test_the_template_of_the_aws_page_that_passes_all_parameters_on() -> None:
    """docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-variable-examples.html"""
    template = """#set($all = $input.params())
{#foreach($type in $all.keySet())
#set($params = $all.get($type))
"$type": {#foreach($name in $params.keySet())
"$name": "$util.escapeJavaScript($params.get($name))"#if($foreach.hasNext),#end
#end}#if($foreach.hasNext),#end
#end}"""
    assert orjson.loads(render(template)) == GIVEN.parameters


def test_a_list_of_a_message_is_mapped_item_by_item() -> None:
    template = """#set($root = $input.path('$'))
{"orders": [#foreach($item in $root.items)
{"article": "$item.sku", "amount": $item.n, "by": "$root.user.name"}#if($foreach.hasNext),#end
#end]}"""
    assert orjson.loads(render(template)) == {
        "orders": [
            {"article": "a", "amount": 1, "by": "Ann"},
            {"article": "b", "amount": 2, "by": "Ann"},
        ]
    }


def test_what_is_set_in_the_message_is_in_its_json() -> None:
    template = (
        "#set($root = $input.path('$.user'))#set($root.id = $context.connectionId)"
        "$input.json('$.user')"
    )
    assert render(template) == '{"name":"Ann","tags":["x","y"],"id":"c1="}'


def test_json_of_a_deep_message_is_json_whether_the_template_touched_it_or_not() -> None:
    body = "[" * 300 + "]" * 300
    given = GIVEN._replace(body=body)
    assert render("$input.json('$')", given) == body
    assert render("#set($x = $input.path('$'))$input.json('$')", given) == body


@pytest.mark.parametrize("body", ["", "no json", "[" * 100_000])
def test_a_body_that_is_no_json_has_nothing_below_it(body: str) -> None:
    template = "$input.body|$input.path('$.a')|$input.json('$.a')"
    assert render(template, GIVEN._replace(body=body)) == f'{body}||""'


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a'b\"c\\d/e", "a\\'b\\\"c\\\\d\\/e"),
        ("\b\n\t\f\r\x00\x7f", "\\b\\n\\t\\f\\r\\u0000\\u007F"),
        ("é😀", "\\u00E9\\uD83D\\uDE00"),
    ],
)
def test_javascript_is_escaped(text: str, escaped: str) -> None:
    given = GIVEN._replace(stage_variables={"x": text})
    assert render("$util.escapeJavaScript($stageVariables.x)", given) == escaped


@given(value=st.text())
def test_json_escaped_and_put_back_as_the_aws_page_says_is_the_text(value: str) -> None:
    # $util.escapeJavaScript escapes ' too, which JSON does not know.
    template = '"$util.escapeJavaScript($stageVariables.x).replaceAll("\\\\\'","\'")"'
    given = GIVEN._replace(stage_variables={"x": value})
    assert orjson.loads(render(template, given)) == value


@pytest.mark.parametrize(
    "template",
    [
        "$util.parseJson('{')",
        "$util.base64Decode('%%%')",
        "$input.path('$.a[?(@.b)]')",
        "$input.json('x')",
        "#set($stageVariables.host = 'x')",
        "$util.parseJson($null)",
    ],
)
def test_a_template_may_fail(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template)


@pytest.mark.parametrize(
    "name",
    ["__class__", "__init__", "__dict__", "__globals__", "__len__", "_fields", "_replace"],
)
@pytest.mark.parametrize(
    "thing",
    [
        "$input",
        "$util",
        "$context",
        "$stageVariables",
        "$input.body",
        "$input.params()",
        "$input.path('$.items')",
        "$input.path('$.id')",
        "$context.identity",
        "$input.path('$')",
    ],
)
def test_nothing_of_python_can_be_reached(thing: str, name: str) -> None:
    names = (name, f"{name}()", f"{name}.__mro__", f"{name}('x')")
    assert [render(f"[{thing}.{each}]") for each in names] == ["[]"] * 4
    assert render(f"[{thing}['{name}']]") == "[]"


@pytest.mark.parametrize(
    "method", ["format($input)", "join($input)", "encode()", "ljust(1000000000)", "zfill(9)"]
)
def test_methods_of_python_are_none_of_a_text(method: str) -> None:
    assert render(f"#set($text = '{{0.__class__}}')[$text.{method}]") == "[]"


def test_members_and_methods_themselves_print_nothing() -> None:
    assert render("[$input|$util|$input.json|$util.parseJson|$input.path]") == "[||||]"


def test_a_template_is_as_large_as_aws_allows() -> None:
    assert render("x" * TEMPLATE_BYTES) == "x" * TEMPLATE_BYTES
    with pytest.raises(DefinitionError, match="is larger than") as caught:
        compile_template("é" * (TEMPLATE_BYTES // 2 + 1), PLACE)
    assert caught.value.place == PLACE


def test_without_the_library_only_plain_text_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airspeed", None)
    monkeypatch.setitem(sys.modules, "airspeed.operators", None)
    assert render('{"statusCode": 200}') == '{"statusCode": 200}'
    with pytest.raises(UnsupportedFeatureError, match="not installed") as caught:
        compile_template("$input.body", PLACE)
    assert caught.value.hint == "pip install 'bellwire[integrations]'"
    assert caught.value.place == PLACE
