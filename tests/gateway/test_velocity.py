from __future__ import annotations

from contextlib import suppress
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError
from bellwire.gateway.velocity import compile_velocity
from bellwire.gateway.velocity_values import TemplateError


PLACE = Place("serverless.yml", 21, 15)
NAMES: dict[str, object] = {
    "name": "Ann",
    "n": 7,
    "off": False,
    "on": True,
    "empty": "",
    "list": ["a", "b", "c"],
    "map": {"k": "v", "deep": {"er": 1}},
}


def render(text: str) -> str:
    return compile_velocity(text, PLACE)(NAMES)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        # Text
        ("5 $ and # are text", "5 $ and # are text"),
        ("#FFF $5.00", "#FFF $5.00"),
        ("#hash($n) is no macro", "#hash($n) is no macro"),
        (r"\$name", "$name"),
        ("a## gone\nb", "ab"),
        ("a#* gone\n *#b", "ab"),
        # References
        ("$name.", "Ann."),
        ("${name}s", "Anns"),
        ("$!name $!{name}", "Ann Ann"),
        ("[$missing][$!missing][${missing.a.b}][$missing.call()]", "[][][][]"),
        ("${missing|'other'} ${name|'other'}", "other Ann"),
        ("$map.k $map['k'] $map.get('k') $map.deep.er", "v v v 1"),
        ("$list[0] $list.get(2) [$list[3]] [$list[-1]] [$list['a']]", "a c [] [] []"),
        ("$list $map", '["a","b","c"] {k=v, deep={er=1}}'),
        # Set
        ("#set($a = 1)$a", "1"),
        ("#set($a = 'x $name')$a", "x $name"),
        ('#set($a = "x $name")$a', "x Ann"),
        ("#set($a = [1, 'b', $name, null])$a", "[1, b, Ann, null]"),
        ("#set($a = {'x': 1, 'y': [2]})$a.x $a", "1 {x=1, y=[2]}"),
        ("#set($a = {})#set($a.b = 1)#set($a['c'] = 2)$a", "{b=1, c=2}"),
        ("#set($a = [1, 2])#set($a[1] = 'x')$a", "[1, x]"),
        ("#set($a = {'b': {}})#set($a.b.c = 1)$a", "{b={c=1}}"),
        ("#set($a = [1..3])$a #set($a = [3..1])$a", "[1, 2, 3] [3, 2, 1]"),
        ("#set($a = true)$a#set($a = -1.5)$a", "true-1.5"),
        # If
        ("#if($on)yes#{else}no#end", "yes"),
        ("#if($off)yes#{else}no#end", "no"),
        ("#if($off)1#elseif($n == 7)2#{else}3#end", "2"),
        ("#if($off)1#elseif($n == 8)2#{else}3#end", "3"),
        ("#if($off)1#end", ""),
        # Recorded from API Gateway: what leads nowhere counts as true.
        ("#if($missing)yes#{else}no#end", "yes"),
        ("#if($empty)yes#{else}no#end", "yes"),
        ("#if(!$missing)yes#{else}no#end", "no"),
        ("#if($missing == '')yes#{else}no#end", "yes"),
        ("#if($missing != '')yes#{else}no#end", "no"),
        ("#if($missing == $null)yes#{else}no#end", "yes"),
        # Foreach
        ("#foreach($x in $list)$x#if($foreach.hasNext), #end#end", "a, b, c"),
        ("#foreach($x in $list)$foreach.index$foreach.count$velocityCount #end", "011 122 233 "),
        ("#foreach($x in $list)#if($foreach.first)<#end$x#if($foreach.last)>#end#end", "<abc>"),
        ("#foreach($x in [1..3])#foreach($y in [1..2])$foreach.parent.count$y #end#end",
         "11 12 21 22 31 32 "),
        ("#foreach($x in $list)$x#end[$x][$foreach.index]", "abc[][]"),
        ("#set($x = 1)#foreach($x in $list)$x#end$x", "abc1"),
        ("#foreach($x in $list)#if($x == 'b')#break#end$x#end.", "a."),
        ("#foreach($x in $missing)$x#end#foreach($x in 5)$x#end", ""),
        ("#foreach($x in {'a': 1, 'b': 2})$x#end", "12"),
        ("#foreach($e in $map.entrySet())$e.key=$e.getValue() #end", "k=v deep={er=1} "),
        # Macros
        ("#macro(twice $x)$x$x#end#twice($name)", "AnnAnn"),
        ("#macro(two $x $y)$x,$y#end#two('a')[$x]", "a,[]"),
        ("#set($x = 1)#macro(m $x)$x#end#m(2)$x", "21"),
        ("#define($d)<$name>#end$d#set($name = 'Bob')$d", "<Ann><Bob>"),
        ("a#stop b", "a"),
    ],
)  # fmt: skip
def test_a_template_makes_text(template: str, text: str) -> None:
    assert render(template) == text


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 3 - 2", "5"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("7 % 3", "1"),
        ("7.0 / 2", "3.5"),
        ("7.5 % 2", "1.5"),
        ("1 / 0", ""),
        ("1 % 0", ""),
        ("$name + 1", "Ann1"),
        ("$name - 1", ""),
        ("$on + 1", ""),
        ("1 < 2", "true"),
        ("2 <= 1", "false"),
        ("2 gt 1", "true"),
        ("1 ge 2", "false"),
        ("'a' < 'b'", "false"),
        ("1 == 1.0", "true"),
        ("$n == '7'", "true"),
        ("$n != 7", "false"),
        ("$on == 'true'", "true"),
        ("$list == ['a', 'b', 'c']", "false"),
        ("1 + 1 == 2 && 3 > 2", "true"),
        ("$off && $on || $on", "true"),
        ("$off and $on", "false"),
        ("$off or $off", "false"),
        ("!$off", "true"),
        ("!($n == 7)", "false"),
        ("$off || $n.toString().equals('7')", "true"),
    ],
)
def test_an_expression_has_a_value(expression: str, result: str) -> None:
    assert render(f"#set($a = {expression})$a") == result


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a\n#if($x", "line 2 of the template: parenthesized expression is not complete"),
        ("#if($a)b", "line 1 of the template: if directive is not complete"),
        ("\n\n#set($a)", "line 3 of the template: assignment is not complete"),
        ("#foreach($x of $y)#end", "line 1 of the template: foreach directive is not complete"),
        ("a#end", "line 1 of the template: template body is not complete"),
        ("${name", "line 1 of the template: formal reference is not complete"),
        ("a\n$name(x)", "line 2 of the template: parameter list is not complete"),
        ("a\n$name($n)", "line 2 of the template: '$name(' calls nothing"),
        ('#set($a = "#end")', "line 1 of the template: a text in double quotes cannot be read"),
        ("a\n#if(", "line 2 of the template: #if is not complete"),
        ("#set $a = 1", "line 1 of the template: set directive is not complete"),
        ("#foreach()#end", "line 1 of the template: foreach directive is not complete"),
        ("#if(1 not 2)#end", "the template cannot be read"),
        ("#if(1)" * 400 + "#end" * 400, "the template is nested too deeply"),
    ],
)
def test_a_template_that_does_not_parse_is_refused_with_its_place(
    template: str, message: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_velocity(template, PLACE)
    assert str(caught.value) == f"serverless.yml:21:15: {message}"
    assert caught.value.hint


@pytest.mark.parametrize("word", ["include", "parse", "evaluate", "return"])
def test_a_directive_that_reaches_out_is_refused(word: str) -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        compile_velocity(f"a\n#{word}('x')", PLACE)
    assert caught.value.message == (
        f"line 2 of the template: #{word} is no directive of a mapping template"
    )


@pytest.mark.parametrize(
    "template",
    [
        "#foreach($x in [1..100000000])$x#end",
        "#foreach($x in [1..10000])#foreach($y in [1..10000])#end#end",
        "#macro(m)#m()#m()#end#m()",
        "#define($d)$d$d#end$d",
        "#set($s = 'xxxxxxxxxx')#foreach($x in [1..100])#set($s = \"$s$s\")#end",
        "#set($s = 'xxxxxxxxxx')#foreach($x in [1..100])#set($s = $s + $s)#end",
        "#set($s = 'xxxxxxxxxx')#foreach($x in [1..100])#set($s = $s.concat($s))#end",
        "#set($s = 'xxxxxxxxxx')#foreach($x in [1..100])#set($s = $s.replaceAll('x', $s))#end",
        "#set($l = [])#foreach($x in [1..100])#set($l = [$l, $l])#end$l",
        "#set($l = [])#set($z = $l.add($l))$l",
        "#set($m = {})#set($m.m = $m)$m",
        "#set($n = 9)#foreach($x in [1..100])#set($n = $n * $n)#end",
        "#set($n = 9.5)#foreach($x in [1..2000])#set($n = $n * $n)#end#set($n = $n % 2)$n",
        "#set($z = $list.add($list))$list",
    ],
)
def test_no_template_costs_more_than_it_may(template: str) -> None:
    names = {"list": ["a"]}
    program = compile_velocity(template, PLACE)
    begun = perf_counter()
    with pytest.raises(TemplateError):
        program(names)
    assert perf_counter() - begun < 2.0


def test_a_large_text_looked_through_again_and_again_costs_steps() -> None:
    program = compile_velocity("#foreach($x in [1..9999])$text.contains('y')#end", PLACE)
    with pytest.raises(TemplateError, match="steps"):
        program({"text": "x" * 100_000})


def test_a_template_as_large_as_aws_allows_is_read_in_time() -> None:
    text = '"name": "$name",\n' * (300 * 1024 // 17)
    begun = perf_counter()
    program = compile_velocity(text, PLACE)
    assert program(NAMES) == text.replace("$name", "Ann")
    assert perf_counter() - begun < 10.0


def test_one_rendering_leaves_nothing_to_the_next() -> None:
    program = compile_velocity("[$a]#set($a = 1)#macro(m)m#end#m()", PLACE)
    assert [program(NAMES), program(NAMES)] == ["[]m", "[]m"]
    assert "a" not in NAMES


WORDS = """$ ! { } name list . [ ] ( ) ' " #set #if #foreach #end #else #elseif #macro #define
#stop #break ## #* *# = == + * / % && || < 1 0 - .. , : not size() get(0) \\ | null true $name
$x ${n} $list #foreach($x¤in¤$list) #if($on) #end $list.get( replaceAll( #set($x¤=¤ ¤in¤ ¤"""
pieces = st.sampled_from([word.replace("¤", " ") for word in WORDS.split()])
texts = st.lists(pieces | st.text(max_size=2), max_size=12).map("".join)


@given(text=texts)
def test_any_text_is_a_template_or_is_refused(text: str) -> None:
    try:
        program = compile_velocity(text)
    except DefinitionError:
        return
    with suppress(TemplateError):
        assert isinstance(program(NAMES | {"list": ["a"], "map": {}}), str)


@given(text=st.text(st.characters(exclude_characters="$#\\")))
def test_text_without_signs_comes_out_as_it_went_in(text: str) -> None:
    assert render(text) == text
