// Cast between f32 and the 16-bit floats, in memory order, whatever the layout: 0 stays 0, so does
// padding.
#include "backends/cpu/convert_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

bool is_16_bit(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

Support supports(const OpQuery& query) {
  const DType from = query.inputs[0].dtype, to = query.outputs[0].dtype;
  const bool narrows = from == DType::kFloat32 && is_16_bit(to);
  const bool widens = is_16_bit(from) && to == DType::kFloat32;
  return narrows || widens
             ? Support::yes()
             : Support::no(concat("only f32 to and from 16 bits, not ", from, " to ", to));
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  const DType from = x.dtype, to = query.outputs[0].dtype;
  const std::int64_t count = storage_elements(x.shape, x.layout);
  const int threads = query.threads;
  auto kernel = make_kernel([=](const KernelArgs& args) {
    if (from == DType::kFloat32) {
      narrow_parallel(to, static_cast<const float*>(args.inputs[0]), args.outputs[0], count,
                      threads);
    } else {
      widen_parallel(from, args.inputs[0], static_cast<float*>(args.outputs[0]), count, threads);
    }
  });
  kernel->input_layouts = {x.layout};
  kernel->output_layouts = {x.layout};
  kernel->description = "vector";
  return kernel;
}

}  // namespace

void register_cast(KernelTable& table) {
  for (const char* op : {"Cast", "CastLike"}) {
    table.add(op, "cpu", supports, prepare);
    table.set_any_type(op);
  }
}

}  // namespace temper::cpu
