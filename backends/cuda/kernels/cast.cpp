// Cast, and the conversions around kernels of 16-bit tensors.
#include "backends/cuda/kernels/cast.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/layouts.h"
#include "runtime/backend/widened_rows.h"
#include "runtime/base/narrow_types.h"

namespace temper::cuda {
namespace {

bool is_taken(DType dtype) {
  return !is_narrow(dtype) && (is_float(dtype) || is_integer(dtype) || dtype == DType::kBool);
}

Support supports(const OpQuery& query) {
  for (const DType dtype : {query.inputs[0].dtype, query.outputs[0].dtype}) {
    if (!is_taken(dtype)) {
      return Support::no(concat("no ", dtype));
    }
  }
  return Support::yes();
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  auto kernel =
      make_kernel([from = query.inputs[0].dtype, to = query.outputs[0].dtype,
                   count = query.inputs[0].shape.element_count()](const KernelArgs& args) {
        cast_elements(from, args.inputs[0], to, args.outputs[0], count, handle_of(args.stream));
      });
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[0] = as_it_comes(query.inputs[0]);
  kernel->output_layouts = {kernel->input_layouts[0]};
  return kernel;
}

}  // namespace

void add_conversions(KernelTable& table) {
  add_widened_rows(table,
                   {[](DType from, const void* x, float* y, std::int64_t n, ConversionPlace place) {
                      cast_elements(from, x, DType::kFloat32, y, n, handle_of(place.stream));
                    },
                    [](DType to, const float* x, void* y, std::int64_t n, ConversionPlace place) {
                      cast_elements(DType::kFloat32, x, to, y, n, handle_of(place.stream));
                    }});
}

void register_cast(KernelTable& table) {
  for (const char* op : {"Cast", "CastLike"}) {
    add_row(table, op, supports, prepare);
    table.set_any_type(op);
  }
}

}  // namespace temper::cuda
