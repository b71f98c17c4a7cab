#include "training/analysis/prediction.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "backends/backends.h"
#include "graph/onnx/class_names.h"
#include "runtime/base/error.h"
#include "training/session/output_lengths.h"

namespace temper::training {
namespace {

// One output over all batches, rows in the order of the data: [rows, ...], or, where samples differ
// in length and it goes along them, what each has of it one after another.
class GatheredOutput {
 public:
  // `along`: the dimension that grows with the length, -1: none; `sizes`: what each row has there.
  GatheredOutput(std::string name, std::int64_t count, int along, std::vector<std::int64_t> sizes)
      : name_(std::move(name)), count_(count), along_(along), sizes_(std::move(sizes)) {}

  // `places`: of each row of the data among those that are predicted.
  void add(const Tensor& part, const Batch& batch, const std::vector<std::int64_t>& places) {
    const Shape& shape = part.shape();
    if (batch.rows == count_ && along_ < 0) {  // in the data's order
      whole_ = part;
      return;
    }
    TEMPER_CHECK(shape.rank() > 0 && shape[0] == batch.rows, ErrorCode::kUnsupported, "output '",
                 name_, "' of ", batch.rows, " samples has the shape ", shape,
                 ", not one row per sample: predict all ", count_, " samples in one batch");
    if (!whole_.defined()) {
      allocate(part);
    }
    for (std::int64_t i = 0; i < batch.rows; ++i) {
      const std::int64_t row = batch.row_numbers[static_cast<std::size_t>(i)];
      copy_row(part, i, places[static_cast<std::size_t>(row)]);
    }
  }

  void give(std::vector<NamedTensor>& outputs) {
    outputs.emplace_back(name_, std::move(whole_));
    if (along_ >= 0) {
      outputs.emplace_back(name_ + ".lengths",
                           Tensor::from<std::int64_t>(DType::kInt64, Shape{count_}, sizes_));
    }
  }

 private:
  bool is_joined() const { return along_ == 1; }

  void allocate(const Tensor& part) {
    Shape shape = part.shape();
    shape[0] = count_;
    if (is_joined()) {
      for (const std::int64_t size : sizes_) {
        begins_.push_back(joined_);
        joined_ += size;
      }
      Shape rest{joined_};
      for (int axis = 2; axis < shape.rank(); ++axis) {
        rest.push_back(shape[axis]);
      }
      shape = rest;
    } else if (along_ > 1) {
      shape[along_] = *std::max_element(sizes_.begin(), sizes_.end());
    }
    whole_ = Tensor(part.dtype(), shape);
    std::memset(whole_.data(), 0, static_cast<std::size_t>(whole_.bytes()));
  }

  void copy_row(const Tensor& part, std::int64_t from_row, std::int64_t to_row) {
    const Shape& shape = part.shape();
    const int axis = std::max(along_, 1);
    const std::int64_t inner =
        along_ < 0 ? shape.count(1, shape.rank()) : shape.count(axis + 1, shape.rank());
    const std::int64_t outer = along_ < 0 ? 1 : shape.count(1, axis);
    const std::int64_t width = along_ < 0 ? 1 : shape[axis];
    const std::int64_t size = along_ < 0 ? 1 : sizes_[static_cast<std::size_t>(to_row)];
    const std::int64_t room = along_ > 1 ? whole_.shape()[along_] : 1;
    const auto bytes = static_cast<std::int64_t>(size_of(part.dtype()));
    const auto* from = static_cast<const std::byte*>(part.data());
    auto* to = static_cast<std::byte*>(whole_.data());
    for (std::int64_t o = 0; o < outer; ++o) {
      const std::int64_t source = (from_row * outer + o) * width * inner;
      const std::int64_t target = is_joined() ? begins_[static_cast<std::size_t>(to_row)] * inner
                                              : (to_row * outer + o) * room * inner;
      std::memcpy(to + target * bytes, from + source * bytes,
                  static_cast<std::size_t>(size * inner * bytes));
    }
  }

