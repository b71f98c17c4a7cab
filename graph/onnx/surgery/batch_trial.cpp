#include "graph/onnx/surgery/batch_trial.h"

#include "graph/onnx/surgery/trial_run.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kParts = 3;

// Part `part` of `parts` equal ones along an axis.
Tensor part_of(const Tensor& whole, int axis, std::int64_t part, std::int64_t parts) {
  const std::vector<double> all = whole.values<double>();
  Shape shape = whole.shape();
  const std::int64_t length = shape[axis] / parts;
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  }
  std::vector<double> taken;
  for (std::int64_t o = 0; o < outer; ++o) {
    const auto begin = all.begin() + (o * shape[axis] + part * length) * inner;
    taken.insert(taken.end(), begin, begin + length * inner);
  }
  shape[axis] = length;
  return Tensor::from<double>(whole.dtype(), shape, taken);
}

class Runner {
 public:
  Runner(const OnnxModel& model, const Trial& trial, std::int64_t batch, const std::string& symbol)
      : trial_(trial), graph_(model.build_graph(standard_ops())) {
    std::map<std::string, std::int64_t> symbols = trial.symbols;
    if (!symbol.empty()) {
      symbols[symbol] = batch;
    }
    bind_shapes(graph_, symbols, batch, trial.reference);
  }

  const Graph& graph() const { return graph_; }

  std::vector<Tensor> run(const std::vector<Tensor>& inputs) const {
    return trial_outputs(graph_, inputs, trial_);
  }

 private:
  const Trial& trial_;
  Graph graph_;
};

}  // namespace

void check_any_batch(const OnnxModel& before, const OnnxModel& after, const BatchTrace& trace,
                     const BatchName& batch, const Trial& trial) {
  const Runner old(before, trial, batch.from, {});
  const Runner once(after, trial, batch.from, batch.symbol);
  const Runner wide(after, trial, batch.from * kParts, batch.symbol);
  const auto axis_of = [&](ValueId id) { return trace.axes[static_cast<std::size_t>(id.index)]; };
  std::vector<Tensor> all;
  std::vector<std::vector<Tensor>> parts(kParts);
  for (std::size_t i = 0; i < wide.graph().inputs.size(); ++i) {
    const Value& input = wide.graph().value(wide.graph().inputs[i]);
    all.push_back(trial_samples(input.dtype, input.shape, i + 1));
    const bool split = axis_of(old.graph().inputs[i]).has_value();
    for (std::int64_t part = 0; part < kParts; ++part) {
      parts[static_cast<std::size_t>(part)].push_back(split ? part_of(all.back(), 0, part, kParts)
                                                            : all.back());
    }
  }
  const std::vector<Tensor> got = wide.run(all);
  for (std::int64_t part = 0; part < kParts; ++part) {
    const std::vector<Tensor>& given = parts[static_cast<std::size_t>(part)];
    const std::vector<Tensor> expected = old.run(given);
    const std::vector<Tensor> alone = part == 0 ? once.run(given) : std::vector<Tensor>{};
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const Graph::Output& output = old.graph().outputs[i];
      const BatchAxis axis = axis_of(output.value);
      check_close(
          output.name, expected[i],
          axis && got[i].shape().rank() > *axis ? part_of(got[i], *axis, part, kParts) : got[i],
          concat("in a batch of ", batch.from * kParts));
      if (part == 0) {
        check_close(output.name, expected[i], alone[i], concat("in a batch of ", batch.from));
      }
    }
  }
}

}  // namespace temper::graph
