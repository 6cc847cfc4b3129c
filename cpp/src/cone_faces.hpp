// Faces of the cone of one block: the rows that hold with equality, as they come and go.
#pragma once

#include <vector>

#include "cvxnn/cone_program.hpp"

namespace cvxnn {

// Finds the rows that a step against the gradient of the objective would press against, with
// `slope` the gradient of the loss; other methods leave no note of them. Moves u onto their face.
void find_tight_rows(const Cone& cone, const Vector& slope, double beta, Block& block);

// A projection names the rows that push; of `rows` those that still hold, to within `tight` of the
// length of u, are added to them.
constexpr double kTight = 1e-12;
void keep_tight_rows(const Matrix& cone_rows, const std::vector<Index>& rows, Block& block,
                     double tight = kTight);

// Projects u onto the face of its tight rows.
void move_to_face(const Matrix& cone_rows, Block& block);

// The m with M' m nearest to `slope`, where M has the tight rows, turned inwards: negative ones
// belong to rows that need not be tight.
Vector tight_multipliers(const Cone& cone, const std::vector<Index>& tight, const Vector& slope);

struct RowReached {
  double share = 1.0;
  Index row = -1;  // none
};

// The first row that u + share * step reaches, for a share below `limit`; rows to which the face is
// parallel are left out.
RowReached first_row(const Cone& cone, const Matrix& face, const Vector& u, const Vector& step,
                     double limit);

}  // namespace cvxnn
