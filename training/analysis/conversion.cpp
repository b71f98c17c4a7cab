#include "training/analysis/conversion.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "backends/backends.h"
#include "graph/onnx/surgery/trial_run.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/formats/checkpoint_file.h"
#include "training/records/checkpoint.h"

namespace temper::training {
namespace {

constexpr std::int64_t kTrialBatch = 2;
constexpr std::int64_t kTrialLength = 8;  // of dimensions that nobody gave a size
constexpr std::uint64_t kMostMapBytes = std::uint64_t{16} << 20;

Tensor whole(const PlainValue& value) {
  Tensor tensor(value.dtype, value.shape, {}, "a tensor of a checkpoint");
  auto* to = static_cast<std::byte*>(tensor.data());
  value.for_each_piece(
      [&](std::span<const std::byte> piece) { to = std::copy(piece.begin(), piece.end(), to); });
  return tensor;
}

CheckpointFile read_run(const std::string& folder) {
  CheckpointFile file;
  const auto saved =
      std::make_shared<const SavedTensors>(read_newest_checkpoint(folder, file.notes));
  file.format = "Temper run";
  const auto add = [&](const std::map<std::string, PlainValue>& values, std::string_view front) {
    for (const auto& [name, value] : values) {
      file.tensors.push_back({concat(front, name), value.dtype, value.shape,
                              [saved, &value] { return whole(value); }});
    }
  };
  add(saved->weights, "");
  add(saved->averages, "average.");
  return file;
}

class TrialRunner {
 public:
  explicit TrialRunner(const ConversionOptions& options)
      : reference_(make_backend("reference")),
        backend_(make_backend("cpu")),
        trial_{*reference_, *backend_, options.threads, options.symbols} {}

  struct Result {
    std::vector<std::string> names;
    std::vector<Tensor> values;
  };

  Result run(const graph::OnnxModel& model) {
    graph::Graph graph = model.build_graph(graph::standard_ops());
    std::map<std::string, std::int64_t> symbols = trial_.symbols;
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
    std::vector<Tensor> inputs;
    for (const graph::ValueId id : graph.inputs) {
      const graph::Value& input = graph.value(id);
      inputs.push_back(graph::trial_samples(input.dtype, input.shape, inputs.size() + 1));
    }
    Result result;
    result.values = graph::trial_outputs(graph, inputs, trial_);
    for (const graph::Graph::Output& output : graph.outputs) {
      result.names.push_back(output.name);
    }
    return result;
  }

 private:
  std::unique_ptr<Backend> reference_;
  std::unique_ptr<Backend> backend_;
  graph::Trial trial_;
};

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) {
    most = std::isfinite(value) ? std::max(most, std::abs(value)) : HUGE_VAL;
  }
  return most;
}

std::vector<TrialOutput> compare(const TrialRunner::Result& before,
                                 const TrialRunner::Result& after) {
  std::vector<TrialOutput> rows;
  for (std::size_t i = 0; i < before.values.size(); ++i) {
    const Tensor &a = before.values[i], &b = after.values[i];
    TEMPER_CHECK(a.shape() == b.shape(), ErrorCode::kUnsupported, "output '", before.names[i],
                 "' is ", b.shape(), " with the weights of the checkpoint, and was ", a.shape(),
                 "; nothing was written");
    TrialOutput row = compare_outputs(before.names[i], a, b);
    TEMPER_CHECK(std::isfinite(row.after) || !std::isfinite(row.before), ErrorCode::kUnsupported,
                 "output '", row.name,
                 "' is not finite with the weights of the checkpoint, and was "
                 "before, on the same inputs; nothing was written");
    rows.push_back(std::move(row));
  }
  return rows;
}

// The model as it would be written, in a file beside `out` that is gone afterwards.
class Draft {
 public:
  explicit Draft(const std::string& out)
      : path_(join_path(folder_of(out), concat(".draft-", file_name_of(out)))) {}
  ~Draft() {
    try {
      for (const std::string& file : files_) {
        remove_file(file);
      }
    } catch (const Error&) {
      return;  // a file that cannot be removed is only waste
    }
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  graph::OnnxModel write(const graph::ModelEdit& edit) {
    files_ = {path_};
    edit.write(path_);
    graph::OnnxModel model = graph::OnnxModel::load(path_);
    files_ = model.files();
    return model;
  }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

}  // namespace

TrialOutput compare_outputs(const std::string& name, const Tensor& before, const Tensor& after) {
  const std::vector<double> x = before.values<double>(), y = after.values<double>();
  TrialOutput row{name, before.shape(), largest(x), largest(y), 0};
  for (std::size_t k = 0; k < x.size(); ++k) {
    row.difference = std::max(row.difference, std::abs(x[k] - y[k]));
  }
  return row;
}

Conversion convert_checkpoint(const std::string& checkpoint, const std::string& model_path,
                              const std::string& out, const ConversionOptions& options) {
  CheckpointFile file =
      file_status(checkpoint).is_folder ? read_run(checkpoint) : read_checkpoint_file(checkpoint);
  Conversion done;
  done.format = file.format;
  done.tensors = static_cast<std::int64_t>(file.tensors.size());
  TEMPER_CHECK(done.tensors > 0, ErrorCode::kInvalidArgument, checkpoint, " (", file.format,
               ") holds no tensors");
  const graph::WeightSource source{std::move(file.tensors), std::move(file.epsilons)};
  const graph::OnnxModel model = graph::OnnxModel::load(model_path);
  graph::ModelEdit edit(model);
  done.report = graph::load_weights(edit, source, options.load);
  done.report.notes.insert(done.report.notes.begin(), file.notes.begin(), file.notes.end());
  TrialRunner runner(options);
  Draft draft(out);
  done.trial = compare(runner.run(model), runner.run(draft.write(edit)));
  edit.write(out);
  return done;
}

std::vector<std::pair<std::string, std::string>> read_name_map(const std::string& path) {
  std::vector<std::pair<std::string, std::string>> map;
  const std::string text = read_text_file(path, kMostMapBytes);
  const auto trimmed = [](std::string_view part) {
    const std::size_t first = part.find_first_not_of(" \t\r");
    part = first == std::string_view::npos ? "" : part.substr(first);
    part = part.substr(0, part.find_last_not_of(" \t\r") + 1);
    const bool quoted = part.size() >= 2 && part.front() == '"' && part.back() == '"';
    return quoted ? part.substr(1, part.size() - 2) : part;
  };
  std::size_t line_number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    ++line_number;
    if (trimmed(line).empty() || trimmed(line).front() == '#') {
      continue;
    }
    const std::size_t equals = line.find('=');
    const std::string_view name = trimmed(line.substr(0, std::min(equals, line.size())));
    const std::string_view from =
        equals == std::string_view::npos ? "" : trimmed(line.substr(equals + 1));
    TEMPER_CHECK(!name.empty() && !from.empty(), ErrorCode::kInvalidArgument, path, ", line ",
                 line_number, " is not NAME OF THE MODEL = NAME OF THE CHECKPOINT");
    map.emplace_back(name, from);
  }
  return map;
}

}  // namespace temper::training
