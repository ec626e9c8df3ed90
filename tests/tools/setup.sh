#!/bin/sh
# What only tests use and pip cannot bring: mosquitto (a peer), chromium (the page), Node.js (the
# page's modules; osls, the Serverless Framework; an AWS SDK client). Installed where this may be done; elsewhere told, and those tests skip.
set -eu
cd "$(dirname "$0")"

missing=""
command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
if [ -n "$missing" ]; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        echo "Installing$missing, once."
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1
        # Debian starts mosquitto as a service, on the port that `make run` wants. Tests need none.
        if command -v systemctl >/dev/null 2>&1; then
            systemctl disable --now mosquitto >/dev/null 2>&1 || true
        fi
    else
        echo "Not installed:$missing. Their tests are skipped; to run them: sudo apt-get install$missing"
    fi
fi

# `setup.sh peers` brings serverless-offline too, beside which `make conformance` shows Bellwire.
omit="--omit=optional"
wanted="node_modules/@aws-sdk/client-apigatewaymanagementapi"
if [ "${1:-}" = peers ]; then
    omit=""
    wanted="node_modules/serverless-offline/package.json"
fi
if [ ! -e "$wanted" ]; then
    if command -v npm >/dev/null 2>&1; then
        echo "Installing the Serverless Framework (osls)${1:+ and serverless-offline}, once."
        npm ci --silent --no-audit --no-fund $omit
    else
        echo "Not installed: npm. What needs osls is skipped; to run it, install Node.js 20 or newer."
    fi
fi
