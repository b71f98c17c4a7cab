// RoiAlign, MaxRoiPool, what they give along a direction, and their gradients.
#include "backends/cuda/kernels/roi.h"

#include <string>

#include "backends/cuda/kernel_rows.h"
#include "backends/host/roi_shape.h"

namespace temper::cuda {
namespace {

bool is_aligned(const OpQuery& query) { return query.op.starts_with("RoiAlign"); }

RoiTensors tensors_of(const RoiShape& r, std::size_t rois, const KernelArgs& args) {
  return {input<float>(args, rois - 1), input<float>(args, rois),
          r.aligned ? args.inputs[rois + 1] : nullptr, fault_of(args)};
}

// Indices are integers, everything else f32.
Support supports(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 ? Support::yes() : Support::no(concat("only f32, not ", dtype));
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, std::size_t rois) {
  const RoiShape r = roi_shape_of(query, is_aligned(query), rois, query.outputs[0].shape);
  return make_kernel([r, rois](const KernelArgs& args) {
    roi_pool(r, tensors_of(r, rois, args), input<float>(args, 0), output<float>(args, 0),
             handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_grad(const OpQuery& query) {
  constexpr std::size_t kRois = 2;
  const RoiShape r = roi_shape_of(query, is_aligned(query), kRois, query.inputs[0].shape);
  auto kernel = make_kernel([r](const KernelArgs& args) {
    // The weights of a cell are 1 together.
    const auto most_weight = static_cast<double>(r.count * r.cells());
    roi_pool_grad(r, tensors_of(r, kRois, args), input<float>(args, 0), output<float>(args, 0),
                  FixedSums::in(args.workspace, r.inputs(), most_weight), handle_of(args.stream));
  });
  kernel->workspace_bytes = FixedSums::bytes(r.inputs());
  return kernel;
}

}  // namespace

void register_roi(KernelTable& table) {
  for (const std::string op : {"RoiAlign", "MaxRoiPool"}) {
    add_row(table, op, supports, [](const OpQuery& query) { return prepare(query, 1); });
    add_row(table, op + "Along", supports, [](const OpQuery& query) { return prepare(query, 2); });
    add_row(table, op + "Grad", supports, prepare_grad);
  }
}

}  // namespace temper::cuda
