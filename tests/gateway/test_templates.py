from __future__ import annotations

import json
import sys
from contextlib import suppress
from time import perf_counter

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

NAMES: dict[str, object] = {
    "name": "Ann",
    "n": 7,
    "off": False,
    "on": True,
    "empty": "",
    "list": ["a", "b", "c"],
    "map": {"k": "v", "deep": {"er": 1}},
}


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
        ("$input.params().keySet()", '["path","querystring","header"]'),
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
        ("\b\n\t\f\r\x00\x7f", "\\b\\n\\t\\f\\r\\u0000\\u007f"),
        ("é😀", "\\u00e9\\ud83d\\ude00"),
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
        "$util.parseJson($null)",
        "$context.routeKey('x')",
        "#set($a = $input.path('$.id') / 0)",
        "#set($a = $input.path('$.text') - 1)",
        "#set($missing.b = 1)",
        "#foreach($x in $input.path('$.id'))#end",
        "$input.body.matches('(')",
        "#missing(1)",
        "#macro(m)#m()#m()#end#m()",
        "#define($d)$d$d#end$d",
        "#set($m = $input.path('$'))#set($m.m = $m)$m",
        "#set($m = $input.path('$'))#set($m.m = $m)$input.json('$')",
        "#foreach($x in [1..100000000])$x#end",
        "#foreach($x in [1..100000000]) #end",
    ],
)
def test_a_template_may_fail(template: str) -> None:
    begun = perf_counter()
    with pytest.raises(TemplateError) as caught:
        render(template)
    assert 0 < len(str(caught.value)) <= 200
    assert perf_counter() - begun < 5.0


def test_members_and_methods_themselves_print_nothing() -> None:
    assert render("[$input.json|$util.parseJson|$input.path|$input.body.length]") == "[|||]"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("5 $ and # are text, as #FFF and $5.00 are", "5 $ and # are text, as #FFF and $5.00 are"),
        (r"\$name", "$name"),
        ("a## gone\nb#* gone\n *#c", "abc"),
        ("[$missing][$!missing][${missing.a.b}][$missing.call()][$missing[0]]", "[][][][][]"),
        ("$context.list[0] $context.list.get(2) [$context.list[3]]", "a c []"),
        ("$context.map.k $context.map['k'] $context.map.get('k') $context.map.deep.er", "v v v 1"),
        ("$context.list $context.map", '["a","b","c"] {k=v, deep={er=1}}'),
        ("#set($a = 1)$a#set($a = 'x')$a", "1x"),
        ('#set($a = "x $context.name")$a', "x Ann"),
        ("#set($a = {'x': 1})#set($a.y = 2)$a.x$a.y$a.get('y')$a.size()", "1222"),
        ("#set($a = ['x'])#set($ok = $a.add('y'))$a[1]$a.size()", "y2"),
        ("#set($s = ' X ')[$s.trim().toLowerCase()]", "[x]"),
        ("#set($a = (1 + 2) * 3 - 10 / 5 % 3)$a", "7"),
        ("#if($context.on)yes#{else}no#end", "yes"),
        ("#if($context.off)1#elseif($context.n == 7)2#{else}3#end", "2"),
        ("#if(!$context.off && ($context.n > 6 || $context.n < 1))yes#end", "yes"),
        # Recorded from API Gateway: what leads nowhere is an empty text, and counts as true.
        ("#if($missing)yes#{else}no#end", "yes"),
        ("#if($context.empty)yes#{else}no#end", "yes"),
        ("#if(!$missing)yes#{else}no#end", "no"),
        ("#if($missing == '')yes#{else}no#end", "yes"),
        ("#if($missing == $null)yes#{else}no#end", "yes"),
        ("#foreach($x in $context.list)$x#if($foreach.hasNext), #end#end", "a, b, c"),
        ("#foreach($x in $context.list)$foreach.index$velocityCount #end", "01 12 23 "),
        ("#foreach($x in [1..3])$x#end", "123"),
        ("#foreach($x in $missing)$x#end", ""),
        ("#foreach($x in $context.map)$x #end", "v {er=1} "),
        ("#foreach($e in $context.map.entrySet())$e.key=$e.value #end", "k=v deep={er=1} "),
        ("#macro(twice $x)$x$x#end#twice('a')", "aa"),
        ("#define($d)<$context.name>#end$d", "<Ann>"),
        ("a#stop b", "a"),
    ],
)
def test_a_template_is_velocity(template: str, text: str) -> None:
    assert render(template, GIVEN._replace(context=NAMES)) == text


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("length()", "7"),
        ("isEmpty()", "false"),
        ("contains('bar')", "true"),
        ("startsWith('Foo')", "true"),
        ("endsWith('Foo')", "false"),
        ("indexOf('b')", "4"),
        ("substring(4)", "bar"),
        ("substring(0, 3)", "Foo"),
        ("equals('Foo bar')", "true"),
        ("equalsIgnoreCase('foo BAR')", "true"),
        ("toLowerCase().toUpperCase().trim().toString()", "FOO BAR"),
        ("matches('F.*')", "true"),
        ("replace('o', '.$1')", "F.$1.$1 bar"),
        ("replaceAll('(o+) (b)', '$2\\$1')", "Fb$1ar"),
        ("split(' ')[1]", "bar"),
        ("missing()", ""),
        ("upper()", ""),
    ],
)
def test_a_text_has_the_methods_of_java(call: str, text: str) -> None:
    given = GIVEN._replace(stage_variables={"x": "Foo bar"})
    assert render(f"$stageVariables.x.{call}", given) == text


