#!/usr/bin/env bash
# Every test of the project: installs what they need, builds, runs all, and ends with one line,
# `N passed, N failed`. The status is 0 only if something passed and nothing failed.
#
# Owns .build/ and nothing else; logs are in .build/tests/. It installs Debian packages, as root
# or with sudo, only when one is missing. A part that fails shows its output, and the others
# still run.
#
#   JOTMILL_JOBS    how many compile at once (default: swift's choice)

# Functions are called by their names through `run` and `check`, which shellcheck can't see.
# shellcheck disable=SC2317
set -uo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 1
cd -- "$root" || exit 1
work=$root/.build/tests
mkdir -p "$work" || exit 1

# A ring or a passphrase of the caller's must not come into it, nor a backtrace that prints memory.
unset JOTMILL_KEYRING JOTMILL_PASSPHRASE_FILE
export SWIFT_BACKTRACE=enable=no
jobs=(${JOTMILL_JOBS:+-j "$JOTMILL_JOBS"})
passed=0 failed=0

section() { printf '\n== %s\n' "$1"; }
count() { passed=$((passed + $1)) failed=$((failed + $2)); }
finish() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

# run NAME COMMAND...: the output goes to a log, which is shown if the command fails.
run() {
  local name=$1 status=0 began=$SECONDS
  shift
  log=$work/${name//[^a-zA-Z0-9]/-}.log
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -eq 0 ]; then
    printf 'ok      %-52s %4d s\n' "$name" "$((SECONDS - began))"
  else
    printf 'FAILED  %-52s %4d s, status %d\n' "$name" "$((SECONDS - began))" "$status"
    sed 's/^/        /' "$log"
  fi
  return "$status"
}

# check NAME COMMAND...: a run that counts as one test.
check() { if run "$@"; then count 1 0; else count 0 1; fi; }

# The tools ----------------------------------------------------------------------------------

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)

install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
      missing+=("$package")
  done
  if [ "${#missing[@]}" -eq 0 ]; then return 0; fi
  printf 'installing with apt-get: %s\n' "${missing[*]}"
  run 'apt-get update' "${as_root[@]}" apt-get update &&
    run 'apt-get install' "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 \
      apt-get install -y --no-install-recommends "${missing[@]}"
}

# python_packages LIST VENV: what a list names, installed again only when it has changed.
python_packages() {
  local list=Tests/Interop/$1 venv=$work/$2
  if cmp -s "$list" "$venv/installed.txt" && "$venv/bin/python" -c '' 2>/dev/null; then return 0; fi
  rm -rf -- "$venv"
  python3 -m venv "$venv" &&
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet -r "$list" &&
    cp -- "$list" "$venv/installed.txt"
}

# The web server that tests start by themselves, on the loopback. Debian would start one too, now
# and at each boot, which nobody asked for here.
install_nginx() {
  if command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]; then return 0; fi
  install_packages nginx-light || return
  if [ -d /run/systemd/system ]; then
    run 'no nginx at boot' "${as_root[@]}" systemctl disable nginx
  fi
}

section 'Tools'
if command -v dpkg-query >/dev/null; then
  install_packages git libssl-dev pkg-config jose openssl python3-venv jq time shellcheck systemd \
    libc6-dev-arm64-cross || count 0 1
  install_nginx || count 0 1
else
  echo 'no Debian here: what is missing is not installed'
fi
if ! command -v swift >/dev/null; then
  echo 'FAILED  needs a Swift toolchain (6.2 or later) in the PATH'
  count 0 1
  finish
fi
swift --version 2>&1 | grep -i 'swift version'
have_peers=yes
run 'Python packages of the interop suite' python_packages requirements.txt venv || {
  have_peers=no
  count 0 1
}
# Two libraries whose services need older packages than that.
unset JOTMILL_AUTH3_PYTHON JOTMILL_AUTH_PYTHON
if run 'Python packages of fastapi-jwt-auth3' python_packages requirements-auth3.txt venv-auth3; then
  export JOTMILL_AUTH3_PYTHON=$work/venv-auth3/bin/python
else
  count 0 1
