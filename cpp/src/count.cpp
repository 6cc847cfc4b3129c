// Counting by Whitney numbers over finite fields in which exactly those minors vanish that vanish
// for the integers given: primes whose product exceeds Hadamard's bound.
#include "cvxnn/count.hpp"

#include <cmath>
#include <functional>
#include <memory>

#include "minors.hpp"
#include "normal_form.hpp"
#include "residues.hpp"
#include "whitney.hpp"

namespace cvxnn {
namespace {

using count::Deadline;
using count::Polynomial;
using count::Vectors;
using count::Watch;
using count::Whitney;
using exact::Integer;
using exact::Rows;

template <class Field>
Vectors<Field> vectors(Field& field, const Rows& rows) {
  const int dimension = static_cast<int>(rows.front().size());
  const int width = field.width();
  const Index n = static_cast<Index>(rows.size());
  std::vector<typename Field::Element> values(rows.size() * dimension * width), scratch;
  std::vector<int> lead;
  for (Index j = 0; j < n; ++j) {
    auto* row = values.data() + j * dimension * width;
    for (int k = 0; k < dimension; ++k) field.set(row + k * width, rows[j][k]);
    lead.push_back(count::find_lead(field, row, dimension));
  }
  count::normalise(field, values.data(), lead, n, dimension, scratch);
  Vectors<Field> sorted;
  count::SortByLead<Field>()(values.data(), lead, n, dimension, width, sorted);
  return sorted;
}

// V of vectors that are no direct sum, by tasks: the points of a plane in groups, or the
// hyperplanes to restrict to, those with most before them first.
template <class Field>
class Tasks {
 public:
  using Points = Vectors<Field>;

  Tasks(const Field& field, const Deadline& deadline, const Execution& execution, bool uniform)
      : field_(field), deadline_(deadline), execution_(execution), uniform_(uniform) {}

  Polynomial run(const Points& points) const {
    const bool closed = points.dimension <= 2 || points.n == points.dimension + 1;
    if (closed) return count::uniform(points.n, points.dimension);
    const Index step = points.dimension == 3 ? 64 : 1;
    const Index n_tasks = (points.n + step - 1) / step;
    std::vector<Polynomial> parts(static_cast<std::size_t>(n_tasks));
    std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(execution_.n_threads));
    const double cost = std::pow(static_cast<double>(points.n), points.dimension - 1) /
                        static_cast<double>(n_tasks);
    parallel_for(n_tasks, cost, execution_, [&](Index item, int thread, const auto& poll) {
      std::unique_ptr<Worker>& worker = workers[thread];
      if (!worker) worker = std::make_unique<Worker>(*this, points.dimension, poll);
      worker->watch.check();
      const Index task = n_tasks - 1 - item;
      if (points.dimension == 3) {
        const Index end = std::min(points.n, (task + 1) * step);
        parts[task] = {0, worker->whitney.lines(points, task * step, end)};
      } else if (task > 0) {
        parts[task] = worker->whitney.inside(points, task);
      }
    });
    Polynomial sum{1};
    if (points.dimension == 3) sum = {1, points.n - 1};
    for (const Polynomial& part : parts) count::add_shifted(sum, part);
    return sum;
  }

 private:
  // What a thread needs for itself.
  struct Worker {
    Worker(const Tasks& tasks, int dimension, const std::function<bool()>& poll)
        : execution{1, poll},
          watch(tasks.deadline_, execution),
          whitney(tasks.field_, dimension, watch, tasks.uniform_) {}

    Execution execution;
    Watch watch;
    Whitney<Field> whitney;
  };

