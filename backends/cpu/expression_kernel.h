// A program of functors as a kernel: interpreted tile by tile, so that what the instructions hand
// on stays in the cache. An op of one functor is a program of one instruction.
#pragma once

#include <memory>
#include <string>

#include "runtime/backend/kernel.h"
#include "runtime/base/expression.h"

namespace temper::cpu {

// Why not, or empty: tensors of f32, f16, bf16 and bool, each result of the outputs' one shape.
// 16 bits are widened and rounded a tile at a time.
std::string refuse_expression(const OpQuery& query, const Expression& expression);

// The expression's inputs are the query's first ones and broadcast to the outputs.
std::unique_ptr<Kernel> prepare_expression(const OpQuery& query, const Expression& expression);

}  // namespace temper::cpu
