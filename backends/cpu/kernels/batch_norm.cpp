// BatchNormTrain with an optional fused ReLU or ReLU6, and its gradient, of f32 or of bf16 with its
// statistics, scale and bias in f32. Statistics and the
// sums of the gradient are kept in double: a library that sums them in float loses four digits over
// 80,000 values and more with a large mean. The saved value holds, per channel, by how much the
// mean missed its rounding to float: with it the values are centred as if the mean were in double.
#include <cmath>

#include "backends/cpu/channel_groups.h"
#include "backends/cpu/refusals.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"
#include "runtime/base/rectifier.h"

namespace temper::cpu {
namespace {

// Inputs and outputs of the ops, by OPS order.
enum ForwardInput { kX, kScale, kBias, kMean, kVar };
enum ForwardOutput { kY, kNewMean, kNewVar, kBatchMean, kBatchVar, kSaved };
enum GradInput { kGradDy, kGradX, kGradScale, kGradBias, kGradMean, kGradVar, kGradSaved };
enum GradOutput { kDx, kDScale, kDBias };

bool has(const std::vector<TensorSpec>& specs, int i) {
  const auto index = static_cast<std::size_t>(i);
  return index < specs.size() && specs[index].present();
}

struct NormPlan {
  ChannelGroups groups;
  double epsilon = 0;
  Rectifier rectifier;
  DType type = DType::kFloat32;  // of x, y and their gradients
  int threads = 1;

  std::int64_t units() const { return groups.count * groups.chunks(); }
  LaneAffine affine() const {
    LaneAffine affine;
    if (rectifier.has_ceiling()) {
      affine.ceiling = static_cast<float>(rectifier.ceiling);
    }
    return affine;
  }
  float factor(float scale, float var) const {
    return static_cast<float>(static_cast<double>(scale) * inverse_deviation(var));
  }
  double inverse_deviation(float var) const {
    return 1.0 / std::sqrt(static_cast<double>(var) + epsilon);
  }
  // The channel of a lane, or -1 in the padding. A plain channel has all lanes of its group.
  std::int64_t channel(std::int64_t group, int lane) const {
    const std::int64_t c = groups.lanes == 1 ? group : group * groups.lanes + lane;
    return (groups.lanes == 1 || lane < groups.lanes) && c < groups.channels ? c : -1;
  }
};

void choose(const OpQuery& query, const TensorSpec& x, NormPlan& plan) {
  plan.groups = channel_groups(x.shape, x.layout);
  plan.rectifier = rectifier_of(*query.attrs);
  plan.epsilon = query.attrs->get_double("epsilon", 1e-5);
  plan.type = x.dtype;
  plan.threads = threads_for_elements(query.threads, x.shape.element_count());
}

// What lanes of a group hold of each channel, added up in the order of chunks.
struct Moments {
  double count = 0, mean = 0, squares = 0;  // squares: of the differences to the mean

  void join(double n, double other_mean, double other_squares) {
    const double total = count + n;
    const double apart = other_mean - mean;
    mean += apart * n / total;
    squares += other_squares + apart * apart * count * n / total;
    count = total;
  }
};

class BatchNormKernel final : public Kernel {
 public:
  BatchNormKernel(const OpQuery& query, NormPlan plan)
      : plan_(std::move(plan)),
        momentum_(query.attrs->get_double("momentum", 0.9)),
        unbiased_(query.attrs->get_int("unbiased", 1) != 0) {
    for (int i = kNewMean; i <= kSaved; ++i) {
      wanted_[i] = has(query.outputs, i);
    }
    input_layouts.resize(query.inputs.size());
    input_layouts[kX] = plan_.groups.layout;
    output_layouts.resize(query.outputs.size());
    output_layouts[kY] = plan_.groups.layout;
    if (wanted_[kSaved]) {
      opaque_bytes.assign(query.outputs.size(), 0);
      opaque_bytes[kSaved] = static_cast<std::size_t>(plan_.groups.channels) * sizeof(float);
    }
    workspace_bytes = static_cast<std::size_t>(plan_.units()) * sizeof(LaneMoments) +
                      static_cast<std::size_t>(plan_.groups.count) * sizeof(LaneAffine);
    description = "vector, sums in double";
  }

