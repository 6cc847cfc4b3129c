#include "restricted_master.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "cvxnn/sample.hpp"

namespace cvxnn {
namespace {

constexpr Index kFewColumns = 8;  // up to which few rows are tight and active_set_newton is fast
constexpr double kTightest = 1e-12;
constexpr double kFirstSigma = 1e4;  // long proximal steps, since trained neurons are a good start

}  // namespace

// Cells and blocks that will replace those of a master.
class RestrictedMaster::Exchange {
 public:
  explicit Exchange(Index n_hyperplanes) : cells{n_hyperplanes, {}} {}

  // The block of a cell, target and sign, and whether it is new.
  std::pair<Block*, bool> add(const Word* pattern, Index target, double sign) {
    const std::vector<Word> words(pattern, pattern + cells.n_words());
    const auto [cell, fresh] = cells_.emplace(words, cells.size());
    if (fresh) cells.bits.insert(cells.bits.end(), words.begin(), words.end());
    const auto [block, added] = blocks_.emplace(Key{target, cell->second, sign < 0.0}, Block());
    return {&block->second, added};
  }

  // Moves cells and blocks to a program.
  std::vector<Block> finish(const Program& program, Cells& of_program) {
    of_program.bits = std::move(cells.bits);
    std::vector<Block> sorted;
    for (auto& [key, block] : blocks_) {
      const auto& [target, cell, negative] = key;
      block.id = program.block_of(target, cell, negative ? -1.0 : 1.0);
      sorted.push_back(std::move(block));
    }
    return sorted;
  }

  Cells cells;

 private:
  using Key = std::tuple<Index, Index, bool>;  // in the order of the program's blocks
  std::map<std::vector<Word>, Index> cells_;
  std::map<Key, Block> blocks_;
};

RestrictedMaster::RestrictedMaster(const HiddenLayer& layer, const Loss& loss, double beta,
                                   const Execution& execution)
    : loss_(loss), execution_(execution) {
  cells.n_hyperplanes = layer.X.rows();
  program = {{&layer.X, &cells, layer.slope, layer.patches},
             unit_rows(layer.X),
             beta,
             true,
             loss.n_targets()};
  update_predictions();
}

void RestrictedMaster::update_predictions() {
  set.predictions = predictions(program, set.blocks);
  set.dual = loss_.gradient(set.predictions);
}

Index RestrictedMaster::n_active() const {
  return static_cast<Index>(std::count_if(set.blocks.begin(), set.blocks.end(),
                                          [](const Block& block) { return !block.u.isZero(0); }));
}

bool RestrictedMaster::exchange(const std::vector<Peak>& peaks) {
  Exchange next(cells.n_hyperplanes);
  for (Block& block : set.blocks) {
    if (block.u.isZero(0)) continue;
    const Word* pattern = cells.pattern(program.cell_of(block.id));
    Block& kept = *next.add(pattern, program.target_of(block.id), program.sign_of(block.id)).first;
    kept.u = std::move(block.u);
    kept.tight = std::move(block.tight);
  }
  Matrix points(static_cast<Index>(peaks.size()), program.design.n_features());
  for (std::size_t i = 0; i < peaks.size(); ++i) points.row(i) = peaks[i].u.transpose();
  const Cells located = locate_cells(*program.design.X, points, execution_).cells;
  bool any = false;
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    const Word* pattern = located.pattern(static_cast<Index>(i));
    const auto [block, added] = next.add(pattern, peaks[i].target, -peaks[i].sign);
    if (!added) continue;
    block->u = Vector::Zero(program.design.n_features());
    any = true;
  }
  set.blocks = next.finish(program, cells);
  return any;
}

void RestrictedMaster::replace(const Neurons& neurons) {
  const Matrix& u = neurons.u;
  Exchange next(cells.n_hyperplanes);
  const HiddenLayer layer(*program.design.X, program.design.slope);
  Matrix points(u.cols(), u.rows());
  for (Index j = 0; j < u.cols(); ++j) points.row(j) = layer.canonical(u.col(j)).transpose();
  const Cells located = locate_cells(layer.X, points, execution_).cells;
  for (Index j = 0; j < u.cols(); ++j) {
    const auto [block, added] = next.add(located.pattern(j), neurons.targets[j], neurons.signs(j));
    if (added) block->u.setZero(u.rows());
    block->u += points.row(j).transpose();
  }
  set.blocks = next.finish(program, cells);
  set.sigma = u.cols() == 0 ? 0.0 : kFirstSigma * u.colwise().norm().mean() / program.beta;
  update_predictions();
}

void RestrictedMaster::adopt(const GlobalSolution& solution) {
  cells.bits = solution.cells.bits;
  set.blocks = solution.blocks;
  set.sigma = 0.0;
  update_predictions();
}

void RestrictedMaster::solve(double gap, const Deadline& deadline) {
  if (set.blocks.empty()) return;
  if (program.design.n_features() <= kFewColumns) {
    if (active_set_newton(program, loss_, gap, set, deadline, execution_)) return;
    if (working_set_gap(program, loss_, set, execution_) <= gap || deadline.passed()) return;
  }
  SolverOptions options;
  options.tol = std::max(kTightest, gap / std::abs(objective()));
  options.max_seconds = deadline.max_seconds - deadline.elapsed();
  Solution solution =
      solve_cone_program(program, loss_, options, execution_, {set.blocks, set.sigma});
  set.blocks = std::move(solution.blocks);
  set.sigma = solution.sigma;
  update_predictions();
}

}  // namespace cvxnn
