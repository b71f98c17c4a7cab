// CrossEntropy and its gradient over [N, C] logits, f32: one pass of log-softmax per row. PyTorch's
// ignore_index, class weights, label smoothing and reductions.
#include <cmath>
#include <limits>

#include "backends/cpu/parallel.h"
#include "backends/cpu/vector_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

enum class Reduction { kMean, kSum, kNone };

struct LossPlan {
  std::int64_t rows = 0, classes = 0;
  std::int64_t ignore_index = -100;
  double smoothing = 0;
  Reduction reduction = Reduction::kMean;
  bool wide_labels = true;  // i64, else i32
  bool weighted = false;
  int threads = 1;
};

bool has(const std::vector<TensorSpec>& specs, std::size_t i) {
  return i < specs.size() && specs[i].present();
}

LossPlan plan_loss(const OpQuery& query, std::size_t logits, std::size_t labels) {
  const Shape& shape = query.inputs[logits].shape;
  const Attrs& attrs = *query.attrs;
  const std::string reduction = attrs.get_string("reduction", "mean");
  LossPlan plan;
  plan.rows = shape[0];
  plan.classes = shape[1];
  plan.ignore_index = attrs.get_int("ignore_index", -100);
  plan.smoothing = attrs.get_double("label_smoothing", 0);
  plan.reduction = reduction == "mean"  ? Reduction::kMean
                   : reduction == "sum" ? Reduction::kSum
                                        : Reduction::kNone;
  plan.wide_labels = query.inputs[labels].dtype == DType::kInt64;
  plan.weighted = has(query.inputs, labels + 1);
  plan.threads = threads_for_elements(query.threads, shape.element_count());
  return plan;
}

// Labels and class weights of one run.
struct Targets {
  const LossPlan& plan;
  const void* labels;
  const float* weights;  // null: all 1
  const KernelArgs& args;

  std::int64_t label(std::int64_t row) const {
    return plan.wide_labels ? static_cast<const std::int64_t*>(labels)[row]
                            : static_cast<const std::int32_t*>(labels)[row];
  }
  bool in_range(std::int64_t c) const { return c >= 0 && c < plan.classes; }
  double weight(std::int64_t c) const {
    return weights == nullptr ? 1.0 : static_cast<double>(weights[c]);
  }
  // What the mean divides by: the weights of the labels that count.
  double total() const {
    double result = 0;
    for (std::int64_t row = 0; row < plan.rows; ++row) {
      const std::int64_t c = label(row);
      if (c != plan.ignore_index && in_range(c)) {
        result += weight(c);
      }
    }
    return result;
  }
};

// A label that is no class and is not ignored is noted, and gives NaN.
double row_loss(const Targets& t, const float* log_prob, std::int64_t c) {
  if (c == t.plan.ignore_index) {
    return 0;
  }
  if (!t.in_range(c)) {
    t.args.note_index(c, 0, t.plan.classes);
    return std::numeric_limits<double>::quiet_NaN();
  }
  double loss = -(1.0 - t.plan.smoothing) * t.weight(c) * static_cast<double>(log_prob[c]);
  if (t.plan.smoothing != 0) {
    double spread = 0;
    for (std::int64_t i = 0; i < t.plan.classes; ++i) {
      spread -= t.weight(i) * static_cast<double>(log_prob[i]);
    }
    loss += t.plan.smoothing / static_cast<double>(t.plan.classes) * spread;
  }
  return loss;
}

