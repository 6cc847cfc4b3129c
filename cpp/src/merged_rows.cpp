#include "merged_rows.hpp"

#include <map>

namespace cvxnn {

MergedRows merge_parallel(const ConstMatrixRef& X) {
  MergedRows merged;
  std::map<exact::Row, Index> known;
  for (Index k = 0; k < X.rows(); ++k) {
    exact::Row row = exact::integer_row(X.data() + k, X.cols(), X.outerStride());
    if (exact::is_zero(row)) {
      merged.source.push_back(-1);
      merged.reversed.push_back(false);
      continue;
    }
    merged.reversed.push_back(exact::make_direction(row));
    const auto [place, is_new] = known.emplace(std::move(row), static_cast<Index>(known.size()));
    if (is_new) merged.directions.push_back(place->first);
    merged.source.push_back(place->second);
  }
  return merged;
}

}  // namespace cvxnn
