// Uses cvxnn from outside its source tree.
#include <cvxnn/cells.hpp>
#include <cvxnn/version.hpp>
#include <iostream>

int main() {
  std::cout << "cvxnn " << cvxnn::version() << '\n';
  return 0;
}
