from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition.findings import Findings
from bellwire.definition.intrinsics import Intrinsics, Names
from bellwire.definition.naming import make_api_id
from bellwire.definition.nodes import make_map
from bellwire.definition.resources import Resources
from bellwire.definition.template import Template
from bellwire.definition.values import Fields
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


Text = Callable[[str], str | None]

DOCUMENT = """\
custom: {name: from-variable, suffix: "${sls:stage}"}
resources:
  Parameters: {Size: {Default: 5}, Bare: {Type: String}}
  Resources:
    Named: {Type: 'AWS::DynamoDB::Table', Properties: {TableName: "t-${self:custom.suffix}"}}
    Unnamed: {Type: 'AWS::DynamoDB::Table'}
    Queue: {Type: 'AWS::SQS::Queue', Properties: {QueueName: q}}
    Topic: {Type: 'AWS::SNS::Topic', Properties: {TopicName: !Sub '${AWS::StackName}-t'}}
    Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: b}}
    Other: {Type: 'AWS::Cognito::UserPool', Properties: {UserPoolName: pool}}
    Itself: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !Ref Itself}}
    Untyped: {}
    Api: {Type: 'AWS::ApiGatewayV2::Api', Properties: {Name: n, ProtocolType: WEBSOCKET}}
    Http: {Type: 'AWS::ApiGatewayV2::Api', Properties: {Name: n, ProtocolType: HTTP}}
    Route: {Type: 'AWS::ApiGatewayV2::Route', Properties: {RouteKey: a}}
    Stage: {Type: 'AWS::ApiGatewayV2::Stage', Properties: {StageName: !Sub '${Size}-s'}}
"""

GENERATED = {
    "WebsocketsApi": make_map(
        {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "WEBSOCKET"}},
        Place("serverless.yml", 1, 1),
    ),
    "WebsocketsDeploymentStage": make_map(
        {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"StageName": "dev"}},
        Place("serverless.yml", 1, 1),
    ),
    "HelloIotTopicRule1": make_map(
        {"Type": "AWS::IoT::TopicRule", "Properties": {"RuleName": "my_rule"}},
        Place("serverless.yml", 1, 1),
    ),
    "HelloIotTopicRule2": make_map(
        {"Type": "AWS::IoT::TopicRule", "Properties": {}}, Place("serverless.yml", 1, 1)
    ),
}


