// SgdUpdate and AdamUpdate over f32 variables: neighbours in the flat buffers are joined when
// addresses are bound, and the whole update is one pass in chunks of 16384 elements.
#include <algorithm>

#include "backends/common/flat_ranges.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/vector_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

constexpr std::size_t kFirstParameter = 4;  // after ok, rates, step, scale
constexpr std::int64_t kChunk = 16384;

struct StepValues {
  double rate = 0, scale = 1;
  std::int64_t step = 0;
};

class UpdateKernel : public Kernel {
 public:
  UpdateKernel(const OpQuery& query, std::size_t sets)
      : sets_(sets),
        count_((query.inputs.size() - kFirstParameter) / sets),
        rate_count_(query.inputs[1].shape.element_count()),
        scale_type_(query.inputs[3].dtype),
        maximize(query.attrs->get_int("maximize", 0) != 0),
        group_of_(query.attrs->get_ints("group_of")),
        group_rate_(query.attrs->get_doubles("group_lr_scale")),
        group_decay_(query.attrs->get_doubles("group_weight_decay")) {
    std::int64_t total = 0;
    input_layouts.resize(kFirstParameter);
    for (std::size_t i = kFirstParameter; i < query.inputs.size(); ++i) {
      const TensorSpec& p = query.inputs[kFirstParameter + (i - kFirstParameter) % count_];
      input_layouts.push_back(p.layout);
      if (i < kFirstParameter + count_) {
        elements_.push_back(storage_elements(p.shape, p.layout));
        total += elements_.back();
      }
    }
    for (std::size_t i = 0; i < query.outputs.size(); ++i) {
      output_layouts.push_back(query.inputs[kFirstParameter + i % count_].layout);
    }
    threads_ = threads_for_elements(query.threads, total);
    steps_ = std::max<std::size_t>(1, group_rate_.size());
    description = "vector, flat";
  }

  void bind(const KernelArgs& args) override {
    std::vector<FlatRange> ranges;
    for (std::size_t i = 0; i < count_; ++i) {
      const auto output = [&](std::size_t set) {
        return static_cast<std::byte*>(args.outputs[set * count_ + i]);
      };
      FlatRange range;
      range.parameter = output(0);
      range.gradient = static_cast<const std::byte*>(args.inputs[kFirstParameter + count_ + i]);
      range.first_state = sets_ > 2 ? output(1) : nullptr;
      range.second_state = sets_ > 3 ? output(2) : nullptr;
      range.elements = elements_[i];
      range.group = group_of_[i];
      ranges.push_back(range);
    }
    merge_flat_ranges(ranges, sizeof(float), true);
    chunks_.clear();
    for (const FlatRange& range : ranges) {
      for (std::int64_t begin = 0; begin < range.elements; begin += kChunk) {
        chunks_.push_back(part_of(range, begin, std::min(kChunk, range.elements - begin)));
      }
    }
  }

  void run(const KernelArgs& args) override {
    if (!*static_cast<const bool*>(args.inputs[0])) {
      return;
    }
    StepValues values;
    values.step = *static_cast<const std::int64_t*>(args.inputs[2]);
    values.rate = static_cast<const double*>(args.inputs[1])[values.step % rate_count_];
    if (scale_type_ == DType::kFloat32) {
      values.scale = static_cast<double>(*static_cast<const float*>(args.inputs[3]));
    } else if (scale_type_ == DType::kFloat64) {
      values.scale = *static_cast<const double*>(args.inputs[3]);
    }
    begin_step(values);
    parallel_ranges(threads_, static_cast<std::int64_t>(chunks_.size()), 1,
                    [&](std::int64_t begin, std::int64_t end) {
                      for (std::int64_t i = begin; i < end; ++i) {
                        update(chunks_[static_cast<std::size_t>(i)]);
                      }
                    });
  }

 protected:
  // Works out each group's numbers of this step.
  virtual void begin_step(const StepValues& values) = 0;
  virtual void update(const FlatRange& chunk) const = 0;

  std::size_t group_count() const { return steps_; }
  double rate(const StepValues& values, std::size_t group) const {
    return values.rate * group_rate_[group];
  }
  double decay(std::size_t group) const { return group_decay_[group]; }

