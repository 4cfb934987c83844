#!/bin/bash
# Runs clang-tidy over all sources but the tests, with .clang-tidy. Minutes, so it is no test.
#   usage: check_tidy.sh [BUILD_FOLDER]     (configured; default build/release)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${1:-build/release}
if [[ ! -f ${build}/compile_commands.json ]]; then
  echo "check_tidy: ${build} is not configured; first: cmake --preset release" >&2
  exit 2
fi
git ls-files -z -- '*.cpp' ':!tests' |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy -p "${build}" --quiet