@pytest.fixture
def text(fields: Callable[..., Fields]) -> Text:
    """Give an environment value, at line 17 and column 8, its text."""

    def text(value: str) -> str | None:
        read = fields(f"{DOCUMENT}value: {value}\n")
        names = Names(
            service="demo",
            stage="dev",
            stack="demo-dev",
            region="eu-west-1",
            api_id="abcdefghij",
            functions={"HelloLambdaFunction": "demo-dev-hello"},
        )
        template = Template(GENERATED, Resources(read, Findings()), read.variables)
        intrinsics = Intrinsics(names, template, read.variables)
        return intrinsics.text(read.node.entries["value"].node, "env.A")

    return text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("!Ref Api", make_api_id("demo", "Api")),
        ("!GetAtt Api.ApiId", make_api_id("demo", "Api")),
        (
            "!GetAtt Api.ApiEndpoint",
            f"wss://{make_api_id('demo', 'Api')}.execute-api.eu-west-1.amazonaws.com",
        ),
        ("!Ref Stage", "5-s"),
        ("!Ref Route", "Route"),
        ("!GetAtt Route.RouteId", "Route"),
        ("!Select [1, [a, b]]", "b"),
        ("!Select ['1', !Split ['-', a-b-c]]", "b"),
        ("!Select [2, !Split [',', !Join [',', [!Ref Stage, x, y]]]]", "y"),
        ("plain", "plain"),
        ("1.0", "1"),
        ("true", "true"),
        ("null", None),
        ("''", ""),
        ("${self:custom.name}", "from-variable"),
        ("{Ref: AWS::Region}", "eu-west-1"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref AWS::StackName", "demo-dev"),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::NoValue", None),
        ("!Ref HelloLambdaFunction", "demo-dev-hello"),
        ("!Ref HelloIotTopicRule1", "my_rule"),
        ("!Ref HelloIotTopicRule2", "HelloIotTopicRule2"),
        ("!Ref WebsocketsApi", "abcdefghij"),
        ("!Ref WebsocketsDeploymentStage", "dev"),
        ("!Ref Size", "5"),
        ("!Ref Named", "t-dev"),
        ("!Ref Unnamed", "demo-dev-Unnamed"),
        ("!Ref Queue", "https://sqs.eu-west-1.amazonaws.com/000000000000/q"),
        ("!Ref Topic", "arn:aws:sns:eu-west-1:000000000000:demo-dev-t"),
        ("!Ref Other", "pool"),
        ("!Ref Untyped", "demo-dev-Untyped"),
        ("!GetAtt Named.Arn", "arn:aws:dynamodb:eu-west-1:000000000000:table/t-dev"),
        ("!GetAtt Queue.QueueName", "q"),
        ("!GetAtt Queue.Arn", "arn:aws:sqs:eu-west-1:000000000000:q"),
        ("!GetAtt Topic.TopicArn", "arn:aws:sns:eu-west-1:000000000000:demo-dev-t"),
        ("!GetAtt Bucket.Arn", "arn:aws:s3:::b"),
        (
            "{'Fn::GetAtt': [HelloLambdaFunction, Arn]}",
            "arn:aws:lambda:eu-west-1:000000000000:function:demo-dev-hello",
        ),
        (
            "{'Fn::GetAtt': HelloIotTopicRule1.Arn}",
            "arn:aws:iot:eu-west-1:000000000000:rule/my_rule",
        ),
        ("!GetAtt WebsocketsApi.ApiId", "abcdefghij"),
        (
            "!GetAtt WebsocketsApi.ApiEndpoint",
            "wss://abcdefghij.execute-api.eu-west-1.amazonaws.com",
        ),
        (
            "!Join ['', ['https://', !Ref WebsocketsApi, .execute-api., !Ref 'AWS::Region', "
            "'.amazonaws.com/${sls:stage}']]",
            "https://abcdefghij.execute-api.eu-west-1.amazonaws.com/dev",
        ),
        ("!Join [',', [a, !Ref AWS::NoValue, 1]]", "a,,1"),
        (
            "!Sub '${WebsocketsApi}.${ AWS::Region }/${Named.Arn}'",
            "abcdefghij.eu-west-1/arn:aws:dynamodb:eu-west-1:000000000000:table/t-dev",
        ),
        ("!Sub 'a-${!Literal}-${self:custom.name}'", "a-${Literal}-from-variable"),
        ("!Sub ['${x}-${AWS::Region}', {x: !Ref Size}]", "5-eu-west-1"),
    ],
)
def test_values_become_text(text: Text, value: str, expected: str | None) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("value", "kind", "message", "hint"),
    [
        ("[a]", DefinitionError, "17:8: `env.A` must be a text, not a list", None),
        ("{a: 1, b: 2}", DefinitionError, "17:8: `env.A` must be a text, not a map", None),
        (
            "{Reff: x}",
            UnknownKeyError,
            "17:8: `env.A` must be a text, not a map",
            "did you mean `Ref`?",
        ),
        (
            "!Ref Namd",
            UnknownKeyError,
            "17:8: nothing in this service has the logical id `Namd`",
            "did you mean `Named`?",
        ),
        (
            "!Sub 'x${HeloLambdaFunction}'",
            UnknownKeyError,
            "17:8: nothing in this service has the logical id `HeloLambdaFunction`",
            "did you mean `HelloLambdaFunction`?",
        ),
        (
            "!Ref Bare",
            DefinitionError,
            "17:8: the parameter `Bare` has no Default, and nobody to give it a value here",
            None,
        ),
        (
            "!GetAtt Nothing.Arn",
            UnknownKeyError,
            "17:8: nothing in this service has the logical id `Nothing`",
            None,
        ),
        (
            "!GetAtt Unnamed.StreamArn",
            UnsupportedFeatureError,
            "17:8: the attribute `StreamArn` of `Unnamed` is not known here",
            "give the value itself, for local runs by a parameter or ${env:…}",
        ),
        (
            "!GetAtt Other.Arn",
            UnsupportedFeatureError,
            "17:8: the attribute `Arn` of `Other` is not known here",
            None,
        ),
        (
            "!GetAtt WebsocketsApi.Arn",
            UnsupportedFeatureError,
            "17:8: the attribute `Arn` of `WebsocketsApi` is not known here",
            None,
        ),
        (
            "!GetAtt Http.ApiEndpoint",
            UnsupportedFeatureError,
            "17:8: the attribute `ApiEndpoint` of `Http` is not known here",
            None,
        ),
        (
            "!ImportValue x",
            UnsupportedFeatureError,
            "17:8: `env.A` uses Fn::ImportValue, which is not resolved here",
            None,
        ),
        (
            "!Join ['', [!FindInMap [a, b, c]]]",
            UnsupportedFeatureError,
            "17:20: `env.A` uses Fn::FindInMap, which is not resolved here",
            None,
        ),
        ("!Select [0]", DefinitionError, "17:8: Fn::Select takes an index and a list", None),
        ("!Select [2, [a, b]]", DefinitionError, "17:8: Fn::Select takes `2` of a list of 2", None),
        (
            f"!Select ['{'9' * 5000}', [a]]",
            DefinitionError,
            f"17:8: Fn::Select takes `{'9' * 79}…` of a list of 1",
            None,
        ),
        (
            "!Select [0, !Split ['', a]]",
            DefinitionError,
            "17:20: Fn::Split takes a separator and a text",
            None,
        ),
        ("!Select [0, a]", DefinitionError, "17:20: `env.A` must be a list, not `a`", None),
        (
            "{'Fn::Join': ['', [a]], 'Fn::Sub': b}",
            DefinitionError,
            "17:8: `env.A` must be a text, not a map",
            "the framework merges this map with the one it generates; set it under "
            "`resources.extensions`, which replaces",
        ),
        ("!Join x", DefinitionError, "17:8: `env.A` must be a list, not `x`", None),
        ("!Join [x]", DefinitionError, "17:8: Fn::Join takes a separator and a list", None),
        ("!Sub [x]", DefinitionError, "17:8: Fn::Sub takes a text, or a text and a map", None),
        (
            "!GetAtt [x]",
            DefinitionError,
            "17:8: Fn::GetAtt takes a logical id and an attribute",
            None,
        ),
        ("!Ref [x]", DefinitionError, "17:8: `env.A` must be a text, not a list", None),
        (
            "!Ref Itself",
            DefinitionError,
            "11:64: `Itself.BucketName` is built of too many parts",
            None,
        ),
    ],
)
def test_what_is_not_known_is_refused(
    text: Text, value: str, kind: type[DefinitionError], message: str, hint: str | None
) -> None:
    with pytest.raises(DefinitionError) as caught:
        text(value)
    assert type(caught.value) is kind
    assert str(caught.value) == f"serverless.yml:{message}"
    if hint:
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        ("''", "`env.A` is built of too many parts"),
        ("'" + "x" * 1000 + "'", "this builds a text longer than 1024 KiB"),
    ],
)
def test_work_is_bounded(text: Text, leaf: str, message: str) -> None:
    joins = [
        f"a{i}: &a{i} !Join ['', [{part}, {part}]]"
        for i, part in enumerate([leaf, *(f"*a{i}" for i in range(30))])
    ]
    nested = "{Ref: AWS::Region}\n" + "\n".join(joins)
    assert text(nested) == "eu-west-1"
    with pytest.raises(DefinitionError, match=message):
        text("${self:a30}\n" + "\n".join(joins))
