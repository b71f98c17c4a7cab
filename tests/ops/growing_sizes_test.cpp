// Numbers of a model that make its tensors grow: every dimension, pad, repeat, step, axis, start,
// end and target of every operator becomes 0, -1 or a power of two up to 2^62. Each ends as an
// error that a file may cause or as a plan, and shape inference, gradients, folding and the
// preparing of kernels take no memory that grows with the tensors; a plan that is small is run.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <string>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/lowering/lower.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/pipeline.h"
#include "graph/passes/resolve.h"
#include "runtime/base/error.h"
#include "runtime/exec/executor.h"
#include "tests/memory_bound.h"
#include "tests/ops/backends_under_test.h"
#include "tests/ops/case_runner.h"

namespace temper::op_suite {
namespace {

using graph::Graph;
using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kMost = 64 << 20;    // bytes that a model may cost beyond its file
constexpr std::int64_t kSmall = 256 << 10;  // a plan that is run

// The graph of a case without its data: constants where the op absorbs its input, else inputs.
struct SizedGraph {
  Graph graph{graph::standard_ops()};
  NodeId node;
  std::vector<ValueId> floats;  // inputs whose gradient is asked for

  explicit SizedGraph(const OpCase& op_case) {
    const graph::OpDef& op = graph::standard_ops().get(op_case.op);
    std::vector<ValueId> inputs;
    for (std::size_t i = 0; i < op_case.inputs.size(); ++i) {
      const OpInput& input = op_case.inputs[i];
      const DType dtype = input.dtype == DType::kUndefined ? DType::kFloat32 : input.dtype;
      if (input.is_missing) {
        inputs.emplace_back();
      } else if (input.is_constant) {
        inputs.push_back(graph.add_constant(
            "", Tensor::from<double>(dtype, input.shape, input.explicit_values)));
      } else {
        inputs.push_back(graph.add_input(concat("x", i), dtype, input.shape));
        if (is_float(dtype)) {
          floats.push_back(inputs.back());
        }
      }
    }
    std::vector<std::string> outputs;
    for (int i = 0; i < op_case.outputs; ++i) {
      outputs.push_back(concat("y", i));
    }
    node = graph.add_node(op, std::move(inputs), outputs, op_case.attrs, op_case.op);
    for (std::size_t i = 0; i < op_case.wanted.size(); ++i) {
      if (!op_case.wanted[i]) {
        graph.node(node).outputs[i] = ValueId{};
      }
    }
  }

