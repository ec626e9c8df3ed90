"""The words of serverless.yml, as data
[www.serverless.com/framework/docs/providers/aws/guide/serverless.yml].

`_READ`: what Bellwire reads. `_SKIPPED`: what shapes a deployment and has no effect here; named
once in the findings. `_SILENT`: what could not be missed here (descriptions, tags, versions).
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SERVICE_READ = _words("service provider functions layers custom params resources useDotenv")
SERVICE_SKIPPED = _words("plugins package constructs stepFunctions")
SERVICE_SILENT = _words(
    "app org tenant frameworkVersion configValidationMode console dashboard build outputs stages "
    "state deprecationNotificationMode disabledDeprecations projectDir variablesResolutionMode "
    "unresolvedVariablesNotificationMode licenseKey"
)

PROVIDER_READ = _words(
    "name runtime stage region stackName timeout memorySize environment websocketsApiName "
    "websocketsApiRouteSelectionExpression apiGateway layers logs"
)
PROVIDER_SKIPPED = _words(
    "alb apiKeys apiName architecture cloudFront ecr endpointType eventBridge "
    "fileSystemConfig httpApi iam iamManagedPolicies iamRoleStatements kinesis "
    "resourcePolicy role runtimeManagement s3 snapStart tracing usagePlan vpc vpcEndpointIds"
)
PROVIDER_SILENT = _words(
    "build cfLogs cfnRole credentials deploymentBucket deploymentMethod deploymentPrefix "
    "disableRollback kmsKeyArn lambdaHashingVersion logDataProtectionPolicy logRetentionInDays "
    "notificationArns profile rolePermissionsBoundary rollbackConfiguration "
    "stackParameters stackPolicy stackTags tags variableSyntax versionFunctions "
    "websocket websocketsDescription"
)

FUNCTION_READ = _words(
    "handler name runtime timeout memorySize environment reservedConcurrency events destinations "
    "maximumRetryAttempts maximumEventAge layers logs provisionedConcurrency"
)
FUNCTION_SKIPPED = _words(
    "architecture ephemeralStorageSize fileSystemConfig httpApi iamRoleStatements image onError "
    "package recursiveLoop role runtimeManagement snapStart tracing url vpc"
)
FUNCTION_SILENT = _words(
    "awsKmsKeyArn build condition dependsOn description disableLogs iamRoleStatementsInherit "
    "iamRoleStatementsName kmsKeyArn logDataProtectionPolicy logRetentionInDays tags "
    "versionFunction warmup"
)

EVENTS_READ = _words("websocket iot")
EVENTS_SKIPPED = _words(
    "activemq alb alexaSkill alexaSmartHome cloudFront cloudwatchEvent cloudwatchLog "
    "cognitoUserPool eventBridge http httpApi iotFleetProvisioning kafka msk rabbitmq s3 schedule "
    "sns sqs stream"
)

WEBSOCKET_KEYS = _words("route routeResponseSelectionExpression authorizer")
AUTHORIZER_KEYS = _words("name arn identitySource")
LOGS_KEYS = _words("accessLogging format level executionLogging fullExecutionData")
LAMBDA_LOGS_KEYS = _words("logFormat applicationLogLevel systemLogLevel logGroup")
LAYER_KEYS = _words(
    "path package name description compatibleRuntimes compatibleArchitectures licenseInfo "
    "allowedAccounts retain"
)
DESTINATIONS_KEYS = _words("onSuccess onFailure")
DESTINATION_KEYS = _words("type arn")
IOT_KEYS = _words("sql sqlVersion name enabled description")
NATIVE_RULE_KEYS = _words("sql sqlVersion enabled description notify")
SQL_FUNCTIONS = _words("get_dynamodb get_registry_data get_secret machinelearning_predict")
"""Functions of IoT SQL that need a service of AWS
[docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html]."""
NOTIFY_KEYS = _words("deviceId timestamp")

RULE_READ = _words("RuleName TopicRulePayload")
RULE_IGNORED = _words("Tags")
RULE_PAYLOAD_READ = _words("Sql Actions RuleDisabled Description AwsIotSqlVersion ErrorAction")
REPUBLISH_READ = _words("Topic Qos Headers")
REPUBLISH_HEADERS_READ = _words(
    "PayloadFormatIndicator ContentType ResponseTopic CorrelationData MessageExpiry UserProperties"
)
HTTP_ACTION_READ = _words("Url ConfirmationUrl Headers Auth EnableBatching")
HTTP_ACTION_IGNORED = _words("BatchConfig")
"""Properties of AWS::IoT::TopicRule [docs.aws.amazon.com/AWSCloudFormation/latest/
TemplateReference/aws-resource-iot-topicrule.html], and what `custom.bellwire.rules` takes."""

INTRINSICS = (
    "Ref",
    "Condition",
    *(
        f"Fn::{name}"
        for name in _words(
            "And Base64 Cidr Equals FindInMap GetAtt GetAZs If ImportValue Join Length Not Or "
            "Select Split Sub ToJsonString Transform"
        )
    ),
)
"""CloudFormation's functions
[docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html]."""

API_READ = _words("Name ProtocolType RouteSelectionExpression ApiKeySelectionExpression")
API_IGNORED = _words(
    "Description DisableExecuteApiEndpoint DisableSchemaValidation IpAddressType Tags Version"
)
ROUTE_READ = _words(
    "ApiId RouteKey Target AuthorizationType AuthorizerId ApiKeyRequired ModelSelectionExpression "
    "RequestModels RequestParameters RouteResponseSelectionExpression"
)
ROUTE_IGNORED = _words("OperationName AuthorizationScopes")
ROUTE_RESPONSE_READ = _words("ApiId RouteId RouteResponseKey")
ROUTE_RESPONSE_IGNORED = _words("ModelSelectionExpression ResponseModels ResponseParameters")
INTEGRATION_READ = _words(
    "ApiId IntegrationType IntegrationUri IntegrationMethod ConnectionType TimeoutInMillis "
    "PassthroughBehavior ContentHandlingStrategy RequestParameters RequestTemplates "
    "TemplateSelectionExpression"
)
INTEGRATION_IGNORED = _words("Description CredentialsArn ConnectionId PayloadFormatVersion")
INTEGRATION_RESPONSE_READ = _words(
    "ApiId IntegrationId IntegrationResponseKey ResponseParameters ResponseTemplates "
    "TemplateSelectionExpression ContentHandlingStrategy"
)
INTEGRATION_RESPONSE_IGNORED: tuple[str, ...] = ()
MODEL_READ = _words("ApiId Name Schema")
MODEL_IGNORED = _words("ContentType Description")
AUTHORIZER_READ = _words("ApiId Name AuthorizerType AuthorizerUri IdentitySource")
AUTHORIZER_IGNORED = _words("AuthorizerCredentialsArn")
STAGE_READ = _words(
    "ApiId StageName StageVariables DefaultRouteSettings RouteSettings AccessLogSettings"
)
STAGE_IGNORED = _words("Description DeploymentId AutoDeploy ClientCertificateId Tags")
DEPLOYMENT_READ = _words("ApiId StageName")
DEPLOYMENT_IGNORED = _words("Description")
ROUTE_SETTINGS_READ = _words("ThrottlingRateLimit ThrottlingBurstLimit")
ROUTE_SETTINGS_IGNORED = _words("DataTraceEnabled DetailedMetricsEnabled LoggingLevel")
"""Properties of AWS::ApiGatewayV2 resources that concern WebSocket APIs; `_IGNORED` are without
effect here [docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
AWS_ApiGatewayV2.html]."""
