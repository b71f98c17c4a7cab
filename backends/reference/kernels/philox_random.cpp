// PhiloxRandom: standard normal or uniform numbers, one pure function of seed, id and position.
#include "backends/common/random_numbers.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

std::unique_ptr<Kernel> prepare_random(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const Shape& shape = query.outputs[0].shape;
  const std::int64_t count = shape.element_count();
  const auto per_sample = static_cast<std::uint64_t>(shape.count(1, shape.rank()));
  const bool is_normal = attrs.get_string("distribution", "normal") == "normal";
  const PhiloxStream stream(static_cast<std::uint64_t>(attrs.get_int("seed", 0)),
                            static_cast<std::uint64_t>(attrs.get_int("random_id", 0)));
  return visit_float(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const auto position =
          static_cast<std::uint64_t>(*static_cast<const std::int64_t*>(args.inputs[0]));
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::uint64_t at = position * per_sample + static_cast<std::uint64_t>(i);
        y[i] = is_normal ? static_cast<T>(normal_number(stream, at))
                         : static_cast<T>(philox_uniform(stream.word(at)));
      }
    });
  });
}

}  // namespace

void register_philox_random(KernelTable& table) {
  table.add(
      "PhiloxRandom", "reference",
      [](const OpQuery& query) {
        const DType dtype = query.outputs[0].dtype;
        return dtype == DType::kFloat32 || dtype == DType::kFloat64
                   ? Support::yes()
                   : Support::no("random numbers are drawn in f32 or f64");
      },
      prepare_random);
}

}  // namespace temper::reference