  void run(const KernelArgs& args) const override {
    plan_.type == DType::kBFloat16 ? run_as<BFloat16>(args) : run_as<float>(args);
  }

 private:
  template <class T>
  void run_as(const KernelArgs& args) const {
    const ChannelGroups& groups = plan_.groups;
    const auto* x = static_cast<const T*>(args.inputs[kX]);
    auto* y = static_cast<T*>(args.outputs[kY]);
    auto* parts = static_cast<LaneMoments*>(args.workspace);
    auto* affine = reinterpret_cast<LaneAffine*>(parts + plan_.units());
    run_two_passes(
        groups, plan_.threads,
        [&](std::int64_t group, std::int64_t chunk) {
          sum(x, group, chunk, parts[group * groups.chunks() + chunk]);
        },
        [&](std::int64_t group) {
          finish(args, group, parts + group * groups.chunks(), affine[group]);
        },
        [&](std::int64_t group, std::int64_t chunk) {
          groups.for_each_run(group, chunk, [&](const NormRows& rows, std::int64_t at) {
            normalise(rows, x + at, affine[group], plan_.rectifier.on, y + at);
          });
        });
  }

  // The shift is the chunk's first value: near the mean where the mean is large.
  template <class T>
  void sum(const T* x, std::int64_t group, std::int64_t chunk, LaneMoments& part) const {
    part = LaneMoments{};
    bool first = true;
    plan_.groups.for_each_run(group, chunk, [&](const NormRows& rows, std::int64_t at) {
      if (first) {
        for (int lane = 0; lane < kNormLanes; ++lane) {
          const bool one = plan_.groups.lanes == 1;
          part.shift[lane] =
              one || lane < rows.width ? static_cast<float>(x[one ? at : at + lane]) : 0.0f;
        }
        first = false;
      }
      add_moments(rows, x + at, part);
    });
  }

  Moments moments(const LaneMoments* parts, int lane) const {
    Moments all;
    for (std::int64_t c = 0; c < plan_.groups.chunks(); ++c) {
      const auto n = static_cast<double>(plan_.groups.chunk_values(c));
      double total = 0, square = 0;
      const bool one = plan_.groups.lanes == 1;
      for (int j = one ? 0 : lane; j <= (one ? kNormLanes - 1 : lane); ++j) {
        total += parts[c].sum[j];
        square += parts[c].square[j];
      }
      all.join(n, static_cast<double>(parts[c].shift[lane]) + total / n,
               std::max(square - total * total / n, 0.0));
    }
    return all;
  }

  void finish(const KernelArgs& args, std::int64_t group, const LaneMoments* parts,
              LaneAffine& affine) const {
    affine = plan_.affine();
    const int lanes = plan_.groups.lanes;
    for (int lane = 0; lane < lanes; ++lane) {
      const std::int64_t c = plan_.channel(group, lane);
      if (c >= 0) {
        finish_channel(args, c, moments(parts, lane), affine, lane);
      }
    }
    for (int lane = 1; lanes == 1 && lane < kNormLanes; ++lane) {
      affine.mean[lane] = affine.mean[0];
      affine.factor[lane] = affine.factor[0];
      affine.bias[lane] = affine.bias[0];
    }
  }

  void finish_channel(const KernelArgs& args, std::int64_t c, const Moments& all,
                      LaneAffine& affine, int lane) const {
    const auto in = [&](int i) { return static_cast<const float*>(args.inputs[i])[c]; };
    const auto put = [&](int i, double value) {
      if (wanted_[i]) {
        static_cast<float*>(args.outputs[i])[c] = static_cast<float>(value);
      }
    };
    const double var = all.squares / all.count;
    const double kept = unbiased_ && all.count > 1 ? all.squares / (all.count - 1) : var;
    const auto mean = static_cast<float>(all.mean);
    const auto missed = static_cast<float>(all.mean - static_cast<double>(mean));
    affine.mean[lane] = mean;
    affine.factor[lane] = plan_.factor(in(kScale), static_cast<float>(var));
    affine.bias[lane] = in(kBias)-missed * affine.factor[lane];
    put(kNewMean, static_cast<double>(in(kMean)) * momentum_ + all.mean * (1 - momentum_));
    put(kNewVar, static_cast<double>(in(kVar)) * momentum_ + kept * (1 - momentum_));
    put(kBatchMean, all.mean);
    put(kBatchVar, var);
    put(kSaved, static_cast<double>(missed));
  }