def test_maps_and_lists_of_a_message_are_changed_in_place() -> None:
    template = (
        "#set($root = $input.path('$'))#set($root.map.list[0] = $root.map.key)"
        "$root.map.put('new', $root.map.list)$root.map.remove('key')$root.map.list.add(null)"
        "$root.map.containsKey('key')$root.map.keySet().contains('new')$root.map.values().size()"
        "$root.map.isEmpty()$root.map.list.isEmpty() $input.json('$')"
    )
    given = GIVEN._replace(body='{"map":{"list":[1],"key":{}}}')
    made = '{"map":{"list":[{},null],"new":[{},null]}}'
    assert render(template, given) == f"{{}}truefalsetrue2falsefalse {made}"


def test_what_a_message_does_not_have_is_nothing_whatever_python_calls_so() -> None:
    template = "[$input.path('$').items$input.path('$.n').real.x$input.path('$.t').title]"
    assert render(template, GIVEN._replace(body='{"t":"x"}')) == "[]"
    loop = "#foreach($x in $input.path('$').values)$x#end"
    assert render(f"[{loop}]", GIVEN._replace(body="{}")) == "[]"


@pytest.mark.parametrize(
    "data",
    [
        "$context.name",
        "#set($x = 1)$x",
        "#end",
        "#evaluate('$context.name')",
        '"#stop',
        "${",
        "\\$x",
        "%s{0}",
    ],
)
def test_a_message_is_never_a_template(data: str) -> None:
    given = GIVEN._replace(
        body=orjson.dumps({"x": data, data: [data]}).decode(), stage_variables={"x": data}
    )
    template = (
        "#macro(m $y)$y#end#define($d)$input.path('$.x')#end"
        "#set($a = $input.path('$.x'))#set($b = \"$a\")"
        "$a|$b|$d|#m($a)|$stageVariables.x|$input.path('$').get($a)[0]|$a.replaceAll('^', '')"
    )
    assert render(template, given) == "|".join([data] * 7)
    assert render("$input.body", given) == given.body


@pytest.mark.parametrize(
    "expression",
    [
        "$r.text * $r.n",
        "$r.n * $r.text",
        "$r.list * $r.n",
        "$r.format % $r.n",
        "$r.text.replace('x', $r.text)",
        "$r.text.replaceAll('x', $r.text)",
        "$r.text.replaceAll('(x+)', $r.groups)",
    ],
)
def test_no_message_makes_a_text_that_fills_the_memory(expression: str) -> None:
    body = {
        "text": "x" * 30_000,
        "n": 10**15,
        "list": [1],
        "format": "%9999999999d",
        "groups": "$1" * 10_000,
    }
    with pytest.raises(TemplateError):
        render(
            f"#set($r = $input.path('$'))#set($a = {expression})",
            GIVEN._replace(body=orjson.dumps(body).decode()),
        )


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [300, 1000])
def test_a_deep_message_fails_alone_if_at_all(opening: str, depth: int) -> None:
    closing = "]" if opening == "[" else "}"
    given = GIVEN._replace(body=f"{opening * depth}1{closing * depth}")
    template = compile_template("$input.path('$') $input.json('$')$input.path('$..a')", PLACE)
    with suppress(TemplateError):
        template.render(given)
    assert template.render(GIVEN._replace(body="1")) == "1 1[]"


