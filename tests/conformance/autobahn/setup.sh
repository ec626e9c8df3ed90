#!/bin/sh
# The Autobahn test suite in a virtual environment of its own: it needs Python 2.7.
# setup.sh PYTHON3: one that can make virtual environments.
set -eu
python3=$(command -v "$1")
case $python3 in /*) ;; *) python3="$PWD/$python3" ;; esac
cd "$(dirname "$0")"
[ ! -x .venv/wstest/bin/wstest ] || exit 0

python2=""
for candidate in python2.7 "$HOME"/.pyenv/versions/2.7*/bin/python2.7; do
    # pyenv puts a python2.7 on the PATH that only says where it is not
    if "$candidate" --version >/dev/null 2>&1; then
        python2=$candidate
        break
    fi
done
if [ -z "$python2" ]; then
    echo "Not installed: Python 2.7. The Autobahn test suite is skipped; to run it, install one."
    exit 0
fi

echo "Installing the Autobahn test suite, once."
rm -rf .venv
"$python3" -m venv .venv/maker
.venv/maker/bin/python -m pip install -qq 'virtualenv==20.21.1'
.venv/maker/bin/virtualenv -q -p "$python2" .venv/wstest
.venv/wstest/bin/python -m pip install -qq --no-deps -r requirements.txt 2>/dev/null