  NormPlan plan_;
  double momentum_;
  bool unbiased_;
  bool wanted_[kSaved + 1] = {};
};

std::string plan_forward(const OpQuery& query, NormPlan& plan) {
  std::string reason = refuse_row_types(query, {kX}, {kY});
  if (reason.empty()) {
    choose(query, query.inputs[kX], plan);
  }
  return reason;
}

// dscale = r sum g (x - mean),  dbias = sum g,
// dx = r scale (g - dbias / n - (x - mean) r dscale / n)  with r = (var + epsilon)^-1/2
class BatchNormGradKernel final : public Kernel {
 public:
  BatchNormGradKernel(const OpQuery& query, NormPlan plan)
      : plan_(std::move(plan)), saved_(has(query.inputs, kGradSaved)) {
    for (int i = kDx; i <= kDBias; ++i) {
      wanted_[i] = has(query.outputs, i);
    }
    input_layouts.resize(query.inputs.size());
    input_layouts[kGradDy] = plan_.groups.layout;
    input_layouts[kGradX] = plan_.groups.layout;
    output_layouts.resize(query.outputs.size());
    if (wanted_[kDx]) {
      output_layouts[kDx] = plan_.groups.layout;
    }
    workspace_bytes =
        static_cast<std::size_t>(plan_.units()) * sizeof(LaneGradientSums) +
        static_cast<std::size_t>(plan_.groups.count) * (sizeof(LaneAffine) + sizeof(LaneGradient));
    description = "vector, sums in double";
  }

  void run(const KernelArgs& args) const override {
    plan_.type == DType::kBFloat16 ? run_as<BFloat16>(args) : run_as<float>(args);
  }

 private:
  template <class T>
  void run_as(const KernelArgs& args) const {
    const ChannelGroups& groups = plan_.groups;
    const auto* x = static_cast<const T*>(args.inputs[kGradX]);
    const auto* dy = static_cast<const T*>(args.inputs[kGradDy]);
    auto* dx = wanted_[kDx] ? static_cast<T*>(args.outputs[kDx]) : nullptr;
    auto* parts = static_cast<LaneGradientSums*>(args.workspace);
    auto* affine = reinterpret_cast<LaneAffine*>(parts + plan_.units());
    auto* gradient = reinterpret_cast<LaneGradient*>(affine + groups.count);
    for (std::int64_t group = 0; group < groups.count; ++group) {
      read_affine(args, group, affine[group]);
    }
    run_two_passes(
        groups, plan_.threads,
        [&](std::int64_t group, std::int64_t chunk) {
          LaneGradientSums& part = parts[group * groups.chunks() + chunk];
          part = LaneGradientSums{};
          groups.for_each_run(group, chunk, [&](const NormRows& rows, std::int64_t at) {
            add_gradient_sums(rows, x + at, dy + at, affine[group], plan_.rectifier.on, part);
          });
        },
        [&](std::int64_t group) {
          finish(args, group, parts + group * groups.chunks(), gradient[group]);
        },
        [&](std::int64_t group, std::int64_t chunk) {
          if (dx != nullptr) {
            groups.for_each_run(group, chunk, [&](const NormRows& rows, std::int64_t at) {
              normalise_grad(rows, x + at, dy + at, affine[group], plan_.rectifier.on,
                             gradient[group], dx + at);
            });
          }
        });
  }

  static float at(const KernelArgs& args, int i, std::int64_t c) {
    return static_cast<const float*>(args.inputs[i])[c];
  }

