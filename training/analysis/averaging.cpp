#include "training/analysis/averaging.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <unordered_map>

#include "graph/onnx/export.h"
#include "graph/onnx/structure.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/analysis/calibration_data.h"
#include "training/analysis/checkpoint_source.h"
#include "training/analysis/recalibration.h"
#include "training/analysis/structure_diff.h"
#include "training/analysis/weight_diff.h"
#include "training/formats/safetensors.h"
#include "training/session/model_metadata.h"

namespace temper::training {
namespace {

using graph::StoredWeight;

constexpr std::size_t kMostListed = 40;

std::string listed(const std::vector<std::string>& lines) {
  std::string text;
  for (std::size_t i = 0; i < std::min(lines.size(), kMostListed); ++i) {
    text += concat("\n  ", lines[i]);
  }
  return lines.size() > kMostListed ? concat(text, "\n  and ", lines.size() - kMostListed, " more")
                                    : text;
}

struct File {
  std::string path;
  std::vector<graph::OnnxModel> model;  // one, or none of a checkpoint
  std::vector<StoredWeight> weights;
  std::unordered_map<std::string, const StoredWeight*> by_name;
};

// Its address stays: weights refer to the model.
std::unique_ptr<File> open(const std::string& path) {
  auto file = std::make_unique<File>();
  file->path = path;
  if (path.ends_with(".onnx")) {
    file->model.push_back(graph::OnnxModel::load(path));
    file->weights = graph::stored_weights(file->model.front());
  } else {
    file->weights = as_weights(read_checkpoint(path).tensors);
  }
  for (const StoredWeight& weight : file->weights) {
    file->by_name.emplace(weight.tensor.name, &weight);
  }
  return file;
}

using Files = std::vector<std::unique_ptr<File>>;

// What stands in the way of a mean, in lines.
void compare_structure(const File& first, const File& other, std::vector<std::string>& lines) {
  const StructureDiff diff = diff_structure(first.model.front(), other.model.front(), {});
  for (const FactDiff& fact : diff.facts) {
    const bool matters = fact.what.starts_with("opset") || fact.what.starts_with("input ") ||
                         fact.what.starts_with("output ");
    if (matters) {
      lines.push_back(concat(fact.what, " is ", fact.a.empty() ? "none" : fact.a, ", in ",
                             other.path, " ", fact.b.empty() ? "none" : fact.b));
    }
  }
  for (const graph::NodeFacts& node : diff.only_a) {
    lines.push_back(concat(node.label, " is not in ", other.path));
  }
  for (const graph::NodeFacts& node : diff.only_b) {
    lines.push_back(concat(node.label, " is only in ", other.path));
  }
  for (const NodeDiff& node : diff.changed) {
    for (const FactDiff& fact : node.facts) {
      lines.push_back(
          concat(node.a.label, ": ", fact.what, " ", fact.a, ", in ", other.path, " ", fact.b));
    }
  }
}

void compare_tensors(const File& first, const File& other, std::vector<std::string>& lines) {
  for (const StoredWeight& weight : first.weights) {
    const auto found = other.by_name.find(weight.tensor.name);
    if (found == other.by_name.end()) {
      lines.push_back(concat("tensor ", weight.tensor.name, " is not in ", other.path));
    } else if (!(weight.tensor.shape == found->second->tensor.shape) ||
               weight.type != found->second->type) {
      lines.push_back(concat("tensor ", weight.tensor.name, " is ", weight.type,
                             weight.tensor.shape, ", in ", other.path, " ", found->second->type,
                             found->second->tensor.shape));
    }
  }
  for (const StoredWeight& weight : other.weights) {
    if (!first.by_name.contains(weight.tensor.name)) {
      lines.push_back(concat("tensor ", weight.tensor.name, " is only in ", other.path));
    }
  }
}

void require_same_structure(const Files& files) {
  std::vector<std::string> lines;
  for (std::size_t i = 1; i < files.size(); ++i) {
    if (!files[0]->model.empty()) {
      compare_structure(*files[0], *files[i], lines);
    }
    compare_tensors(*files[0], *files[i], lines);
  }
  TEMPER_CHECK(lines.empty(), ErrorCode::kInvalidArgument,
               "only files of one structure have a mean; beside ", files[0]->path, ":",
               listed(lines));
}

std::vector<double> shares_of(const Files& files, const AverageOptions& options) {
  std::vector<double> shares = options.weights;
  if (options.by_samples) {
    for (const auto& file : files) {
      const std::int64_t samples =
          file->model.empty() ? 0 : model_claims(file->model.front()).train_samples;
      TEMPER_CHECK(samples > 0, ErrorCode::kInvalidArgument, file->path,
                   " does not say on how many samples it was trained (temper.train_samples in its "
                   "metadata, as temper train writes it): give the numbers, --weights 600,250");
      shares.push_back(static_cast<double>(samples));
    }
  }
  if (shares.empty()) {
    shares.assign(files.size(), 1);
  }
  TEMPER_CHECK(shares.size() == files.size(), ErrorCode::kInvalidArgument, "there are ",
               shares.size(), " weights for ", files.size(), " files");
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) {
    TEMPER_CHECK(std::isfinite(share) && share >= 0 && sum > 0 && std::isfinite(sum),
                 ErrorCode::kInvalidArgument, "a weight is ", share,
                 ", expected numbers of at least 0 that are not all 0");
    share /= sum;
  }
  return shares;
}

Tensor mean_of(const std::string& name, const Files& files, const std::vector<double>& shares) {
  std::vector<double> sum;
  Shape shape;
  DType dtype = DType::kUndefined;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Tensor value = files[i]->by_name.at(name)->tensor.read();
    shape = value.shape();
    dtype = value.dtype();
    const std::vector<double> numbers = value.values<double>();
    sum.resize(numbers.size());
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      sum[k] += shares[i] * numbers[k];
    }
  }
  return Tensor::from<double>(dtype, shape, sum);
}

