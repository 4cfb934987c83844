#!/bin/bash
# Fails when a C++ or CUDA source is not as clang-format would write it.
#   usage: check_format.sh [ROOT]     exit 77, which CTest shows as a skip, without clang-format
set -euo pipefail
cd "${1:-"$(dirname "${BASH_SOURCE[0]}")/.."}"

if ! command -v clang-format >/dev/null; then
  echo "check_format: skipped, clang-format is not installed"
  exit 77
fi

# In a checkout: what git tracks or would track. Otherwise, as in an unpacked archive: everything
# but the outputs of a build.
list_sources() {
  if [[ -e .git ]] && git ls-files -z --cached --others --exclude-standard -- '*.cpp' '*.hpp' '*.cu' '*.cuh' 2>/dev/null; then
    return
  fi
  find . \( -path ./build -o -path ./out -o -path './.?*' \) -prune -o \
    -type f \( -name '*.cpp' -o -name '*.hpp' -o -name '*.cu' -o -name '*.cuh' \) -print0
}

sources=()
while IFS= read -r -d '' source; do
  # A file removed but not yet from the index is still listed.
  if [[ -f ${source} ]]; then
    sources+=("${source}")
  fi
done < <(list_sources)

if ((${#sources[@]} == 0)); then
  echo "check_format: no C++ source below $(pwd)" >&2
  exit 1
fi

if ! clang-format --dry-run -Werror "${sources[@]}"; then
  echo "check_format: mend with clang-format -i FILE" >&2
  exit 1
fi
echo "check_format: ${#sources[@]} files are formatted"
