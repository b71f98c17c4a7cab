// RoiAlign and MaxRoiPool, with their gradients and with what another tensor gives at the elements
// chosen. A cell of a region is a list of elements with weights: it gives their sum, or the
// greatest of them. A region of an image that is not there gives zeros, and is noted.
#include <algorithm>

#include "backends/host/roi_shape.h"
#include "backends/reference/elementwise.h"
#include "backends/reference/reference_backend.h"
#include "backends/reference/type_support.h"

namespace temper::reference {
namespace {

// visit(cell of y, offset of the element in x, weight) for every element that counts. A region of
// an image that is not there is noted.
template <class T, class Visit>
void for_each_cell(const RoiShape& r, const KernelArgs& args, std::size_t rois, Visit visit) {
  const T* regions = static_cast<const T*>(args.inputs[rois]);
  const T* x = static_cast<const T*>(args.inputs[rois - 1]);
  const void* indices = r.aligned ? args.inputs[rois + 1] : nullptr;
  for (std::int64_t region = 0; region < r.count; ++region) {
    const std::int64_t image = image_of(r, regions, indices, region);
    if (image < 0 || image >= r.images) {
      args.note_index(image, 0, r.images);
      continue;
    }
    for (std::int64_t c = 0; c < r.channels; ++c) {
      const std::int64_t base = (image * r.channels + c) * r.height * r.width;
      for (std::int64_t cell = 0; cell < r.cells(); ++cell) {
        const std::int64_t y = (region * r.channels + c) * r.cells() + cell;
        for_each_part(r, regions + region * r.numbers(), cell, x, base,
                      [&](std::int64_t at, double weight) { visit(y, at, weight); });
      }
    }
  }
}

bool is_aligned(const OpQuery& query) { return query.op.starts_with("RoiAlign"); }

// `rois` is the input's number; the one chosen by stands before it, what is summed is input 0.
template <class T>
std::unique_ptr<Kernel> roi_kernel(const OpQuery& query, std::size_t rois, bool backward) {
  const RoiShape r = roi_shape_of(query, is_aligned(query), rois,
                                  (backward ? query.inputs : query.outputs)[0].shape);
  const std::int64_t count = query.outputs[0].shape.element_count();
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const T* given = static_cast<const T*>(args.inputs[0]);
    double* sums = static_cast<double*>(args.workspace);
    std::fill(sums, sums + count, 0.0);
    for_each_cell<T>(r, args, rois, [&](std::int64_t y, std::int64_t x, double weight) {
      const std::int64_t to = backward ? x : y;
      sums[to] += weight * static_cast<double>(given[backward ? y : x]);
    });
    T* made = static_cast<T*>(args.outputs[0]);
    for (std::int64_t i = 0; i < count; ++i) {
      made[i] = static_cast<T>(sums[i]);
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(count) * sizeof(double);
  return kernel;
}

}  // namespace

void register_roi(KernelTable& table) {
  for (const std::string op : {"RoiAlign", "MaxRoiPool"}) {
    add_float(table, op,
              []<class T>(const OpQuery& query) { return roi_kernel<T>(query, 1, false); });
    add_float(table, op + "Along",
              []<class T>(const OpQuery& query) { return roi_kernel<T>(query, 2, false); });
    add_float(table, op + "Grad",
              []<class T>(const OpQuery& query) { return roi_kernel<T>(query, 2, true); });
  }
}

}  // namespace temper::reference
