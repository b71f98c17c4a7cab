// DFT and its transpose of f32 along the axis in front of the parts: lines times the matrix of the
// transform. It costs the square of a line's length, but as a product, which for frames of sound is
// less than an FFT's many short loops would need.
#include <cmath>
#include <memory>
#include <numbers>
#include <vector>

#include "backends/cpu/float_support.h"
#include "backends/cpu/library_product.h"
#include "backends/cpu/parallel.h"
#include "backends/host/fourier_shape.h"
#include "runtime/backend/kernel_table.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 22;  // of the matrix

Fourier transform_of(const OpQuery& query) {
  const Shape &given = query.inputs[0].shape, &made = query.outputs[0].shape;
  return query.op == "DFTGrad" ? fourier_of(*query.attrs, made, given)
                               : fourier_of(*query.attrs, given, made);
}

// What each part of x_m gives to each part of y_k: rows of x, columns of y.
std::vector<float> matrix_of(const Fourier& t) {
  const std::int64_t columns = t.y_size * t.y_parts;
  std::vector<float> matrix(static_cast<std::size_t>(t.x_size * t.x_parts * columns), 0.0f);
  for (std::int64_t m = 0; m < t.read; ++m) {
    for (std::int64_t k = 0; k < t.y_size; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(m * k % t.length) /
                           static_cast<double>(t.length);
      const double cosine = t.share(m) * std::cos(angle);
      const double sine = t.share(m) * t.turn * std::sin(angle);
      const double gives[2][2] = {{cosine, sine}, {-sine, cosine}};
      for (std::int64_t from = 0; from < t.x_parts; ++from) {
        for (std::int64_t to = 0; to < t.y_parts; ++to) {
          const std::int64_t at = (m * t.x_parts + from) * columns + k * t.y_parts + to;
          matrix[static_cast<std::size_t>(at)] = static_cast<float>(gives[from][to]);
        }
      }
    }
  }
  return matrix;
}

Support supports(const OpQuery& query) {
  const Fourier t = transform_of(query);
  if (t.inner != 1) {
    return Support::no("not along the axis in front of the parts");
  }
  const double elements = static_cast<double>(t.x_size * t.x_parts) *
                          static_cast<double>(t.y_size * t.y_parts);  // more than 64 bits count
  if (elements > kMostElements) {
    return Support::no("lines too long for a matrix");
  }
  return query.inputs[0].shape.element_count() == 0 ? Support::no("no elements")
                                                    : only_float32(query);
}

class TransformKernel final : public Kernel {
 public:
  explicit TransformKernel(const OpQuery& query) {
    const Fourier t = transform_of(query);
    const bool backward = query.op == "DFTGrad";
    const std::int64_t rows = t.x_size * t.x_parts, columns = t.y_size * t.y_parts;
    matrix_ = matrix_of(t);
    product_.m = t.outer;
    product_.n = product_.c_row = backward ? rows : columns;
    product_.k = product_.a_row = backward ? columns : rows;
    product_.b_transposed = backward;
    product_.b_row = columns;
    threads_ = threads_for_elements(query.threads, t.outer * rows * columns);
    kept_bytes = matrix_.size() * sizeof(float);
    description = "product with the transform's matrix";
  }

  void run(const KernelArgs& args) const override {
    LibraryProduct product = product_;
    product.a = static_cast<const float*>(args.inputs[0]);
    product.b = matrix_.data();
    product.c = static_cast<float*>(args.outputs[0]);
    run_product(threads_, product);
  }

 private:
  std::vector<float> matrix_;
  LibraryProduct product_;
  int threads_ = 1;
};

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  return std::make_unique<TransformKernel>(query);
}

}  // namespace

void register_fourier(KernelTable& table) {
  for (const char* op : {"DFT", "DFTGrad"}) {
    table.add(op, "cpu", supports, prepare);
  }
}

}  // namespace temper::cpu
