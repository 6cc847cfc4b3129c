// A hyperplane arrangement {u : x_k . u + b_k = 0}, central (all b_k = 0) or affine, as the exact
// numbers given.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cvxnn/types.hpp"

namespace cvxnn {

struct NormalForm;  // normal_form.hpp, private: it holds integers of any size

class Arrangement {
 public:
  // One normal per row; finite doubles are taken as the dyadic rationals they are.
  explicit Arrangement(const ConstMatrixRef& X);

  // Affine, with b_k = offset(k).
  Arrangement(const ConstMatrixRef& X, const ConstVectorRef& offset);

  // The same from integers of any size, in decimal; if affine, the last column is the offset.
  Arrangement(const std::vector<std::vector<std::string>>& rows, bool affine);

  Index n_hyperplanes() const { return n_hyperplanes_; }
  Index dimension() const { return dimension_; }
  bool affine() const { return affine_; }

  // Of the rows (x_k, b_k) and, if affine, the hyperplane at infinity (0, .., 0, 1).
  Index rank() const;

  // Hyperplanes left after dropping zero rows and merging equal ones; if affine, with the one at
  // infinity.
  Index n_distinct() const;

  // For each hyperplane given, the number of the distinct one that it equals, or -1 for a zero row.
  const std::vector<Index>& sources() const;

  const NormalForm& normal_form() const { return *form_; }

 private:
  Index n_hyperplanes_ = 0;
  Index dimension_ = 0;
  bool affine_ = false;
  std::shared_ptr<const NormalForm> form_;  // shared by copies, never changed
};

}  // namespace cvxnn
