// Cast between f32 and the 16-bit floats, in memory order, whatever the layout: 0 stays 0, so does
// padding. Cast between f32, i32, i64 and bool, of plain tensors.
#include <algorithm>

#include "backends/cpu/convert_loops.h"
#include "backends/cpu/parallel.h"
#include "backends/host/cast_element.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

bool is_16_bit(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

// Elements [begin, end) of x to y.
using Convert = void (*)(const void* x, void* y, std::int64_t begin, std::int64_t end);

template <class S, class T>
void convert(const void* x, void* y, std::int64_t begin, std::int64_t end) {
  const S* from = static_cast<const S*>(x);
  std::transform(from + begin, from + end, static_cast<T*>(y) + begin, cast_element<T, S>);
}

// Null where f is for none of the types that numbers, indices and masks have.
template <class F>
Convert visit_plain(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f.template operator()<float>();
    case DType::kInt32:
      return f.template operator()<std::int32_t>();
    case DType::kInt64:
      return f.template operator()<std::int64_t>();
    case DType::kBool:
      return f.template operator()<bool>();
    default:
      return nullptr;
  }
}

Convert conversion(DType from, DType to) {
  return visit_plain(from, [to]<class S>() {
    return visit_plain(to, []<class T>() -> Convert { return convert<S, T>; });
  });
}

Support supports(const OpQuery& query) {
  const DType from = query.inputs[0].dtype, to = query.outputs[0].dtype;
  const bool narrows = from == DType::kFloat32 && is_16_bit(to);
  const bool widens = is_16_bit(from) && to == DType::kFloat32;
  return narrows || widens || conversion(from, to) != nullptr
             ? Support::yes()
             : Support::no(concat("only f32 to and from 16 bits, i32, i64 and bool, not ", from,
                                  " to ", to));
}

std::unique_ptr<Kernel> prepare_plain(const OpQuery& query, Convert convert_range) {
  constexpr std::int64_t kGrain = 1024;
  const std::int64_t count = query.inputs[0].shape.element_count();
  const int threads = threads_for_elements(query.threads, count);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    parallel_ranges(threads, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      convert_range(args.inputs[0], args.outputs[0], begin, end);
    });
  });
  kernel->description = "element by element";
  return kernel;
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  const DType from = x.dtype, to = query.outputs[0].dtype;
  if (const Convert convert_range = conversion(from, to)) {
    return prepare_plain(query, convert_range);
  }
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
