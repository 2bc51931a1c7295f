#!/bin/sh
# Builds .venv with the locked packages and the project itself. Run by `make env`, from the top of the clone.
# Quick when nothing changed: a stamp holds the hash of all that the outcome depends on.
set -eu

stamp=.venv/.courtier-stamp
here=$(pwd -P)

say() { printf '%s\n' "$*" >&2; }
hash_of() { cat "$@" | sha256sum | cut -d' ' -f1; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$name" && "$name" -c 'import ensurepip, venv' 2>/dev/null; then echo "$name"; return; fi
    done
    say "Courtier needs Python 3.11 or newer with its venv and ensurepip modules (Debian: apt install python3-venv), or"
    say "uv. If such a Python is there under another name, say so: make env PYTHON=/path/to/python"
    exit 1
}

uv=
if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then uv=uv; fi

lock=$(hash_of requirements.txt)
catalogues=$(find web/translations -name '*.po' 2>/dev/null | sort)
# shellcheck disable=SC2086
project=$(hash_of pyproject.toml package.json package-lock.json hatch_build.py setup/*.py setup/icons.txt $catalogues)
wanted="$here $lock $project"

made() { [ -x .venv/bin/courtier ] && [ -f broker/bases/data/postcodes.csv ] && [ -f web/static/vendor/.inputs ]; }
if made && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c pass 2>/dev/null; then
    exit 0
fi

before=$(cat "$stamp" 2>/dev/null || true)
if ! new_enough .venv/bin/python || { [ -n "$before" ] && [ "${before%% *}" != "$here" ]; }; then
    rm -rf .venv  # none yet, or made for another place or a Python that is gone
    before=
    if [ -z "$uv" ]; then
        python=$(find_python) || exit 1
        say "Making .venv with $("$python" --version) …"
        "$python" -m venv .venv
    else
        say "Making .venv with uv …"
        uv venv --quiet --python "${PYTHON:->=3.11}" .venv
    fi
fi

case "$before" in
"$here $lock "*) ;;
*)
    say "Installing the packages of requirements.txt, each checked by its hash …"
    if [ -n "$uv" ]; then
        # Compiled once here, as pip does: else each process compiles what it imports, or writes it beside, at its start.
        uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements.txt
    else
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
    fi
    ;;
esac

say "Installing Courtier, its front-end files and the French post codes …"
if [ -n "$uv" ]; then
    uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
fi
# Our own code, too: the processes' users may not write beside it, and some places forbid Python to.
.venv/bin/python -m compileall -q broker api web migrations
printf '%s' "$wanted" > "$stamp"
say "Ready: .venv/bin/courtier --help"
