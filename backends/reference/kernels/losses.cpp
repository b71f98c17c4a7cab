// CrossEntropy and its gradient: stable log-softmax over axis 1, PyTorch's reductions, sums in
// double.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

enum class Reduction { kMean, kSum, kNone };

struct LossPlan {
  std::int64_t batch = 0, classes = 0, plane = 0;  // logits [batch, classes, plane]
  std::int64_t ignore_index = -100;
  double smoothing = 0;
  Reduction reduction = Reduction::kMean;

  std::int64_t rows() const { return batch * plane; }
  // Offset of class 0 of a row; classes are `plane` apart.
  std::int64_t offset(std::int64_t row) const {
    return row / plane * classes * plane + row % plane;
  }
};

LossPlan plan_loss(const Attrs& attrs, const Shape& logits) {
  const std::string reduction = attrs.get_string("reduction", "mean");
  return {logits[0],
          logits[1],
          logits.count(2, logits.rank()),
          attrs.get_int("ignore_index", -100),
          attrs.get_double("label_smoothing", 0),
          reduction == "mean"  ? Reduction::kMean
          : reduction == "sum" ? Reduction::kSum
                               : Reduction::kNone};
}

// Labels and class weights, whatever their types.
template <class T, class L>
struct Targets {
  const LossPlan& plan;
  const L* labels;
  const T* weights;  // null: all 1
  const KernelArgs& args;

  bool ignored(std::int64_t row) const {
    return static_cast<std::int64_t>(labels[row]) == plan.ignore_index;
  }
  bool in_range(std::int64_t row) const { return labels[row] >= 0 && labels[row] < plan.classes; }
  double weight(std::int64_t c) const {
    return weights == nullptr ? 1.0 : static_cast<double>(weights[c]);
  }
  // What the mean divides by: the weights of the labels that count.
  double total() const {
    double sum = 0;
    for (std::int64_t row = 0; row < plan.rows(); ++row) {
      if (!ignored(row) && in_range(row)) {
        sum += weight(labels[row]);
      }
    }
    return sum;
  }
};

template <class T>
void log_softmax_row(const LossPlan& p, const T* logits, T* log_prob) {
  double largest = -std::numeric_limits<double>::infinity();
  for (std::int64_t c = 0; c < p.classes; ++c) {
    largest = std::max(largest, static_cast<double>(logits[c * p.plane]));
  }
  double sum = 0;
  for (std::int64_t c = 0; c < p.classes; ++c) {
    sum += std::exp(static_cast<double>(logits[c * p.plane]) - largest);
  }
  const double log_sum = std::log(sum);
  for (std::int64_t c = 0; c < p.classes; ++c) {
    log_prob[c * p.plane] =
        static_cast<T>(static_cast<double>(logits[c * p.plane]) - largest - log_sum);
  }
}

// A label that is no class and is not ignored is noted, and gives NaN.
template <class T, class L>
double row_loss(const Targets<T, L>& targets, const T* log_prob, std::int64_t row) {
  const LossPlan& p = targets.plan;
  if (targets.ignored(row)) {
    return 0;
  }
  if (!targets.in_range(row)) {
    targets.args.note_index(targets.labels[row], 0, p.classes);
    return std::numeric_limits<double>::quiet_NaN();
  }
  const std::int64_t label = targets.labels[row];
  double loss =
      -(1.0 - p.smoothing) * targets.weight(label) * static_cast<double>(log_prob[label * p.plane]);
  if (p.smoothing != 0) {
    double spread = 0;
    for (std::int64_t c = 0; c < p.classes; ++c) {
      spread -= targets.weight(c) * static_cast<double>(log_prob[c * p.plane]);
    }
    loss += p.smoothing / static_cast<double>(p.classes) * spread;
  }
  return loss;
}

template <class T, class L>
void run_loss(const Targets<T, L>& targets, const T* logits, T* loss, T* log_prob) {
  const LossPlan& p = targets.plan;
  double sum = 0;
  for (std::int64_t row = 0; row < p.rows(); ++row) {
    T* log_row = log_prob + p.offset(row);
    log_softmax_row(p, logits + p.offset(row), log_row);
    const double value = row_loss(targets, log_row, row);
    sum += value;
    if (loss != nullptr && p.reduction == Reduction::kNone) {
      loss[row] = static_cast<T>(value);
    }
  }
  if (loss != nullptr && p.reduction != Reduction::kNone) {
    loss[0] = static_cast<T>(p.reduction == Reduction::kMean ? sum / targets.total() : sum);
  }
}

