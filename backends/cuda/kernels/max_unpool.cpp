// MaxUnpool and its gradient.
#include "backends/cuda/kernels/max_unpool.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

bool set_places(const OpQuery& query, const Shape& output, UnpoolPlaces& places) {
  const Shape pooled(query.attrs->get_ints("pooled_shape"));
  const Shape strides = row_major_strides(output);
  std::vector<WalkAxis> axes;
  for (int axis = 0; axis < pooled.rank(); ++axis) {
    axes.push_back({pooled[axis], {strides[axis]}});
  }
  places.count = query.inputs[1].shape.element_count();
  return set_axes(places.pooled, axes);
}

Support supports(const OpQuery& query, bool backward) {
  UnpoolPlaces places{};
  return set_places(query, (backward ? query.inputs : query.outputs)[0].shape, places)
             ? Support::yes()
             : Support::no("too many axes that cannot be joined");
}

UnpoolPlaces bound(UnpoolPlaces places, const KernelArgs& args) {
  places.places = input<std::int64_t>(args, 1);
  places.fault = fault_of(args);
  return places;
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  UnpoolPlaces places{};
  set_places(query, query.outputs[0].shape, places);
  const std::int64_t outputs = query.outputs[0].shape.element_count();
  auto kernel = make_kernel(
      [places, outputs, bytes = size_of(query.inputs[0].dtype)](const KernelArgs& args) {
        max_unpool(bound(places, args), bytes, args.inputs[0], args.outputs[0], outputs,
                   static_cast<long long*>(args.workspace), handle_of(args.stream));
      });
  kernel->workspace_bytes = static_cast<std::size_t>(outputs) * sizeof(long long);
  return kernel;
}

std::unique_ptr<Kernel> prepare_grad(const OpQuery& query) {
  UnpoolPlaces places{};
  set_places(query, query.inputs[0].shape, places);
  return make_kernel([places, bytes = size_of(query.inputs[0].dtype)](const KernelArgs& args) {
    max_unpool_grad(bound(places, args), bytes, args.inputs[0], args.outputs[0],
                    handle_of(args.stream));
  });
}

}  // namespace

void register_max_unpool(KernelTable& table) {
  add_row(table, "MaxUnpool", [](const OpQuery& query) { return supports(query, false); }, prepare);
  add_row(
      table, "MaxUnpoolGrad", [](const OpQuery& query) { return supports(query, true); },
      prepare_grad);
}

}  // namespace temper::cuda
