#!/bin/bash
# Installs the Debian packages that orrery is built and tested with, and only those that are missing;
# and, where npm is at hand, what drives the browser of one test.
set -euo pipefail

packages=(
  ccache
  chromium
  clang-format
  cmake
  coinor-libcbc-dev
  g++
  git
  libbenchmark-dev
  libboost-context-dev
  libboost-graph-dev
  libboost-program-options-dev
  libgtest-dev
  libnlopt-cxx-dev
  libsimgrid-dev
  mold
  munge
  ninja-build
  nlohmann-json3-dev
  pkg-config
  protobuf-compiler
  python3
  python3-jsonschema
  python3-matplotlib
  slurm-client
  slurmctld
  slurmd
  valgrind
  zlib1g-dev
)

die() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

# Prints those of the packages that are not installed, one a line. The database also remembers
# removed packages, hence the look at the status and not at the name alone.
missing_packages() {
  local installed
  # dpkg-query exits 1 when it does not know one of the names: that is an answer here.
  # shellcheck disable=SC2016  # the fields are dpkg-query's, not the shell's
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null) || true
  local package
  for package in "${packages[@]}"; do
    grep -qxF "installed ${package}" <<<"${installed}" || printf '%s\n' "${package}"
  done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  die "this is not a Debian system; install by hand what these packages hold: ${packages[*]}"
fi

# From npm, as Debian has no package of it. Without it one test skips itself, and says so.
install_browser_driver() {
  local folder
  folder=$(dirname "${BASH_SOURCE[0]}")/../tests/browser
  if [[ -d ${folder}/node_modules/playwright-core ]]; then
    return
  fi
  if ! command -v npm >/dev/null; then
    echo "setup: no npm, so the browser test of the report will be skipped"
  elif ! npm install --prefix "${folder}" --no-package-lock --no-audit --no-fund --silent; then
    echo "setup: npm could not fetch playwright-core, so the browser test will be skipped"
  fi
}

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
  install_browser_driver
  echo "setup: all ${#packages[@]} packages are installed"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null ||
    die "missing: ${missing[*]}; installing them takes root, and there is no sudo"
  as_root=(sudo)
  if [[ ! -t 0 ]]; then
    as_root+=(-n) # nobody is there to type a password
  fi
fi
as_root+=(env DEBIAN_FRONTEND=noninteractive)

echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update || die "apt-get update failed; still missing: ${missing[*]}"
"${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" ||
  die "apt-get install failed; wanted: ${missing[*]}"

mapfile -t missing < <(missing_packages)
((${#missing[@]} == 0)) || die "still missing after the installation: ${missing[*]}"
install_browser_driver
echo "setup: done"
