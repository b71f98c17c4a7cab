// Swish, SwiGLU and Mish.
#include "backends/cuda/kernels/gated_activations.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/optional_tensors.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

bool fill(const OpQuery& query, Places<2>& places) {
  const std::vector<Shape> inputs = {query.inputs[0].shape, query.inputs.back().shape};
  return set_axes(places, broadcast_axes(query.outputs[0].shape, inputs));
}

Support supports(const OpQuery& query) {
  Places<2> places;
  return fill(query, places)
             ? one_float_type(query)
             : Support::no(concat("more than ", kMaxAxes, " axes that cannot be joined"));
}

// Each thread reads its element before it writes it.
void share_memory(const OpQuery& query, Kernel& kernel) {
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    if (query.inputs[i].shape == query.outputs[0].shape) {
      kernel.inplace.emplace_back(0, static_cast<int>(i));
    }
  }
}

std::unique_ptr<Kernel> prepare_swish(const OpQuery& query) {
  Places<2> places;
  fill(query, places);
  const auto alpha = static_cast<float>(query.attrs->get_double("alpha", 1));
  auto kernel = make_kernel([places, alpha, dtype = query.inputs[0].dtype,
                             there = OptionalTensors(query)](const KernelArgs& args) {
    swish(places, alpha, dtype, args.inputs[0], there.input<void>(args, 1), args.outputs[0],
          handle_of(args.stream));
  });
  share_memory(query, *kernel);
  return kernel;
}

std::unique_ptr<Kernel> prepare_mish(const OpQuery& query) {
  auto kernel =
      make_kernel([dtype = query.inputs[0].dtype,
                   count = query.outputs[0].shape.element_count()](const KernelArgs& args) {
        mish(dtype, args.inputs[0], args.outputs[0], count, handle_of(args.stream));
      });
  share_memory(query, *kernel);
  return kernel;
}

}  // namespace

void register_gated_activations(KernelTable& table) {
  add_row(table, "Swish", supports, prepare_swish);
  add_row(table, "SwiGLU", supports, prepare_swish);
  add_row(table, "Mish", supports, prepare_mish);
}

}  // namespace temper::cuda