// Means of the tensors that differ, made when they are asked for; the others as the first file has
// them.
std::map<std::string, PlainValue> means_of(const Files& files, const std::vector<double>& shares,
                                           Average& made) {
  std::map<std::string, PlainValue> means;
  std::vector<std::string> whole;
  for (const StoredWeight& weight : files[0]->weights) {
    const std::string& name = weight.tensor.name;
    const Tensor first = weight.tensor.read();
    const bool same = std::all_of(files.begin() + 1, files.end(), [&](const auto& file) {
      return equal_bits(first, file->by_name.at(name)->tensor.read());
    });
    if (same) {
      ++made.equal;
      continue;
    }
    if (!is_float(first.dtype())) {
      whole.push_back(concat(name, " ", weight.type, first.shape()));
      continue;
    }
    ++made.averaged;
    means.emplace(name, PlainValue{first.dtype(), first.shape(),
                                   [&files, &shares, name](const TakePiece& take) {
                                     for_each_plain_piece(mean_of(name, files, shares), take);
                                   }});
  }
  TEMPER_CHECK(whole.empty(), ErrorCode::kInvalidArgument,
               "tensors that are not floats have no mean, and these differ between the files:",
               listed(whole));
  return means;
}

// BatchNorm statistics that differ: their mean is not what the averaged weights give.
void note_statistics(const graph::OnnxModel& model, const std::map<std::string, PlainValue>& means,
                     std::vector<std::string>& notes) {
  const graph::Graph graph = model.build_graph(graph::standard_ops());
  int count = 0;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(graph::VariableId{i});
    count += variable.is(VariableKind::kStatistic) && means.contains(variable.name) ? 1 : 0;
  }
  if (count > 0) {
    notes.push_back(
        concat(count,
               " running statistics of BatchNorm were averaged as numbers; activations "
               "of averaged weights have others: train a little from the result, or "
               "measure it (temper verify) before it is used; --recalibrate DATA computes "
               "them"));
  }
}

void write_onnx(const Files& files, const std::map<std::string, PlainValue>& means,
                const std::string& out, const AverageOptions& options, Average& made) {
  const graph::OnnxModel& first = files[0]->model.front();
  Draft draft(out);
  make_directories(folder_of(draft.path()));
  const auto write_mean = [&](const std::string& path) {
    graph::export_model(first, means, path, {kMetadataPrefix, lasting_entries(first)});
  };
  if (options.recalibrate) {
    Draft mean(join_path(folder_of(out), concat("mean-of-", file_name_of(out))));
    make_directories(folder_of(mean.path()));
    write_mean(mean.path());
    copy_preprocessing(first.path(), mean.path());
    made.recalibrated = recalibrate_batchnorm(mean.path(), *options.recalibrate, draft.path());
  } else {
    note_statistics(first, means, made.notes);
    write_mean(draft.path());
  }
  TrialRunner runner(options.symbols, options.threads);
  made.trial = compare_results(runner.run(first), runner.run(graph::OnnxModel::load(draft.path())),
                               "with the mean of the weights");
  draft.commit();
}

void write_checkpoint(const Files& files, std::map<std::string, PlainValue> values,
                      const std::string& out) {
  for (const StoredWeight& weight : files[0]->weights) {
    values.emplace(
        weight.tensor.name,
        PlainValue{weight.tensor.dtype, weight.tensor.shape, [&weight](const TakePiece& take) {
                     for_each_plain_piece(weight.tensor.read(), take);
                   }});
  }
  write_safetensors(out,
                    std::vector<std::pair<std::string, PlainValue>>(values.begin(), values.end()));
}

}  // namespace

Average average_files(const std::vector<std::string>& paths, const std::string& out,
                      const AverageOptions& options) {
  TEMPER_CHECK(paths.size() > 1, ErrorCode::kInvalidArgument,
               "a mean is of two files or more: temper average A.onnx B.onnx --out C.onnx");
  Files files;
  for (const std::string& path : paths) {
    files.push_back(open(path));
    TEMPER_CHECK(files.back()->model.empty() == files[0]->model.empty(),
                 ErrorCode::kInvalidArgument, paths[0], " and ", path,
                 " are of different kinds: all are ONNX files, or all are checkpoints (temper "
                 "convert puts a checkpoint into an ONNX file)");
  }
  const bool onnx = !files[0]->model.empty();
  TEMPER_CHECK(onnx || !options.recalibrate, ErrorCode::kInvalidArgument,
               "--recalibrate runs the model, and checkpoints have none: put the mean into an ONNX "
               "file first (temper convert)");
  const char* ending = onnx ? ".onnx" : ".safetensors";
  TEMPER_CHECK(out.ends_with(ending), ErrorCode::kInvalidArgument, "--out is ", out,
               ": the mean of ", onnx ? "ONNX files" : "checkpoints", " is written as a file *",
               ending);
  require_same_structure(files);
  Average made;
  made.shares = shares_of(files, options);
  std::map<std::string, PlainValue> means = means_of(files, made.shares, made);
  onnx ? write_onnx(files, means, out, options, made)
       : write_checkpoint(files, std::move(means), out);
  return made;
}

}  // namespace temper::training