  // The node's outputs, and the gradients of their sum.
  void finish() {
    graph::infer_and_resolve(graph, nullptr, reference_backend());
    const graph::Node made = graph.node(node);
    graph::Builder b(graph, "test");
    ValueId loss;
    for (std::size_t i = 0; i < made.outputs.size(); ++i) {
      const ValueId y = made.outputs[i];
      if (!y.valid() || b.dtype(y) == DType::kOpaque) {
        continue;
      }
      graph.add_output(concat("y", i), y);
      if (!loss.valid() && b.dtype(y) == DType::kFloat32 && made.op->is_differentiable() &&
          graph.value(y).kind == graph::ValueKind::kNode) {
        Ints axes;
        for (int axis = 0; axis < b.shape(y).rank(); ++axis) {
          axes.push_back(axis);
        }
        loss = axes.empty() ? y : b.reduce_sum(y, axes, false);
      }
    }
    if (loss.valid() && !floats.empty()) {
      const std::vector<ValueId> grads = graph::gradient(graph, loss, floats);
      for (std::size_t i = 0; i < grads.size(); ++i) {
        graph.add_output(concat("d", i), grads[i]);
      }
    }
    graph::run_pipeline(graph, reference_backend());
  }
};

void run_if_small(const Plan& plan, VariableStore& store) {
  std::vector<Tensor> inputs;
  std::int64_t bytes = plan.arena_bytes;
  for (const PlanPort& port : plan.inputs) {
    const std::int64_t size = storage_bytes(port.dtype, port.shape, {});
    if (size > kSmall || (bytes += size) > kSmall) {
      return;
    }
    inputs.emplace_back(port.dtype, port.shape);
  }
  if (bytes > kSmall) {
    return;
  }
  store.allocate();
  Arena arena;
  arena.reserve(plan);
  Executor executor(plan, store, arena);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    executor.bind_input(static_cast<int>(i), inputs[i]);
  }
  executor.run();
}

// "" or what was wrong.
std::string try_out(const OpCase& op_case) {
  const test::MemoryBound bound(kMost);
  try {
    SizedGraph made(op_case);
    made.finish();
    for (const Backend* backend : {&reference_backend(), backends_under_test()[0].backend.get()}) {
      VariableStore store;
      const Plan plan = graph::lower(made.graph, *backend, store, {});
      run_if_small(plan, store);
    }
    return "";
  } catch (const Error& error) {
    const bool allowed =
        error.code() == ErrorCode::kInvalidModel || error.code() == ErrorCode::kInvalidData ||
        error.code() == ErrorCode::kOutOfMemory || error.code() == ErrorCode::kUnsupported;
    const bool by_limit = error.message().starts_with("cannot allocate");
    return allowed && !by_limit ? "" : concat(to_string(error.code()), ": ", error.what());
  } catch (const std::exception& error) {
    return concat("threw ", error.what());
  }
}

constexpr std::array<std::int64_t, 6> kSizes = {0,
                                                -1,
                                                std::int64_t{1} << 31,
                                                std::int64_t{1} << 36,
                                                std::int64_t{1} << 45,
                                                std::int64_t{1} << 62};

// Calls f(place, mutated case) for every number of the case and every size it may take.
template <class F>
void for_each_mutation(const OpCase& base, const F& f) {
  for (const std::int64_t size : kSizes) {
    for (const auto& [name, value] : base.attrs) {
      OpCase changed = base;
      if (std::holds_alternative<std::int64_t>(value)) {
        changed.attrs.set(name, size);
        f(concat(name, "=", size), changed);
      } else if (const auto* list = std::get_if<Ints>(&value)) {
        for (std::size_t i = 0; i < list->size(); ++i) {
          Ints numbers = *list;
          numbers[i] = size;
          changed.attrs.set(name, numbers);
          f(concat(name, "[", i, "]=", size), changed);
        }
      }
    }
    for (std::size_t i = 0; i < base.inputs.size(); ++i) {
      OpCase changed = base;
      OpInput& input = changed.inputs[i];
      if (input.is_constant) {
        for (std::size_t k = 0; k < input.explicit_values.size(); ++k) {
          input.explicit_values = base.inputs[i].explicit_values;
          input.explicit_values[k] = static_cast<double>(size);
          f(concat("constant ", i, "[", k, "]=", size), changed);
        }
      }
      for (int axis = 0; size >= 0 && !input.is_constant && axis < input.shape.rank(); ++axis) {
        input.shape = base.inputs[i].shape;
        input.shape[axis] = size;
        f(concat("input ", i, " dimension ", axis, "=", size), changed);
        // The same dimension of all inputs, so that they still fit each other.
        OpCase all = changed;
        for (OpInput& other : all.inputs) {
          if (!other.is_constant && axis < other.shape.rank()) {
            other.shape[axis] = size;
          }
        }
        f(concat("all inputs dimension ", axis, "=", size), all);
      }
    }
  }
}

// One case of each form of each operator that a file may hold.
std::vector<OpCase> base_cases() {
  std::vector<OpCase> bases;
  std::set<std::string> seen;
  for (const OpCase& op_case : all_cases()) {
    const bool in_files = !graph::standard_ops().get(op_case.op).is_internal ||
                          op_case.op == "CrossEntropy";  // ONNX's SoftmaxCrossEntropyLoss
    if (!in_files || !has_dtype(op_case, DType::kFloat32)) {
      continue;
    }
    std::string form = op_case.op;
    for (const auto& [name, value] : op_case.attrs) {
      const auto* text = std::get_if<std::string>(&value);
      form += concat(" ", name, text == nullptr ? "" : *text);
    }
    for (const OpInput& input : op_case.inputs) {
      form += concat(",", input.is_missing ? -1 : input.shape.rank(), input.is_constant ? "c" : "");
    }
    if (seen.insert(form).second) {
      bases.push_back(op_case);
    }
  }
  return bases;
}

TEST(GrowingSizes, EndAsAnErrorOrAPlanInBoundedMemory) {
  int tried = 0;
  std::set<std::string> ops;
  for (const OpCase& base : base_cases()) {
    ASSERT_EQ(try_out(base), "") << case_name(base);  // also takes what is made once, on first use
    ops.insert(base.op);
    for_each_mutation(base, [&](const std::string& place, const OpCase& changed) {
      EXPECT_EQ(try_out(changed), "") << case_name(base) << " with " << place;
      ++tried;
    });
  }
  EXPECT_GT(tried, 3000);
  EXPECT_GT(ops.size(), 60U);
}

// The library's copy of such a plane to plain layout is code of 16 bytes an element.
TEST(GrowingSizes, APlaneOfOneChannelIsPlannedInBoundedMemory) {
  OpCase conv;
  conv.op = "Conv";
  conv.inputs = {random({1, 16, 1 << 12, 1 << 12}), random({1, 16, 3, 3})};
  EXPECT_EQ(try_out(conv), "");
}

// The model of 7 kB whose pad of 2^36 took 16.8 GB: the reference kernel kept a table of offsets.
TEST(GrowingSizes, ATensorLargerThanTheMemoryNamesItsNode) {
  OpCase pad;
  pad.op = "Pad";
  pad.inputs = {random({1, 3, 8, 8}), ints({0, 0, 0, 0, 0, 0, 0, std::int64_t{1} << 36})};
  SizedGraph made(pad);
  made.finish();
  VariableStore store;
  graph::LowerOptions options;
  options.largest_tensor_bytes = std::int64_t{1} << 33;
  options.limit_name = "the test";
  const test::MemoryBound bound(kMost);
  try {
    graph::lower(made.graph, reference_backend(), store, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
    EXPECT_EQ(error.message(),
              "Pad gives a tensor of the shape [1,3,8,68719476744], 6597069767424 bytes, but the "
              "test leaves 8589934592");
  }
}

}  // namespace
}  // namespace temper::op_suite
