# Finds Eigen, OpenMP and the Boost headers, as wheels (cmeel-eigen, boost-headers) or system-wide.

# scikit-build-core puts site-packages on CMAKE_PREFIX_PATH; without it, ask the active Python.
if(NOT DEFINED SKBUILD)
  find_package(Python QUIET COMPONENTS Interpreter)
  if(Python_Interpreter_FOUND)
    execute_process(
      COMMAND ${Python_EXECUTABLE} -c "import sysconfig; print(sysconfig.get_path('platlib'))"
      OUTPUT_VARIABLE site_packages
      OUTPUT_STRIP_TRAILING_WHITESPACE
      ERROR_QUIET
    )
    file(TO_CMAKE_PATH "${site_packages}" site_packages)
    list(APPEND CMAKE_PREFIX_PATH "${site_packages}")
  endif()
endif()

# cmeel wheels install one folder below site-packages.
set(boost_hints ${Boost_ROOT} $ENV{Boost_ROOT} $ENV{BOOST_ROOT})
list(TRANSFORM boost_hints APPEND "/include")
foreach(prefix IN LISTS CMAKE_PREFIX_PATH)
  if(IS_DIRECTORY "${prefix}/cmeel.prefix")
    list(PREPEND CMAKE_PREFIX_PATH "${prefix}/cmeel.prefix")
  endif()
  list(APPEND boost_hints "${prefix}/boost_headers/include")
endforeach()

find_package(Eigen3 REQUIRED CONFIG)
if(Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR "cvxnn needs Eigen 3.4 or newer, found ${Eigen3_VERSION} in ${Eigen3_DIR}")
endif()

if(MSVC AND NOT DEFINED OpenMP_RUNTIME_MSVC)
  set(OpenMP_RUNTIME_MSVC llvm) # the default runtime stops at OpenMP 2.0
endif()
find_package(OpenMP REQUIRED COMPONENTS CXX)

# Only headers of Boost.Multiprecision are used, and only inside the core. Not cached: the folder
# of an isolated pip build is gone by the next build.
find_path(
  CVXNN_BOOST_INCLUDE_DIR
  boost/multiprecision/cpp_int.hpp
  HINTS ${boost_hints}
  REQUIRED
  NO_CACHE
)