  std::string name_;
  std::int64_t count_;
  int along_;
  std::vector<std::int64_t> sizes_;   // of each row
  std::vector<std::int64_t> begins_;  // of each row, where they are joined
  std::int64_t joined_ = 0;
  Tensor whole_;
};

// The outputs, and how much of each is of which row.
std::vector<GatheredOutput> gathered_outputs(const Session& session, const Dataset& data,
                                             std::span<const std::int64_t> rows) {
  const graph::Graph& graph = session.engine().imported();
  std::unique_ptr<Backend> reference;
  std::optional<OutputLengths> parts;
  std::vector<std::int64_t> lengths;
  if (session.lengths().any()) {  // a backend takes longer to make than a small model to run
    reference = make_backend("reference");
    parts.emplace(graph, session.recipe().model, session.lengths(), *reference,
                  session.layout().probe_batch());
    lengths = session.lengths().lengths_of(data);
  }
  std::vector<GatheredOutput> gathered;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (graph.outputs[i].port.role == PortRole::kCarriedState) {
      continue;  // stands behind the model's own
    }
    const int axis = parts ? parts->axis(i) : -1;
    std::vector<std::int64_t> sizes;
    for (const std::int64_t row : axis < 0 ? std::span<const std::int64_t>() : rows) {
      sizes.push_back(parts->size(i, lengths[static_cast<std::size_t>(row)]));
    }
    gathered.emplace_back(graph.outputs[i].name, static_cast<std::int64_t>(rows.size()), axis,
                          std::move(sizes));
  }
  return gathered;
}

}  // namespace

std::vector<NamedTensor> predict_rows(Session& session, BatchLoader& loader, const Dataset& data,
                                      std::span<const std::int64_t> rows) {
  std::vector<GatheredOutput> gathered = gathered_outputs(session, data, rows);
  std::vector<std::int64_t> places(static_cast<std::size_t>(data.count()), -1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    places[static_cast<std::size_t>(rows[i])] = static_cast<std::int64_t>(i);
  }
  while (const Batch* batch = loader.next()) {
    const HeldExecutor held =
        session.engine().executor(session.request(GraphKind::kPredict, *batch));
    Executor& executor = *held;
    session.bind(executor, *batch);
    executor.run();
    for (std::size_t i = 0; i < gathered.size(); ++i) {
      const int output = executor.plan().output(PortRole::kModelOutput, static_cast<int>(i));
      gathered[i].add(executor.read_output(output).to_plain(), *batch, places);
    }
  }
  std::vector<NamedTensor> outputs;
  for (GatheredOutput& output : gathered) {
    output.give(outputs);
  }
  return outputs;
}

Prediction predict(const Recipe& recipe, EngineOptions options) {
  SessionNeeds needs;
  needs.target = false;
  needs.stored_preprocessing = true;
  Session session(recipe, std::move(options), needs);
  const std::int64_t count = session.train_count();
  const std::int64_t size = session.recipe().data.batch_size;
  Engine& engine = session.engine();
  std::vector<GraphRequest> requests;
  for (const BatchForm& form : session.data().ordered_forms(size)) {
    if (requests.empty() || !session.lengths().any()) {  // others are made when they come
      requests.push_back(session.request(GraphKind::kPredict, form.rows, form.length));
    }
  }
  try {
    engine.prepare(requests);
  } catch (Error& error) {
    error.add_note(concat("while compiling ", recipe.model.path));
    throw;
  }
  Prediction prediction;
  const auto loader = session.make_ordered_loader(size);
  prediction.outputs =
      predict_rows(session, *loader, session.train_data(), session.data().train_rows());
  if (session.train_data().decodes()) {
    for (std::int64_t row = 0; row < count; ++row) {
      prediction.files.push_back(session.train_data().where(0, row));
    }
  }
  prediction.classes = session.recipe().data.class_names;
  if (prediction.classes.empty()) {
    prediction.classes = graph::class_names(session.model().metadata());
  }
  return prediction;
}

}  // namespace temper::training