  const Field& field_;
  const Deadline& deadline_;
  const Execution& execution_;
  bool uniform_;
};

template <class Field>
Polynomial reduced(Field field, const Rows& rows, const Deadline& deadline,
                   const Execution& execution) {
  const Tasks<Field> tasks(field, deadline, execution, false);
  Polynomial product{1};
  bool first = true;
  for (const auto& part : count::connected_parts(field, vectors(field, rows))) {
    product = count::multiply(product, tasks.run(part));
    if (!first) product = count::multiply(product, {1, 1});
    first = false;
  }
  return product;
}

constexpr std::uint64_t kLargestPrime = std::uint64_t{1} << 61;
constexpr double kBitsAPrime = 60.9;

template <class Field>
bool are_distinct(const Vectors<Field>& points) {
  count::KeySet<typename Field::Element> known;
  known.clear(points.n, points.stride());
  for (Index j = 0; j < points.n; ++j) {
    if (!known.insert(points.row(j))) return false;
  }
  return true;
}

// Minors that do not vanish modulo one prime do not vanish, so one prime may prove general
// position: by the Whitney numbers, as any dependency lowers one of them (a circuit of k <= rank
// vectors is broken by k - 1 of them). It may also be a prime that makes rows vanish, or equal, or
// lowers the rank.
bool proved_uniform(const Rows& rows, const Deadline& deadline, const Execution& execution) {
  using Field = count::Residues<1>;
  Field field(count::large_primes(kLargestPrime, 1));
  const Vectors<Field> points = vectors(field, rows);
  if (points.n != static_cast<Index>(rows.size()) || !are_distinct(points)) return false;
  const std::vector<Vectors<Field>> parts = count::connected_parts(field, points);
  if (parts.size() != 1 || parts[0].dimension != points.dimension) return false;
  try {
    const Tasks<Field> tasks(field, deadline, execution, true);
    return tasks.run(parts[0]) == count::uniform(points.n, points.dimension);
  } catch (const count::NotUniform&) {
    return false;
  }
}

Polynomial reduced_by_many_primes(const Rows& rows, double bits, const Deadline& deadline,
                                  const Execution& execution) {
  const auto n_primes = static_cast<Index>(bits / kBitsAPrime) + 1;
  for (std::uint64_t bound = kLargestPrime;;) {
    const std::vector<std::uint64_t> primes = count::large_primes(bound, n_primes);
    bound = primes.back();
    try {
      return reduced(count::Residues<0>(primes), rows, deadline, execution);
    } catch (const count::UnluckyPrimes&) {
      continue;
    }
  }
}

// V of the arrangement (whitney.hpp), which has hyperplanes.
Polynomial reduced(const Rows& rows, const Deadline& deadline, const Execution& execution) {
  const Index n = static_cast<Index>(rows.size());
  const Index rank = static_cast<Index>(rows.front().size());
  if (rank <= 2) return count::uniform(n, rank);
  const count::MinorBound bound = count::bound_minors(rows);
  if (bound.highest_order < std::log2(count::SmallField::kLargest) - 0.01) {
    const auto prime = count::next_small_prime(std::exp2(bound.highest_order));
    return reduced(count::SmallField(prime), rows, deadline, execution);
  }
  if (bound.highest_order < kBitsAPrime) {
    const count::Residues<1> field(count::large_primes(kLargestPrime, 1));
    return reduced(field, rows, deadline, execution);
  }
  if (proved_uniform(rows, deadline, execution)) return count::uniform(n, rank);
  return reduced_by_many_primes(rows, bound.any_order, deadline, execution);
}

std::optional<Polynomial> reduced(const NormalForm& form, double max_seconds,
                                  const Execution& execution) {
  const Deadline deadline(max_seconds);
  try {
    return reduced(form.rows, deadline, execution);
  } catch (const count::OutOfTime&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> count_cells(const Arrangement& arrangement, double max_seconds,
                                       const Execution& execution) {
  const NormalForm& form = arrangement.normal_form();
  if (form.rows.empty()) return "1";
  const std::optional<Polynomial> half = reduced(form, max_seconds, execution);
  if (!half) return std::nullopt;
  Integer count = 0;
  for (const Integer& coefficient : *half) count += coefficient;
  return Integer(form.affine ? count : 2 * count).str();
}

std::optional<std::vector<std::string>> characteristic_polynomial(const Arrangement& arrangement,
                                                                  double max_seconds,
                                                                  const Execution& execution) {
  const NormalForm& form = arrangement.normal_form();
  std::optional<Polynomial> numbers = Polynomial{1};
  if (!form.rows.empty()) numbers = reduced(form, max_seconds, execution);
  if (!numbers) return std::nullopt;
  // of the cone over an affine arrangement, V is the arrangement's own W
  if (!form.rows.empty() && !form.affine) numbers = count::multiply(*numbers, {1, 1});
  numbers->resize(static_cast<std::size_t>(arrangement.dimension()) + 1);
  std::vector<std::string> coefficients;
  for (std::size_t k = 0; k < numbers->size(); ++k) {
    coefficients.push_back(Integer(k % 2 == 0 ? (*numbers)[k] : -(*numbers)[k]).str());
  }
  return coefficients;
}

}  // namespace cvxnn