def test_one_rendering_leaves_nothing_to_the_next() -> None:
    template = compile_template(
        "[$a$stageVariables.y$util.z]#set($a = 1)#set($stageVariables.y = 1)#set($util.z = 1)"
        "#macro(m)m#end#m()"
    )
    assert [template.render(GIVEN), template.render(GIVEN)] == ["[]m", "[]m"]
    assert GIVEN.stage_variables == {"host": "example.com"}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a\n#if($x", "line 2, column 7: expected )"),
        ("#if($a)b", "expected #else, #elseif or #end"),
        ("\n\n#set($a)", "line 3, column 8: expected ="),
        ("#foreach($x of $y)#end", "expected in in foreach directive"),
        ("a#end", "expected block element"),
        ("${name", "expected }"),
        ("#if(1 not 2)#end", "'not'"),
        ("#if(1)" * 400 + "#end" * 400, "nested too deeply"),
    ],
)
def test_a_template_that_does_not_parse_is_refused_with_its_place(
    template: str, message: str
) -> None:
    with pytest.raises(DefinitionError, match="does not parse") as caught:
        compile_template(template, PLACE)
    assert message in caught.value.message
    assert (caught.value.place, bool(caught.value.hint)) == (PLACE, True)


@pytest.mark.parametrize("word", ["break", "include", "parse", "evaluate", "return"])
def test_a_directive_that_is_not_rendered_is_refused(word: str) -> None:
    for text in (f"a\n#{word}('x')", f'#set($a = "#{{{word}}}($input.body)")$a'):
        with pytest.raises(UnsupportedFeatureError, match="is not rendered") as caught:
            compile_template(text, PLACE)
        assert caught.value.place == PLACE


WORDS = """$ ! { } context.name list . [ ] ( ) ' " #set #if #foreach #end #else #elseif #macro
#define #stop #break ## #* *# = == + * / % && || < 1 0 - , : not size() get(0) \\ | null true
$input.path('$.items') $x ${context.n} $context.list #foreach($x¤in¤$context.list) #if($context.on)
$list.get( replaceAll( #set($x¤=¤ ¤in¤ ¤"""
pieces = st.sampled_from([word.replace("¤", " ") for word in WORDS.split()])


@given(text=st.lists(pieces | st.text(max_size=2), max_size=12).map("".join))
def test_any_text_is_a_template_or_is_refused(text: str) -> None:
    try:
        template = compile_template(text)
    except DefinitionError:
        return
    with suppress(TemplateError):
        assert isinstance(template.render(GIVEN._replace(context=NAMES)), str)


@given(
    body=st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from("abk"), inner),
    ).map(json.dumps)
)
def test_any_message_is_rendered_or_refused(body: str) -> None:
    template = (
        "#set($r = $input.path('$'))$r$r.a$r.a.b$r.size()$r[0]$r.get('k')$input.json('$..a')"
        "#foreach($x in $input.path('$[*]'))$x#if($x == 1)$x#end$foreach.count#end"
        "$util.escapeJavaScript($input.body)"
    )
    with suppress(TemplateError):
        assert isinstance(render(template, GIVEN._replace(body=body)), str)


@given(text=st.text(st.characters(exclude_characters="$#\\")))
def test_text_without_signs_comes_out_as_it_went_in(text: str) -> None:
    assert render(text) == text
    assert render(f"{text}$context.missing") == text


def test_a_template_is_as_large_as_aws_allows() -> None:
    assert render("x" * TEMPLATE_BYTES) == "x" * TEMPLATE_BYTES
    with pytest.raises(DefinitionError, match="is larger than") as caught:
        compile_template("é" * (TEMPLATE_BYTES // 2 + 1), PLACE)
    assert caught.value.place == PLACE


def test_a_template_as_large_as_aws_allows_is_rendered_in_time() -> None:
    text = '"name": "$context.routeKey",\n' * (TEMPLATE_BYTES // 29)
    begun = perf_counter()
    assert render(text) == text.replace("$context.routeKey", "order")
    assert perf_counter() - begun < 10.0


def test_without_the_library_only_plain_text_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airspeed", None)
    assert render('{"statusCode": 200}') == '{"statusCode": 200}'
    with pytest.raises(UnsupportedFeatureError, match="not installed") as caught:
        compile_template("$input.body", PLACE)
    assert caught.value.hint == "pip install 'bellwire[integrations]'"
    assert caught.value.place == PLACE


@pytest.mark.parametrize(
    "text",
    [
        "#foreach($i in [1..$input.path('$.n')])x#end",
        "#foreach($i in [$n..5])x#end",
        "$input.__class__",
        "$x. __init__()",
    ],
)
def test_what_a_message_could_make_costly_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="is not rendered"):
        compile_template(text)


def test_a_regular_expression_is_tried_on_short_texts_only() -> None:
    template = compile_template(r"$input.body.replaceAll('\s+$','')")
    assert template.render(GIVEN._replace(body="x  ")) == "x"
    with pytest.raises(TemplateError, match="4096"):
        template.render(GIVEN._replace(body=" " * 30_000 + "x"))
