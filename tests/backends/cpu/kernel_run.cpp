#include "tests/backends/cpu/kernel_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace temper::cpu {
namespace {

constexpr std::size_t kGuard = 64;
constexpr unsigned char kGuardByte = 0xA5;

struct Storage {
  std::shared_ptr<Buffer> buffer;
  std::size_t bytes = 0;

  explicit Storage(std::size_t size) : buffer(Buffer::allocate(size + kGuard)), bytes(size) {
    std::memset(buffer->data() + size, kGuardByte, kGuard);
  }
  bool intact() const {
    return std::all_of(buffer->data() + bytes, buffer->data() + bytes + kGuard,
                       [](std::byte b) { return b == std::byte{kGuardByte}; });
  }
};

}  // namespace

const Backend& cpu_backend() {
  static const std::unique_ptr<Backend> kBackend = make_backend("cpu");
  return *kBackend;
}

const Backend& reference_backend() {
  static const std::unique_ptr<Backend> kBackend = make_backend("reference");
  return *kBackend;
}

OpQuery make_query(std::string_view op, const Attrs& attrs, const std::vector<Tensor>& inputs,
                   const std::vector<Value>& outputs, const RunOptions& options) {
  OpQuery query;
  query.op = op;
  query.attrs = &attrs;
  query.threads = options.threads;
  query.forward = options.forward;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto free = std::find(options.free_inputs.begin(), options.free_inputs.end(),
                                static_cast<int>(i)) != options.free_inputs.end();
    query.inputs.push_back({inputs[i].dtype(), inputs[i].shape(),
                            i < options.layouts.size() ? options.layouts[i] : Layout{}, free});
  }
  for (const Value& value : outputs) {
    query.outputs.push_back({value.dtype, value.shape, value.layout, value.layout_free});
  }
  return query;
}

RunResult run_op(const Backend& backend, std::string_view op, const Attrs& attrs,
                 const std::vector<Tensor>& inputs, const std::vector<Value>& outputs,
                 const RunOptions& options) {
  const OpQuery query = make_query(op, attrs, inputs, outputs, options);
  SelectedKernel selected = select_kernel(backend, query, options.family);
  const Kernel& kernel = *selected.kernel;
  std::vector<Tensor> held;
  std::vector<void*> in, out;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined() || inputs[i].dtype() == DType::kOpaque) {
      held.push_back(inputs[i]);
    } else {
      held.emplace_back(inputs[i].dtype(), inputs[i].shape(),
                        kernel.input_layouts.empty() ? Layout{} : kernel.input_layouts[i]);
      copy_elements(inputs[i], held.back());
    }
    in.push_back(held.back().data());
  }
  RunResult result;
  std::vector<Storage> storage;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Value& value = outputs[i];
    Layout layout = kernel.output_layouts.empty() ? Layout{} : kernel.output_layouts[i];
    Shape shape = value.shape;
    if (value.dtype == DType::kOpaque) {
      shape = Shape{static_cast<std::int64_t>(kernel.opaque_bytes.at(i))};
      layout = {};
    }
    const std::size_t bytes =
        value.dtype == DType::kUndefined
            ? 0
            : static_cast<std::size_t>(storage_bytes(value.dtype, shape, layout));
    storage.emplace_back(bytes);
    if (value.dtype == DType::kUndefined) {
      result.physical.emplace_back();
      out.push_back(nullptr);
      continue;
    }
    // Rubbish where elements go: a kernel must not rely on zeros (padding excepted: it is checked
    // below).
    if (!has_padding(shape, layout)) {
      std::memset(storage.back().buffer->data(), 0x7f, bytes);
    }
    result.physical.emplace_back(value.dtype, shape, layout, storage.back().buffer);
    out.push_back(result.physical.back().data());
  }
  Storage workspace(kernel.workspace_bytes);
  std::memset(workspace.buffer->data(), 0x7f, workspace.bytes);
  KernelArgs args{in.data(), out.data(), workspace.buffer->data()};
  const auto state = kernel.bind(args);
  args.state = state.get();
  kernel.run(args);
  for (const Storage& block : storage) {
    EXPECT_TRUE(block.intact()) << op << " wrote behind an output";
  }
  EXPECT_TRUE(workspace.intact()) << op << " wrote behind its workspace";
  for (const Tensor& tensor : result.physical) {
    if (tensor.defined() && tensor.dtype() != DType::kOpaque) {
      EXPECT_TRUE(padding_is_zero(tensor))
          << op << " left padding in " << to_string(tensor.layout());
      result.outputs.push_back(tensor.to_plain());
    } else {
      result.outputs.push_back(tensor);
    }
  }
  result.family = selected.family;
  result.kernel = std::move(selected.kernel);
  return result;
}

