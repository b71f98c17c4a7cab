// AdaptiveClip.
#include "backends/cuda/kernels/adaptive_clip.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/host/unit_view.h"

namespace temper::cuda {
namespace {

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  return make_kernel([clip = adaptive_clip_of(query)](const KernelArgs& args) {
    adaptive_clip(clip, input<float>(args, 0), input<float>(args, 1), output<float>(args, 0),
                  handle_of(args.stream));
  });
}

}  // namespace

void register_adaptive_clip(KernelTable& table) {
  add_row(table, "AdaptiveClip", only_f32, prepare);
}

}  // namespace temper::cuda
