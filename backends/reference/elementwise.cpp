#include "backends/reference/elementwise.h"

#include <array>

#include "backends/common/index_math.h"

namespace temper::reference {
namespace {

// Output 0 may take the place of an input of its shape and element size.
void allow_inplace(Kernel& kernel, const OpQuery& query) {
  const TensorSpec& output = query.outputs[0];
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    const TensorSpec& input = query.inputs[i];
    if (input.present() && input.shape == output.shape &&
        size_of(input.dtype) == size_of(output.dtype)) {
      kernel.inplace.emplace_back(0, static_cast<int>(i));
    }
  }
}

template <int kInputs>
std::unique_ptr<Kernel> kernel_of_runs(const OpQuery& query, RunFunction run) {
  std::array<Shape, kInputs> shapes;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    shapes[i] = query.inputs[i].shape;
  }
  const auto plan = plan_broadcast<kInputs>(query.outputs[0].shape, shapes);
  auto kernel = make_kernel([plan, run = std::move(run)](const KernelArgs& args) {
    for_each_run(plan,
                 [&](std::int64_t out, std::int64_t length, const std::int64_t* offsets,
                     const std::int64_t* strides) { run(args, {out, length, offsets, strides}); });
  });
  allow_inplace(*kernel, query);
  return kernel;
}

}  // namespace

std::unique_ptr<Kernel> kernel_of_runs(const OpQuery& query, int inputs, RunFunction run) {
  switch (inputs) {
    case 1:
      return kernel_of_runs<1>(query, std::move(run));
    case 2:
      return kernel_of_runs<2>(query, std::move(run));
    case 3:
      return kernel_of_runs<3>(query, std::move(run));
    default:
      fail(ErrorCode::kInternal, "an elementwise kernel has ", inputs, " inputs");
  }
}

KernelTable::SupportsFunction when_dtype(bool (*allowed)(DType), int i) {
  return [allowed, i](const OpQuery& query) {
    const DType dtype = query.inputs[static_cast<std::size_t>(i)].dtype;
    return allowed(dtype) ? Support::yes()
                          : Support::no(concat("no reference arithmetic in ", to_string(dtype)));
  };
}

}  // namespace temper::reference
