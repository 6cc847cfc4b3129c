// When lowest_vertex is the engine to take, and how its work is cut.
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

bool suits_lowest_vertex(const NormalForm& form) {
  constexpr int kTrials = 64;
  const Index rank = form.rank();
  const Index n = form.n_rows();
  if (rank <= 2) return true;
  if (rank > kMaxRank) return false;
  if (rank == 3 && n > 400) return true;  // no tree of cones is that small
  int degenerate = 0;
  std::uint64_t state = 1;
  for (int trial = 0; trial < kTrials; ++trial) {
    exact::Rows subset;
    for (Index j = 0; j + 1 < rank; ++j) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      subset.push_back(form.rows[(state >> 33) % static_cast<std::uint64_t>(n)]);
    }
    const exact::Rows ray = exact::kernel(subset, rank);
    if (ray.size() != 1) continue;
    Index n_through = 0;
    for (const exact::Row& row : form.rows) n_through += exact::dot(row, ray.front()) == 0;
    degenerate += n_through >= rank;
  }
  return degenerate <= kTrials / 16;
}

}  // namespace cvxnn
