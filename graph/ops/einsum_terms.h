// The equation of Einsum: which axes of which operand are one index.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/shape.h"

namespace temper::graph {

// An index of the equation: a letter, or one of those "..." stands for, counted from the left.
using EinsumIndex = int;
using EinsumIndices = std::vector<EinsumIndex>;

struct EinsumTerms {
  std::vector<EinsumIndices> operands;
  EinsumIndices output;
  std::map<EinsumIndex, std::int64_t> sizes;

  Shape shape_of(const EinsumIndices& indices) const {
    Shape shape;
    for (const EinsumIndex index : indices) {
      shape.push_back(sizes.at(index));
    }
    return shape;
  }
};

inline constexpr EinsumIndex kFirstOfEllipsis = 1000;

inline bool contains(const EinsumIndices& indices, EinsumIndex index) {
  return std::find(indices.begin(), indices.end(), index) != indices.end();
}

// One term; `ellipsis` are the indices of its "...".
inline EinsumIndices parse_einsum_term(const std::string& term, const EinsumIndices& ellipsis,
                                       bool& has_ellipsis) {
  EinsumIndices indices;
  has_ellipsis = false;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if ((term[i] >= 'a' && term[i] <= 'z') || (term[i] >= 'A' && term[i] <= 'Z')) {
      indices.push_back(term[i]);
      continue;
    }
    TEMPER_CHECK(term.compare(i, 3, "...") == 0 && !has_ellipsis, ErrorCode::kInvalidModel,
                 "Einsum has the term '", term, "', expected letters and at most one '...'");
    has_ellipsis = true;
    indices.insert(indices.end(), ellipsis.begin(), ellipsis.end());
    i += 2;
  }
  return indices;
}

// THROWS: kInvalidModel when the equation does not fit the shapes.
inline EinsumTerms parse_einsum(std::string equation, const std::vector<Shape>& shapes) {
  std::erase(equation, ' ');
  const std::size_t arrow = equation.find("->");
  const std::string left = equation.substr(0, arrow);
  std::vector<std::string> terms(1);
  for (const char letter : left) {
    if (letter == ',') {
      terms.emplace_back();
    } else {
      terms.back() += letter;
    }
  }
  TEMPER_CHECK(terms.size() == shapes.size(), ErrorCode::kInvalidModel, "Einsum '", equation,
               "' has ", terms.size(), " terms for ", shapes.size(), " inputs");
  // How many axes each "..." stands for; they are aligned at their ends.
  std::vector<int> hidden;
  int most = 0;
  for (std::size_t k = 0; k < terms.size(); ++k) {
    bool open = false;
    const auto named = static_cast<int>(parse_einsum_term(terms[k], {}, open).size());
    hidden.push_back(shapes[k].rank() - named);
    TEMPER_CHECK(hidden[k] == 0 || (open && hidden[k] > 0), ErrorCode::kInvalidModel, "Einsum '",
                 equation, "' has the term '", terms[k], "' for an input of shape ", shapes[k]);
    most = std::max(most, hidden[k]);
  }
  const auto ellipsis = [&](int count) {
    EinsumIndices indices;
    for (int i = most - count; i < most; ++i) {
      indices.push_back(kFirstOfEllipsis + i);
    }
    return indices;
  };
  EinsumTerms made;
  std::map<EinsumIndex, int> uses;
  bool open = false;
  for (std::size_t k = 0; k < terms.size(); ++k) {
    made.operands.push_back(parse_einsum_term(terms[k], ellipsis(hidden[k]), open));
    for (int axis = 0; axis < shapes[k].rank(); ++axis) {
      const EinsumIndex index = made.operands[k][static_cast<std::size_t>(axis)];
      ++uses[index];
      std::int64_t& size = made.sizes.try_emplace(index, 1).first->second;
      const std::int64_t here = shapes[k][axis];
      TEMPER_CHECK(size == 1 || here == 1 || size == here, ErrorCode::kInvalidModel, "Einsum '",
                   equation, "' gives one index the sizes ", size, " and ", here);
      size = size == 1 ? here : size;
    }
  }
  if (arrow == std::string::npos) {
    made.output = ellipsis(most);
    for (const auto& [index, count] : uses) {
      if (index < kFirstOfEllipsis && count == 1) {
        made.output.push_back(index);
      }
    }
    return made;
  }
  made.output = parse_einsum_term(equation.substr(arrow + 2), ellipsis(most), open);
  TEMPER_CHECK(open || most == 0, ErrorCode::kInvalidModel, "Einsum '", equation,
               "' has no '...' in its output for the axes of its inputs'");
  for (std::size_t i = 0; i < made.output.size(); ++i) {
    const EinsumIndex index = made.output[i];
    const bool repeated =
        std::find(made.output.begin(), made.output.begin() + static_cast<std::ptrdiff_t>(i),
                  index) != made.output.begin() + static_cast<std::ptrdiff_t>(i);
    TEMPER_CHECK(uses.contains(index) && !repeated, ErrorCode::kInvalidModel, "Einsum '", equation,
                 "' has an index in its output that no input has, or has it twice");
  }
  return made;
}

}  // namespace temper::graph
