// The oneDNN adapter, for 2.6.3 and 3.x: engine, descriptors to and from our layouts, primitive
// descriptors. What differs between the two versions is settled here and in onednn_norm.h; kernels
// see one interface.
#pragma once

#include <oneapi/dnnl/dnnl_version.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "backends/cpu/library.h"
#include "backends/cpu/refusals.h"
#include "backends/cpu/tensor_layouts.h"
#include "runtime/backend/kernel.h"
#include "runtime/base/error.h"
#include "runtime/base/rectifier.h"

namespace temper::cpu {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;

const dnnl::engine& engine();
const dnnl::stream& stream();

// f32, bf16, f16, i32, i8, u8 and bool (as u8).
bool has_data_type(DType dtype);
dnnl::memory::data_type data_type(DType dtype);

Dims dims_of(const Shape& shape);  // a scalar has dims {1}

// A descriptor of this layout; a scalar is {1}. THROWS: kInternal when oneDNN cannot describe the
// layout.
Desc descriptor(DType dtype, const Shape& shape, const Layout& layout);
Desc descriptor(const TensorSpec& spec);
Desc plain_descriptor(const Dims& dims, DType dtype = DType::kFloat32);
Desc strided_descriptor(const Dims& dims, const Dims& strides, DType dtype = DType::kFloat32);
Desc any_descriptor(const Dims& dims, DType dtype = DType::kFloat32);

// Our layout for a descriptor of oneDNN's blocked kind (plain where it is row-major without gaps).
Layout layout_of(const Desc& desc);
// False for formats only oneDNN can read.
bool has_layout(const Desc& desc);

// Scratchpads are ours: every primitive is made with such attributes.
dnnl::primitive_attr make_attributes();
dnnl::primitive_attr rectified(const Rectifier& rectifier);
void append_rectifier(dnnl::post_ops& ops, const Rectifier& rectifier);
void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha, float beta);

// "" when a primitive descriptor may be used, else why not: no implementation, or only one of those
// the library keeps as reference code.
std::string refusal(const std::string& implementation);

template <class PD>
std::string refusal_of(const PD& pd) {
  return pd ? refusal(pd.impl_info_str()) : std::string("oneDNN has no implementation");
}

// A primitive descriptor from the arguments both versions share; empty when oneDNN refuses.
template <class P, class... Args>
typename P::primitive_desc make_descriptor(const dnnl::primitive_attr& attributes,
                                           const Args&... args) {
  try {
#if DNNL_VERSION_MAJOR >= 3
    return typename P::primitive_desc(engine(), args..., attributes, true);
#else
    return typename P::primitive_desc(typename P::desc(args...), attributes, engine(), true);
#endif
  } catch (const dnnl::error&) {
    return {};
  }
}

// The same for a gradient, which takes its forward's descriptor.
template <class P, class Hint, class... Args>
typename P::primitive_desc make_gradient_descriptor(const dnnl::primitive_attr& attributes,
                                                    const Hint& hint, const Args&... args) {
  try {
#if DNNL_VERSION_MAJOR >= 3
    return typename P::primitive_desc(engine(), args..., hint, attributes, true);
#else
    return typename P::primitive_desc(typename P::desc(args...), attributes, engine(), hint, true);
#endif
  } catch (const dnnl::error&) {
    return {};
  }
}

// Implementations by how much they are wanted: 2 = generated code, 1 = lowered to matrix products,
// 0 = refused.
template <class PD>
int quality_of(const PD& pd) {
  if (!refusal_of(pd).empty()) {
    return 0;
  }
  const std::string name = pd.impl_info_str();  // "gemm:jit" or "x64:gemm:jit"
  return name.rfind("gemm", 0) == 0 || name.find(":gemm") != std::string::npos ? 1 : 2;
}

// For products: every input is f32, or every input is bf16 where the processor multiplies it;
// `type` becomes that. Outputs have it too; those of bf16 products may be f32.
std::string refuse_product(const OpQuery& query, DType& type);

// "", or that a product in bf16 of so many operations on tensors of so many elements takes longer
// than its conversion to f32 and back and the product in f32.
std::string refuse_slow_product(DType type, double flops, double elements);

}  // namespace temper::cpu
