// When lowest_vertex is the engine to take, and how its work is cut.
#include <algorithm>
#include <cstdint>

#include "engine.hpp"
#include "sweep_table.hpp"

namespace cvxnn {

// Ranges of first rows with about equal numbers of vertices: row i begins C(n - 1 - i, k - 1).
std::vector<Task> first_lowest_vertex_tasks(const NormalForm& form) {
  constexpr double kVertices = 1 << 15;
  const Index n = form.n_rows();
  std::vector<Task> tasks;
  for (Index level = 0; level < form.rank(); ++level) {
    const Index k = form.rank() - 1 - level;
    Index begin = 0;
    double vertices = 0.0;
    for (Index row = 0; row < n && k > 1; ++row) {
      double starting = 1.0;
      for (Index j = 1; j < k; ++j)
        starting *= static_cast<double>(n - row - j) / static_cast<double>(j);
      vertices += std::max(starting, 0.0);
      if (vertices < kVertices) continue;
      tasks.push_back({static_cast<std::int32_t>(level), static_cast<std::int32_t>(begin),
                       static_cast<std::int32_t>(row + 1)});
      begin = row + 1;
      vertices = 0.0;
    }
    if (begin < n) {
      tasks.push_back({static_cast<std::int32_t>(level), static_cast<std::int32_t>(begin),
                       static_cast<std::int32_t>(n)});
    }
  }
  return tasks;
}

namespace {

// Enough to choose an engine by: modulo one prime, few numbers vanish that are not zero.
constexpr std::uint64_t kPrime = (std::uint64_t{1} << 31) - 1;

using Residues = std::vector<std::uint64_t>;

std::vector<Residues> modulo_prime(const exact::Rows& rows) {
  std::vector<Residues> residues;
  for (const exact::Row& row : rows) {
    Residues& of_row = residues.emplace_back();
    for (const exact::Integer& value : row) {
      const auto size = static_cast<std::uint64_t>(abs(value) % kPrime);
      of_row.push_back(value < 0 ? kPrime - size : size);
    }
  }
  return residues;
}

std::uint64_t inverse(std::uint64_t value) {
  std::uint64_t result = 1;
  for (std::uint64_t exponent = kPrime - 2; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) result = result * value % kPrime;
    value = value * value % kPrime;
  }
  return result;
}

// What the rows, one fewer than columns, are orthogonal to; empty if they are dependent.
Residues orthogonal_to(std::vector<Residues> rows) {
  const std::size_t r = rows.size() + 1;
  std::vector<std::size_t> pivots;
  std::size_t left_out = r - 1;
  for (std::size_t j = 0, k = 0; j < r; ++j) {
    const auto row = std::find_if(rows.begin() + static_cast<std::ptrdiff_t>(k), rows.end(),
                                  [j](const Residues& one) { return one[j] % kPrime != 0; });
    if (row == rows.end()) {
      if (k < j) return {};
      left_out = j;
      continue;
    }
    std::iter_swap(row, rows.begin() + static_cast<std::ptrdiff_t>(k));
    const std::uint64_t scale = inverse(rows[k][j] % kPrime);
    for (std::uint64_t& value : rows[k]) value = value % kPrime * scale % kPrime;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint64_t factor = kPrime - rows[i][j] % kPrime;
      for (std::size_t l = 0; i != k && l < r; ++l) {
        rows[i][l] = (rows[i][l] + factor * rows[k][l]) % kPrime;
      }
    }
    pivots.push_back(j);
    ++k;
  }
  Residues ray(r, 0);
  ray[left_out] = 1;
  for (std::size_t k = 0; k < pivots.size(); ++k) ray[pivots[k]] = kPrime - rows[k][left_out];
  return ray;
}

}  // namespace

bool suits_lowest_vertex(const NormalForm& form) {
  constexpr int kTrials = 64;
  const Index rank = form.rank();
  const Index n = form.n_rows();
  if (rank <= 2) return true;
  if (rank > kMaxRank) return false;
  if (rank == 3 && n > 400) return true;  // no tree of cones is that small
  const std::vector<Residues> rows = modulo_prime(form.rows);
  int degenerate = 0;
  std::uint64_t state = 1;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<Residues> subset;
    for (Index j = 0; j + 1 < rank; ++j) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      subset.push_back(rows[(state >> 33) % static_cast<std::uint64_t>(n)]);
    }
    const Residues ray = orthogonal_to(std::move(subset));
    if (ray.empty()) continue;
    const auto vanishes = [&](const Residues& row) {
      std::uint64_t sum = 0;
      for (std::size_t j = 0; j < ray.size(); ++j) sum = (sum + row[j] * ray[j]) % kPrime;
      return sum == 0;
    };
    degenerate += std::count_if(rows.begin(), rows.end(), vanishes) >= rank;
  }
  return degenerate <= kTrials / 16;
}

}  // namespace cvxnn
