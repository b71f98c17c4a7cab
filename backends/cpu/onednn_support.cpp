#include "backends/cpu/onednn_support.h"

#include <map>
#include <mutex>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/processor.h"

namespace temper::cpu {
namespace {

#if DNNL_VERSION_MAJOR >= 3

// The descriptor of a format tag equals ours or not; a tag that fits once fits again, so it is kept
// by block structure.
Desc blocked_descriptor(dnnl::memory::data_type type, const Dims& dims, const Layout& layout) {
  static std::mutex mutex;
  static std::map<std::string, int> known;
  std::string key = concat(layout.rank);
  for (int i = 0; i < layout.inner_count; ++i) {
    key += concat(' ', layout.inner_block[static_cast<std::size_t>(i)], 'a',
                  layout.inner_axis[static_cast<std::size_t>(i)]);
  }
  const auto matches = [&](int tag, Desc& found) {
    const Desc desc(dims, type, static_cast<dnnl::memory::format_tag>(tag), true);
    if (!desc || desc.get_ndims() != layout.rank || !has_layout(desc) ||
        !(layout_of(desc) == layout)) {
      return false;
    }
    found = desc;
    return true;
  };
  const std::lock_guard<std::mutex> lock(mutex);
  Desc found;
  const auto it = known.find(key);
  if (it != known.end() && matches(it->second, found)) {
    return found;
  }
  for (int tag = dnnl_format_tag_any + 1; tag < dnnl_format_tag_last; ++tag) {
    if (matches(tag, found)) {
      known[key] = tag;
      return found;
    }
  }
  fail(ErrorCode::kInternal, "oneDNN has no format tag for the layout ", to_string(layout));
}

#else

Desc blocked_descriptor(dnnl::memory::data_type type, const Dims& dims, const Layout& layout) {
  dnnl_memory_desc_t raw{};
  raw.ndims = layout.rank;
  raw.data_type = static_cast<dnnl_data_type_t>(type);
  raw.format_kind = dnnl_blocked;
  for (int axis = 0; axis < layout.rank; ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    raw.dims[axis] = dims[a];
    raw.padded_dims[axis] = layout.padded[a];
    raw.format_desc.blocking.strides[axis] = layout.strides[a];
  }
  raw.format_desc.blocking.inner_nblks = layout.inner_count;
  for (int i = 0; i < layout.inner_count; ++i) {
    raw.format_desc.blocking.inner_blks[i] = layout.inner_block[static_cast<std::size_t>(i)];
    raw.format_desc.blocking.inner_idxs[i] = layout.inner_axis[static_cast<std::size_t>(i)];
  }
  return Desc(raw);
}

#endif

// What our Layout needs of a descriptor, in either version.
Layout raw_layout(const Desc& desc, Dims& dims) {
  Layout layout;
  layout.plain = false;
#if DNNL_VERSION_MAJOR >= 3
  dims = desc.get_dims();
  const Dims padded = desc.get_padded_dims();
  const Dims strides = desc.get_strides();
  const Dims blocks = desc.get_inner_blks();
  const Dims axes = desc.get_inner_idxs();
  layout.rank = static_cast<int>(dims.size());
  layout.inner_count = desc.get_inner_nblks();
#else
  dims = desc.dims();
  const dnnl_memory_desc_t& raw = desc.data;
  const auto& padded = raw.padded_dims;
  const auto& strides = raw.format_desc.blocking.strides;
  const auto& blocks = raw.format_desc.blocking.inner_blks;
  const auto& axes = raw.format_desc.blocking.inner_idxs;
  layout.rank = raw.ndims;
  layout.inner_count = raw.format_desc.blocking.inner_nblks;
#endif
  for (std::size_t a = 0; a < static_cast<std::size_t>(layout.rank); ++a) {
    layout.padded[a] = padded[a];
    layout.strides[a] = strides[a];
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(layout.inner_count); ++i) {
    layout.inner_block[i] = blocks[i];
    layout.inner_axis[i] = static_cast<std::int32_t>(axes[i]);
  }
  return layout;
}

bool is_row_major(const Layout& layout, const Dims& dims) {
  std::int64_t expected = 1;
  for (int axis = layout.rank - 1; axis >= 0; --axis) {
    const auto a = static_cast<std::size_t>(axis);
    if (layout.padded[a] != dims[a] || (dims[a] != 1 && layout.strides[a] != expected)) {
      return false;
    }
    expected *= dims[a];
  }
  return layout.inner_count == 0;
}

// The values are sets of bits: each instruction set contains those it builds on. On other
// processors than x86 the library answers "all".
bool has_isa(dnnl::cpu_isa isa) {
  const auto effective = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto needed = static_cast<unsigned>(isa);
  return kX86 && (effective & needed) == needed;
}

std::string_view isa_name() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    default:
      return "other";
  }
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine kEngine(dnnl::engine::kind::cpu, 0);
  return kEngine;
}

const dnnl::stream& stream() {
  static const dnnl::stream kStream(engine());
  return kStream;
}

std::string library_fingerprint() {
  const dnnl_version_t* version = dnnl_version();
  TEMPER_CHECK(version->major == DNNL_VERSION_MAJOR, ErrorCode::kDevice, "oneDNN ", version->major,
               ".", version->minor, " is loaded, but Temper was built for ", DNNL_VERSION_MAJOR,
               ".x: check LD_LIBRARY_PATH, or build again");
  return concat("onednn ", version->major, ".", version->minor, ".", version->patch, " ",
                isa_name());
}

