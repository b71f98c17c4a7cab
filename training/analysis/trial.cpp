#include "training/analysis/trial.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/backends.h"
#include "graph/onnx/external_writer.h"
#include "graph/onnx/surgery/trial_run.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/training_mode.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"

namespace temper::training {
namespace {

constexpr std::int64_t kTrialBatch = 2;
constexpr std::int64_t kTrialLength = 8;  // of dimensions that nobody gave a size

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) {
    most = std::isfinite(value) ? std::max(most, std::abs(value)) : HUGE_VAL;
  }
  return most;
}

}  // namespace

TrialOutput compare_outputs(const std::string& name, const Tensor& before, const Tensor& after) {
  const std::vector<double> x = before.values<double>(), y = after.values<double>();
  TrialOutput row{name, before.shape(), largest(x), largest(y), 0};
  for (std::size_t k = 0; k < x.size(); ++k) {
    row.difference = std::max(row.difference, std::abs(x[k] - y[k]));
  }
  return row;
}

std::vector<TrialOutput> compare_results(const TrialResult& before, const TrialResult& after,
                                         const std::string& now) {
  TEMPER_CHECK(before.values.size() == after.values.size(), ErrorCode::kUnsupported, "the model ",
               now, " has ", after.values.size(), " outputs, and had ", before.values.size(),
               "; nothing was written");
  std::vector<TrialOutput> rows;
  for (std::size_t i = 0; i < before.values.size(); ++i) {
    const Tensor &a = before.values[i], &b = after.values[i];
    TEMPER_CHECK(a.shape() == b.shape(), ErrorCode::kUnsupported, "output '", before.names[i],
                 "' is ", b.shape(), " ", now, ", and was ", a.shape(), "; nothing was written");
    TrialOutput row = compare_outputs(before.names[i], a, b);
    TEMPER_CHECK(std::isfinite(row.after) || !std::isfinite(row.before), ErrorCode::kUnsupported,
                 "output '", row.name, "' is not finite ", now,
                 ", and was before, on the same inputs; nothing was written");
    rows.push_back(std::move(row));
  }
  return rows;
}

TrialRunner::TrialRunner(std::map<std::string, std::int64_t> symbols, int threads)
    : reference_(make_backend("reference")),
      backend_(make_backend("cpu")),
      trial_{*reference_, *backend_, threads, std::move(symbols)} {}

TrialRunner TrialRunner::with_symbol(const std::string& symbol, std::int64_t size) const {
  std::map<std::string, std::int64_t> symbols = trial_.symbols;
  symbols[symbol] = size;
  return {std::move(symbols), trial_.threads};
}

graph::Graph TrialRunner::bound(const graph::OnnxModel& model,
                                const std::map<std::string, Tensor>& given) const {
  graph::Graph graph = model.build_graph(graph::standard_ops());
  std::map<std::string, std::int64_t> symbols = trial_.symbols;
  for (const graph::ValueId id : graph.inputs) {
    graph::Value& input = graph.value(id);
    const auto found = given.find(input.name);
    for (std::size_t axis = 0; found != given.end() && axis < input.dims.size(); ++axis) {
      graph::Dim& dim = input.dims[axis];
      const std::int64_t size = found->second.shape()[static_cast<int>(axis)];
      if (!dim.symbol.empty()) {
        symbols[dim.symbol] = size;
      }
      dim.value = size;
    }
  }
  const graph::BatchInfo batch = model.batch();
  symbols.try_emplace("?", kTrialLength);
  for (const graph::OnnxValueInfo& input : model.inputs()) {
    for (std::size_t axis = 0; axis < input.dims.size(); ++axis) {
      const std::string& symbol = input.dims[axis].symbol;
      if (input.dims[axis].value < 0 && !symbol.empty()) {
        symbols.try_emplace(symbol, symbol == batch.symbol ? kTrialBatch : kTrialLength);
      }
    }
  }
  graph::bind_shapes(graph, symbols, kTrialBatch, *reference_);
  graph::apply_inference_mode(graph);
  return graph;
}

TrialResult TrialRunner::run(const graph::OnnxModel& model,
                             const std::map<std::string, Tensor>& given) {
  const graph::Graph graph = bound(model, given);
  std::vector<Tensor> inputs;
  for (const graph::ValueId id : graph.inputs) {
    const graph::Value& input = graph.value(id);
    const auto found = given.find(input.name);
    inputs.push_back(found != given.end()
                         ? found->second
                         : graph::trial_samples(input.dtype, input.shape, inputs.size() + 1));
  }
  TrialResult result;
  result.values = graph::trial_outputs(graph, inputs, trial_);
  for (const graph::Graph::Output& output : graph.outputs) {
    result.names.push_back(output.name);
  }
  return result;
}

Draft::Draft(const std::string& out)
    : out_(out),
      folder_(join_path(folder_of(out), concat(".draft-", file_name_of(out)))),
      path_(join_path(folder_, file_name_of(out))) {}

void Draft::clear() {
  if (file_status(folder_).is_folder) {
    remove_folder(folder_, list_directory(folder_));
  }
}

Draft::~Draft() {
  try {
    clear();
  } catch (const Error&) {
    return;  // a file that cannot be removed is only waste
  }
}

graph::OnnxModel Draft::write(const graph::ModelEdit& edit, const graph::FileForm& form) {
  make_directories(folder_);
  edit.write(path_, form);
  return graph::OnnxModel::load(path_);
}

void Draft::commit() {
  const std::string folder = folder_of(out_);
  for (const std::string& name : list_directory(folder_)) {
    if (name != file_name_of(out_)) {
      rename_file(join_path(folder_, name), join_path(folder, name));
    }
  }
  rename_file(path_, out_);
  graph::remove_stale_data(folder, graph::stem_of_model(out_));
}

}  // namespace temper::training
