#!/usr/bin/env bash
# Builds and runs examples/cpp_consumer against an installed kriss, as a stranger's project would:
#   tools/check_consumer.sh PYTHON [CMAKE_DIR]
# CMAKE_DIR is what kriss.get_cmake_dir() says of that PYTHON unless given.
set -euo pipefail
python=$(command -v "${1:?usage: tools/check_consumer.sh PYTHON [CMAKE_DIR]}")
source=$(cd "$(dirname "$0")/../examples/cpp_consumer" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" # away from the checkout, so that the installed package is found
dir=${2:-$("$python" -c 'import kriss; print(kriss.get_cmake_dir())')}
cp -r "$source" consumer
cmake -S consumer -B build -Dkriss_DIR="$dir" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build
./build/consumer
