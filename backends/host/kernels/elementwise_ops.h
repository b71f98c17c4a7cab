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

// Why a program cannot run on these tensors, or empty: inputs of f32, f16, bf16 and bool, each
// result a truth in bool or a number in one of the other three. Arithmetic is in f32.
std::string refuse_types(const OpQuery& query, const Expression& expression);

}  // namespace temper