std::unique_ptr<Kernel> prepare_loss(const OpQuery& query) {
  const LossPlan plan = plan_loss(query, 0, 1);
  const bool wants_loss = has(query.outputs, 0), wants_log = has(query.outputs, 1);
  const auto row_bytes = static_cast<std::size_t>(plan.rows) * sizeof(double);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const Targets targets{plan, args.inputs[1],
                          plan.weighted ? static_cast<const float*>(args.inputs[2]) : nullptr,
                          args};
    const auto* logits = static_cast<const float*>(args.inputs[0]);
    auto* losses = static_cast<double*>(args.workspace);
    auto* log_prob =
        static_cast<float*>(wants_log ? args.outputs[1] : static_cast<void*>(losses + plan.rows));
    parallel_ranges(plan.threads, plan.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        float* log_row = log_prob + row * plan.classes;
        log_softmax_row(logits + row * plan.classes, log_row, plan.classes);
        losses[row] = wants_loss ? row_loss(targets, log_row, targets.label(row)) : 0;
      }
    });
    if (!wants_loss) {
      return;
    }
    auto* loss = static_cast<float*>(args.outputs[0]);
    double total = 0;
    for (std::int64_t row = 0; row < plan.rows; ++row) {
      total += losses[row];
      if (plan.reduction == Reduction::kNone) {
        loss[row] = static_cast<float>(losses[row]);
      }
    }
    if (plan.reduction != Reduction::kNone) {
      loss[0] =
          static_cast<float>(plan.reduction == Reduction::kMean ? total / targets.total() : total);
    }
  });
  const std::size_t log_bytes =
      wants_log ? 0
                : static_cast<std::size_t>(query.inputs[0].shape.element_count()) * sizeof(float);
  kernel->workspace_bytes = row_bytes + log_bytes;
  kernel->description = "vector";
  return kernel;
}

// dlogits = factor * (prob * target_sum - target), target the smoothed one-hot vector times the
// class weights.
void gradient_row(const Targets& t, const float* log_prob, std::int64_t c, double factor,
                  double weight_sum, float* dx) {
  const LossPlan& p = t.plan;
  if (c == p.ignore_index || !t.in_range(c)) {
    if (c != p.ignore_index) {
      t.args.note_index(c, 0, p.classes);
    }
    const float value = c == p.ignore_index ? 0.0f : std::numeric_limits<float>::quiet_NaN();
    std::fill(dx, dx + p.classes, value);
    return;
  }
  const double spread = p.smoothing / static_cast<double>(p.classes);
  const double label_part = (1.0 - p.smoothing) * t.weight(c);
  const double target_sum = label_part + spread * weight_sum;
  cross_entropy_grad_row(log_prob, t.weights, static_cast<float>(factor),
                         static_cast<float>(target_sum), static_cast<float>(spread), dx, p.classes);
  // In double where prob and target nearly cancel.
  dx[c] = static_cast<float>(factor * (std::exp(static_cast<double>(log_prob[c])) * target_sum -
                                       (spread * t.weight(c) + label_part)));
}

std::unique_ptr<Kernel> prepare_loss_grad(const OpQuery& query) {
  const LossPlan plan = plan_loss(query, 1, 2);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const Targets targets{plan, args.inputs[2],
                          plan.weighted ? static_cast<const float*>(args.inputs[3]) : nullptr,
                          args};
    const auto* dloss = static_cast<const float*>(args.inputs[0]);
    const auto* log_prob = static_cast<const float*>(args.inputs[1]);
    auto* dx = static_cast<float*>(args.outputs[0]);
    const double total = plan.reduction == Reduction::kMean ? targets.total() : 1.0;
    double weight_sum = 0;
    for (std::int64_t c = 0; c < plan.classes; ++c) {
      weight_sum += targets.weight(c);
    }
    parallel_ranges(plan.threads, plan.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const bool each = plan.reduction == Reduction::kNone;
        gradient_row(targets, log_prob + row * plan.classes, targets.label(row),
                     static_cast<double>(dloss[each ? row : 0]) / total, weight_sum,
                     dx + row * plan.classes);
      }
    });
  });
  kernel->description = "vector";
  return kernel;
}

Support supports(const OpQuery& query, std::size_t logits, std::size_t labels) {
  const TensorSpec& x = query.inputs[logits];
  if (x.dtype != DType::kFloat32) {
    return Support::no(concat("only f32, not ", x.dtype));
  }
  if (x.shape.rank() != 2) {
    return Support::no("only logits of two dimensions");
  }
  const DType type = query.inputs[labels].dtype;
  if (type != DType::kInt64 && type != DType::kInt32) {
    return Support::no(concat("labels are ", type));
  }
  if (has(query.inputs, labels + 1) && query.inputs[labels + 1].dtype != DType::kFloat32) {
    return Support::no("class weights are not f32");
  }
  return Support::yes();
}

}  // namespace

void register_losses(KernelTable& table) {
  table.add(
      "CrossEntropy", "cpu", [](const OpQuery& query) { return supports(query, 0, 1); },
      prepare_loss);
  table.add(
      "CrossEntropyGrad", "cpu", [](const OpQuery& query) { return supports(query, 1, 2); },
      prepare_loss_grad);
}

}  // namespace temper::cpu