  // As the forward had it.
  void read_affine(const KernelArgs& args, std::int64_t group, LaneAffine& affine) const {
    affine = plan_.affine();
    for (int lane = 0; lane < kNormLanes; ++lane) {
      const std::int64_t c = plan_.channel(group, lane);
      if (c >= 0) {
        affine.mean[lane] = at(args, kGradMean, c);
        affine.factor[lane] = plan_.factor(at(args, kGradScale, c), at(args, kGradVar, c));
        affine.bias[lane] = at(args, kGradBias, c);
        if (saved_) {
          affine.bias[lane] -= at(args, kGradSaved, c) * affine.factor[lane];
        }
      }
    }
  }

  void finish(const KernelArgs& args, std::int64_t group, const LaneGradientSums* parts,
              LaneGradient& gradient) const {
    gradient = LaneGradient{};
    const bool one = plan_.groups.lanes == 1;
    for (int lane = 0; lane < plan_.groups.lanes; ++lane) {
      const std::int64_t c = plan_.channel(group, lane);
      if (c < 0) {
        continue;
      }
      double g = 0, gc = 0, centred = 0;
      for (std::int64_t i = 0; i < plan_.groups.chunks(); ++i) {
        for (int j = one ? 0 : lane; j <= (one ? kNormLanes - 1 : lane); ++j) {
          g += parts[i].g[j];
          gc += parts[i].gc[j];
          centred += parts[i].c[j];
        }
      }
      finish_channel(args, c, {g, gc, centred}, gradient, lane);
    }
    for (int lane = 1; one && lane < kNormLanes; ++lane) {
      gradient.slope[lane] = gradient.slope[0];
      gradient.constant[lane] = gradient.constant[0];
    }
  }

  struct ChannelSums {
    double g, gc, c;
  };
  void finish_channel(const KernelArgs& args, std::int64_t c, const ChannelSums& sums,
                      LaneGradient& gradient, int lane) const {
    const auto n = static_cast<double>(plan_.groups.values());
    const double r = plan_.inverse_deviation(at(args, kGradVar, c));
    const double factor = static_cast<double>(at(args, kGradScale, c)) * r;
    // By how much the mean missed its rounding: what the centred values add up to.
    const double missed = saved_ ? static_cast<double>(at(args, kGradSaved, c)) : sums.c / n;
    const double dot = sums.gc - missed * sums.g;
    const double slope = factor * r * r * dot / n;
    gradient.slope[lane] = static_cast<float>(slope);
    gradient.constant[lane] = static_cast<float>(slope * missed - factor * sums.g / n);
    const auto put = [&](int i, double value) {
      if (wanted_[i]) {
        static_cast<float*>(args.outputs[i])[c] = static_cast<float>(value);
      }
    };
    put(kDScale, dot * r);
    put(kDBias, sums.g);
  }

  NormPlan plan_;
  bool saved_;
  bool wanted_[kDBias + 1] = {};
};

std::string plan_gradient(const OpQuery& query, NormPlan& plan) {
  const bool saved = has(query.inputs, kGradSaved);
  if ((rectifier_of(*query.attrs).on || saved) &&
      (!saved || dynamic_cast<const BatchNormKernel*>(query.forward) == nullptr)) {
    return "the forward BatchNormTrain is another kernel";
  }
  std::string reason = refuse_row_types(query, {kGradX, kGradDy}, {kDx});
  if (reason.empty()) {
    choose(query, query.inputs[kGradX], plan);
  }
  return reason;
}

template <class K>
void add_row(KernelTable& table, std::string_view op,
             std::string (*decide)(const OpQuery&, NormPlan&)) {
  table.add(
      op, "cpu",
      [decide](const OpQuery& query) {
        NormPlan plan;
        return support_from(decide(query, plan));
      },
      [decide](const OpQuery& query) -> std::unique_ptr<Kernel> {
        NormPlan plan;
        const std::string reason = decide(query, plan);
        TEMPER_ASSERT(reason.empty(), reason);
        return std::make_unique<K>(query, std::move(plan));
      });
}

}  // namespace

void register_batch_norm(KernelTable& table) {
  add_row<BatchNormKernel>(table, "BatchNormTrain", plan_forward);
  add_row<BatchNormGradKernel>(table, "BatchNormTrainGrad", plan_gradient);
}

}  // namespace temper::cpu
