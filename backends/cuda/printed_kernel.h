// A program of functors as the text of a kernel: the same arithmetic as the interpreter's
// (kernels/expression.cu), with its loop over instructions, its choices of types and its divisions
// by sizes done before it is compiled.
#pragma once

#include <string>

#include "backends/cuda/kernels/expression.h"

namespace temper::cuda {

// What stands before the kernels of a program.
std::string printed_prologue();

// The kernel, called `name`. Equal for all that one function serves: where all tensors lie as the
// outputs do their size is an argument, else it is part of the text, as are the steps.
std::string printed_kernel(const DeviceExpression& expression, const std::string& name);

// Elements of one thread.
int printed_width(const DeviceExpression& expression);

// The arguments of every printed kernel, as the prologue declares them.
struct PrintedArguments {
  long long count = 0;
  const void* x[kMostExpressionInputs] = {};
  void* y[kMostExpressionOutputs] = {};
};

}  // namespace temper::cuda