fi
if run 'Python packages of fastapi-jwt-auth' python_packages requirements-auth.txt venv-auth; then
  export JOTMILL_AUTH_PYTHON=$work/venv-auth/bin/python
else
  count 0 1
fi

# Style --------------------------------------------------------------------------------------

section 'Style'
check 'swift format lint' swift format lint --strict -r Sources Tests Package.swift
scripts=(samples/quickstart.sh Tests/run.sh Tests/fuzz.sh .ci/run)
if command -v shellcheck >/dev/null; then
  for script in "${scripts[@]}"; do check "shellcheck $script" shellcheck "$script"; done
else
  echo 'skipped shellcheck: it is not installed'
fi

# Other processors take the portable kernels: those must compile there.
compile_for_aarch64() {
  local clang file
  clang=$(dirname -- "$(readlink -f -- "$(command -v swift)")")/clang
  for file in Sources/CLanes/*.c; do
    "$clang" --target=aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include \
      -ISources/CLanes/include -O2 -Wall -Werror -c "$file" -o "$work/aarch64.o" || return
  done
}
if [ -d /usr/aarch64-linux-gnu/include ]; then
  check 'kernels for aarch64' compile_for_aarch64
else
  echo 'skipped the kernels for aarch64: there are no headers for it'
fi

# Swift's own tests --------------------------------------------------------------------------

# Adds up what `swift test` says: its total, less the tests named as failed or skipped. Without
# that total (the process died, say) the tests seen to pass count, and the death as one failure.
count_swift_tests() {
  local status=$1 total bad skipped good
  # "Test case" lines are a parameter's, "Test run" the total; the rest are one for each test.
  # The mark in front is no single character where the locale is not UTF-8.
  tests() { grep -E "^$1 Test .*$2" "$log" | grep -Evc '^[^ ]+ Test (run|case) '; }
  total=$(sed -nE 's/^[^ ]+ Test run with ([0-9]+) tests?.*/\1/p' "$log" | awk '{ n += $1 } END { print n }')
  bad=$(tests ✘ ' failed after ')
  skipped=$(tests ➜ ' skipped')
  if [ -n "$total" ]; then
    good=$((total - bad - skipped))
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  else
    good=$(tests ✔ ' passed after ')
    bad=$((bad + 1))
  fi
  # What was skipped, and how many vectors were run, is for the reader.
  grep -E '^➜ Test .* skipped|^(vectors|openssl): ' "$log" | sed 's/^/        /'
  printf '        %d passed, %d failed, %d skipped\n' "$good" "$bad" "$skipped"
  count "$good" "$bad"
}

section 'Swift tests, debug build'
# Thousands of schemas and values for the Swift tests, judged by Python's jsonschema.
if [ "$have_peers" = yes ] &&
  check 'pairs of schema and value' "$work/venv/bin/python" Tests/Interop/schema.py --write "$work/pairs.ndjson"; then
  export JOTMILL_SCHEMA_PAIRS=$work/pairs.ndjson
fi
# Hundreds of verifiers by passlib and bcrypt, with right and wrong passwords.
if [ "$have_peers" = yes ] &&
  check 'pairs of verifier and password' "$work/venv/bin/python" Tests/Interop/users.py --write "$work/users.ndjson"; then
  export JOTMILL_USERS_PAIRS=$work/users.ndjson
fi
if run 'swift build --build-tests' swift build --build-tests "${jobs[@]}"; then
  status=0
  run 'swift test' swift test --skip-build "${jobs[@]}" || status=$?
  count_swift_tests "$status"
else
  count 0 1
fi

# What fuzzing has kept ----------------------------------------------------------------------

section 'Fuzzing: the corpora, with the sanitizers'
check 'fuzz corpora' Tests/fuzz.sh 0

# The first command a user runs --------------------------------------------------------------

