// Elementwise ops as programs of functors: the ops that are one functor each, and FusedElementwise.
// What backends make their fast kernels from.
#pragma once

#include <string>
#include <vector>

#include "runtime/backend/kernel.h"
#include "runtime/base/expression.h"

namespace temper {

struct ElementwiseOp {
  std::string op;
  // The program of the op with these attributes.
  Expression (*read)(const Attrs&) = nullptr;
};

const std::vector<ElementwiseOp>& elementwise_ops();

// Why a program cannot run in f32 on these tensors, or empty: f32 and bool inputs, each result of
// the type it has.
std::string refuse_types(const OpQuery& query, const Expression& expression);

}  // namespace temper
