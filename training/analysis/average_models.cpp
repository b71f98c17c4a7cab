#include "training/analysis/average_models.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <span>

#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "training/session/model_metadata.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::OnnxModel;

// Of one tensor, over the files so far.
struct Sum {
  DType dtype = DType::kFloat32;
  Shape shape;
  std::vector<double> values;
};

std::vector<double> shares(const std::vector<double>& weights, std::size_t files) {
  std::vector<double> given = weights;
  if (given.empty()) {
    given.assign(files, 1.0);
  }
  TEMPER_CHECK(given.size() == files, ErrorCode::kInvalidArgument, given.size(), " weights for ",
               files, " files: one for each");
  for (const double weight : given) {
    TEMPER_CHECK(std::isfinite(weight) && weight >= 0, ErrorCode::kInvalidArgument, "the weight ",
                 weight, " of a file is not a number of at least 0");
  }
  const double all = std::accumulate(given.begin(), given.end(), 0.0);
  TEMPER_CHECK(all > 0, ErrorCode::kInvalidArgument, "the weights of all files are 0");
  for (double& weight : given) {
    weight /= all;
  }
  return given;
}

void add(const graph::Variable& variable, double share, std::vector<double>& sum) {
  const Tensor value = graph::initial_value(variable);
  if (!value.defined()) {
    return;  // zeros
  }
  const std::vector<double> values = value.values<double>();
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] += share * values[i];
  }
}

void require_same(const OnnxModel& first, const OnnxModel& other, const Graph& graph,
                  const std::map<std::string, Sum>& sums) {
  TEMPER_CHECK(first.op_counts() == other.op_counts(), ErrorCode::kInvalidArgument, other.path(),
               " has other operators than ", first.path(), ": only files of one model have a mean");
  TEMPER_CHECK(graph.variable_count() == static_cast<int>(sums.size()), ErrorCode::kInvalidArgument,
               other.path(), " has ", graph.variable_count(), " parameters and statistics, ",
               first.path(), " ", sums.size());
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(graph::VariableId{i});
    const auto found = sums.find(variable.name);
    TEMPER_CHECK(found != sums.end(), ErrorCode::kInvalidArgument, first.path(), " has no tensor '",
                 variable.name, "', which ", other.path(), " has");
    TEMPER_CHECK(found->second.shape == variable.shape, ErrorCode::kInvalidArgument, "'",
                 variable.name, "' has the shape ", variable.shape, " in ", other.path(), ", ",
                 found->second.shape, " in ", first.path());
  }
}

}  // namespace

void average_models(const std::vector<std::string>& paths, const std::vector<double>& weights,
                    const std::string& out) {
  TEMPER_CHECK(!paths.empty(), ErrorCode::kInvalidArgument, "no files were given to average");
  const std::vector<double> share = shares(weights, paths.size());
  const OnnxModel first = OnnxModel::load(paths.front());
  std::map<std::string, Sum> sums;
  for (std::size_t file = 0; file < paths.size(); ++file) {
    const OnnxModel model = OnnxModel::load(paths[file]);
    const Graph graph = model.build_graph(graph::standard_ops());
    if (file > 0) {
      require_same(first, model, graph, sums);
    }
    for (int i = 0; i < graph.variable_count(); ++i) {
      const graph::Variable& variable = graph.variable(graph::VariableId{i});
      Sum& sum = sums[variable.name];
      if (file == 0) {
        sum.dtype = variable.dtype;
        sum.shape = variable.shape;
        sum.values.assign(static_cast<std::size_t>(variable.shape.element_count()), 0.0);
      }
      add(variable, share[file], sum.values);
    }
  }
  std::map<std::string, PlainValue> means;
  for (auto& [name, sum] : sums) {
    means.emplace(name, plain_value(Tensor::from<double>(sum.dtype, sum.shape, sum.values)));
    sum.values = {};
  }
  graph::export_model(first, means, out, {kMetadataPrefix, lasting_entries(first)});
}

}  // namespace temper::training