RunResult expect_matches_reference(std::string_view op, const Attrs& attrs,
                                   const std::vector<Tensor>& inputs,
                                   const std::vector<Value>& outputs, const RunOptions& options,
                                   double tolerance) {
  RunResult actual = run_op(cpu_backend(), op, attrs, inputs, outputs, options);
  EXPECT_NE(actual.family, "reference") << op << " fell back";
  const RunResult expected = run_op(reference_backend(), op, attrs, inputs, outputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].dtype != DType::kUndefined && outputs[i].dtype != DType::kOpaque) {
      expect_close(actual.outputs[i], expected.outputs[i], tolerance,
                   concat(op, " output ", i, " by ", actual.kernel->description));
    }
  }
  return actual;
}

void expect_close(const Tensor& actual, const Tensor& expected, double tolerance,
                  const std::string& where) {
  const auto a = actual.values<double>(), b = expected.values<double>();
  ASSERT_EQ(a.size(), b.size()) << where;
  double largest = 1e-30;
  for (const double x : b) {
    largest = std::isfinite(x) ? std::max(largest, std::abs(x)) : largest;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(b[i]) || std::isinf(b[i])) {
      ASSERT_TRUE(std::isnan(b[i]) ? std::isnan(a[i]) : a[i] == b[i]) << where << " element " << i;
    } else {
      ASSERT_LE(std::abs(a[i] - b[i]), tolerance * largest)
          << where << " element " << i << ": " << a[i] << ", expected " << b[i];
    }
  }
}

Tensor random_tensor(const Shape& shape, unsigned seed, float low, float high) {
  std::mt19937 generator(seed);
  Tensor tensor(DType::kFloat32, shape);
  for (float& x : tensor.span<float>()) {
    x = low + (high - low) * static_cast<float>(generator() >> 8) * 0x1p-24f;
  }
  return tensor;
}

Layout nchw_blocked(const Shape& shape, int block) {
  Layout layout;
  layout.plain = false;
  layout.rank = shape.rank();
  layout.inner_count = 1;
  layout.inner_block[0] = block;
  layout.inner_axis[0] = 1;
  std::int64_t stride = block;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    const auto a = static_cast<std::size_t>(axis);
    const std::int64_t outer = axis == 1 ? (shape[1] + block - 1) / block : shape[axis];
    layout.padded[a] = axis == 1 ? outer * block : outer;
    layout.strides[a] = stride;
    stride *= outer;
  }
  return layout;
}

Layout nhwc(const Shape& shape) {
  Layout layout;
  layout.plain = false;
  layout.rank = shape.rank();
  std::int64_t stride = shape[1];
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    const auto a = static_cast<std::size_t>(axis);
    layout.padded[a] = shape[axis];
    layout.strides[a] = axis == 1 ? 1 : stride;
    stride *= axis == 1 ? 1 : shape[axis];
  }
  return layout;
}

bool padding_is_zero(const Tensor& tensor) {
  if (!has_padding(tensor.shape(), tensor.layout())) {
    return true;
  }
  Tensor copy(tensor.dtype(), tensor.shape(), tensor.layout());
  copy_elements(tensor.to_plain(), copy);  // zero but for the elements
  return std::memcmp(copy.data(), tensor.data(), static_cast<std::size_t>(copy.bytes())) == 0;
}

}  // namespace temper::cpu
