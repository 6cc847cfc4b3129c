// Conversions shared by the bindings: packed patterns, threads, interruption.
#pragma once

#include <pybind11/eigen.h>
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"
#include "cvxnn/status.hpp"

namespace cvxnn::python {

namespace py = pybind11;

// Column-major float64, as a view: anything else is refused, so that copies happen in Python.
using MatrixView = Eigen::Ref<const Matrix>;
using VectorView = Eigen::Ref<const Vector>;
using PackedView = py::array_t<Word, py::array::c_style>;

inline Cells to_cells(const PackedView& packed, Index n_hyperplanes) {
  if (packed.ndim() != 2 || packed.shape(1) != words_for(n_hyperplanes)) {
    throw std::invalid_argument("packed must have shape (P, " +
                                std::to_string(words_for(n_hyperplanes)) + ") for " +
                                std::to_string(n_hyperplanes) + " hyperplanes");
  }
  return {n_hyperplanes, std::vector<Word>(packed.data(), packed.data() + packed.size())};
}

inline py::array_t<Word> from_cells(const Cells& cells) {
  py::array_t<Word> packed({cells.size(), cells.n_words()});
  std::copy(cells.bits.begin(), cells.bits.end(), packed.mutable_data());
  return packed;
}

inline const char* name_of(Status status) {
  switch (status) {
    case Status::converged:
      return "converged";
    case Status::time_limit:
      return "time_limit";
    case Status::iteration_limit:
      return "iteration_limit";
    case Status::stopped:
      return "stopped";
    case Status::stalled:
      return "stalled";
  }
  return "unknown";
}

// Threads, and a poll that lets Python see its signals. To be used with the GIL released.
inline Execution execution(int n_threads) {
  if (n_threads < 1) {
    throw std::invalid_argument("n_threads must be at least 1, got " + std::to_string(n_threads));
  }
  return {n_threads, [] {
            const py::gil_scoped_acquire gil;
            return PyErr_CheckSignals() != 0;
          }};
}

// Runs a long computation without the GIL. If it was interrupted by a signal, the exception set by
// the signal's handler (KeyboardInterrupt) goes on to the caller.
template <class Function>
auto without_gil(Function&& function) {
  try {
    const py::gil_scoped_release release;
    return function();
  } catch (const Interrupted&) {
    throw py::error_already_set();
  }
}

}  // namespace cvxnn::python