std::int64_t register_channels() { return has_isa(dnnl::cpu_isa::avx512_core) ? 16 : 8; }

bool has_bfloat16_products() { return has_isa(dnnl::cpu_isa::avx512_core_bf16); }

bool has_fast_bfloat16_products() {
  return has_bfloat16_products() &&
         (has_isa(dnnl::cpu_isa::avx512_core_amx) || !halves_bfloat16_products());
}

bool has_data_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kBFloat16:
    case DType::kFloat16:
    case DType::kInt32:
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kBool:
      return true;
    default:
      return false;
  }
}

dnnl::memory::data_type data_type(DType dtype) {
  using Type = dnnl::memory::data_type;
  switch (dtype) {
    case DType::kFloat32:
      return Type::f32;
    case DType::kBFloat16:
      return Type::bf16;
    case DType::kFloat16:
      return Type::f16;
    case DType::kInt32:
      return Type::s32;
    case DType::kInt8:
      return Type::s8;
    case DType::kUInt8:
    case DType::kBool:
      return Type::u8;
    default:
      fail(ErrorCode::kInternal, "oneDNN has no type for ", dtype);
  }
}

Dims dims_of(const Shape& shape) {
  return shape.rank() == 0 ? Dims{1} : Dims(shape.begin(), shape.end());
}

Desc descriptor(DType dtype, const Shape& shape, const Layout& layout) {
  const Dims dims = dims_of(shape);
  if (layout.plain) {
    const Shape strides = row_major_strides(shape);
    return Desc(dims, data_type(dtype), dims_of(strides));
  }
  if (layout.inner_count == 0) {
    return Desc(dims, data_type(dtype),
                Dims(layout.strides.begin(), layout.strides.begin() + layout.rank));
  }
  return blocked_descriptor(data_type(dtype), dims, layout);
}

Desc descriptor(const TensorSpec& spec) { return descriptor(spec.dtype, spec.shape, spec.layout); }

Desc plain_descriptor(const Dims& dims, DType dtype) {
  return descriptor(dtype, Shape(std::span<const std::int64_t>(dims)), {});
}

Desc strided_descriptor(const Dims& dims, const Dims& strides, DType dtype) {
  return Desc(dims, data_type(dtype), strides);
}

Desc any_descriptor(const Dims& dims, DType dtype) {
  return Desc(dims, data_type(dtype), dnnl::memory::format_tag::any);
}

Layout layout_of(const Desc& desc) {
  Dims dims;
  Layout layout = raw_layout(desc, dims);
  return is_row_major(layout, dims) ? Layout{} : layout;
}

bool has_layout(const Desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return desc.get_format_kind() == dnnl::memory::format_kind::blocked;
#else
  return desc.data.format_kind == dnnl_blocked && desc.data.extra.flags == 0;
#endif
}

dnnl::primitive_attr make_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::primitive_attr rectified(const Rectifier& rectifier) {
  dnnl::primitive_attr attributes = make_attributes();
  dnnl::post_ops ops;
  append_rectifier(ops, rectifier);
  attributes.set_post_ops(ops);
  return attributes;
}

void append_rectifier(dnnl::post_ops& ops, const Rectifier& rectifier) {
  if (rectifier.has_ceiling()) {
    append_eltwise(ops, dnnl::algorithm::eltwise_clip, 0.0f, static_cast<float>(rectifier.ceiling));
  } else if (rectifier.on) {
    append_eltwise(ops, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  }
}

void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha, float beta) {
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(algorithm, alpha, beta);
#else
  ops.append_eltwise(1.0f, algorithm, alpha, beta);
#endif
}

std::string refusal(const std::string& implementation) {
  if (implementation.find("ref") != std::string::npos ||
      implementation.find("simple") != std::string::npos) {
    return concat("oneDNN would run its reference code (", implementation, ")");
  }
  return {};
}

std::string refuse_product(const OpQuery& query, DType& type) {
  type = query.inputs.front().dtype;
  if (type != DType::kBFloat16) {
    return refuse_dtypes(query);
  }
  if (!has_bfloat16_products()) {
    return "only f32, not bf16: the processor has no AVX512-BF16";
  }
  for (const TensorSpec& input : query.inputs) {
    if (input.present() && input.dtype != type) {
      return concat("one input is bf16, another ", input.dtype);
    }
  }
  for (const auto* specs : {&query.inputs, &query.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (spec.present() && spec.dtype != type && spec.dtype != DType::kFloat32) {
        return concat("only f32 and bf16, not ", spec.dtype);
      }
      if (std::string reason = refuse_size(spec.shape); spec.present() && !reason.empty()) {
        return reason;
      }
    }
  }
  return {};
}

std::string refuse_slow_product(DType type, double flops, double elements) {
  // Where f32 does twice as much in a second, it wins by 5 picoseconds an operation, and the
  // conversions take 300 to 400 an element.
  constexpr double kOperationsPerElement = 80;
  const bool slow = type == DType::kBFloat16 && !has_fast_bfloat16_products() &&
                    flops > kOperationsPerElement * elements;
  return slow ? "this processor's f32 products are faster than its bf16 ones" : "";
}

}  // namespace temper::cpu