 private:
  static FlatRange part_of(const FlatRange& range, std::int64_t begin, std::int64_t count) {
    const auto bytes = begin * static_cast<std::int64_t>(sizeof(float));
    FlatRange part = range;
    part.parameter += bytes;
    part.gradient += bytes;
    part.first_state += part.first_state != nullptr ? bytes : 0;
    part.second_state += part.second_state != nullptr ? bytes : 0;
    part.elements = count;
    return part;
  }

  std::size_t sets_, count_;
  std::int64_t rate_count_;
  DType scale_type_;

 protected:
  bool maximize;

 private:
  std::vector<std::int64_t> group_of_;
  std::vector<double> group_rate_, group_decay_;
  std::vector<std::int64_t> elements_;
  std::vector<FlatRange> chunks_;
  std::size_t steps_ = 1;
  int threads_ = 1;
};

float* floats(std::byte* p) { return reinterpret_cast<float*>(p); }
const float* floats(const std::byte* p) { return reinterpret_cast<const float*>(p); }

class SgdKernel final : public UpdateKernel {
 public:
  SgdKernel(const OpQuery& query, bool with_momentum)
      : UpdateKernel(query, with_momentum ? 3 : 2),
        momentum_(query.attrs->get_double("momentum", 0)),
        dampening_(query.attrs->get_double("dampening", 0)),
        nesterov_(query.attrs->get_int("nesterov", 0) != 0),
        steps_(group_count()) {}

 protected:
  void begin_step(const StepValues& values) override {
    for (std::size_t g = 0; g < steps_.size(); ++g) {
      steps_[g] = make_sgd_step<float>(values.scale, maximize, rate(values, g), decay(g), momentum_,
                                       dampening_, nesterov_, values.step);
    }
  }
  void update(const FlatRange& c) const override {
    const SgdStep<float>& step = steps_[static_cast<std::size_t>(c.group)];
    if (c.first_state == nullptr) {
      sgd_loop(step, floats(c.parameter), floats(c.gradient), c.elements);
    } else {
      sgd_momentum_loop(step, floats(c.parameter), floats(c.gradient), floats(c.first_state),
                        c.elements);
    }
  }

 private:
  double momentum_, dampening_;
  bool nesterov_;
  std::vector<SgdStep<float>> steps_;
};

class AdamKernel final : public UpdateKernel {
 public:
  explicit AdamKernel(const OpQuery& query)
      : UpdateKernel(query, 4),
        beta1_(query.attrs->get_double("beta1", 0.9)),
        beta2_(query.attrs->get_double("beta2", 0.999)),
        epsilon_(query.attrs->get_double("epsilon", 1e-8)),
        decoupled_(query.attrs->get_int("decoupled", 0) != 0),
        steps_(group_count()) {}

 protected:
  void begin_step(const StepValues& values) override {
    for (std::size_t g = 0; g < steps_.size(); ++g) {
      steps_[g] = make_adam_step<float>(values.scale, maximize, rate(values, g), decay(g),
                                        decoupled_, beta1_, beta2_, epsilon_, values.step);
    }
  }
  void update(const FlatRange& c) const override {
    adam_loop(steps_[static_cast<std::size_t>(c.group)], floats(c.parameter), floats(c.gradient),
              floats(c.first_state), floats(c.second_state), c.elements);
  }

 private:
  double beta1_, beta2_, epsilon_;
  bool decoupled_;
  std::vector<AdamStep<float>> steps_;
};

Support supports(const OpQuery& query) {
  if (query.inputs.size() <= kFirstParameter) {
    return Support::no("no parameters");
  }
  for (std::size_t i = kFirstParameter; i < query.inputs.size(); ++i) {
    if (query.inputs[i].dtype != DType::kFloat32) {
      return Support::no(concat("only f32, not ", query.inputs[i].dtype));
    }
  }
  if (query.op == "AdamUpdate" && !(query.attrs->get_double("epsilon", 1e-8) > 0)) {
    return Support::no("without epsilon padding would become 0 / 0");
  }
  return Support::yes();
}

}  // namespace

void register_optimizer_updates(KernelTable& table) {
  table.add("SgdUpdate", "cpu", supports, [](const OpQuery& query) -> std::unique_ptr<Kernel> {
    return std::make_unique<SgdKernel>(query, query.attrs->get_double("momentum", 0) != 0);
  });
  table.add("AdamUpdate", "cpu", supports, [](const OpQuery& query) -> std::unique_ptr<Kernel> {
    return std::make_unique<AdamKernel>(query);
  });
}

}  // namespace temper::cpu