template <class T, class L>
void run_loss_grad(const Targets<T, L>& targets, const T* dloss, const T* log_prob, T* dlogits) {
  const LossPlan& p = targets.plan;
  const double total = p.reduction == Reduction::kMean ? targets.total() : 1.0;
  double weight_sum = 0;
  for (std::int64_t c = 0; c < p.classes; ++c) {
    weight_sum += targets.weight(c);
  }
  const double spread = p.smoothing / static_cast<double>(p.classes);
  for (std::int64_t row = 0; row < p.rows(); ++row) {
    const std::int64_t at = p.offset(row);
    const double factor =
        static_cast<double>(dloss[p.reduction == Reduction::kNone ? row : 0]) / total;
    const bool counts = !targets.ignored(row);
    const bool valid = targets.in_range(row);
    if (counts && !valid) {
      targets.args.note_index(targets.labels[row], 0, p.classes);
    }
    const double label_part =
        counts && valid ? (1.0 - p.smoothing) * targets.weight(targets.labels[row]) : 0;
    const double target_sum = label_part + spread * weight_sum;
    for (std::int64_t c = 0; c < p.classes; ++c) {
      double value = 0;
      if (counts && valid) {
        const double target =
            spread * targets.weight(c) + (c == targets.labels[row] ? label_part : 0);
        const double prob = std::exp(static_cast<double>(log_prob[at + c * p.plane]));
        value = factor * (prob * target_sum - target);
      } else if (counts) {
        value = std::numeric_limits<double>::quiet_NaN();
      }
      dlogits[at + c * p.plane] = static_cast<T>(value);
    }
  }
}

// Calls f<T, L>() for the float type and the label type.
template <class F>
std::unique_ptr<Kernel> visit_types(DType type, DType labels, F f) {
  return visit_float(type, [&]<class T>() -> std::unique_ptr<Kernel> {
    return labels == DType::kInt32 ? f.template operator()<T, std::int32_t>()
                                   : f.template operator()<T, std::int64_t>();
  });
}

std::unique_ptr<Kernel> prepare_loss(const OpQuery& query) {
  const LossPlan plan = plan_loss(*query.attrs, query.inputs[0].shape);
  const bool weighted = has_input(query, 2);
  const bool wants_loss = has_output(query, 0);
  const bool wants_log = has_output(query, 1);
  return visit_types(query.inputs[0].dtype, query.inputs[1].dtype,
                     [&]<class T, class L>() -> std::unique_ptr<Kernel> {
                       auto kernel = make_kernel([=](const KernelArgs& args) {
                         const Targets<T, L> targets{
                             plan, static_cast<const L*>(args.inputs[1]),
                             weighted ? static_cast<const T*>(args.inputs[2]) : nullptr, args};
                         run_loss(targets, static_cast<const T*>(args.inputs[0]),
                                  wants_loss ? static_cast<T*>(args.outputs[0]) : nullptr,
                                  static_cast<T*>(wants_log ? args.outputs[1] : args.workspace));
                       });
                       kernel->workspace_bytes =
                           wants_log ? 0 : static_cast<std::size_t>(query.inputs[0].bytes());
                       return kernel;
                     });
}

std::unique_ptr<Kernel> prepare_loss_grad(const OpQuery& query) {
  const LossPlan plan = plan_loss(*query.attrs, query.inputs[1].shape);
  const bool weighted = has_input(query, 3);
  return visit_types(query.inputs[1].dtype, query.inputs[2].dtype,
                     [&]<class T, class L>() -> std::unique_ptr<Kernel> {
                       return make_kernel([=](const KernelArgs& args) {
                         const Targets<T, L> targets{
                             plan, static_cast<const L*>(args.inputs[2]),
                             weighted ? static_cast<const T*>(args.inputs[3]) : nullptr, args};
                         run_loss_grad(targets, static_cast<const T*>(args.inputs[0]),
                                       static_cast<const T*>(args.inputs[1]),
                                       static_cast<T*>(args.outputs[0]));
                       });
                     });
}

}  // namespace

void register_losses(KernelTable& table) {
  table.add(
      "CrossEntropy", "reference",
      [](const OpQuery& query) { return one_float_type(query, {0, 2}); }, prepare_loss);
  table.add(
      "CrossEntropyGrad", "reference",
      [](const OpQuery& query) { return one_float_type(query, {0, 1, 3}); }, prepare_loss_grad);
}

}  // namespace temper::reference
