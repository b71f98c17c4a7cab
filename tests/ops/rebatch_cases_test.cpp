// Every case of the suite whose op says where the batch goes, as a file of a fixed batch size that
// is given three times that size: each sample gets what it got, or the node is refused by name.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "graph/ir/op_def.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "graph/passes/rebatch.h"
#include "tests/ops/case_runner.h"
#include "tests/ops/op_case.h"

namespace temper::op_suite {
namespace {

constexpr std::int64_t kTimes = 3;

// Places that MaxPool gives and MaxUnpool takes count through all samples, so those of one sample
// are not those of another: the case, the output.
const std::set<std::pair<std::string, int>> kCountThroughSamples = {{"MaxPool", 1},
                                                                    {"MaxUnpool", 0}};

// A case as an importer would leave it: nothing is inferred or absorbed yet.
struct FileGraph {
  graph::Graph graph{graph::standard_ops()};
  std::vector<ValueId> inputs;  // those along whose axis 0 the batch lies
  std::vector<Tensor> data;
  std::vector<ValueId> outputs;

  // `all`: every input of the batch's size holds samples; otherwise input 0 alone.
  FileGraph(const OpCase& op_case, const CaseGraph& case_graph, std::int64_t batch, bool all) {
    std::vector<ValueId> operands;
    for (std::size_t i = 0; i < op_case.inputs.size(); ++i) {
      const Tensor& tensor = case_graph.tensors[i];
      if (!tensor.defined()) {
        operands.emplace_back();
      } else if (!op_case.inputs[i].is_constant && (i == 0 || all) && tensor.shape().rank() > 0 &&
                 tensor.shape()[0] == batch) {
        inputs.push_back(graph.add_input(concat("x", i), tensor.dtype(), tensor.shape()));
        operands.push_back(inputs.back());
        data.push_back(tensor);
      } else {
        operands.push_back(graph.add_constant({}, tensor));
      }
    }
    std::vector<std::string> names(static_cast<std::size_t>(op_case.outputs));
    const NodeId id = graph.add_node(graph.registry().get(op_case.op), std::move(operands), names,
                                     op_case.attrs, op_case.op + " 'it'");
    outputs = graph.node(id).outputs;
    outputs.erase(std::remove_if(outputs.begin(), outputs.end(),
                                 [](ValueId output) { return !output.valid(); }),
                  outputs.end());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      graph.add_output(concat("y", i), outputs[i]);
    }
  }

  std::vector<Tensor> run(const std::vector<Tensor>& given) const {
    std::map<ValueId, Tensor> known;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      known[inputs[i]] = given[i];
    }
    std::vector<ValueId> wanted;
    for (const graph::Graph::Output& output : graph.outputs) {
      wanted.push_back(output.value);
    }
    return graph::evaluate(graph, reference_backend(), known, wanted, 1);
  }
};

// The same numbers, begun `by` elements later: another batch of the same kind.
Tensor rolled(const Tensor& tensor, std::int64_t by) {
  std::vector<double> numbers = tensor.values<double>();
  if (!numbers.empty()) {
    const auto at = static_cast<std::ptrdiff_t>(by % static_cast<std::int64_t>(numbers.size()));
    std::rotate(numbers.begin(), numbers.begin() + at, numbers.end());
  }
  return Tensor::from<double>(tensor.dtype(), tensor.shape(), numbers);
}

Tensor stacked(const std::vector<Tensor>& parts) {
  std::vector<double> numbers;
  for (const Tensor& part : parts) {
    const std::vector<double> more = part.values<double>();
    numbers.insert(numbers.end(), more.begin(), more.end());
  }
  Shape shape = parts.front().shape();
  shape[0] *= static_cast<std::int64_t>(parts.size());
  return Tensor::from<double>(parts.front().dtype(), shape, numbers);
}

// The axis of `wide` that is longer than that of `once`; none where they are of one shape.
std::optional<int> longer_axis(const Shape& once, const Shape& wide) {
  for (int axis = 0; axis < once.rank(); ++axis) {
    if (once[axis] != wide[axis]) {
      return axis;
    }
  }
  return {};
}