# The tracked files as they stand, in a folder with a blank in its name, as a fresh clone would
# have them. Files that did not change are left alone, so that the build there needs no repeating.
fresh="$work/fresh clone"
build=$work/release
copy_tracked_files() {
  local name files=$work/tracked.txt
  # The caller may not own the folder, as in a container; this lets git list it all the same.
  git -c safe.directory="$root" -c core.quotePath=false ls-files >"$files" || return
  rm -rf -- "$fresh/keys" "$fresh/samples/out"
  mkdir -p "$fresh" || return
  (cd "$fresh" && find . -type f -print) | sed 's,^\./,,' | grep -vxFf "$files" |
    while IFS= read -r name; do rm -f -- "$fresh/$name"; done
  while IFS= read -r name; do
    if [ ! -e "$name" ] || cmp -s -- "$name" "$fresh/$name"; then continue; fi
    mkdir -p "$(dirname -- "$fresh/$name")" && cp -p -- "$name" "$fresh/$name" || return
  done <"$files"
}

quickstart() { (cd / && JOTMILL_BUILD=$build "$fresh/samples/quickstart.sh"); }

# The ring is what it was after the first run, and whole.
same_ring() {
  cmp "$work/jwks.json" "$fresh/keys/jwks.json" &&
    [ "$(stat -c %a "$fresh/keys/private")" = 700 ] &&
    jq -e '[.keys[] | has("d") or has("k")] | any | not' "$fresh/keys/jwks.json"
}

no_keys_in_git() {
  local tracked sample
  tracked=$(git -c safe.directory="$root" ls-files keys | sort | tr '\n' ' ')
  # The sample's ring: what may be public.
  sample=$(git -c safe.directory="$root" ls-files samples/audit/keys | sort | tr '\n' ' ')
  printf 'under keys/ git has: %s\nunder samples/audit/keys/: %s\n' "$tracked" "$sample"
  [ "$tracked" = 'keys/.gitignore keys/README.md ' ] &&
    [ "$sample" = "$(printf 'samples/audit/keys/%s ' denylist.ndjson jwks.json keyring.json)" ] &&
    jq -e '[.keys[].jwk | has("d") or has("k")] | any | not' samples/audit/keys/keyring.json &&
    git -c safe.directory="$root" check-ignore -q --no-index samples/audit/keys/private/a.jwk &&
    git -c safe.directory="$root" check-ignore -q --no-index keys/private/a.jwk &&
    git -c safe.directory="$root" check-ignore -q --no-index keys/keyring.json &&
    git -c safe.directory="$root" check-ignore -q --no-index samples/out/tokens.txt
}

section 'Quickstart in a fresh copy, release build'
check 'no key can be committed' no_keys_in_git
check 'copy of the tracked files' copy_tracked_files
check 'quickstart, first run' quickstart
cp -- "$fresh/keys/jwks.json" "$work/jwks.json" 2>/dev/null
check 'quickstart, second run' quickstart
check 'the second run kept the ring' same_ring

# Other programs -----------------------------------------------------------------------------

jotmill=$build/release/jotmill

# peers_suite NAME: Tests/Interop/NAME.py, which ends with `NAME: N passed, N failed, N skipped`.
peers_suite() {
  local totals good bad
  if [ "$have_peers" != yes ] || [ ! -x "$jotmill" ]; then
    echo "FAILED  $1: there is no program or no peer to run it with"
    count 0 1
    return
  fi
  run "$1" "$work/venv/bin/python" "Tests/Interop/$1.py" "$jotmill"
  totals=$(sed -nE "s/^$1: ([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p" "$log")
  # What is for the reader: versions and figures, then what was skipped, to the end.
  sed -nE "/^skipped/,\$ { p; d; }
    /^(peers|p2c|$1): |^systemd-analyze security |^[0-9]+ tokens, /p" "$log" | sed 's/^/        /'
  read -r good bad <<<"${totals:-0 1}"
  count "$good" "$bad"
}

section 'Interop: PyJWT, joserfc, jwcrypto, jose, passlib'
peers_suite interop
peers_suite engines
peers_suite passphrases
peers_suite schema
peers_suite users
peers_suite logins

section 'Services: fastapi-jwt-auth3, fastapi-jwt-auth, python-jose, PyJWT, joserfc, jwcrypto'
peers_suite pairs

section 'Samples: nginx, systemd, cron, Prometheus, FastAPI'
peers_suite samples
peers_suite rotation
peers_suite webservice

section 'Audit: the sample log, PyJWT'
peers_suite audit

finish
