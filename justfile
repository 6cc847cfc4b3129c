# Recipes run inside an activated virtual environment.

cpp_files := "$(find cpp python/bindings tests/cpp bench/cpp -name '*.[ch]pp')"
cmake_files := "CMakeLists.txt $(find cpp python/bindings tests/cpp bench/cpp -name CMakeLists.txt -o -name '*.cmake')"

# editable install with the tools: one instruction-set level, rebuilt on import
install:
    pip install -r .ci/tools.txt
    pip install --no-build-isolation -e ".[test,bench]"

# Python tests and docstring examples, e.g. just test -m slow
test *args:
    pytest {{args}}

# C++ tests under a preset: dev, release, asan, tsan
cpp-test preset="dev":
    cmake --preset {{preset}}
    cmake --build --preset {{preset}} --target cvxnn_tests
    ctest --preset {{preset}}

# C++ benchmarks, e.g. just bench --benchmark_filter=enumerate
bench *args:
    cmake --preset release
    cmake --build --preset release --target bench_core
    build/release/bench/cpp/bench_core {{args}}

# what CI checks besides the tests
lint:
    ruff check
    ruff format --check
    mypy
    clang-format --dry-run -Werror {{cpp_files}}
    gersemi --check {{cmake_files}}

format:
    ruff check --fix
    ruff format
    clang-format -i {{cpp_files}}
    gersemi -i {{cmake_files}}

# regenerate the stub of the core from the package installed with pip install .
stubs:
    .ci/stubs python

# everything that CI runs
ci:
    .ci/run