// Part number `part` of kTimes along an axis, plain.
std::vector<double> part_of(const Tensor& wide, std::optional<int> axis, std::int64_t part) {
  const std::vector<double> numbers = wide.values<double>();
  if (!axis) {
    return numbers;
  }
  const Shape& shape = wide.shape();
  const std::int64_t inner = shape.count(*axis + 1, shape.rank());
  const std::int64_t row = shape[*axis] * inner, each = row / kTimes;
  std::vector<double> out;
  for (std::int64_t begin = part * each; begin < wide.element_count(); begin += row) {
    out.insert(out.end(), numbers.begin() + begin, numbers.begin() + begin + each);
  }
  return out;
}

bool equal_numbers(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return (std::isnan(x) && std::isnan(y)) || x == y || std::abs(x - y) <= 1e-9 * std::abs(y);
  });
}

enum class Outcome { kApart, kRefused, kNothing };

Outcome check_case(const OpCase& op_case, bool all) {
  const DType dtype =
      has_dtype(op_case, DType::kFloat64) ? DType::kFloat64 : op_case.dtypes.front();
  const CaseGraph case_graph(op_case, dtype);
  const Tensor& first = case_graph.tensors.front();
  if (!first.defined() || op_case.inputs.front().is_constant || first.shape().rank() == 0 ||
      first.shape()[0] == 0) {
    return Outcome::kNothing;
  }
  const std::int64_t batch = first.shape()[0];
  FileGraph once(op_case, case_graph, batch, all);
  FileGraph wide = once;
  if (all && once.inputs.size() == 1) {
    return Outcome::kNothing;  // as without `all`
  }
  const std::string what = concat(case_name(op_case), all ? ", all inputs" : "");
  try {
    graph::rebatch(wide.graph, {}, batch, kTimes * batch, reference_backend());
  } catch (const Error& error) {
    // A rule of shapes may be the one that sees that the sizes no longer fit.
    EXPECT_TRUE(error.code() == ErrorCode::kUnsupported || error.code() == ErrorCode::kInvalidModel)
        << what << ": " << error.what();
    EXPECT_NE(std::string(error.what()).find("'it'"), std::string::npos)
        << what << ": " << error.what();
    return Outcome::kRefused;
  }
  graph::bind_shapes(once.graph, {}, batch, reference_backend());
  std::vector<std::vector<Tensor>> parts(once.data.size()), expected;
  std::vector<Tensor> joined;
  for (std::size_t i = 0; i < once.data.size(); ++i) {
    for (std::int64_t part = 0; part < kTimes; ++part) {
      parts[i].push_back(rolled(once.data[i], part));
    }
    joined.push_back(stacked(parts[i]));
  }
  for (std::int64_t part = 0; part < kTimes; ++part) {
    std::vector<Tensor> given;
    for (const auto& each : parts) {
      given.push_back(each[static_cast<std::size_t>(part)]);
    }
    expected.push_back(once.run(given));
  }
  const std::vector<Tensor> got = wide.run(joined);
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (kCountThroughSamples.contains({op_case.op, static_cast<int>(i)})) {
      continue;
    }
    const auto axis = longer_axis(expected[0][i].shape(), got[i].shape());
    for (std::int64_t part = 0; part < kTimes; ++part) {
      const Tensor& alone = expected[static_cast<std::size_t>(part)][i];
      EXPECT_TRUE(equal_numbers(part_of(got[i], axis, part), alone.values<double>()))
          << what << ", output " << i << " " << to_string(got[i].shape()) << ": part " << part
          << " is not what a batch of " << batch << " gives";
    }
  }
  return Outcome::kApart;
}

TEST(RebatchCases, GiveEachSampleWhatItGotOrAreRefused) {
  std::map<std::string, std::map<Outcome, int>> seen;
  for (const OpCase& op_case : all_cases()) {
    const graph::OpDef* op = graph::standard_ops().find(op_case.op);
    if (op->batch_function == nullptr || op->is_stateful || op->is_commit) {
      continue;
    }
    for (const bool all : {false, true}) {
      const Outcome outcome = check_case(op_case, all);
      ++seen[op_case.op][outcome];
      if (HasFatalFailure()) {
        return;
      }
    }
  }
  int apart = 0;
  for (const auto& [op, outcomes] : seen) {
    apart += outcomes.contains(Outcome::kApart) ? 1 : 0;
  }
  // Nearly all ops keep samples apart in some case; a rule that refused everything would be none.
  EXPECT_GT(apart, 150);
}

}  // namespace
}  // namespace temper::op_suite
