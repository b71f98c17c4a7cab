// IntegerConv and IntegerMatMul: bytes by panels of a weight that is brought into them once where
// it is the same in every run.
#include <array>

#include "backends/cpu/integer_product.h"
#include "backends/cpu/refusals.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/backend/prepared_input.h"
#include "runtime/base/alignment.h"
#include "runtime/base/channels_last.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

// Where the tensors stand among the inputs.
enum Input : std::size_t { kX, kXScale, kXZero, kW, kWScale, kBias, kYScale, kYZero };

std::string plan_product(const OpQuery& query, IntegerPlan& plan) {
  const TensorSpec &x = query.inputs[kX], &w = query.inputs[kW], &y = query.outputs[0];
  if (x.dtype != DType::kUInt8 || w.dtype != DType::kInt8) {
    return concat("only u8 times i8, not ", x.dtype, " times ", w.dtype);
  }
  if (integer_kernels() == nullptr) {
    return "the processor has no exact products of bytes that are faster than those of floats";
  }
  for (const Input i : {kXScale, kWScale, kBias, kYScale}) {
    if (has_input(query, i) && query.inputs[i].dtype != DType::kFloat32) {
      return concat("scales and bias in f32, not ", query.inputs[i].dtype);
    }
  }
  plan.threads = query.threads;
  plan.rectifier = rectifier_of(*query.attrs);
  plan.gives_bytes = y.dtype != DType::kFloat32;
  if (plan.gives_bytes) {
    plan.least = y.dtype == DType::kInt8 ? -128.0f : 0.0f;
    plan.most = y.dtype == DType::kInt8 ? 127.0f : 255.0f;
  }
  return query.op == "IntegerConv"
             ? plan_integer_conv(*query.attrs, x.shape, w.shape, y.shape, plan)
             : plan_integer_matrices(x.shape, w.shape, query.attrs->get_int("transB", 0) != 0,
                                     plan);
}

class IntegerProductKernel final : public Kernel, public PreparesInput {
 public:
  IntegerProductKernel(const OpQuery& query, IntegerPlan plan)
      : plan_(std::move(plan)),
        packed_at_(aligned_bytes(integer_workspace_bytes(plan_))),
        scale_per_column_(has_input(query, kWScale) &&
                          query.inputs[kWScale].shape.element_count() > 1),
        signed_zero_(has_input(query, kYZero) && query.inputs[kYZero].dtype == DType::kInt8),
        input_count_(query.inputs.size()) {
    workspace_bytes = packed_at_ + packed_integer_bytes(plan_);
    kept_bytes = plan_.offsets.size() * sizeof(plan_.offsets[0]);
    description = concat("bytes, ", integer_kernels()->instructions);
    if (query.op == "IntegerConv") {
      input_layouts.resize(query.inputs.size());
      input_layouts[kX] = channels_last(query.inputs[kX].shape);
      output_layouts = {channels_last(query.outputs[0].shape)};
    }
  }

  Preparation take_preparation() override {
    is_prepared_ = true;
    workspace_bytes = packed_at_;
    IntegerPlan plan = plan_;
    plan.offsets.clear();
    return {kW, packed_integer_bytes(plan_), make_kernel([plan](const KernelArgs& args) {
              pack_integer_weight(plan, static_cast<const std::int8_t*>(args.inputs[0]),
                                  args.outputs[0]);
            })};
  }

  void run(const KernelArgs& args) const override {
    const auto floats = [&](Input i) { return static_cast<const float*>(optional(args, i)); };
    IntegerOperands o;
    o.x = static_cast<const std::uint8_t*>(args.inputs[kX]);
    o.weight = args.inputs[kW];
    if (!is_prepared_) {
      auto* packed = static_cast<std::byte*>(args.workspace) + packed_at_;
      pack_integer_weight(plan_, static_cast<const std::int8_t*>(args.inputs[kW]), packed);
      o.weight = packed;
    }
    o.x_scale = floats(kXScale);
    o.w_scale = floats(kWScale);
    o.bias = floats(kBias);
    o.y_scale = floats(kYScale);
    o.scale_per_column = scale_per_column_;
    if (const void* zero = optional(args, kXZero)) {
      o.x_zero = *static_cast<const std::uint8_t*>(zero);
    }
    if (const void* zero = optional(args, kYZero)) {
      o.y_zero = signed_zero_ ? static_cast<float>(*static_cast<const std::int8_t*>(zero))
                              : static_cast<float>(*static_cast<const std::uint8_t*>(zero));
    }
    run_integer_product(plan_, o, args.outputs[0], args.workspace);
  }

 private:
  const void* optional(const KernelArgs& args, Input i) const {
    return i < input_count_ ? args.inputs[i] : nullptr;
  }

  IntegerPlan plan_;
  std::size_t packed_at_;
  bool scale_per_column_, signed_zero_, is_prepared_ = false;
  std::size_t input_count_;
};

Support supports(const OpQuery& query) {
  IntegerPlan plan;
  return support_from(plan_product(query, plan));
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  IntegerPlan plan;
  const std::string reason = plan_product(query, plan);
  TEMPER_ASSERT(reason.empty(), reason);
  return std::make_unique<IntegerProductKernel>(query, std::move(plan));
}

}  // namespace

void register_integer_products(KernelTable& table) {
  table.add("IntegerConv", "cpu", supports, prepare);
  table.add("IntegerMatMul", "cpu", supports, prepare);
}

}  // namespace temper::cpu
