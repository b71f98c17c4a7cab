// Tensors that signal processing multiplies by: the windows of Hann, Hamming and Blackman, and the
// weights that sum a spectrum into bands of the mel scale. All are made from numbers known when the
// graph is compiled.
#include <cmath>

#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

DType output_type(InferContext& c) {
  const std::string name = c.attrs().get_string("output_datatype", "f32");
  const DType dtype = dtype_from_name(name);
  c.check(is_float(dtype) || is_integer(dtype), "output_datatype is '", name,
          "', expected a number type");
  c.attrs().set("output_datatype", name);
  return dtype;
}

std::int64_t whole(InferContext& c, const char* name, int input) {
  const auto number = c.take_number(name, input);
  c.check(number.has_value() && *number >= 0 && *number < 0x1p53, name, " is ", number.value_or(-1),
          ", expected a whole number");
  const auto size = static_cast<std::int64_t>(*number);
  c.attrs().set(name, size);
  return size;
}

// y[n] = a - b cos(2 pi n / N) + c cos(4 pi n / N) with N = size, or size - 1 when not periodic
void infer_window(InferContext& c) {
  const std::int64_t size = whole(c, "size", 0);
  c.attrs().set("periodic", std::int64_t{c.attrs().get_int("periodic", 1) != 0});
  c.set_output(0, output_type(c), {size});
}

void infer_mel_weights(InferContext& c) {
  const std::int64_t bands = whole(c, "num_mel_bins", 0);
  const std::int64_t length = whole(c, "dft_length", 1);
  const std::int64_t rate = whole(c, "sample_rate", 2);
  const auto lower = c.take_number("lower_edge_hertz", 3);
  const auto upper = c.take_number("upper_edge_hertz", 4);
  c.check(rate > 0 && lower.has_value() && upper.has_value() && *lower >= 0 && *upper >= *lower &&
              2 * *upper <= static_cast<double>(rate),
          "MelWeightMatrix of ", lower.value_or(-1), " to ", upper.value_or(-1), " Hz at ", rate,
          " samples a second");
  c.set_output(0, output_type(c), {length / 2 + 1, bands});
}

}  // namespace

void register_signal_windows(OpRegistry& ops) {
  for (const char* name : {"HannWindow", "HammingWindow", "BlackmanWindow"}) {
    ops.add(name)
        .type_attribute("output_datatype")
        .inputs(0, 1)
        .absorbs({0})
        .infer(infer_window)
        .no_gradient("a constant");
  }
  ops.add("MelWeightMatrix")
      .type_attribute("output_datatype")
      .inputs(0, 5)
      .absorbs({0, 1, 2, 3, 4})
      .infer(infer_mel_weights)
      .no_gradient("a constant");
}

}  // namespace temper::graph
